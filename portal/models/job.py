"""Long work, claimed with a lease by the worker; and the memory of forms already carried out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Key, Text40, enum_type


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(Base):
    """One piece of background work with its progress."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("progress >= 0 AND (total IS NULL OR progress <= total)", "progress_in_total"),
        Index("ix_job_queue", "state", "next_try_at"),
        Index("ix_job_kind", "kind", "id"),
    )
    id: Mapped[Key]
    kind: Mapped[Text40]
    state: Mapped[JobState] = mapped_column(enum_type(JobState, "job_state"))
    payload: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    progress: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int | None] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
    #: a job of a given name is queued once (the deadline snapshot, the nightly proof)
    once_key: Mapped[str | None] = mapped_column(String(100), unique=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DoneOnce(Base):
    """A form that was carried out: its key, what it contained, and what it made (habit 4)."""

    __tablename__ = "done_once"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    action: Mapped[Text40]
    content_hash: Mapped[str] = mapped_column(String(64))
    result_id: Mapped[int]
    created_at: Mapped[datetime]


class PortalState(Base):
    """The one row about this installation: is it a demonstration, and what its clock shows."""

    __tablename__ = "portal_state"
    __table_args__ = (CheckConstraint("id = 1", "only_one"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    demonstration: Mapped[bool] = mapped_column(default=False)
    clock_shift_seconds: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
