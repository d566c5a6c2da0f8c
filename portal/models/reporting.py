"""What lies around the reports: drafts of verification, factor tables proposed, reminders, publications."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Versioned, enum_type
from portal.models.proposal import ProposalState

if TYPE_CHECKING:
    from portal.models.organisation import Holder
    from portal.models.phase import Phase
    from portal.models.report import VerifierAssignment
    from portal.models.user import User


class VerificationDraft(Versioned, Base):
    """What a verifier has written about an assigned report so far; the holder and the office never see it."""

    __tablename__ = "verification_draft"
    id: Mapped[Key]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("verifier_assignment.id"), unique=True)
    #: item of the checklist → its answer and remark
    checklist: Mapped[dict[str, Any]]
    opinion: Mapped[str | None] = mapped_column(String(40))
    #: as typed; judged only when the verification report is registered
    verified: Mapped[str | None] = mapped_column(String(40))
    findings: Mapped[str | None] = mapped_column(String(4000))
    saved_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    saved_at: Mapped[datetime]

    assignment: Mapped[VerifierAssignment] = relationship()
    saved_by: Mapped[User] = relationship()


class FactorProposal(Versioned, Base):
    """A new factor table of a fiscal year: one proposes, another confirms; confirming makes the rows."""

    __tablename__ = "factor_proposal"
    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_factor_proposal_open",
            "fiscal_year",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        Index("ix_factor_proposal_queue", "state", "proposed_at"),
    )
    id: Mapped[Key]
    fiscal_year: Mapped[int] = mapped_column(Integer)
    #: the whole table as it will be: {"rows": [code, names, unit, kind, numbers as text]}
    content: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(String(2000))
    state: Mapped[ProposalState] = mapped_column(enum_type(ProposalState, "factor_proposal_state"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    confirmed_at: Mapped[datetime | None]

    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])


class ReminderSubject(StrEnum):
    BASE = "base"  # 基準年度の算定報告書
    TARGET = "target"  # 削減目標年度の算定報告書
    ADJUSTMENT = "adjustment"  # 調整・自主削減年度の算定報告書
    RETIREMENT = "retirement"  # 償却期限
    BANKING = "banking"  # バンキングの申請期間の終わり
    NEEDED_BASE = "needed_base"  # 基準年度の排出量が要る日（発行の開始）
    NEEDED_TARGET = "needed_target"  # 削減目標年度の排出量が要る日（償却期限）


class Reminder(Base):
    """That somebody was reminded of a holder's deadline: once for each distance, whatever runs twice."""

    __tablename__ = "reminder"
    __table_args__ = (
        UniqueConstraint("holder_id", "subject", "due", "days", "told_to"),
        Index("ix_reminder_sent_at", "sent_at"),
    )
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"))
    subject: Mapped[ReminderSubject] = mapped_column(enum_type(ReminderSubject, "reminder_subject"))
    due: Mapped[date]
    #: days before the deadline (30, 7, 1); −1 the day after it
    days: Mapped[int] = mapped_column(Integer)
    #: who had it: ``holder``, ``secretariat`` or ``verifier:`` with its number
    told_to: Mapped[str] = mapped_column(String(40))
    sent_at: Mapped[datetime]

    holder: Mapped[Holder] = relationship()


class PublicationSubject(StrEnum):
    EMISSIONS = "emissions"  # 検証済排出量
    ALLOWANCES = "allowances"  # 排出枠の総量と目標遵守


class PublicationState(StrEnum):
    PROPOSED = "proposed"  # 確認待ち
    RELEASED = "released"  # 公表中
    WITHDRAWN = "withdrawn"  # 取下げ・却下
    REPLACED = "replaced"  # 差替え済
    ENDED = "ended"  # 公表終了
    EXPIRED = "expired"  # 起案の期限切れ


class Publication(Versioned, Base):
    """A table of a phase for the public, as it stood when it was proposed; two persons release it."""

    __tablename__ = "publication"
    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint(
            "(state IN ('released', 'replaced', 'ended')) = (confirmed_by_id IS NOT NULL)",
            "confirmer_if_released",
        ),
        Index(
            "uq_publication_open",
            "phase_id",
            "subject",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(
            "uq_publication_released",
            "phase_id",
            "subject",
            unique=True,
            sqlite_where=text("state = 'released'"),
            postgresql_where=text("state = 'released'"),
        ),
    )
    id: Mapped[Key]
    phase_id: Mapped[int] = mapped_column(ForeignKey("phase.id"))
    subject: Mapped[PublicationSubject] = mapped_column(enum_type(PublicationSubject, "publication_subject"))
    state: Mapped[PublicationState] = mapped_column(enum_type(PublicationState, "publication_state"))
    #: what the public reads: rows and sums, frozen
    content: Mapped[dict[str, Any]]
    note: Mapped[str | None] = mapped_column(String(2000))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    released_at: Mapped[datetime | None]
    #: when it was replaced or ended, by whom and why
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(2000))
    #: while it is public: since when the record says something else
    differs_since: Mapped[datetime | None]

    phase: Mapped[Phase] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])
    ended_by: Mapped[User | None] = relationship(foreign_keys=[ended_by_id])
