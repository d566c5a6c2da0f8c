"""The office: letters, mail, events, jobs, applications made online.

Revision ID: 20261123_5_office
Revises: 20261123_4_ledger
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.triggers import allow_changes, refuse_changes

revision = "20261123_5_office"
down_revision = "20261123_4_ledger"
branch_labels = None
depends_on = None

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str, length: int = 40) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def _make_letter() -> None:
    op.create_table(
        "letter",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column(
            "kind", _choice("letter_kind", "completion", "correction", "rejection", "reissue"), nullable=False
        ),
        sa.Column(
            "state", _choice("letter_state", "waiting", "printed", "posted", "returned"), nullable=False
        ),
        sa.Column("application_id", Whole, nullable=False),
        sa.Column("addressee", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("copy_id", Whole, nullable=True),
        sa.Column("prints", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.Column("returned_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'posted' OR posted_on IS NOT NULL", name=op.f("ck_letter_posted_has_day")
        ),
        sa.CheckConstraint("prints >= 0", name=op.f("ck_letter_prints_not_negative")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["registration_application.id"], name=op.f("fk_letter_application_id")
        ),
        sa.ForeignKeyConstraint(["copy_id"], ["document.id"], name=op.f("fk_letter_copy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
        sa.UniqueConstraint("number", name=op.f("uq_letter_number")),
    )
    op.create_index(op.f("ix_letter_application_id"), "letter", ["application_id"], unique=False)
    op.create_index("ix_letter_queue", "letter", ["state", "created_at"], unique=False)


def _make_mail_message() -> None:
    op.create_table(
        "mail_message",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("locale", sa.String(length=5), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("recipient_name", sa.String(length=200), nullable=False),
        sa.Column("user_id", Whole, nullable=True),
        sa.Column("about_allowances", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("state", _choice("mail_state", "queued", "sent", "failed"), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_mail_message_sent_has_moment")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_mail_message_attempts_not_negative")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_mail_message_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_message")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mail_message_message_id")),
    )
    op.create_index("ix_mail_message_queue", "mail_message", ["state", "next_try_at"], unique=False)
    op.create_index(op.f("ix_mail_message_user_id"), "mail_message", ["user_id"], unique=False)


def _make_event() -> None:
    op.create_table(
        "event",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.Column("actor_id", Whole, nullable=True),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", Whole, nullable=False),
        sa.Column("holder_id", Whole, nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_event_actor_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_event_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_actor_id"), "event", ["actor_id"], unique=False)
    op.create_index("ix_event_holder", "event", ["holder_id", "id"], unique=False)
    op.create_index("ix_event_subject", "event", ["subject_type", "subject_id", "id"], unique=False)
    op.create_index(op.f("ix_event_tag"), "event", ["tag"], unique=False)


def _make_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", _choice("job_state", "queued", "running", "done", "failed"), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("once_key", sa.String(length=100), nullable=True),
        sa.Column("created_by_id", Whole, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "progress >= 0 AND (total IS NULL OR progress <= total)", name=op.f("ck_job_progress_in_total")
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["user.id"], name=op.f("fk_job_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("once_key", name=op.f("uq_job_once_key")),
    )
    op.create_index("ix_job_queue", "job", ["state", "next_try_at"], unique=False)


def _make_done_once() -> None:
    op.create_table(
        "done_once",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("user_id", Whole, nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("result_id", Whole, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_done_once_user_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_done_once")),
    )


def _make_portal_state() -> None:
    op.create_table(
        "portal_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.Column("clock_shift_seconds", Whole, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_portal_state_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_state")),
    )


def _make_contact_change() -> None:
    op.create_table(
        "contact_change",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("contact_id", Whole, nullable=False),
        sa.Column(
            "state", _choice("decision_state", "applied", "accepted", "declined", "withdrawn"), nullable=False
        ),
        sa.Column("old", sa.JSON(), nullable=False),
        sa.Column("new", sa.JSON(), nullable=False),
        sa.Column("applied_by_id", Whole, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", Whole, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=2000), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('accepted', 'declined')) = (decided_by_id IS NOT NULL)",
            name=op.f("ck_contact_change_decider_if_decided"),
        ),
        sa.ForeignKeyConstraint(["applied_by_id"], ["user.id"], name=op.f("fk_contact_change_applied_by_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_change_contact_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["user.id"], name=op.f("fk_contact_change_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_change")),
    )
    op.create_index("ix_contact_change_queue", "contact_change", ["state", "applied_at"], unique=False)
    op.create_index(
        "uq_contact_change_open",
        "contact_change",
        ["contact_id"],
        unique=True,
        sqlite_where=sa.text("state = 'applied'"),
        postgresql_where=sa.text("state = 'applied'"),
    )


def _make_banking_application() -> None:
    op.create_table(
        "banking_application",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("holder_id", Whole, nullable=False),
        sa.Column("unit_class_id", Whole, nullable=False),
        sa.Column("target_class_id", Whole, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column(
            "state", _choice("decision_state", "applied", "accepted", "declined", "withdrawn"), nullable=False
        ),
        sa.Column("applied_by_id", Whole, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", Whole, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=2000), nullable=True),
        sa.Column("movement_id", Whole, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('accepted', 'declined')) = (decided_by_id IS NOT NULL)",
            name=op.f("ck_banking_application_decider_if_decided"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_banking_application_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["applied_by_id"], ["user.id"], name=op.f("fk_banking_application_applied_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["user.id"], name=op.f("fk_banking_application_decided_by_id")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_banking_application_holder_id")),
        sa.ForeignKeyConstraint(
            ["movement_id"], ["movement.id"], name=op.f("fk_banking_application_movement_id")
        ),
        sa.ForeignKeyConstraint(
            ["target_class_id"], ["unit_class.id"], name=op.f("fk_banking_application_target_class_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_class_id"], ["unit_class.id"], name=op.f("fk_banking_application_unit_class_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_banking_application")),
        sa.UniqueConstraint("movement_id", name=op.f("uq_banking_application_movement_id")),
    )
    op.create_index(
        op.f("ix_banking_application_holder_id"), "banking_application", ["holder_id"], unique=False
    )
    op.create_index(
        "uq_banking_application_open",
        "banking_application",
        ["holder_id"],
        unique=True,
        sqlite_where=sa.text("state = 'applied'"),
        postgresql_where=sa.text("state = 'applied'"),
    )


def upgrade() -> None:
    _make_letter()
    _make_mail_message()
    _make_event()
    _make_job()
    _make_done_once()
    _make_portal_state()
    _make_contact_change()
    _make_banking_application()
    refuse_changes("event")


def downgrade() -> None:
    allow_changes("event")
    op.drop_table("banking_application")
    op.drop_table("contact_change")
    op.drop_table("portal_state")
    op.drop_table("done_once")
    op.drop_table("job")
    op.drop_table("event")
    op.drop_table("mail_message")
    op.drop_table("letter")
