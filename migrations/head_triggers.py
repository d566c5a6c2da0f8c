"""Triggers without which a posting could be committed that the chain's head does not know (safety 1).

Sums and chain are asked when the head moves (``posting_triggers``): a posting that leaves it where it is
would be asked nothing, and no other could come after it. So at the COMMIT the head must have moved on to
every posting, and no entry comes after that.

Used by migrations, which must not change with the program: treat these texts as published. On SQLite a
batch that makes a table of the ledger anew loses them: such a migration makes them again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

#: SQLite has no trigger at the COMMIT, but references that are asked then: here stands, until the head comes
#: to it, each posting with a reference to a head that is none. Of no use to the program, so no model has it.
UNFINISHED = "ledger_unfinished"
#: what the triggers are called, by database
HEAD_GUARDS = {
    "sqlite": (
        "ledger_transaction_unfinished",
        "ledger_head_finishes",
        "ledger_unfinished_no_update",
        "ledger_unfinished_no_delete",
    ),
    "postgresql": ("ledger_transaction_on_head",),
}

_HEAD_SAYS = "posting_on_head: a posting is committed with the head of the chain moved on to it"
_NEWEST_SAYS = "entry_of_newest: entries are written with their transaction, never for an older one"
_UNFINISHED_SAYS = "posting_unfinished: what waits for the head of the chain goes when the head comes to it"

#: as ``chain_triggers`` leaves it: not of this database transaction, nor (behind a savepoint) of its writer
_OLDER = (
    "NOT EXISTS (SELECT 1 FROM ledger_transaction WHERE id = NEW.transaction_id"
    " AND xmin = pg_current_xact_id()::xid) AND NOT EXISTS (SELECT 1 FROM ledger_entry entry"
    " JOIN ledger_transaction made ON made.id = entry.transaction_id"
    " WHERE entry.id = NEW.id AND entry.xmin = made.xmin)"
)
#: the same, and that the head has not come to the posting by an earlier command than that of the entry:
#: entries and head may be written by one statement. All in one look-up, for every entry comes through here
_WITH_ITS_POSTING = (
    "EXISTS (SELECT 1 FROM ledger_entry entry, ledger_transaction made, ledger_head head"
    " WHERE entry.id = NEW.id AND made.id = NEW.transaction_id AND head.id = 1"
    " AND (made.xmin = entry.xmin OR made.xmin = pg_current_xact_id()::xid)"
    " AND (head.last_number < made.id OR head.cmin::text::bigint >= entry.cmin::text::bigint))"
)


def guard_head() -> None:
    """Make both databases refuse to commit a posting without its head, and entries after the head moved."""
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    op.create_table(
        UNFINISHED,
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("head", sa.Integer(), nullable=False),
        sa.CheckConstraint("head = 0", name=op.f("ck_ledger_unfinished_no_head")),
        sa.ForeignKeyConstraint(
            ["head"],
            ["ledger_head.id"],
            name=op.f("fk_ledger_unfinished_head_ledger_head"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    passed = "OLD.number <= (SELECT last_number FROM ledger_head WHERE id = 1)"
    for name, when, act in (
        (
            "ledger_transaction_unfinished",
            "AFTER INSERT ON ledger_transaction",
            f"INSERT INTO {UNFINISHED} (number, head) VALUES (NEW.id, 0)",
        ),
        (
            "ledger_head_finishes",
            "AFTER UPDATE ON ledger_head",
            f"DELETE FROM {UNFINISHED} WHERE number = NEW.last_number",
        ),
        (
            "ledger_unfinished_no_update",
            f"BEFORE UPDATE ON {UNFINISHED}",
            f"SELECT RAISE(ABORT, '{_UNFINISHED_SAYS}')",
        ),
        (
            "ledger_unfinished_no_delete",
            f"BEFORE DELETE ON {UNFINISHED} FOR EACH ROW WHEN NOT ({passed})",
            f"SELECT RAISE(ABORT, '{_UNFINISHED_SAYS}')",
        ),
    ):
        op.execute(f"CREATE TRIGGER {name} {when} BEGIN {act}; END")


def _guard_postgresql() -> None:
    _function(
        "ledger_transaction_on_head",
        "NOT EXISTS (SELECT 1 FROM ledger_head WHERE id = 1 AND last_number >= NEW.id)",
        _HEAD_SAYS,
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER ledger_transaction_on_head AFTER INSERT ON ledger_transaction"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION portal_ledger_transaction_on_head()"
    )
    _function("ledger_entry_of_newest", f"NOT {_WITH_ITS_POSTING}", _NEWEST_SAYS)


def _function(name: str, refused: str, says: str) -> None:
    op.execute(
        f"CREATE OR REPLACE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {refused} THEN RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
        " END IF; RETURN NULL; END $$"
    )


def unguard_head() -> None:
    """Take what :func:`guard_head` made away again (downgrade only)."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION portal_ledger_transaction_on_head() CASCADE")
        _function("ledger_entry_of_newest", _OLDER, _NEWEST_SAYS)
        return
    for name in HEAD_GUARDS["sqlite"]:
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table(UNFINISHED)
