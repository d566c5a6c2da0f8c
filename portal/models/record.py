"""A participant's record over time: what was registered when, paper changes, the office's notes."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, enum_type

if TYPE_CHECKING:
    from portal.models.document import Document
    from portal.models.organisation import Holder, Trader, Verifier
    from portal.models.user import User

#: whose it is: exactly one of the three
ONE_OWNER = (
    "(CASE WHEN holder_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN trader_id IS NULL THEN 0 ELSE 1 END)"
    " + (CASE WHEN verifier_id IS NULL THEN 0 ELSE 1 END) = 1"
)


class RecordCause(StrEnum):
    REGISTERED = "registered"  # 登録
    CONTACT_CHANGE = "contact_change"  # 担当者の変更申請
    COMPANY_CHANGE = "company_change"  # 登録情報変更申請書
    CONSENT = "consent"  # 公開の同意の変更
    CARRIED_OVER = "carried_over"  # 履歴を始めたときの内容


class RegistrationVersion(Base):
    """All registered facts of a participant from a moment on. A trigger refuses UPDATE and DELETE."""

    __tablename__ = "registration_version"
    __table_args__ = (CheckConstraint(ONE_OWNER, "one_owner"),)
    id: Mapped[Key]
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"), index=True)
    trader_id: Mapped[int | None] = mapped_column(ForeignKey("trader.id"), index=True)
    verifier_id: Mapped[int | None] = mapped_column(ForeignKey("verifier.id"), index=True)
    valid_from: Mapped[datetime]
    cause: Mapped[RecordCause] = mapped_column(enum_type(RecordCause, "record_cause"))
    #: the contact change or company change it came from
    cause_id: Mapped[int | None]
    facts: Mapped[dict[str, Any]]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    actor: Mapped[User | None] = relationship()


class CompanyChange(Base):
    """A change of names made by the secretariat from paper (登録情報変更申請書): old and new are kept."""

    __tablename__ = "company_change"
    __table_args__ = (
        CheckConstraint(ONE_OWNER, "one_owner"),
        CheckConstraint("seal_received", "seal_received"),
    )
    id: Mapped[Key]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"), index=True)
    trader_id: Mapped[int | None] = mapped_column(ForeignKey("trader.id"), index=True)
    verifier_id: Mapped[int | None] = mapped_column(ForeignKey("verifier.id"), index=True)
    received_on: Mapped[date]
    seal_received: Mapped[bool]
    old: Mapped[dict[str, Any]]
    new: Mapped[dict[str, Any]]
    note: Mapped[str | None] = mapped_column(String(2000))
    #: the scan of the paper, if there is one
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    recorded_at: Mapped[datetime]

    document: Mapped[Document | None] = relationship()
    recorded_by: Mapped[User] = relationship()
    holder: Mapped[Holder | None] = relationship()
    trader: Mapped[Trader | None] = relationship()
    verifier: Mapped[Verifier | None] = relationship()


class ParticipantNote(Base):
    """A note of the office on a participant. A trigger refuses UPDATE and DELETE."""

    __tablename__ = "participant_note"
    __table_args__ = (
        CheckConstraint(ONE_OWNER, "one_owner"),
        CheckConstraint("length(text) > 0", "text_given"),
    )
    id: Mapped[Key]
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"), index=True)
    trader_id: Mapped[int | None] = mapped_column(ForeignKey("trader.id"), index=True)
    verifier_id: Mapped[int | None] = mapped_column(ForeignKey("verifier.id"), index=True)
    text: Mapped[str] = mapped_column(String(2000))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]

    created_by: Mapped[User] = relationship()
