"""The registration office: scans, imports, printing together, proposals, records over time.

Applications get the folded keys by which near-duplicates are found, participants the first line of
their history (as they stand at the moment of the upgrade: what was before is in the events).

Revision ID: 20261126_1_registration_office
Revises: 20261123_5_office
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import choice, index, key, moment, own_id, refers, row, version
from migrations.office_data import begin_histories, fill_likeness_keys
from migrations.triggers import allow_changes, guard_accounts, refuse_changes, unguard_accounts

revision = "20261126_1_registration_office"
down_revision = "20261123_5_office"
branch_labels = None
depends_on = None

GROWING = ("registration_version", "participant_note")
KEYS = (
    "company_key",
    "kana_key",
    "site_key",
    "address_key",
    "telephone_key",
    "mail_key",
    "account_name_key",
)
LETTER_STATES = ("waiting", "printed", "posted", "returned")
ONE_OWNER = (
    "(CASE WHEN holder_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN trader_id IS NULL THEN 0 ELSE 1 END)"
    " + (CASE WHEN verifier_id IS NULL THEN 0 ELSE 1 END) = 1"
)


def _extend_applications() -> None:
    with op.batch_alter_table("registration_application") as table:
        for name in KEYS:
            table.add_column(sa.Column(name, sa.String(length=200), nullable=False, server_default=""))
        table.add_column(row("clerk_id", nullable=True))
        table.create_foreign_key(op.f("fk_registration_application_clerk_id"), "user", ["clerk_id"], ["id"])
    fill_likeness_keys(op.get_bind())
    with op.batch_alter_table("registration_application") as table:
        for name in KEYS:
            table.alter_column(name, existing_type=sa.String(length=200), server_default=None)
    for name in (*KEYS, "clerk_id"):
        index("registration_application", name)
    op.create_index(
        "ix_registration_application_received_on", "registration_application", ["received_on", "id"]
    )


def _extend_targets() -> None:
    op.drop_index("uq_reduction_target_live", table_name="reduction_target")
    with op.batch_alter_table("reduction_target") as table:
        table.add_column(sa.Column("reason", sa.String(length=2000), nullable=True))
    for name, where in (
        ("proposed", "state = 'proposed'"),
        ("confirmed", "state = 'confirmed' AND superseded_at IS NULL"),
    ):
        op.create_index(
            f"uq_reduction_target_{name}",
            "reduction_target",
            ["holder_id"],
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def _letter_states(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """The CHECK of a letter's state, with other words in it."""
    with op.batch_alter_table("letter") as table:
        table.alter_column(
            "state",
            existing_type=choice("letter_state", *before),
            type_=choice("letter_state", *after),
            existing_nullable=False,
        )


