"""What happened, by whom, on what: one row for each state change, in its transaction (safety 13).

A trigger in both databases refuses UPDATE and DELETE.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text40

if TYPE_CHECKING:
    from portal.models.user import User


#: what an account's owner reads in the ledger itself; there is one for every movement
UNTOLD = "tag <> 'movement_executed'"


class Event(Base):
    """An audit event. ``tag`` is a value of ``services.audit.EventTag``."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_subject", "subject_type", "subject_id", "id"),
        Index("ix_event_holder", "holder_id", "id"),
        Index("ix_event_told", "holder_id", "id", sqlite_where=text(UNTOLD), postgresql_where=text(UNTOLD)),
    )
    id: Mapped[Key]
    at: Mapped[datetime]
    tag: Mapped[Text40] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    subject_type: Mapped[Text40]
    subject_id: Mapped[int]
    #: the participant whose affair it is, for the participant's own time line
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"))
    reason: Mapped[str | None] = mapped_column(String(2000))
    facts: Mapped[dict[str, Any]]

    actor: Mapped[User | None] = relationship()
