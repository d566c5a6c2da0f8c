"""The outbox: mail waits here in the business transaction and leaves after the commit (domain §7)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Key, Text40, Text200, enum_type


class MailState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class MailMessage(Base):
    """One message to one reader. The Message-ID is fixed when it is queued."""

    __tablename__ = "mail_message"
    __table_args__ = (
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", "sent_has_moment"),
        CheckConstraint("attempts >= 0", "attempts_not_negative"),
        Index("ix_mail_message_queue", "state", "next_try_at"),
        Index("ix_mail_message_recipient", "recipient", "id"),
    )
    id: Mapped[Key]
    kind: Mapped[Text40]
    locale: Mapped[str] = mapped_column(String(5))
    recipient: Mapped[Text200]
    recipient_name: Mapped[Text200]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    #: emissions-report mail may go to address B; everything else may not (safety 17)
    about_allowances: Mapped[bool]
    subject: Mapped[Text200]
    body: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    state: Mapped[MailState] = mapped_column(enum_type(MailState, "mail_state"))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
