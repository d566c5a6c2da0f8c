"""Reminders by who has the report, of the figure's own day and of the banking window; tables that went stale.

Revision ID: 20261126_8_reports
Revises: 20261126_7_issues
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.columns import choice, index, key, moment, own_id, refers, row

revision = "20261126_8_reports"
down_revision = "20261126_7_issues"
branch_labels = None
depends_on = None

_BEFORE = ("base", "target", "adjustment", "retirement")
_KEY = ("holder_id", "subject", "due", "days")


def _make_reminders(subjects: Sequence[str], told_to: Sequence[sa.Column[object]]) -> None:
    columns = [*_KEY, *(one.name for one in told_to)]
    op.create_table(
        "reminder",
        own_id(),
        row("holder_id"),
        sa.Column("subject", choice("reminder_subject", *subjects), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        *told_to,
        moment("sent_at"),
        *refers("reminder", holder_id="holder"),
        sa.UniqueConstraint(*columns, name=op.f(f"uq_reminder_{'_'.join(columns)}")),
        key("reminder"),
    )
    index("reminder", "sent_at")


def _set_aside() -> None:
    """The rows go into a table without names that the new one needs."""
    op.execute("CREATE TABLE reminder_before AS SELECT * FROM reminder")
    op.drop_table("reminder")


def _bring_back(columns: str, values: str, where: str = "") -> None:
    op.execute(
        f"INSERT INTO reminder (id, holder_id, subject, due, days, sent_at{columns}) "
        f"SELECT r.id, r.holder_id, r.subject, r.due, r.days, r.sent_at{values} FROM reminder_before r{where}"
    )
    op.drop_table("reminder_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('reminder', 'id'), "
            "(SELECT max(id) FROM reminder)) WHERE EXISTS (SELECT 1 FROM reminder)"
        )


def upgrade() -> None:
    _set_aside()
    _make_reminders(
        (*_BEFORE, "banking", "needed_base", "needed_target"),
        [sa.Column("told_to", sa.String(length=40), nullable=False)],
    )
    # who had the report then is not kept: whoever has it now is not told of the same day again
    _bring_back(
        ", told_to",
        ", COALESCE((SELECT 'verifier:' || a.verifier_id FROM emissions_report e"
        " JOIN verifier_assignment a ON a.report_id = e.id AND a.ended_at IS NULL"
        " WHERE e.holder_id = r.holder_id AND e.period = r.subject"
        " AND e.state = 'verification_requested'), 'holder')",
    )
    op.add_column("publication", moment("differs_since", nullable=True))


def downgrade() -> None:
    # no batch: a table made anew would lose the triggers of the records on SQLite
    op.drop_column("publication", "differs_since")
    _set_aside()
    _make_reminders(_BEFORE, [])
    _bring_back(
        "",
        "",
        " WHERE r.subject IN ('base', 'target', 'adjustment', 'retirement') AND r.id = (SELECT min(s.id)"
        " FROM reminder_before s WHERE s.holder_id = r.holder_id AND s.subject = r.subject"
        " AND s.due = r.due AND s.days = r.days)",
    )
