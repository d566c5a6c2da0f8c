"""Every entry says what the account holds after it; the head says how far moments may differ from numbers.

What stood at any number or day is then a step of an index. Indexes that find the few among a million: an
account's movements by counterparty, those of a unit class, postings of a day, a holder's issue, a correction.

Revision ID: 20261126_4_balances
Revises: 20261126_3_settlement
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.set_aside import triggers_set_aside

revision = "20261126_4_balances"
down_revision = "20261126_3_settlement"
branch_labels = None
depends_on = None

_BALANCES = (
    "UPDATE ledger_entry SET balance_after = told.balance FROM (SELECT id, sum(quantity) OVER"
    " (PARTITION BY account_id, unit_class_id ORDER BY id) AS balance FROM ledger_entry) AS told"
    " WHERE told.id = ledger_entry.id"
)
_LATEST = "UPDATE ledger_head SET latest_at = (SELECT max(posted_at) FROM ledger_transaction)"
#: whole seconds, rounded up; of moments kept as text SQLite knows milliseconds, so it gets one second more
_BEHIND = (
    "UPDATE ledger_head SET behind = coalesce((SELECT max({seconds}) FROM (SELECT posted_at,"
    " max(posted_at) OVER (ORDER BY id) AS latest FROM ledger_transaction) AS told"
    " WHERE posted_at < latest), 0)"
)
_SECONDS = {
    "postgresql": "CAST(ceil(extract(epoch FROM latest - posted_at)) AS bigint)",
    "sqlite": "CAST((julianday(latest) - julianday(posted_at)) * 86400 AS integer) + 2",
}
_FEW = ("holder_id", "reverses_id", "target_class_id")
_BELOW_ZERO, _BOUNDED, _BEHIND_SIGN = (
    "ck_ledger_entry_balance_after_not_below_zero",
    "ck_ledger_entry_balance_after_bounded",
    "ck_ledger_head_behind_not_negative",
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute("SET LOCAL statement_timeout = 0")  # a ledger of millions takes its minutes
    with triggers_set_aside("ledger_entry", "ledger_head"):
        op.add_column("ledger_entry", sa.Column("balance_after", sa.BigInteger(), nullable=True))
        op.execute(_BALANCES)
        with op.batch_alter_table("ledger_entry") as table:
            table.alter_column("balance_after", existing_type=sa.BigInteger(), nullable=False)
            table.create_check_constraint(op.f(_BELOW_ZERO), "balance_after >= 0 OR account_id = 1")
            table.create_check_constraint(
                op.f(_BOUNDED), "balance_after BETWEEN -9007199254740991 AND 9007199254740991"
            )
        with op.batch_alter_table("ledger_head") as table:
            table.add_column(sa.Column("latest_at", sa.DateTime(timezone=True), nullable=True))
            table.add_column(sa.Column("behind", sa.BigInteger(), nullable=False, server_default="0"))
            table.create_check_constraint(op.f(_BEHIND_SIGN), "behind >= 0")
        op.execute(_LATEST)
        op.execute(_BEHIND.format(seconds=_SECONDS[dialect]))
    _index_sides(["source_id", "kind", "target_id"], ["target_id", "kind", "source_id"])
    op.create_index("ix_movement_unit_class_id", "movement", ["unit_class_id", "kind"])
    op.create_index("ix_movement_proposed_at", "movement", ["proposed_at"])
    for column in _FEW:
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_movement_{column}", "movement", [column], sqlite_where=there, postgresql_where=there
        )
    op.create_index("ix_ledger_transaction_posted_at", "ledger_transaction", ["posted_at", "id"])
    op.create_index("ix_ledger_entry_unit_class_id", "ledger_entry", ["unit_class_id", "transaction_id"])
    told = sa.text("tag <> 'movement_executed'")
    op.create_index("ix_event_told", "event", ["holder_id", "id"], sqlite_where=told, postgresql_where=told)


def _index_sides(*sides: list[str]) -> None:
    """An account's movements are found by what they were and with whom; under the names of before."""
    for columns in sides:
        name = f"ix_movement_{columns[0]}"
        op.drop_index(name, table_name="movement")
        op.create_index(name, "movement", columns, unique=False)


def downgrade() -> None:
    op.drop_index("ix_event_told", table_name="event")
    op.drop_index("ix_ledger_entry_unit_class_id", table_name="ledger_entry")
    op.drop_index("ix_ledger_transaction_posted_at", table_name="ledger_transaction")
    for column in reversed(_FEW):
        op.drop_index(f"ix_movement_{column}", table_name="movement")
    op.drop_index("ix_movement_proposed_at", table_name="movement")
    op.drop_index("ix_movement_unit_class_id", table_name="movement")
    _index_sides(["source_id", "kind"], ["target_id", "kind"])
    with triggers_set_aside("ledger_entry", "ledger_head"):
        with op.batch_alter_table("ledger_head") as table:
            table.drop_constraint(op.f(_BEHIND_SIGN), type_="check")
            table.drop_column("behind")
            table.drop_column("latest_at")
        with op.batch_alter_table("ledger_entry") as table:
            table.drop_constraint(op.f(_BOUNDED), type_="check")
            table.drop_constraint(op.f(_BELOW_ZERO), type_="check")
            table.drop_column("balance_after")
