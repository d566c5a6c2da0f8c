"""The ground: phases, logins, companies, documents.

Revision ID: 20261123_1_people
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_1_people"
down_revision = None
branch_labels = None
depends_on = None

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str, length: int = 40) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def _make_phase() -> None:
    op.create_table(
        "phase",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("installation_year", sa.Integer(), nullable=False),
        sa.Column("target_year", sa.Integer(), nullable=False),
        sa.Column("adjustment_year", sa.Integer(), nullable=False),
        sa.Column("reporting_year", sa.Integer(), nullable=False),
        sa.Column("base_first_year", sa.Integer(), nullable=False),
        sa.Column("base_last_year", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "base_first_year <= base_last_year AND base_last_year < target_year AND target_year < "
            "adjustment_year AND adjustment_year < reporting_year",
            name=op.f("ck_phase_years_in_order"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_phase_number_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phase")),
        sa.UniqueConstraint("number", name=op.f("uq_phase_number")),
    )


def _make_user() -> None:
    op.create_table(
        "user",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("login_id", sa.String(length=40), nullable=False),
        sa.Column(
            "role",
            _choice("role", "holder_a", "holder_b", "trader", "verifier", "officer", "approver", "viewer"),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("locale", sa.String(length=5), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("initial_password_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tf_primary_method", sa.String(length=64), nullable=True),
        sa.Column("tf_totp_secret", sa.String(length=255), nullable=True),
        sa.Column("tf_last_counter", Whole, nullable=True),
        sa.Column("holder_id", Whole, nullable=True),
        sa.Column("trader_id", Whole, nullable=True),
        sa.Column("verifier_id", Whole, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(role = 'trader') = (trader_id IS NOT NULL)", name=op.f("ck_user_trader_of_role")
        ),
        sa.CheckConstraint(
            "(role = 'verifier') = (verifier_id IS NOT NULL)", name=op.f("ck_user_verifier_of_role")
        ),
        sa.CheckConstraint(
            "(role IN ('holder_a', 'holder_b')) = (holder_id IS NOT NULL)",
            name=op.f("ck_user_holder_of_role"),
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name="fk_user_holder_id", use_alter=True),
        sa.ForeignKeyConstraint(["trader_id"], ["trader.id"], name="fk_user_trader_id", use_alter=True),
        sa.ForeignKeyConstraint(["verifier_id"], ["verifier.id"], name="fk_user_verifier_id", use_alter=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
        sa.UniqueConstraint("login_id", name=op.f("uq_user_login_id")),
    )
    op.create_index(op.f("ix_user_holder_id"), "user", ["holder_id"], unique=False)
    op.create_index(op.f("ix_user_trader_id"), "user", ["trader_id"], unique=False)
    op.create_index(op.f("ix_user_verifier_id"), "user", ["verifier_id"], unique=False)


def _make_phase_rule() -> None:
    op.create_table(
        "phase_rule",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("phase_id", Whole, nullable=False),
        sa.Column("application_due", sa.Date(), nullable=False),
        sa.Column("base_report_from", sa.Date(), nullable=False),
        sa.Column("base_report_due", sa.Date(), nullable=False),
        sa.Column("issue_from", sa.Date(), nullable=False),
        sa.Column("target_report_from", sa.Date(), nullable=False),
        sa.Column("target_report_due", sa.Date(), nullable=False),
        sa.Column("retirement_deadline", sa.Date(), nullable=False),
        sa.Column("banking_from", sa.Date(), nullable=False),
        sa.Column("banking_until", sa.Date(), nullable=False),
        sa.Column("adjustment_report_from", sa.Date(), nullable=False),
        sa.Column("adjustment_report_due", sa.Date(), nullable=False),
        sa.Column("reserve_released_by_compliance", sa.Boolean(), nullable=False),
        sa.Column("jver_counts_for_reserve", sa.Boolean(), nullable=False),
        sa.Column("jver_counts_for_compliance", sa.Boolean(), nullable=False),
        sa.Column("proposal_days", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", Whole, nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("banking_from <= banking_until", name=op.f("ck_phase_rule_banking_in_order")),
        sa.CheckConstraint("proposal_days > 0", name=op.f("ck_phase_rule_proposal_days_positive")),
        sa.ForeignKeyConstraint(["created_by_id"], ["user.id"], name=op.f("fk_phase_rule_created_by_id")),
        sa.ForeignKeyConstraint(["phase_id"], ["phase.id"], name=op.f("fk_phase_rule_phase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phase_rule")),
    )
    op.create_index(op.f("ix_phase_rule_phase_id"), "phase_rule", ["phase_id"], unique=False)
    op.create_index(
        "uq_phase_rule_in_force",
        "phase_rule",
        ["phase_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _make_emission_factor() -> None:
    op.create_table(
        "emission_factor",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("name_ja", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("calorific", sa.String(), nullable=True),
        sa.Column("carbon", sa.String(), nullable=True),
        sa.Column("factor", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'fuel' AND calorific IS NOT NULL AND carbon IS NOT NULL AND factor IS NULL) OR (kind = "
            "'energy' AND factor IS NOT NULL AND calorific IS NULL AND carbon IS NULL)",
            name=op.f("ck_emission_factor_kind_has_its_numbers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emission_factor")),
    )
    op.create_index(
        "uq_emission_factor_in_force",
        "emission_factor",
        ["fiscal_year", "code"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _make_organisation() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_kana", sa.String(length=200), nullable=False),
        sa.Column("representative_name", sa.String(length=100), nullable=True),
        sa.Column("representative_kana", sa.String(length=100), nullable=True),
        sa.Column("search_key", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_index(op.f("ix_organisation_search_key"), "organisation", ["search_key"], unique=False)


def _make_contact() -> None:
    op.create_table(
        "contact",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("organisation_id", Whole, nullable=False),
        sa.Column("department", sa.String(length=100), nullable=True),
        sa.Column("post", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_kana", sa.String(length=100), nullable=False),
        sa.Column("postal_code", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("telephone", sa.String(length=40), nullable=False),
        sa.Column("fax", sa.String(length=40), nullable=True),
        sa.Column("mail", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contact_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    op.create_index(op.f("ix_contact_organisation_id"), "contact", ["organisation_id"], unique=False)


def _make_login_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_login_attempts_failures_not_negative")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_attempts")),
    )


def _make_number_series() -> None:
    op.create_table(
        "number_series",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("next", Whole, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_series")),
    )


def _make_document_content() -> None:
    op.create_table(
        "document_content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document_content")),
    )


def _make_document() -> None:
    op.create_table(
        "document",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", Whole, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", Whole, nullable=True),
        sa.CheckConstraint("size >= 0", name=op.f("ck_document_size_not_negative")),
        sa.ForeignKeyConstraint(["created_by_id"], ["user.id"], name=op.f("fk_document_created_by_id")),
        sa.ForeignKeyConstraint(["sha256"], ["document_content.sha256"], name=op.f("fk_document_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    op.create_index(op.f("ix_document_sha256"), "document", ["sha256"], unique=False)


def upgrade() -> None:
    _make_phase()
    _make_user()
    _make_phase_rule()
    _make_emission_factor()
    _make_organisation()
    _make_contact()
    _make_login_attempts()
    _make_number_series()
    _make_document_content()
    _make_document()


def downgrade() -> None:
    op.drop_table("document")
    op.drop_table("document_content")
    op.drop_table("number_series")
    op.drop_table("login_attempts")
    op.drop_table("contact")
    op.drop_table("organisation")
    op.drop_table("emission_factor")
    op.drop_table("phase_rule")
    op.drop_table("user")
    op.drop_table("phase")
