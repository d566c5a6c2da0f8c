"""Proposals about accounts, phases, approvals and publications lapse as those of movements do.

Revision ID: 20261127_1_expiry
Revises: 20261126_9_leftovers
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import choice
from migrations.record_triggers import guard_records, unguard_records

revision = "20261127_1_expiry"
down_revision = "20261126_9_leftovers"
branch_labels = None
depends_on = None

_PROPOSAL = ("proposed", "confirmed", "withdrawn")
#: table → what the CHECK of its state is called, and the states so far
_STATES = {
    "account_change": ("proposal_state", _PROPOSAL),
    "phase_proposal": ("phase_proposal_state", _PROPOSAL),
    "phase_closing": ("phase_closing_state", _PROPOSAL),
    "factor_proposal": ("factor_proposal_state", _PROPOSAL),
    "approval_revocation": ("revocation_state", _PROPOSAL),
    "publication": ("publication_state", ("proposed", "released", "withdrawn", "replaced", "ended")),
}
_LIVE = "uq_phase_closing_live"
_OVER = "publication_over"
_OVER_SAYS = "publication_over: a table that was withdrawn, replaced or ended does not change any more"


def upgrade() -> None:
    # on SQLite a table that is made anew loses its triggers: all of them are made again
    unguard_records()
    _live("state IN ('proposed', 'confirmed')")
    for table, (name, states) in _STATES.items():
        _change(table, name, states, (*states, "expired"))
    guard_records()
    _guard_over("OLD.state IN ('withdrawn', 'replaced', 'ended', 'expired')")


def downgrade() -> None:
    """The old schema knows no lapse: what lapsed counts as withdrawn, as nobody went on with it."""
    unguard_records()
    for table, (name, states) in _STATES.items():
        op.execute(f"UPDATE {table} SET state = 'withdrawn' WHERE state = 'expired'")
        _change(table, name, (*states, "expired"), states)
    _live("state <> 'withdrawn'")
    guard_records()


def _change(table_name: str, name: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        # the CHECK alone: a column that is given a type again has all conditions about it written anew
        check = op.f(f"ck_{table_name}_{name}")
        op.drop_constraint(check, table_name, type_="check")
        words = ", ".join(f"'{one}'" for one in after)
        op.create_check_constraint(check, table_name, f"state IN ({words})")
        return
    with op.batch_alter_table(table_name) as table:
        table.alter_column(
            "state",
            existing_type=choice(name, *before),
            type_=choice(name, *after),
            existing_nullable=False,
        )


def _live(where: str) -> None:
    op.drop_index(_LIVE, table_name="phase_closing")
    condition = sa.text(where)
    op.create_index(
        _LIVE, "phase_closing", ["phase_id"], unique=True, sqlite_where=condition, postgresql_where=condition
    )


def _guard_over(over: str) -> None:
    """Put the guard of what is over again (``migrations/record_triggers.py``), with this condition."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {_OVER} ON publication")
        op.execute(
            f"CREATE TRIGGER {_OVER} BEFORE UPDATE ON publication FOR EACH ROW WHEN ({over})"
            f" EXECUTE FUNCTION portal_{_OVER}()"
        )
        return
    op.execute(f"DROP TRIGGER {_OVER}")
    op.execute(
        f"CREATE TRIGGER {_OVER} BEFORE UPDATE ON publication FOR EACH ROW WHEN {over} "
        f"BEGIN SELECT RAISE(ABORT, '{_OVER_SAYS}'); END"
    )
