"""Seals of each night over the tables of history: what the guards were to keep is found if it was not.

The table begins empty: the first night seals all there is. The way back throws the seals away.

Revision ID: 20261127_4_seals
Revises: 20261127_3_guards
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import key, moment, own_id
from migrations.triggers import allow_changes, refuse_changes

revision = "20261127_4_seals"
down_revision = "20261127_3_guards"
branch_labels = None
depends_on = None

_TABLE = "record_seal"
_TAKEN = (
    "CASE WHEN EXISTS (SELECT 1 FROM record_seal AS kept WHERE kept.rowid = NEW.rowid)"
    " THEN RAISE(ABORT, 'row_kept: UNIQUE constraint failed: record_seal.id')"
    " WHEN EXISTS (SELECT 1 FROM record_seal AS kept WHERE kept.table_name = NEW.table_name"
    " AND kept.up_to = NEW.up_to)"
    " THEN RAISE(ABORT, 'row_kept: UNIQUE constraint failed: record_seal.table_name, record_seal.up_to') END"
)


def upgrade() -> None:
    op.create_table(
        _TABLE,
        own_id(),
        sa.Column("table_name", sa.String(40), nullable=False),
        sa.Column("shape", sa.Integer(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        moment("at"),
        sa.CheckConstraint("rows > 0", name=op.f("ck_record_seal_not_empty")),
        sa.UniqueConstraint("table_name", "up_to", name=op.f("uq_record_seal_table_name_up_to")),
        key(_TABLE),
    )
    refuse_changes(_TABLE)
    if op.get_bind().dialect.name == "sqlite":
        # INSERT OR REPLACE removes a row without asking the trigger against DELETE
        op.execute(
            f"CREATE TRIGGER record_seal_row_kept_insert BEFORE INSERT ON {_TABLE} FOR EACH ROW"
            f" BEGIN SELECT {_TAKEN}; END"
        )


def downgrade() -> None:
    """What was sealed is sealed anew, as it then stands, by the night after the next way up."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER record_seal_row_kept_insert")
    allow_changes(_TABLE)
    op.drop_table(_TABLE)
