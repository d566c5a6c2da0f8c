"""The ledger: accounts, holdings, movements, append-only transactions and entries.

Revision ID: 20261123_4_ledger
Revises: 20261123_3_reports
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.triggers import allow_changes, refuse_changes

revision = "20261123_4_ledger"
down_revision = "20261123_3_reports"
branch_labels = None
depends_on = None

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str, length: int = 40) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def _make_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", Whole, autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            _choice(
                "account_kind", "compliance", "trading", "issuance", "retirement", "cancellation", "offset"
            ),
            nullable=False,
        ),
        sa.Column("state", _choice("account_state", "open", "suspended", "closed"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("holder_id", Whole, nullable=True),
        sa.Column("trader_id", Whole, nullable=True),
        sa.Column("search_key", sa.String(length=1000), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'compliance') = (holder_id IS NOT NULL)", name=op.f("ck_account_compliance_of_holder")
        ),
        sa.CheckConstraint(
            "(kind = 'trading') = (trader_id IS NOT NULL)", name=op.f("ck_account_trading_of_trader")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_account_closed_has_moment")
        ),
        sa.CheckConstraint("id > 0", name=op.f("ck_account_number_positive")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_account_holder_id")),
        sa.ForeignKeyConstraint(["trader_id"], ["trader.id"], name=op.f("fk_account_trader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("holder_id", name=op.f("uq_account_holder_id")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        sa.UniqueConstraint("trader_id", name=op.f("uq_account_trader_id")),
    )
    op.create_index(op.f("ix_account_search_key"), "account", ["search_key"], unique=False)


def _make_unit_class() -> None:
    op.create_table(
        "unit_class",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("unit_type", _choice("unit_type", "JAA", "jVER"), nullable=False),
        sa.Column("phase_id", Whole, nullable=True),
        sa.CheckConstraint(
            "(unit_type = 'JAA') = (phase_id IS NOT NULL)", name=op.f("ck_unit_class_jaa_has_phase")
        ),
        sa.ForeignKeyConstraint(["phase_id"], ["phase.id"], name=op.f("fk_unit_class_phase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_class")),
    )
    op.create_index(
        "uq_unit_class_jaa_phase",
        "unit_class",
        ["phase_id"],
        unique=True,
        sqlite_where=sa.text("phase_id IS NOT NULL"),
        postgresql_where=sa.text("phase_id IS NOT NULL"),
    )
    op.create_index(
        "uq_unit_class_jver",
        "unit_class",
        ["unit_type"],
        unique=True,
        sqlite_where=sa.text("phase_id IS NULL"),
        postgresql_where=sa.text("phase_id IS NULL"),
    )


def _make_holding() -> None:
    op.create_table(
        "holding",
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("unit_class_id", Whole, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("promised", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "promised <= quantity OR account_id = 1", name=op.f("ck_holding_promised_is_there")
        ),
        sa.CheckConstraint("promised >= 0", name=op.f("ck_holding_promised_not_negative")),
        sa.CheckConstraint("quantity >= 0 OR account_id = 1", name=op.f("ck_holding_not_below_zero")),
        sa.CheckConstraint(
            "quantity BETWEEN -9007199254740991 AND 9007199254740991",
            name=op.f("ck_holding_quantity_bounded"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_holding_account_id")),
        sa.ForeignKeyConstraint(["unit_class_id"], ["unit_class.id"], name=op.f("fk_holding_unit_class_id")),
        sa.PrimaryKeyConstraint("account_id", "unit_class_id", name=op.f("pk_holding")),
    )


def _movement_columns() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            _choice(
                "movement_kind",
                "issue",
                "issue_jver",
                "transfer",
                "retire",
                "cancel",
                "offset",
                "carry_over",
                "correction",
            ),
            nullable=False,
        ),
        sa.Column(
            "state", _choice("movement_state", "proposed", "executed", "withdrawn", "expired"), nullable=False
        ),
        sa.Column("source_id", Whole, nullable=False),
        sa.Column("target_id", Whole, nullable=False),
        sa.Column("unit_class_id", Whole, nullable=False),
        sa.Column("target_class_id", Whole, nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("holder_id", Whole, nullable=True),
        sa.Column("reverses_id", Whole, nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.Column("voluntary", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("proposed_by_id", Whole, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", Whole, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _movement_rules() -> list[sa.schema.SchemaItem]:
    return [
        sa.CheckConstraint(
            "(kind = 'correction') = (reverses_id IS NOT NULL)",
            name=op.f("ck_movement_correction_has_original"),
        ),
        sa.CheckConstraint(
            "(kind = 'issue') = (holder_id IS NOT NULL)", name=op.f("ck_movement_issue_has_holder")
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at IS NULL)", name=op.f("ck_movement_decided_if_left")
        ),
        sa.CheckConstraint(
            "kind NOT IN ('issue', 'issue_jver', 'carry_over', 'correction') OR state <> 'executed' OR "
            "(decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id)",
            name=op.f("ck_movement_four_eyes"),
        ),
        sa.CheckConstraint(
            "source_id <> target_id OR kind = 'carry_over'", name=op.f("ck_movement_accounts_differ")
        ),
        sa.CheckConstraint(
            "quantity > 0 AND quantity <= 9007199254740991", name=op.f("ck_movement_quantity_positive")
        ),
        sa.ForeignKeyConstraint(["decided_by_id"], ["user.id"], name=op.f("fk_movement_decided_by_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_movement_holder_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["user.id"], name=op.f("fk_movement_proposed_by_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_transaction.id"], name="fk_movement_reverses_id", use_alter=True
        ),
        sa.ForeignKeyConstraint(["source_id"], ["account.id"], name=op.f("fk_movement_source_id")),
        sa.ForeignKeyConstraint(
            ["target_class_id"], ["unit_class.id"], name=op.f("fk_movement_target_class_id")
        ),
        sa.ForeignKeyConstraint(["target_id"], ["account.id"], name=op.f("fk_movement_target_id")),
        sa.ForeignKeyConstraint(["unit_class_id"], ["unit_class.id"], name=op.f("fk_movement_unit_class_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_movement_idempotency_key")),
    ]


def _make_movement() -> None:
    op.create_table("movement", *_movement_columns(), *_movement_rules())
    op.create_index("ix_movement_queue", "movement", ["state", "proposed_at"], unique=False)
    op.create_index(op.f("ix_movement_source_id"), "movement", ["source_id"], unique=False)
    op.create_index(op.f("ix_movement_target_id"), "movement", ["target_id"], unique=False)
    op.create_index(
        "uq_movement_corrected_once",
        "movement",
        ["reverses_id"],
        unique=True,
        sqlite_where=sa.text("reverses_id IS NOT NULL AND state IN ('proposed', 'executed')"),
        postgresql_where=sa.text("reverses_id IS NOT NULL AND state IN ('proposed', 'executed')"),
    )
    op.create_index(
        "uq_movement_issue_once",
        "movement",
        ["holder_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'issue' AND state IN ('proposed', 'executed')"),
        postgresql_where=sa.text("kind = 'issue' AND state IN ('proposed', 'executed')"),
    )


def _make_ledger_transaction() -> None:
    op.create_table(
        "ledger_transaction",
        sa.Column("id", Whole, autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            _choice(
                "movement_kind",
                "issue",
                "issue_jver",
                "transfer",
                "retire",
                "cancel",
                "offset",
                "carry_over",
                "correction",
            ),
            nullable=False,
        ),
        sa.Column("movement_id", Whole, nullable=False),
        sa.Column("reverses_id", Whole, nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_by_id", Whole, nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(id = 1) = (previous_hash = '')", name=op.f("ck_ledger_transaction_first_has_no_predecessor")
        ),
        sa.CheckConstraint("id > 0", name=op.f("ck_ledger_transaction_number_positive")),
        sa.CheckConstraint(
            "reverses_id IS NULL OR reverses_id < id",
            name=op.f("ck_ledger_transaction_reverses_an_earlier_one"),
        ),
        sa.ForeignKeyConstraint(
            ["movement_id"], ["movement.id"], name=op.f("fk_ledger_transaction_movement_id")
        ),
        sa.ForeignKeyConstraint(
            ["posted_by_id"], ["user.id"], name=op.f("fk_ledger_transaction_posted_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_transaction.id"], name=op.f("fk_ledger_transaction_reverses_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transaction")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_transaction_hash")),
        sa.UniqueConstraint("movement_id", name=op.f("uq_ledger_transaction_movement_id")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_transaction_reverses_id")),
    )


def _make_ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("transaction_id", Whole, nullable=False),
        sa.Column("account_id", Whole, nullable=False),
        sa.Column("unit_class_id", Whole, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_ledger_entry_quantity_not_zero")),
        sa.CheckConstraint(
            "quantity BETWEEN -9007199254740991 AND 9007199254740991",
            name=op.f("ck_ledger_entry_quantity_bounded"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_ledger_entry_account_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transaction.id"], name=op.f("fk_ledger_entry_transaction_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_class_id"], ["unit_class.id"], name=op.f("fk_ledger_entry_unit_class_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint(
            "transaction_id",
            "account_id",
            "unit_class_id",
            name=op.f("uq_ledger_entry_transaction_id_account_id_unit_class_id"),
        ),
    )
    op.create_index(
        "ix_ledger_entry_statement", "ledger_entry", ["account_id", "unit_class_id", "id"], unique=False
    )


def _make_ledger_head() -> None:
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_ledger_head_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )


def _make_compliance_snapshot() -> None:
    op.create_table(
        "compliance_snapshot",
        sa.Column("id", Whole, autoincrement=True, nullable=False),
        sa.Column("holder_id", Whole, nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("target_emissions", Whole, nullable=True),
        sa.Column("retired", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_compliance_snapshot_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compliance_snapshot")),
        sa.UniqueConstraint("holder_id", name=op.f("uq_compliance_snapshot_holder_id")),
    )


def upgrade() -> None:
    _make_account()
    _make_unit_class()
    _make_holding()
    _make_movement()
    _make_ledger_transaction()
    _make_ledger_entry()
    _make_ledger_head()
    _make_compliance_snapshot()
    if op.get_bind().dialect.name == "postgresql":  # SQLite took it with the table; here it closes a circle
        op.create_foreign_key(
            "fk_movement_reverses_id", "movement", "ledger_transaction", ["reverses_id"], ["id"]
        )
    refuse_changes("ledger_transaction", "ledger_entry")
    _scheme_accounts()


def _scheme_accounts() -> None:
    """The scheme's own accounts (domain §1), the chain's beginning and the jVER class."""
    moment = sa.func.current_timestamp()
    account = sa.table(
        "account",
        *(sa.column(name) for name in ("id", "kind", "state", "name", "search_key", "opened_at", "version")),
    )
    for number, kind, name in (
        (1, "issuance", "発行口座"),
        (2, "retirement", "償却口座"),
        (101, "cancellation", "取消口座"),
        (201, "offset", "オフセット口座"),
    ):
        op.execute(
            account.insert().values(
                id=number, kind=kind, state="open", name=name, search_key=name, opened_at=moment, version=1
            )
        )
    head = sa.table("ledger_head", sa.column("id"), sa.column("last_number"), sa.column("last_hash"))
    op.execute(head.insert().values(id=1, last_number=0, last_hash=""))
    unit_class = sa.table("unit_class", sa.column("unit_type"))
    op.execute(unit_class.insert().values(unit_type="jVER"))


def downgrade() -> None:
    allow_changes("ledger_transaction", "ledger_entry")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_movement_reverses_id", "movement", type_="foreignkey")
    op.drop_table("compliance_snapshot")
    op.drop_table("ledger_head")
    op.drop_table("ledger_entry")
    op.drop_table("ledger_transaction")
    op.drop_table("movement")
    op.drop_table("holding")
    op.drop_table("unit_class")
    op.drop_table("account")
