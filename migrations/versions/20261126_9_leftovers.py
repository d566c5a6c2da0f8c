"""An account whose remaining units cannot move any more may be closed with them.

Revision ID: 20261126_9_leftovers
Revises: 20261126_8_reports
"""

from __future__ import annotations

from alembic import op

revision = "20261126_9_leftovers"
down_revision = "20261126_8_reports"
branch_labels = None
depends_on = None

_NAME = "account_closed_empty"
_SAYS_BEFORE = "account_state: an account with units is not closed, a closed one stays closed"
_SAYS = "account_state: an account with units that may move is not closed, a closed one stays closed"
_BEFORE = (
    "OLD.state = 'closed' AND NEW.state <> 'closed' OR NEW.state = 'closed' AND EXISTS"
    " (SELECT 1 FROM holding WHERE account_id = NEW.id AND (quantity <> 0 OR promised <> 0))"
)
#: {day}: the day of the closing in Tokyo. jVER have no phase and know no end
_REFUSED = (
    "OLD.state = 'closed' AND NEW.state <> 'closed' OR NEW.state = 'closed' AND EXISTS"
    " (SELECT 1 FROM holding JOIN unit_class ON unit_class.id = holding.unit_class_id"
    " LEFT JOIN phase ON phase.id = unit_class.phase_id"
    " LEFT JOIN phase_rule ON phase_rule.phase_id = phase.id AND phase_rule.superseded_at IS NULL"
    " WHERE holding.account_id = NEW.id AND (holding.promised <> 0 OR holding.quantity <> 0"
    " AND phase.closed_at IS NULL"
    " AND (phase_rule.banking_until IS NULL OR phase_rule.banking_until >= {day})))"
)


def upgrade() -> None:
    of_postgresql = op.get_bind().dialect.name == "postgresql"
    day = (
        "(NEW.closed_at AT TIME ZONE 'Asia/Tokyo')::date"
        if of_postgresql
        else "date(NEW.closed_at, '+9 hours')"
    )
    _guard(_REFUSED.format(day=day), _SAYS)


def downgrade() -> None:
    _guard(_BEFORE, _SAYS_BEFORE)


def _guard(refused: str, says: str) -> None:
    """Put the account's guard (``migrations/triggers.py``) again, with this condition."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE OR REPLACE FUNCTION portal_{_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"DECLARE found text; BEGIN IF {refused} THEN RAISE EXCEPTION '{says}'"
            " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
        )
        return
    op.execute(f"DROP TRIGGER {_NAME}")
    op.execute(
        f"CREATE TRIGGER {_NAME} BEFORE UPDATE OF state ON account FOR EACH ROW WHEN {refused} "
        f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
    )
