"""Reports: emissions reports, verification, review.

Revision ID: 20261123_3_reports
Revises: 20261123_2_registration
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_3_reports"
down_revision = "20261123_2_registration"
branch_labels = None
depends_on = None

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str, length: int = 40) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def _emissions_report_columns() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("holder_id", Whole, nullable=False),
        sa.Column("period", _choice("period", "base", "target", "adjustment"), nullable=False),
        sa.Column(
            "state",
            _choice(
                "report_state",
                "not_submitted",
                "verification_requested",
                "approval_requested",
                "under_review",
                "approved",
                "submitted",
                "received",
            ),
            nullable=False,
        ),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("emissions", Whole, nullable=True),
        sa.Column("current_file_id", Whole, nullable=True),
        sa.Column("confirmed_emissions", Whole, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("returned_reason", sa.String(length=2000), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_by_id", Whole, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _emissions_report_rules() -> list[sa.schema.SchemaItem]:
    return [
        sa.CheckConstraint(
            "(period <> 'adjustment') OR state IN ('not_submitted', 'submitted', 'received')",
            name=op.f("ck_emissions_report_adjustment_is_not_verified"),
        ),
        sa.CheckConstraint(
            "(period = 'adjustment') OR state NOT IN ('submitted', 'received')",
            name=op.f("ck_emissions_report_received_is_adjustment"),
        ),
        sa.CheckConstraint(
            "(state IN ('approved', 'received')) = (confirmed_emissions IS NOT NULL)",
            name=op.f("ck_emissions_report_figure_if_confirmed"),
        ),
        sa.CheckConstraint(
            "emissions IS NULL OR emissions >= 0", name=op.f("ck_emissions_report_emissions_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["current_file_id"],
            ["report_file.id"],
            name="fk_emissions_report_current_file_id",
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_emissions_report_holder_id")),
        sa.ForeignKeyConstraint(
            ["returned_by_id"], ["user.id"], name=op.f("fk_emissions_report_returned_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emissions_report")),
        sa.UniqueConstraint("holder_id", "period", name=op.f("uq_emissions_report_holder_id_period")),
    ]


def _make_emissions_report() -> None:
    op.create_table("emissions_report", *_emissions_report_columns(), *_emissions_report_rules())
    op.create_index(op.f("ix_emissions_report_holder_id"), "emissions_report", ["holder_id"], unique=False)
    op.create_index("ix_emissions_report_queue", "emissions_report", ["state", "state_since"], unique=False)


def _make_report_file() -> None:
    op.create_table(
        "report_file",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("kind", _choice("file_kind", "calculation", "attachment"), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("document_id", Whole, nullable=False),
        sa.Column("emissions", Whole, nullable=True),
        sa.Column("reading", sa.JSON(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("uploaded_by_id", Whole, nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'calculation') = (emissions IS NOT NULL)",
            name=op.f("ck_report_file_calculation_has_figure"),
        ),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_report_file_document_id")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_report_file_report_id")
        ),
        sa.ForeignKeyConstraint(["uploaded_by_id"], ["user.id"], name=op.f("fk_report_file_uploaded_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_file")),
        sa.UniqueConstraint(
            "report_id", "kind", "version_number", name=op.f("uq_report_file_report_id_kind_version_number")
        ),
    )
    op.create_index(op.f("ix_report_file_report_id"), "report_file", ["report_id"], unique=False)


def _make_verifier_assignment() -> None:
    op.create_table(
        "verifier_assignment",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("verifier_id", Whole, nullable=False),
        sa.Column("assigned_by_id", Whole, nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assigned_by_id"], ["user.id"], name=op.f("fk_verifier_assignment_assigned_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_verifier_assignment_report_id")
        ),
        sa.ForeignKeyConstraint(
            ["verifier_id"], ["verifier.id"], name=op.f("fk_verifier_assignment_verifier_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifier_assignment")),
    )
    op.create_index(
        "ix_verifier_assignment_desk", "verifier_assignment", ["verifier_id", "ended_at"], unique=False
    )
    op.create_index(
        op.f("ix_verifier_assignment_report_id"), "verifier_assignment", ["report_id"], unique=False
    )
    op.create_index(
        "uq_verifier_assignment_live",
        "verifier_assignment",
        ["report_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _make_verification_report() -> None:
    op.create_table(
        "verification_report",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("report_file_id", Whole, nullable=False),
        sa.Column("verifier_id", Whole, nullable=False),
        sa.Column("document_id", Whole, nullable=False),
        sa.Column(
            "opinion", _choice("opinion", "unqualified", "qualified", "adverse", "disclaimer"), nullable=False
        ),
        sa.Column("verified_emissions", Whole, nullable=False),
        sa.Column("registered_by_id", Whole, nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verified_emissions >= 0", name=op.f("ck_verification_report_figure_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_verification_report_document_id")
        ),
        sa.ForeignKeyConstraint(
            ["registered_by_id"], ["user.id"], name=op.f("fk_verification_report_registered_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_file_id"], ["report_file.id"], name=op.f("fk_verification_report_report_file_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_verification_report_report_id")
        ),
        sa.ForeignKeyConstraint(
            ["verifier_id"], ["verifier.id"], name=op.f("fk_verification_report_verifier_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_report")),
    )
    op.create_index(
        op.f("ix_verification_report_report_id"), "verification_report", ["report_id"], unique=False
    )


def _make_review_document() -> None:
    op.create_table(
        "review_document",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("side", _choice("review_side", "secretariat", "verifier"), nullable=False),
        sa.Column("body", sa.String(length=2000), nullable=False),
        sa.Column("document_id", Whole, nullable=True),
        sa.Column("sent_by_id", Whole, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("round > 0", name=op.f("ck_review_document_round_positive")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_review_document_document_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_review_document_report_id")
        ),
        sa.ForeignKeyConstraint(["sent_by_id"], ["user.id"], name=op.f("fk_review_document_sent_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_document")),
    )
    op.create_index(op.f("ix_review_document_report_id"), "review_document", ["report_id"], unique=False)


def _make_send_back_request() -> None:
    op.create_table(
        "send_back_request",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("requested_by_id", Whole, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", _choice("request_answer", "open", "granted", "declined"), nullable=False),
        sa.Column("answer_reason", sa.String(length=2000), nullable=True),
        sa.Column("answered_by_id", Whole, nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(answer = 'open') = (answered_at IS NULL)", name=op.f("ck_send_back_request_answered_has_moment")
        ),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["user.id"], name=op.f("fk_send_back_request_answered_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_send_back_request_report_id")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["user.id"], name=op.f("fk_send_back_request_requested_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_send_back_request")),
    )
    op.create_index(op.f("ix_send_back_request_report_id"), "send_back_request", ["report_id"], unique=False)
    op.create_index(
        "uq_send_back_request_open",
        "send_back_request",
        ["report_id"],
        unique=True,
        sqlite_where=sa.text("answer = 'open'"),
        postgresql_where=sa.text("answer = 'open'"),
    )


def _make_approval_revocation() -> None:
    op.create_table(
        "approval_revocation",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("report_id", Whole, nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("state", _choice("revocation_state", "proposed", "confirmed", "withdrawn"), nullable=False),
        sa.Column("proposed_by_id", Whole, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", Whole, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)",
            name=op.f("ck_approval_revocation_confirmer_if_confirmed"),
        ),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id",
            name=op.f("ck_approval_revocation_four_eyes"),
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["user.id"], name=op.f("fk_approval_revocation_confirmed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["user.id"], name=op.f("fk_approval_revocation_proposed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["emissions_report.id"], name=op.f("fk_approval_revocation_report_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_revocation")),
    )
    op.create_index(
        op.f("ix_approval_revocation_report_id"), "approval_revocation", ["report_id"], unique=False
    )
    op.create_index(
        "uq_approval_revocation_open",
        "approval_revocation",
        ["report_id"],
        unique=True,
        sqlite_where=sa.text("state = 'proposed'"),
        postgresql_where=sa.text("state = 'proposed'"),
    )


def upgrade() -> None:
    _make_emissions_report()
    _make_report_file()
    _make_verifier_assignment()
    _make_verification_report()
    _make_review_document()
    _make_send_back_request()
    _make_approval_revocation()
    if op.get_bind().dialect.name == "postgresql":  # SQLite took it with the table; here it closes a circle
        op.create_foreign_key(
            "fk_emissions_report_current_file_id",
            "emissions_report",
            "report_file",
            ["current_file_id"],
            ["id"],
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_emissions_report_current_file_id", "emissions_report", type_="foreignkey")
    op.drop_table("approval_revocation")
    op.drop_table("send_back_request")
    op.drop_table("review_document")
    op.drop_table("verification_report")
    op.drop_table("verifier_assignment")
    op.drop_table("report_file")
    op.drop_table("emissions_report")
