"""Around the reports: people in charge, drafts, factor tables by two persons, reminders, publications.

Revision ID: 20261126_2_reporting
Revises: 20261126_1_registration_office
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import choice, index, key, moment, own_id, refers, row, version

revision = "20261126_2_reporting"
down_revision = "20261126_1_registration_office"
branch_labels = None
depends_on = None

#: table → its column that names who is in charge
IN_CHARGE = {"emissions_report": "clerk_id", "verifier_assignment": "in_charge_id"}


def _extend() -> None:
    for table_name, column in IN_CHARGE.items():
        with op.batch_alter_table(table_name) as table:
            table.add_column(row(column, nullable=True))
            table.create_foreign_key(op.f(f"fk_{table_name}_{column}"), "user", [column], ["id"])
    with op.batch_alter_table("verification_report") as table:
        table.add_column(sa.Column("checklist", sa.JSON(), nullable=True))
        table.add_column(sa.Column("findings", sa.String(length=4000), nullable=True))


def _make_drafts() -> None:
    op.create_table(
        "verification_draft",
        own_id(),
        row("assignment_id"),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("opinion", sa.String(length=40), nullable=True),
        sa.Column("verified", sa.String(length=40), nullable=True),
        sa.Column("findings", sa.String(length=4000), nullable=True),
        row("saved_by_id"),
        moment("saved_at"),
        version(),
        *refers("verification_draft", assignment_id="verifier_assignment", saved_by_id="user"),
        sa.UniqueConstraint("assignment_id", name=op.f("uq_verification_draft_assignment_id")),
        key("verification_draft"),
    )


def _make_factor_proposals() -> None:
    op.create_table(
        "factor_proposal",
        own_id(),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column(
            "state",
            choice("factor_proposal_state", "proposed", "confirmed", "withdrawn"),
            nullable=False,
        ),
        row("proposed_by_id"),
        moment("proposed_at"),
        row("confirmed_by_id", nullable=True),
        moment("confirmed_at", nullable=True),
        version(),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id",
            name=op.f("ck_factor_proposal_four_eyes"),
        ),
        sa.CheckConstraint(
            "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)",
            name=op.f("ck_factor_proposal_confirmer_if_confirmed"),
        ),
        *refers("factor_proposal", proposed_by_id="user", confirmed_by_id="user"),
        key("factor_proposal"),
    )
    _only_one("factor_proposal", "open", ["fiscal_year"], "state = 'proposed'")
    op.create_index("ix_factor_proposal_queue", "factor_proposal", ["state", "proposed_at"])


def _make_reminders() -> None:
    op.create_table(
        "reminder",
        own_id(),
        row("holder_id"),
        sa.Column(
            "subject",
            choice("reminder_subject", "base", "target", "adjustment", "retirement"),
            nullable=False,
        ),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        moment("sent_at"),
        *refers("reminder", holder_id="holder"),
        sa.UniqueConstraint(
            "holder_id", "subject", "due", "days", name=op.f("uq_reminder_holder_id_subject_due_days")
        ),
        key("reminder"),
    )
    index("reminder", "sent_at")


def _make_publications() -> None:
    op.create_table(
        "publication",
        own_id(),
        row("phase_id"),
        sa.Column("subject", choice("publication_subject", "emissions", "allowances"), nullable=False),
        sa.Column(
            "state",
            choice("publication_state", "proposed", "released", "withdrawn", "replaced", "ended"),
            nullable=False,
        ),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        row("proposed_by_id"),
        moment("proposed_at"),
        row("confirmed_by_id", nullable=True),
        moment("released_at", nullable=True),
        row("ended_by_id", nullable=True),
        moment("ended_at", nullable=True),
        sa.Column("ended_reason", sa.String(length=2000), nullable=True),
        version(),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id",
            name=op.f("ck_publication_four_eyes"),
        ),
        sa.CheckConstraint(
            "(state IN ('released', 'replaced', 'ended')) = (confirmed_by_id IS NOT NULL)",
            name=op.f("ck_publication_confirmer_if_released"),
        ),
        *refers(
            "publication",
            phase_id="phase",
            proposed_by_id="user",
            confirmed_by_id="user",
            ended_by_id="user",
        ),
        key("publication"),
    )
    _only_one("publication", "open", ["phase_id", "subject"], "state = 'proposed'")
    _only_one("publication", "released", ["phase_id", "subject"], "state = 'released'")


def _only_one(table: str, name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"uq_{table}_{name}",
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def upgrade() -> None:
    _extend()
    _make_drafts()
    _make_factor_proposals()
    _make_reminders()
    _make_publications()


def downgrade() -> None:
    for table in ("publication", "reminder", "factor_proposal", "verification_draft"):
        op.drop_table(table)
    with op.batch_alter_table("verification_report") as table:
        table.drop_column("findings")
        table.drop_column("checklist")
    for table_name, column in IN_CHARGE.items():
        with op.batch_alter_table(table_name) as table:
            table.drop_constraint(op.f(f"fk_{table_name}_{column}"), type_="foreignkey")
            table.drop_column(column)
