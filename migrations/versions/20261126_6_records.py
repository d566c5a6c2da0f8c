"""Another deadline record beside the first, with a number; triggers that keep what was recorded for good.

Revision ID: 20261126_6_records
Revises: 20261126_5_guards
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.record_triggers import guard_records, unguard_records

revision = "20261126_6_records"
down_revision = "20261126_5_guards"
branch_labels = None
depends_on = None

_FIRST_ONLY = "uq_compliance_snapshot_holder_id"
_NUMBERED = "uq_compliance_snapshot_holder_id_number"


def upgrade() -> None:
    with op.batch_alter_table("compliance_snapshot") as table:
        table.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="1"))
        table.drop_constraint(op.f(_FIRST_ONLY), type_="unique")
        table.create_unique_constraint(op.f(_NUMBERED), ["holder_id", "number"])
    with op.batch_alter_table("compliance_snapshot") as table:
        table.alter_column("number", server_default=None)
    guard_records()


def downgrade() -> None:
    unguard_records()
    # the program before knows one record of a holder: the official one, which is the newest
    op.execute(
        "DELETE FROM compliance_snapshot WHERE EXISTS (SELECT 1 FROM compliance_snapshot AS later"
        " WHERE later.holder_id = compliance_snapshot.holder_id"
        " AND later.number > compliance_snapshot.number)"
    )
    with op.batch_alter_table("compliance_snapshot") as table:
        table.drop_constraint(op.f(_NUMBERED), type_="unique")
        table.drop_column("number")
        table.create_unique_constraint(op.f(_FIRST_ONLY), ["holder_id"])
