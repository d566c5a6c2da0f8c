"""What participants have sent each other, added up at every so manieth posting.

The table begins empty: the night fills it from the postings, and until then pages add up as before.

Revision ID: 20261127_2_running_totals
Revises: 20261127_1_expiry
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import refers, row
from migrations.triggers import allow_changes, refuse_changes

revision = "20261127_2_running_totals"
down_revision = "20261127_1_expiry"
branch_labels = None
depends_on = None

_TABLE = "transfer_total"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        row("number"),
        row("unit_class_id"),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("units >= 0", name=op.f("ck_transfer_total_units_not_negative")),
        *refers(_TABLE, number="ledger_transaction", unit_class_id="unit_class"),
        sa.PrimaryKeyConstraint("number", "unit_class_id", name=op.f("pk_transfer_total")),
    )
    refuse_changes(_TABLE)


def downgrade() -> None:
    """What is lost is added up anew from the postings."""
    allow_changes(_TABLE)
    op.drop_table(_TABLE)
