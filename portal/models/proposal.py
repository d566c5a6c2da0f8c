"""What one person of the secretariat proposes and another confirms: account states, phases (domain §2)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.account import Account
    from portal.models.phase import Phase
    from portal.models.user import User


class ProposalState(StrEnum):
    PROPOSED = "proposed"  # 確認待ち
    CONFIRMED = "confirmed"  # 確定
    WITHDRAWN = "withdrawn"  # 取下げ・却下
    EXPIRED = "expired"  # 起案の期限切れ


class AccountAction(StrEnum):
    SUSPEND = "suspend"  # 停止
    RESUME = "resume"  # 再開
    CLOSE = "close"  # 閉鎖


class AccountChange(Versioned, Base):
    """A proposed change of an account's state. Nothing changes until another person confirms it."""

    __tablename__ = "account_change"
    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_account_change_open",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        Index("ix_account_change_queue", "state", "proposed_at"),
    )
    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    action: Mapped[AccountAction] = mapped_column(enum_type(AccountAction, "account_action"))
    state: Mapped[ProposalState] = mapped_column(enum_type(ProposalState, "proposal_state"))
    reason: Mapped[str] = mapped_column(String(2000))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    confirmed_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])


class PhaseProposal(Versioned, Base):
    """A phase to be opened, or new dates and rules for one (``phase_id``); confirming makes the rows."""

    __tablename__ = "phase_proposal"
    __table_args__ = (
        CheckConstraint("number > 0", "number_positive"),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_phase_proposal_open",
            "number",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        Index("ix_phase_proposal_queue", "state", "proposed_at"),
    )
    id: Mapped[Key]
    #: the phase whose dates change; none while a phase is being opened
    phase_id: Mapped[int | None] = mapped_column(ForeignKey("phase.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    years: Mapped[dict[str, Any]]
    dates: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(String(2000))
    state: Mapped[ProposalState] = mapped_column(enum_type(ProposalState, "phase_proposal_state"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    confirmed_at: Mapped[datetime | None]

    phase: Mapped[Phase | None] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])
