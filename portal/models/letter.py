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
    from portal.models.job import Job
    from portal.models.registration import RegistrationApplication
    from portal.models.user import User


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
    VOID = "void"  # 取消済: not needed any more before it was printed


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


class BatchState(StrEnum):
    QUEUED = "queued"  # 作成中
    READY = "ready"  # 印刷できます
    GONE = "gone"  # 印刷用の控えは消去済
    FAILED = "failed"  # 作成できず


class LetterBatch(Versioned, Base):
    """Many letters printed as one PDF in address order.

    The PDF carries initial passwords, so it is kept only sealed: the worker encrypts it for a key
    whose private half lies in the cookie of whoever asked, and it is destroyed after its time.
    """

    __tablename__ = "letter_batch"
    __table_args__ = (
        CheckConstraint("(state = 'ready') = (sealed IS NOT NULL)", "sealed_if_ready"),
        CheckConstraint("letters > 0", "letters_positive"),
        Index("ix_letter_batch_owner", "created_by_id", "created_at"),
    )
    id: Mapped[Key]
    state: Mapped[BatchState] = mapped_column(enum_type(BatchState, "batch_state"))
    letter_ids: Mapped[list[Any]]
    letters: Mapped[int] = mapped_column(Integer)
    public_key: Mapped[bytes]
    #: loaded only by whoever opens it
    sealed: Mapped[bytes | None] = mapped_column(deferred=True)
    #: numbers of the letters that somebody else printed meanwhile
    left_out: Mapped[list[Any]]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    #: until then the PDF can be fetched, by whoever asked for it
    until: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))

    job: Mapped[Job | None] = relationship()
    created_by: Mapped[User] = relationship()
