"""Triggers that keep old postings closed and corrections exact, whatever the program says (safety 6, 9).

Used by migrations, which must not change with the program: treat these texts as published. On SQLite a
batch that makes ``movement`` or a table of the ledger anew loses them: such a migration makes them again.
"""

from __future__ import annotations

from alembic import op

#: what the triggers are called, by database
CHAIN_GUARDS = {
    "sqlite": (
        "ledger_entry_of_newest",
        "movement_mirrors_insert",
        "movement_mirrors_update",
        "ledger_head_mirrors",
    ),
    "postgresql": ("ledger_entry_of_newest", "movement_mirrors", "ledger_transaction_mirrors"),
}

_NEWEST_SAYS = "entry_of_newest: entries are written with their transaction, never for an older one"
_MIRRORS_SAYS = "mirror_image: a correction is the mirror image of what it corrects"
_EXACT = "quantity, source_id, target_id, unit_class_id, reverses_id, kind"


def _mirrors(row: str, reverses: str) -> str:
    """Whether the movement ``row`` gives back just what that of the transaction ``reverses`` moved."""
    return (
        "EXISTS (SELECT 1 FROM ledger_transaction wrong JOIN movement was ON was.id = wrong.movement_id"
        f" WHERE wrong.id = {reverses}"
        f" AND {row}.source_id = was.target_id AND {row}.target_id = was.source_id"
        f" AND {row}.unit_class_id = was.unit_class_id AND {row}.quantity = was.quantity)"
    )


def _is_mirror(number: str) -> str:
    """Whether the correction ``number`` and its entries give back just what they say they correct."""
    return (
        "EXISTS (SELECT 1 FROM ledger_transaction made JOIN movement back ON back.id = made.movement_id"
        f" WHERE made.id = {number} AND back.kind = 'correction' AND back.reverses_id = made.reverses_id"
        f" AND {_mirrors('back', 'made.reverses_id')}"
        " AND (SELECT count(*) FROM ledger_entry WHERE transaction_id = made.id)"
        " = (SELECT count(*) FROM ledger_entry WHERE transaction_id = made.reverses_id)"
        " AND NOT EXISTS (SELECT 1 FROM ledger_entry one WHERE one.transaction_id = made.id AND NOT EXISTS"
        " (SELECT 1 FROM ledger_entry other WHERE other.transaction_id = made.reverses_id"
        " AND other.account_id = one.account_id AND other.unit_class_id = one.unit_class_id"
        " AND other.quantity = -one.quantity)))"
    )


def guard_chain() -> None:
    """Make both databases keep old postings closed and corrections exact.

    An entry is written in the database transaction that wrote its posting, and never for an older one; a
    correction moves the same units of the same class the other way, as movement and as entries.
    """
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    corrects = f"NEW.kind = 'correction' AND NOT {_mirrors('NEW', 'NEW.reverses_id')}"
    mirrored = (
        "EXISTS (SELECT 1 FROM ledger_transaction WHERE id = NEW.last_number AND kind = 'correction')"
        f" AND NOT {_is_mirror('NEW.last_number')}"
    )
    # the head moves on after the entries are written
    old = "NEW.transaction_id <= (SELECT last_number FROM ledger_head WHERE id = 1)"
    for name, when, refused, says in (
        ("ledger_entry_of_newest", "BEFORE INSERT ON ledger_entry", old, _NEWEST_SAYS),
        ("movement_mirrors_insert", "BEFORE INSERT ON movement", corrects, _MIRRORS_SAYS),
        ("movement_mirrors_update", f"BEFORE UPDATE OF {_EXACT} ON movement", corrects, _MIRRORS_SAYS),
        ("ledger_head_mirrors", "BEFORE UPDATE ON ledger_head", mirrored, _MIRRORS_SAYS),
    ):
        op.execute(
            f"CREATE TRIGGER {name} {when} FOR EACH ROW WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _guard_postgresql() -> None:
    # a posting may come as one statement, in which nobody knows whether the head moves first: so it is
    # asked who wrote the transaction; behind a savepoint that is whoever wrote the entry
    ours = (
        "EXISTS (SELECT 1 FROM ledger_transaction WHERE id = NEW.transaction_id"
        " AND xmin = pg_current_xact_id()::xid) AND NOT EXISTS (SELECT 1 FROM ledger_entry entry"
        " JOIN ledger_transaction made ON made.id = entry.transaction_id"
        " WHERE entry.id = NEW.id AND entry.xmin = made.xmin)"
    )
    _refuse(
        "ledger_entry_of_newest",
        "TRIGGER ledger_entry_of_newest AFTER INSERT ON ledger_entry FOR EACH ROW",
        f"NOT {ours}",
        _NEWEST_SAYS,
    )
    _refuse(
        "movement_mirrors",
        f"TRIGGER movement_mirrors AFTER INSERT OR UPDATE OF {_EXACT} ON movement"
        " FOR EACH ROW WHEN (NEW.kind = 'correction')",
        f"NOT {_mirrors('NEW', 'NEW.reverses_id')}",
        _MIRRORS_SAYS,
    )
    # at the commit: its entries are written after it
    _refuse(
        "ledger_transaction_mirrors",
        "CONSTRAINT TRIGGER ledger_transaction_mirrors AFTER INSERT ON ledger_transaction"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'correction')",
        f"NOT {_is_mirror('NEW.id')}",
        _MIRRORS_SAYS,
    )


def _refuse(name: str, trigger: str, refused: str, says: str) -> None:
    op.execute(
        f"CREATE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {refused} THEN"
        f" RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END IF;"
        " RETURN NULL; END $$"
    )
    op.execute(f"CREATE {trigger} EXECUTE FUNCTION portal_{name}()")


def unguard_chain() -> None:
    """Take the triggers of :func:`guard_chain` away again (downgrade only)."""
    dialect = op.get_bind().dialect.name
    for name in CHAIN_GUARDS[dialect]:
        if dialect == "postgresql":
            op.execute(f"DROP FUNCTION portal_{name}() CASCADE")
        else:
            op.execute(f"DROP TRIGGER {name}")
