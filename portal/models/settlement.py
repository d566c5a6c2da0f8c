"""Issuing a whole phase at once, closing a phase, and what the second book found (domain §5, safety 10)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Quantity, Versioned, enum_type
from portal.models.proposal import ProposalState

if TYPE_CHECKING:
    from portal.models.movement import Movement
    from portal.models.phase import Phase
    from portal.models.user import User


class IssueBatchState(StrEnum):
    PROPOSED = "proposed"  # 確認待ち
    EXECUTED = "executed"  # 実行済
    WITHDRAWN = "withdrawn"  # 取下げ・却下
    EXPIRED = "expired"  # 起案の期限切れ


class IssueBatch(Versioned, Base):
    """The issue to many holders of a phase as one proposal: its movements wait and are executed together."""

    __tablename__ = "issue_batch"
    __table_args__ = (
        CheckConstraint("count > 0 AND total > 0", "not_empty"),
        CheckConstraint(
            "state <> 'executed' OR (decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id)",
            "four_eyes",
        ),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", "decided_if_left"),
        Index(
            "uq_issue_batch_open",
            "phase_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
    )
    id: Mapped[Key]
    phase_id: Mapped[int] = mapped_column(ForeignKey("phase.id"))
    state: Mapped[IssueBatchState] = mapped_column(enum_type(IssueBatchState, "issue_batch_state"))
    #: how many movements, and their units together
    count: Mapped[int] = mapped_column(Integer)
    total: Mapped[Quantity]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]

    phase: Mapped[Phase] = relationship()
    movements: Mapped[list[Movement]] = relationship(back_populates="batch", order_by="Movement.id")
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])


class PhaseClosing(Versioned, Base):
    """Closing a phase: its units stay visible and never move again; one proposes, another confirms."""

    __tablename__ = "phase_closing"
    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_phase_closing_live",
            "phase_id",
            unique=True,
            sqlite_where=text("state IN ('proposed', 'confirmed')"),
            postgresql_where=text("state IN ('proposed', 'confirmed')"),
        ),
    )
    id: Mapped[Key]
    phase_id: Mapped[int] = mapped_column(ForeignKey("phase.id"))
    state: Mapped[ProposalState] = mapped_column(enum_type(ProposalState, "phase_closing_state"))
    reason: Mapped[str] = mapped_column(String(2000))
    #: the phase's totals in units at the confirmation
    totals: Mapped[dict[str, Any] | None]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    confirmed_at: Mapped[datetime | None]

    phase: Mapped[Phase] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])


class BookCheck(Base):
    """One comparison of the ledger with the second book. The newest finished one decides (safety 10)."""

    __tablename__ = "book_check"
    __table_args__ = (
        CheckConstraint("ok = (problem IS NULL)", "problem_if_not_ok"),
        Index("ix_book_check_finished_at", "finished_at"),
    )
    id: Mapped[Key]
    ok: Mapped[bool]
    #: the first thing that differs, in words for the operator
    problem: Mapped[str | None] = mapped_column(String(2000))
    transactions: Mapped[Quantity]
    entries: Mapped[Quantity]
    #: the ledger's last number when it was read
    last_number: Mapped[Quantity]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    #: who pressed the button; none for the night
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    asked_by: Mapped[User | None] = relationship()