def _make_scans() -> None:
    op.create_table(
        "application_scan",
        own_id(),
        row("application_id"),
        row("document_id"),
        sa.Column(
            "kind",
            choice("scan_kind", "application", "consent", "correction", "form", "other"),
            nullable=False,
        ),
        row("created_by_id"),
        moment("created_at"),
        row("removed_by_id", nullable=True),
        moment("removed_at", nullable=True),
        sa.CheckConstraint(
            "(removed_at IS NULL) = (removed_by_id IS NULL)",
            name=op.f("ck_application_scan_remover_if_removed"),
        ),
        *refers(
            "application_scan",
            application_id="registration_application",
            document_id="document",
            created_by_id="user",
            removed_by_id="user",
        ),
        key("application_scan"),
    )
    op.create_index(
        "ix_application_scan_live",
        "application_scan",
        ["application_id"],
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    index("application_scan", "document_id")


def _make_imports() -> None:
    op.create_table(
        "import",
        own_id(),
        sa.Column("kind", choice("import_kind", "applications", "targets"), nullable=False),
        sa.Column(
            "state",
            choice("import_state", "uploaded", "ready", "refused", "running", "done", "failed", "discarded"),
            nullable=False,
        ),
        moment("state_since"),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        row("document_id", nullable=True),
        row("job_id", nullable=True),
        row("marked_id", nullable=True),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_bad", sa.Integer(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        row("created_by_id"),
        moment("created_at"),
        moment("finished_at", nullable=True),
        moment("cleared_at", nullable=True),
        version(),
        sa.CheckConstraint(
            "rows_total >= 0 AND rows_bad >= 0 AND rows_bad <= rows_total",
            name=op.f("ck_import_rows_counted"),
        ),
        sa.CheckConstraint(
            "(state = 'done') = (finished_at IS NOT NULL)", name=op.f("ck_import_done_has_moment")
        ),
        *refers("import", document_id="document", job_id="job", marked_id="document", created_by_id="user"),
        key("import"),
    )
    op.create_index("ix_import_queue", "import", ["state", "created_at"])
    index("import", "created_by_id")
    op.create_table(
        "import_row",
        own_id(),
        row("import_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(length=100), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=400), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("similar", sa.JSON(), nullable=False),
        row("made_id", nullable=True),
        *refers("import_row", import_id="import"),
        key("import_row"),
        sa.UniqueConstraint("import_id", "position", name=op.f("uq_import_row_import_id_position")),
    )
    index("import_row", "import_id")


def _make_batches() -> None:
    op.create_table(
        "letter_batch",
        own_id(),
        sa.Column("state", choice("batch_state", "queued", "ready", "gone", "failed"), nullable=False),
        sa.Column("letter_ids", sa.JSON(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("left_out", sa.JSON(), nullable=False),
        row("job_id", nullable=True),
        row("created_by_id"),
        moment("created_at"),
        moment("ready_at", nullable=True),
        moment("until", nullable=True),
        moment("fetched_at", nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        version(),
        sa.CheckConstraint(
            "(state = 'ready') = (sealed IS NOT NULL)", name=op.f("ck_letter_batch_sealed_if_ready")
        ),
        sa.CheckConstraint("letters > 0", name=op.f("ck_letter_batch_letters_positive")),
        *refers("letter_batch", job_id="job", created_by_id="user"),
        key("letter_batch"),
    )
    op.create_index("ix_letter_batch_owner", "letter_batch", ["created_by_id", "created_at"])


def _proposal_columns(table: str) -> list[sa.schema.SchemaItem]:
    return [
        row("proposed_by_id"),
        moment("proposed_at"),
        row("confirmed_by_id", nullable=True),
        moment("confirmed_at", nullable=True),
        version(),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", name=op.f(f"ck_{table}_four_eyes")
        ),
        sa.CheckConstraint(
            "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)",
            name=op.f(f"ck_{table}_confirmer_if_confirmed"),
        ),
        *refers(table, proposed_by_id="user", confirmed_by_id="user"),
        key(table),
    ]


def _one_open(table: str, column: str) -> None:
    op.create_index(
        f"uq_{table}_open",
        table,
        [column],
        unique=True,
        sqlite_where=sa.text("state = 'proposed'"),
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_index(f"ix_{table}_queue", table, ["state", "proposed_at"])


def _make_proposals() -> None:
    states = ("proposed", "confirmed", "withdrawn")
    op.create_table(
        "account_change",
        own_id(),
        row("account_id"),
        sa.Column("action", choice("account_action", "suspend", "resume", "close"), nullable=False),
        sa.Column("state", choice("proposal_state", *states), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        *refers("account_change", account_id="account"),
        *_proposal_columns("account_change"),
    )
    _one_open("account_change", "account_id")
    index("account_change", "account_id")
    op.create_table(
        "phase_proposal",
        own_id(),
        row("phase_id", nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("years", sa.JSON(), nullable=False),
        sa.Column("dates", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("state", choice("phase_proposal_state", *states), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_phase_proposal_number_positive")),
        *refers("phase_proposal", phase_id="phase"),
        *_proposal_columns("phase_proposal"),
    )
    _one_open("phase_proposal", "number")
    index("phase_proposal", "phase_id")


def _owned(table: str, *items: sa.schema.SchemaItem, **others: str) -> None:
    owners = {"holder_id": "holder", "trader_id": "trader", "verifier_id": "verifier"}
    op.create_table(
        table,
        own_id(),
        *(row(name, nullable=True) for name in owners),
        *items,
        sa.CheckConstraint(ONE_OWNER, name=op.f(f"ck_{table}_one_owner")),
        *refers(table, **owners, **others),
        key(table),
    )
    for name in owners:
        index(table, name)


def _make_records() -> None:
    causes = ("registered", "contact_change", "company_change", "consent", "carried_over")
    _owned(
        "registration_version",
        moment("valid_from"),
        sa.Column("cause", choice("record_cause", *causes), nullable=False),
        row("cause_id", nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        row("actor_id", nullable=True),
        actor_id="user",
    )
    _owned(
        "company_change",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("seal_received", sa.Boolean(), nullable=False),
        sa.Column("old", sa.JSON(), nullable=False),
        sa.Column("new", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        row("document_id", nullable=True),
        row("recorded_by_id"),
        moment("recorded_at"),
        sa.CheckConstraint("seal_received", name=op.f("ck_company_change_seal_received")),
        sa.UniqueConstraint("number", name=op.f("uq_company_change_number")),
        document_id="document",
        recorded_by_id="user",
    )
    _owned(
        "participant_note",
        sa.Column("text", sa.String(length=2000), nullable=False),
        row("created_by_id"),
        moment("created_at"),
        sa.CheckConstraint("length(text) > 0", name=op.f("ck_participant_note_text_given")),
        created_by_id="user",
    )


def upgrade() -> None:
    _extend_applications()
    _extend_targets()
    _letter_states(LETTER_STATES, (*LETTER_STATES, "void"))
    op.add_column("user", moment("locked_at", nullable=True))
    op.create_index("ix_mail_message_recipient", "mail_message", ["recipient", "id"])
    _make_scans()
    _make_imports()
    _make_batches()
    _make_proposals()
    _make_records()
    begin_histories(op.get_bind())
    refuse_changes(*GROWING)
    guard_accounts()


def downgrade() -> None:
    unguard_accounts()
    allow_changes(*GROWING)
    for table in (
        "participant_note",
        "company_change",
        "registration_version",
        "phase_proposal",
        "account_change",
        "letter_batch",
        "import_row",
        "import",
        "application_scan",
    ):
        op.drop_table(table)
    op.drop_index("ix_mail_message_recipient", table_name="mail_message")
    with op.batch_alter_table("user") as table:
        table.drop_column("locked_at")
    _shrink_targets()
    # the old schema has no void letters; as come back nothing prints or posts them unless somebody asks
    op.execute("UPDATE letter SET state = 'returned', returned_on = date(created_at) WHERE state = 'void'")
    _letter_states((*LETTER_STATES, "void"), LETTER_STATES)
    op.drop_index("ix_registration_application_received_on", table_name="registration_application")
    for name in (*KEYS, "clerk_id"):
        op.drop_index(op.f(f"ix_registration_application_{name}"), table_name="registration_application")
    with op.batch_alter_table("registration_application") as table:
        table.drop_constraint(op.f("fk_registration_application_clerk_id"), type_="foreignkey")
        for name in (*KEYS, "clerk_id"):
            table.drop_column(name)


def _shrink_targets() -> None:
    """The old schema knows one live target: a proposal to replace a confirmed one is withdrawn."""
    op.execute(
        "UPDATE reduction_target SET state = 'withdrawn' WHERE state = 'proposed' AND holder_id IN"
        " (SELECT holder_id FROM reduction_target WHERE state = 'confirmed' AND superseded_at IS NULL)"
    )
    for name in ("proposed", "confirmed"):
        op.drop_index(f"uq_reduction_target_{name}", table_name="reduction_target")
    with op.batch_alter_table("reduction_target") as table:
        table.drop_column("reason")
    live = "state <> 'withdrawn' AND superseded_at IS NULL"
    op.create_index(
        "uq_reduction_target_live",
        "reduction_target",
        ["holder_id"],
        unique=True,
        sqlite_where=sa.text(live),
        postgresql_where=sa.text(live),
    )
