"""Movements of allowances, from proposal to posting (domain §5)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.account import Account, UnitClass
from portal.models.base import MAX_QUANTITY, Base, Key, Quantity, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.ledger import LedgerTransaction
    from portal.models.organisation import Holder
    from portal.models.settlement import IssueBatch
    from portal.models.user import User


class MovementKind(StrEnum):
    ISSUE = "issue"  # 発行
    ISSUE_JVER = "issue_jver"  # jVERの発行
    TRANSFER = "transfer"  # 移転
    RETIRE = "retire"  # 償却
    CANCEL = "cancel"  # 取消
    OFFSET = "offset"  # オフセット
    CARRY_OVER = "carry_over"  # バンキング
    CORRECTION = "correction"  # 訂正


class MovementState(StrEnum):
    PROPOSED = "proposed"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


#: kinds of the secretariat: one proposes, another confirms (domain §2)
FOUR_EYES_KINDS = frozenset(
    {MovementKind.ISSUE, MovementKind.ISSUE_JVER, MovementKind.CARRY_OVER, MovementKind.CORRECTION}
)


class Movement(Versioned, Base):
    """One movement: proposed, then executed (posted), withdrawn or expired."""

    __tablename__ = "movement"
    __table_args__ = (
        CheckConstraint(f"quantity > 0 AND quantity <= {MAX_QUANTITY}", "quantity_positive"),
        CheckConstraint("source_id <> target_id OR kind = 'carry_over'", "accounts_differ"),
        CheckConstraint("(kind = 'issue') = (holder_id IS NOT NULL)", "issue_has_holder"),
        CheckConstraint("(kind = 'correction') = (reverses_id IS NOT NULL)", "correction_has_original"),
        CheckConstraint(
            "kind NOT IN ('issue', 'issue_jver', 'carry_over', 'correction') OR state <> 'executed'"
            " OR (decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id)",
            "four_eyes",
        ),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", "decided_if_left"),
        Index(
            "uq_movement_issue_once",
            "holder_id",
            "attempt",
            unique=True,
            sqlite_where=text("kind = 'issue' AND state IN ('proposed', 'executed')"),
            postgresql_where=text("kind = 'issue' AND state IN ('proposed', 'executed')"),
        ),
        Index(
            "uq_movement_corrected_once",
            "reverses_id",
            unique=True,
            sqlite_where=text("reverses_id IS NOT NULL AND state IN ('proposed', 'executed')"),
            postgresql_where=text("reverses_id IS NOT NULL AND state IN ('proposed', 'executed')"),
        ),
        Index("ix_movement_queue", "state", "proposed_at"),
        Index("ix_movement_source_id", "source_id", "kind", "target_id"),
        Index("ix_movement_target_id", "target_id", "kind", "source_id"),
        Index("ix_movement_unit_class_id", "unit_class_id", "kind"),
        Index("ix_movement_proposed_at", "proposed_at"),
        # plain but for what is empty: SQLite does not find a partial index whose condition has a parameter
        *(
            Index(
                f"ix_movement_{column}",
                column,
                sqlite_where=text(f"{column} IS NOT NULL"),
                postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("holder_id", "reverses_id", "target_class_id")
        ),
    )
    id: Mapped[Key]
    kind: Mapped[MovementKind] = mapped_column(enum_type(MovementKind, "movement_kind"))
    state: Mapped[MovementState] = mapped_column(enum_type(MovementState, "movement_state"))
    source_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    unit_class_id: Mapped[int] = mapped_column(ForeignKey("unit_class.id"))
    #: carry-over only: the class the units become
    target_class_id: Mapped[int | None] = mapped_column(ForeignKey("unit_class.id"))
    quantity: Mapped[Quantity]
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"))
    #: which issue of its holder: one more for each that was corrected (other kinds: 1)
    attempt: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    reverses_id: Mapped[int | None] = mapped_column(
        ForeignKey("ledger_transaction.id", use_alter=True, name="fk_movement_reverses_id")
    )
    note: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(String(2000))
    #: "retire more than needed" was ticked
    voluntary: Mapped[bool] = mapped_column(default=False)
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]
    #: one of many that are proposed and executed together
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("issue_batch.id"), index=True)

    source: Mapped[Account] = relationship(foreign_keys=[source_id])
    target: Mapped[Account] = relationship(foreign_keys=[target_id])
    unit_class: Mapped[UnitClass] = relationship(foreign_keys=[unit_class_id])
    target_class: Mapped[UnitClass | None] = relationship(foreign_keys=[target_class_id])
    holder: Mapped[Holder | None] = relationship()
    batch: Mapped[IssueBatch | None] = relationship(back_populates="movements")
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])
    transaction: Mapped[LedgerTransaction | None] = relationship(
        back_populates="movement", foreign_keys="LedgerTransaction.movement_id"
    )
