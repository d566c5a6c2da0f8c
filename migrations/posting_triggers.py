"""Triggers that keep what a posting must be, whatever the program says (safety 1, 4, 5, 6, 9).

Used by migrations, which must not change with the program: treat these texts as published. On SQLite a
batch that makes a table anew loses the triggers of the old one: such a migration makes them again.
"""

from __future__ import annotations

from alembic import op

#: what the triggers are called, by table
POSTING_GUARDS = {
    "sqlite": (
        "movement_decided",
        "movement_no_delete",
        "ledger_entry_final",
        "ledger_entry_issued",
        "ledger_head_sums",
        "ledger_head_follows",
        "ledger_head_only_one",
        "ledger_head_no_delete",
    ),
    "postgresql": (
        "movement_decided",
        "movement_no_delete",
        "movement_no_truncate",
        "ledger_entry_final",
        "ledger_entry_issued",
        "ledger_head_moves",
        "ledger_head_kept",
        "ledger_head_no_truncate",
    ),
}

_DECIDED_SAYS = "movement_decided: what was executed, withdrawn or has expired does not change any more"
_KEPT_SAYS = "movement_kept: a movement is withdrawn, never deleted"
_FINAL_SAYS = "unit_final: retired, cancelled and offset units leave by a linked correction only"
_ISSUED_SAYS = (
    "unit_issued: units come from the issuance account, and go back to it, by acts of the office only"
)
_SUMS_SAYS = "posting_sum: the entries of a transaction sum to zero in each unit class"
_FOLLOWS_SAYS = "chain_follows: the head moves on by one transaction, which names its predecessor"
_HEAD_SAYS = "chain_head: there is one head of the chain, and it stays"

#: the transaction an entry belongs to, if it may take final units out; if it may touch the issuance account
_CORRECTS = (
    "EXISTS (SELECT 1 FROM ledger_transaction WHERE id = NEW.transaction_id AND kind = 'correction'"
    " AND reverses_id IS NOT NULL)"
)
_OF_THE_OFFICE = (
    "EXISTS (SELECT 1 FROM ledger_transaction WHERE id = NEW.transaction_id AND (kind IN"
    " ('carry_over', 'correction') OR NEW.quantity < 0 AND kind IN ('issue', 'issue_jver')))"
)
_LEAVES_FINAL = "NEW.quantity < 0 AND NEW.account_id IN (2, 101, 201)"
_FOLLOWS = (
    "NEW.last_number = OLD.last_number + 1 AND EXISTS (SELECT 1 FROM ledger_transaction WHERE"
    " id = NEW.last_number AND hash = NEW.last_hash AND previous_hash = OLD.last_hash)"
)
_HAS_ENTRIES = "(SELECT count(*) FROM ledger_entry WHERE transaction_id = NEW.last_number) >= 2"
_UNEVEN = (
    "EXISTS (SELECT 1 FROM ledger_entry WHERE transaction_id = NEW.last_number"
    " GROUP BY unit_class_id HAVING sum(quantity) <> 0)"
)


def guard_postings() -> None:
    """Make both databases keep what a posting must be.

    A movement that was decided never changes and none is deleted; nothing leaves the retirement, the
    cancellation and the offset account but by a correction linked to its original; only issues,
    carry-overs and corrections touch the issuance account; when the head of the chain moves on, it does
    so by one, to a transaction that names the one before and whose entries sum to zero per unit class.
    """
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for name, when, refused, says in (
        ("movement_decided", "BEFORE UPDATE ON movement", "OLD.state <> 'proposed'", _DECIDED_SAYS),
        ("movement_no_delete", "BEFORE DELETE ON movement", "1", _KEPT_SAYS),
        (
            "ledger_entry_final",
            "BEFORE INSERT ON ledger_entry",
            f"{_LEAVES_FINAL} AND NOT {_CORRECTS}",
            _FINAL_SAYS,
        ),
        (
            "ledger_entry_issued",
            "BEFORE INSERT ON ledger_entry",
            f"NEW.account_id = 1 AND NOT {_OF_THE_OFFICE}",
            _ISSUED_SAYS,
        ),
        ("ledger_head_sums", "BEFORE UPDATE ON ledger_head", f"{_UNEVEN} OR NOT {_HAS_ENTRIES}", _SUMS_SAYS),
        ("ledger_head_follows", "BEFORE UPDATE ON ledger_head", f"NOT ({_FOLLOWS})", _FOLLOWS_SAYS),
        ("ledger_head_only_one", "BEFORE INSERT ON ledger_head", "1", _HEAD_SAYS),
        ("ledger_head_no_delete", "BEFORE DELETE ON ledger_head", "1", _HEAD_SAYS),
    ):
        op.execute(
            f"CREATE TRIGGER {name} {when} FOR EACH ROW WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _guard_postgresql() -> None:
    _refuse(
        "movement_decided",
        "BEFORE UPDATE ON movement FOR EACH ROW WHEN (OLD.state <> 'proposed')",
        _DECIDED_SAYS,
    )
    _refuse("movement_no_delete", "BEFORE DELETE ON movement FOR EACH ROW", _KEPT_SAYS)
    _refuse("movement_no_truncate", "BEFORE TRUNCATE ON movement FOR EACH STATEMENT", _KEPT_SAYS)
    _refuse("ledger_head_kept", "BEFORE INSERT OR DELETE ON ledger_head FOR EACH ROW", _HEAD_SAYS)
    _refuse("ledger_head_no_truncate", "BEFORE TRUNCATE ON ledger_head FOR EACH STATEMENT", _HEAD_SAYS)
    # AFTER: a posting may come as one statement, whose parts see each other only when it is done
    _refuse(
        "ledger_entry_final",
        f"AFTER INSERT ON ledger_entry FOR EACH ROW WHEN ({_LEAVES_FINAL})",
        _FINAL_SAYS,
        f"NOT {_CORRECTS}",
    )
    _refuse(
        "ledger_entry_issued",
        "AFTER INSERT ON ledger_entry FOR EACH ROW WHEN (NEW.account_id = 1)",
        _ISSUED_SAYS,
        f"NOT {_OF_THE_OFFICE}",
    )
    _function(
        "ledger_head_moves",
        f"IF {_UNEVEN} OR NOT {_HAS_ENTRIES} THEN {_raise(_SUMS_SAYS)} END IF;"
        f" IF NOT ({_FOLLOWS}) THEN {_raise(_FOLLOWS_SAYS)} END IF;",
    )
    op.execute(
        "CREATE TRIGGER ledger_head_moves AFTER UPDATE ON ledger_head"
        " FOR EACH ROW EXECUTE FUNCTION portal_ledger_head_moves()"
    )


def _refuse(name: str, when: str, says: str, refused: str = "true") -> None:
    _function(name, f"IF {refused} THEN {_raise(says)} END IF;")
    op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION portal_{name}()")


def _function(name: str, body: str) -> None:
    op.execute(
        f"CREATE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {body} RETURN NULL; END $$"
    )


def _raise(says: str) -> str:
    return f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"


def unguard_postings() -> None:
    """Take the triggers of :func:`guard_postings` away again (downgrade only)."""
    dialect = op.get_bind().dialect.name
    for name in POSTING_GUARDS[dialect]:
        if dialect == "postgresql":
            op.execute(f"DROP FUNCTION portal_{name}() CASCADE")
        else:
            op.execute(f"DROP TRIGGER {name}")
