"""Registration: applications, holders, traders, verifiers, targets.

Revision ID: 20261123_2_registration
Revises: 20261123_1_people
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_2_registration"
down_revision = "20261123_1_people"
branch_labels = None
depends_on = None

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str, length: int = 40) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def _registration_application_columns() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", _choice("participant_kind", "holder", "trader", "verifier"), nullable=False),
        sa.Column(
            "state",
            _choice("application_state", "received", "correction_asked", "accepted", "rejected", "withdrawn"),
            nullable=False,
        ),
        sa.Column("phase_id", Whole, nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("seal_received", sa.Boolean(), nullable=False),
        sa.Column("consent_received", sa.Boolean(), nullable=False),
        sa.Column("company_name", sa.String(length=200), nullable=False),
        sa.Column("company_kana", sa.String(length=200), nullable=False),
        sa.Column("representative_name", sa.String(length=100), nullable=False),
        sa.Column("representative_kana", sa.String(length=100), nullable=False),
        sa.Column("contact_company", sa.String(length=200), nullable=False),
        sa.Column("contact_department", sa.String(length=100), nullable=True),
        sa.Column("contact_post", sa.String(length=100), nullable=True),
        sa.Column("contact_name", sa.String(length=100), nullable=False),
        sa.Column("contact_kana", sa.String(length=100), nullable=False),
        sa.Column("contact_postal_code", sa.String(length=40), nullable=False),
        sa.Column("contact_address", sa.String(length=200), nullable=False),
        sa.Column("contact_telephone", sa.String(length=40), nullable=False),
        sa.Column("contact_fax", sa.String(length=40), nullable=True),
        sa.Column("mail_a", sa.String(length=200), nullable=False),
        sa.Column("mail_b", sa.String(length=200), nullable=True),
        sa.Column("disclosure_consent", sa.Boolean(), nullable=False),
        sa.Column("site_name", sa.String(length=200), nullable=True),
        sa.Column("site_kana", sa.String(length=200), nullable=True),
        sa.Column("site_address", sa.String(length=200), nullable=True),
    ]


def _registration_application_more_columns() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("site_kind", _choice("site_kind", "factory", "workplace"), nullable=True),
        sa.Column("participation", _choice("participation", "single", "group"), nullable=True),
        sa.Column("other_scheme", sa.Boolean(), nullable=True),
        sa.Column("account_name", sa.String(length=200), nullable=True),
        sa.Column("search_key", sa.String(length=1000), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("created_by_id", Whole, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", Whole, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=2000), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _registration_application_rules() -> list[sa.schema.SchemaItem]:
    return [
        sa.CheckConstraint(
            "(state IN ('accepted', 'rejected', 'withdrawn')) = (decided_by_id IS NOT NULL)",
            name=op.f("ck_registration_application_decider_if_decided"),
        ),
        sa.CheckConstraint(
            "kind <> 'holder' OR (site_name IS NOT NULL AND site_kana IS NOT NULL AND site_address IS NOT "
            "NULL AND site_kind IS NOT NULL AND participation IS NOT NULL AND other_scheme IS NOT NULL)",
            name=op.f("ck_registration_application_holder_has_site"),
        ),
        sa.CheckConstraint(
            "kind <> 'holder' OR phase_id IS NOT NULL",
            name=op.f("ck_registration_application_holder_has_phase"),
        ),
        sa.CheckConstraint(
            "kind = 'verifier' OR account_name IS NOT NULL",
            name=op.f("ck_registration_application_account_named"),
        ),
        sa.CheckConstraint(
            "state <> 'accepted' OR (seal_received AND consent_received)",
            name=op.f("ck_registration_application_papers_if_accepted"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user.id"], name=op.f("fk_registration_application_created_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["user.id"], name=op.f("fk_registration_application_decided_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["phase_id"], ["phase.id"], name=op.f("fk_registration_application_phase_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_application")),
        sa.UniqueConstraint("number", name=op.f("uq_registration_application_number")),
    ]


def _make_registration_application() -> None:
    op.create_table(
        "registration_application",
        *_registration_application_columns(),
        *_registration_application_more_columns(),
        *_registration_application_rules(),
    )
    op.create_index(
        op.f("ix_registration_application_phase_id"), "registration_application", ["phase_id"], unique=False
    )
    op.create_index(
        "ix_registration_application_queue",
        "registration_application",
        ["state", "received_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_registration_application_search_key"),
        "registration_application",
        ["search_key"],
        unique=False,
    )


def _make_application_joint_company() -> None:
    op.create_table(
        "application_joint_company",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("application_id", Whole, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_kana", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["registration_application.id"],
            name=op.f("fk_application_joint_company_application_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_joint_company")),
        sa.UniqueConstraint(
            "application_id", "position", name=op.f("uq_application_joint_company_application_id_position")
        ),
    )
    op.create_index(
        op.f("ix_application_joint_company_application_id"),
        "application_joint_company",
        ["application_id"],
        unique=False,
    )


def _make_holder() -> None:
    op.create_table(
        "holder",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("phase_id", Whole, nullable=False),
        sa.Column("application_id", Whole, nullable=False),
        sa.Column("representative_id", Whole, nullable=False),
        sa.Column("contact_id", Whole, nullable=False),
        sa.Column("mail_b", sa.String(length=200), nullable=True),
        sa.Column("disclosure_consent", sa.Boolean(), nullable=False),
        sa.Column("site_name", sa.String(length=200), nullable=False),
        sa.Column("site_kana", sa.String(length=200), nullable=False),
        sa.Column("site_address", sa.String(length=200), nullable=False),
        sa.Column("site_kind", _choice("site_kind", "factory", "workplace"), nullable=False),
        sa.Column("participation", _choice("participation", "single", "group"), nullable=False),
        sa.Column("other_scheme", sa.Boolean(), nullable=False),
        sa.Column("site_key", sa.String(length=500), nullable=False),
        sa.Column("search_key", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["registration_application.id"], name=op.f("fk_holder_application_id")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_holder_contact_id")),
        sa.ForeignKeyConstraint(["phase_id"], ["phase.id"], name=op.f("fk_holder_phase_id")),
        sa.ForeignKeyConstraint(
            ["representative_id"], ["organisation.id"], name=op.f("fk_holder_representative_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder")),
        sa.UniqueConstraint("application_id", name=op.f("uq_holder_application_id")),
        sa.UniqueConstraint("contact_id", name=op.f("uq_holder_contact_id")),
        sa.UniqueConstraint("phase_id", "site_key", name=op.f("uq_holder_phase_id_site_key")),
    )
    op.create_index(op.f("ix_holder_phase_id"), "holder", ["phase_id"], unique=False)
    op.create_index(op.f("ix_holder_representative_id"), "holder", ["representative_id"], unique=False)
    op.create_index(op.f("ix_holder_search_key"), "holder", ["search_key"], unique=False)


def _make_joint_company() -> None:
    op.create_table(
        "joint_company",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("holder_id", Whole, nullable=False),
        sa.Column("organisation_id", Whole, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_joint_company_holder_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_joint_company_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_joint_company")),
        sa.UniqueConstraint("holder_id", "position", name=op.f("uq_joint_company_holder_id_position")),
    )
    op.create_index(op.f("ix_joint_company_holder_id"), "joint_company", ["holder_id"], unique=False)


def _make_trader() -> None:
    op.create_table(
        "trader",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("application_id", Whole, nullable=False),
        sa.Column("organisation_id", Whole, nullable=False),
        sa.Column("contact_id", Whole, nullable=False),
        sa.Column("disclosure_consent", sa.Boolean(), nullable=False),
        sa.Column("search_key", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["registration_application.id"], name=op.f("fk_trader_application_id")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_trader_contact_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_trader_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trader")),
        sa.UniqueConstraint("application_id", name=op.f("uq_trader_application_id")),
        sa.UniqueConstraint("contact_id", name=op.f("uq_trader_contact_id")),
    )
    op.create_index(op.f("ix_trader_organisation_id"), "trader", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_trader_search_key"), "trader", ["search_key"], unique=False)


def _make_verifier() -> None:
    op.create_table(
        "verifier",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("application_id", Whole, nullable=False),
        sa.Column("organisation_id", Whole, nullable=False),
        sa.Column("contact_id", Whole, nullable=False),
        sa.Column("search_key", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["registration_application.id"], name=op.f("fk_verifier_application_id")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_verifier_contact_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_verifier_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifier")),
        sa.UniqueConstraint("application_id", name=op.f("uq_verifier_application_id")),
        sa.UniqueConstraint("contact_id", name=op.f("uq_verifier_contact_id")),
        sa.UniqueConstraint("number", name=op.f("uq_verifier_number")),
    )
    op.create_index(op.f("ix_verifier_organisation_id"), "verifier", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_verifier_search_key"), "verifier", ["search_key"], unique=False)


def _make_reduction_target() -> None:
    op.create_table(
        "reduction_target",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("holder_id", Whole, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("state", _choice("target_state", "proposed", "confirmed", "withdrawn"), nullable=False),
        sa.Column("proposed_by_id", Whole, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", Whole, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)",
            name=op.f("ck_reduction_target_confirmer_if_confirmed"),
        ),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id",
            name=op.f("ck_reduction_target_four_eyes"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reduction_target_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["user.id"], name=op.f("fk_reduction_target_confirmed_by_id")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_reduction_target_holder_id")),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["user.id"], name=op.f("fk_reduction_target_proposed_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reduction_target")),
    )
    op.create_index(op.f("ix_reduction_target_holder_id"), "reduction_target", ["holder_id"], unique=False)
    op.create_index(
        "uq_reduction_target_live",
        "reduction_target",
        ["holder_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'withdrawn' AND superseded_at IS NULL"),
        postgresql_where=sa.text("state <> 'withdrawn' AND superseded_at IS NULL"),
    )


def upgrade() -> None:
    _make_registration_application()
    _make_application_joint_company()
    _make_holder()
    _make_joint_company()
    _make_trader()
    _make_verifier()
    _make_reduction_target()
    if (
        op.get_bind().dialect.name == "postgresql"
    ):  # SQLite took them with the table; here they close a circle
        for other in ("holder", "trader", "verifier"):
            op.create_foreign_key(f"fk_user_{other}_id", "user", other, [f"{other}_id"], ["id"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for other in ("holder", "trader", "verifier"):
            op.drop_constraint(f"fk_user_{other}_id", "user", type_="foreignkey")
    op.drop_table("reduction_target")
    op.drop_table("verifier")
    op.drop_table("trader")
    op.drop_table("joint_company")
    op.drop_table("holder")
    op.drop_table("application_joint_company")
    op.drop_table("registration_application")
