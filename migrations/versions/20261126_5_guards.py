"""Old postings take no more entries, and a correction is the mirror image of what it corrects.

Revision ID: 20261126_5_guards
Revises: 20261126_4_balances
"""

from __future__ import annotations

from alembic import op

from migrations.chain_triggers import guard_chain, unguard_chain

revision = "20261126_5_guards"
down_revision = "20261126_4_balances"
branch_labels = None
depends_on = None


def upgrade() -> None:
    guard_chain()
    # the work of a kind that ended last
    op.create_index("ix_job_kind", "job", ["kind", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_job_kind", table_name="job")
    unguard_chain()
