"""No guarded row is replaced by another (SQLite); no posting is committed without the head of the chain.

Revision ID: 20261127_3_guards
Revises: 20261127_2_running_totals
"""

from __future__ import annotations

from migrations.head_triggers import UNFINISHED, guard_head, unguard_head
from migrations.key_triggers import keep_all_rows, keep_rows, leave_all_rows, leave_rows

revision = "20261127_3_guards"
down_revision = "20261127_2_running_totals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    keep_all_rows()
    guard_head()
    keep_rows(UNFINISHED, (), changing=False, number="number")


def downgrade() -> None:
    leave_rows(UNFINISHED, changing=False)
    unguard_head()
    leave_all_rows()
