"""Issuing a whole phase at once, closing a phase, the cap of a phase, the second book's findings.

What a posting must be, kept by both databases; indexes that find an account's issues and retirements
among a million movements.

Revision ID: 20261126_3_settlement
Revises: 20261126_2_reporting
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import choice, index, key, moment, own_id, refers, row, version
from migrations.posting_triggers import guard_postings, unguard_postings

revision = "20261126_3_settlement"
down_revision = "20261126_2_reporting"
branch_labels = None
depends_on = None


def _only_one(table: str, name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"uq_{table}_{name}",
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _make_batches() -> None:
    op.create_table(
        "issue_batch",
        own_id(),
        row("phase_id"),
        sa.Column(
            "state",
            choice("issue_batch_state", "proposed", "executed", "withdrawn", "expired"),
            nullable=False,
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        row("proposed_by_id"),
        moment("proposed_at"),
        moment("expires_at"),
        row("decided_by_id", nullable=True),
        moment("decided_at", nullable=True),
        version(),
        sa.CheckConstraint("count > 0 AND total > 0", name=op.f("ck_issue_batch_not_empty")),
        sa.CheckConstraint(
            "state <> 'executed' OR (decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id)",
            name=op.f("ck_issue_batch_four_eyes"),
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at IS NULL)", name=op.f("ck_issue_batch_decided_if_left")
        ),
        *refers("issue_batch", phase_id="phase", proposed_by_id="user", decided_by_id="user"),
        key("issue_batch"),
    )
    _only_one("issue_batch", "open", ["phase_id"], "state = 'proposed'")
    with op.batch_alter_table("movement") as table:
        table.add_column(row("batch_id", nullable=True))
        table.create_foreign_key(op.f("fk_movement_batch_id"), "issue_batch", ["batch_id"], ["id"])
    index("movement", "batch_id")


def _make_closings() -> None:
    op.create_table(
        "phase_closing",
        own_id(),
        row("phase_id"),
        sa.Column(
            "state", choice("phase_closing_state", "proposed", "confirmed", "withdrawn"), nullable=False
        ),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=True),
        row("proposed_by_id"),
        moment("proposed_at"),
        row("confirmed_by_id", nullable=True),
        moment("confirmed_at", nullable=True),
        version(),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id",
            name=op.f("ck_phase_closing_four_eyes"),
        ),
        sa.CheckConstraint(
            "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)",
            name=op.f("ck_phase_closing_confirmer_if_confirmed"),
        ),
        *refers("phase_closing", phase_id="phase", proposed_by_id="user", confirmed_by_id="user"),
        key("phase_closing"),
    )
    _only_one("phase_closing", "live", ["phase_id"], "state <> 'withdrawn'")
    with op.batch_alter_table("phase") as table:
        table.add_column(moment("closed_at", nullable=True))


def _make_checks() -> None:
    op.create_table(
        "book_check",
        own_id(),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(length=2000), nullable=True),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        moment("started_at"),
        moment("finished_at"),
        row("asked_by_id", nullable=True),
        sa.CheckConstraint("ok = (problem IS NULL)", name=op.f("ck_book_check_problem_if_not_ok")),
        *refers("book_check", asked_by_id="user"),
        key("book_check"),
    )
    index("book_check", "finished_at")


def upgrade() -> None:
    _make_batches()
    _make_closings()
    _make_checks()
    with op.batch_alter_table("phase_rule") as table:
        table.add_column(sa.Column("issue_cap", sa.BigInteger(), nullable=True))
        table.create_check_constraint(
            op.f("ck_phase_rule_cap_positive"), "issue_cap IS NULL OR issue_cap > 0"
        )
    with op.batch_alter_table("compliance_snapshot") as table:
        for name in ("base_emissions", "reduction_target", "issued", "held"):
            table.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
    _index_sides(["source_id", "kind"], ["target_id", "kind"])
    guard_postings()


def _index_sides(*sides: list[str]) -> None:
    """An account's movements are found by what they were, too; under the names of before."""
    for columns in sides:
        name = f"ix_movement_{columns[0]}"
        op.drop_index(name, table_name="movement")
        op.create_index(name, "movement", columns, unique=False)


def downgrade() -> None:
    unguard_postings()
    _index_sides(["source_id"], ["target_id"])
    with op.batch_alter_table("compliance_snapshot") as table:
        for name in ("base_emissions", "reduction_target", "issued", "held"):
            table.drop_column(name)
    with op.batch_alter_table("phase_rule") as table:
        table.drop_constraint(op.f("ck_phase_rule_cap_positive"), type_="check")
        table.drop_column("issue_cap")
    op.drop_table("book_check")
    with op.batch_alter_table("phase") as table:
        table.drop_column("closed_at")
    op.drop_table("phase_closing")
    op.drop_index(op.f("ix_movement_batch_id"), table_name="movement")
    with op.batch_alter_table("movement") as table:
        table.drop_constraint(op.f("fk_movement_batch_id"), type_="foreignkey")
        table.drop_column("batch_id")
    op.drop_table("issue_batch")
