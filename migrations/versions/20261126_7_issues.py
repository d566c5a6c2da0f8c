"""A holder whose issue was corrected may be issued again: the attempts are counted, one stands at most.

Revision ID: 20261126_7_issues
Revises: 20261126_6_records
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.issue_triggers import guard_issues, unguard_issues

revision = "20261126_7_issues"
down_revision = "20261126_6_records"
branch_labels = None
depends_on = None

_LIVE = "kind = 'issue' AND state IN ('proposed', 'executed')"


def _only_one(*columns: str) -> None:
    op.create_index(
        "uq_movement_issue_once",
        "movement",
        list(columns),
        unique=True,
        sqlite_where=sa.text(_LIVE),
        postgresql_where=sa.text(_LIVE),
    )


def upgrade() -> None:
    # plain: a batch would make the table anew, and what was decided must not be written again
    op.add_column("movement", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.drop_index("uq_movement_issue_once", table_name="movement")
    _only_one("holder_id", "attempt")
    guard_issues()


def downgrade() -> None:
    again = op.get_bind().scalar(sa.text(f"SELECT count(*) FROM movement WHERE {_LIVE} AND attempt > 1"))
    if again:
        raise RuntimeError(
            f"{again} holders were issued again after a correction, which the version before cannot say"
        )
    unguard_issues()
    op.drop_index("uq_movement_issue_once", table_name="movement")
    _only_one("holder_id")
    op.drop_column("movement", "attempt")
