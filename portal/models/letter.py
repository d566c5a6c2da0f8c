"""Letters: what was written to whom, printed, posted, returned (domain §3)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text200, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.document import Document
    from portal.models.registration import RegistrationApplication


class LetterKind(StrEnum):
    COMPLETION = "completion"  # 登録完了通知書
    CORRECTION = "correction"  # 補正依頼
    REJECTION = "rejection"  # 却下通知
    REISSUE = "reissue"  # パスワード再発行通知書


class LetterState(StrEnum):
    WAITING = "waiting"  # 印刷待ち
    PRINTED = "printed"  # 印刷済
    POSTED = "posted"  # 発送済
    RETURNED = "returned"  # 不達で戻った


class Letter(Versioned, Base):
    """One letter. ``content`` never holds a password; the kept copy has them blacked out."""

    __tablename__ = "letter"
    __table_args__ = (
        CheckConstraint("state <> 'posted' OR posted_on IS NOT NULL", "posted_has_day"),
        CheckConstraint("prints >= 0", "prints_not_negative"),
        Index("ix_letter_queue", "state", "created_at"),
    )
    id: Mapped[Key]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[LetterKind] = mapped_column(enum_type(LetterKind, "letter_kind"))
    state: Mapped[LetterState] = mapped_column(enum_type(LetterState, "letter_state"))
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"), index=True)
    addressee: Mapped[Text200]
    content: Mapped[dict[str, Any]]
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    prints: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    printed_at: Mapped[datetime | None]
    posted_on: Mapped[date | None]
    returned_on: Mapped[date | None]

    application: Mapped[RegistrationApplication] = relationship()
    copy: Mapped[Document | None] = relationship()
