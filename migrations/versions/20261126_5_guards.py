"""Old postings take no more entries, and a correction is the mirror image of what it corrects.

Revision ID: 20261126_5_guards
Revises: 20261126_3_settlement
"""

from __future__ import annotations

from migrations.chain_triggers import guard_chain, unguard_chain

revision = "20261126_5_guards"
down_revision = "20261126_3_settlement"
branch_labels = None
depends_on = None


def upgrade() -> None:
    guard_chain()


def downgrade() -> None:
    unguard_chain()
