"""Many rows from one Excel file: read, shown, carried out whole or not at all (bulk import)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text100, Text200, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.document import Document
    from portal.models.job import Job
    from portal.models.user import User


class ImportKind(StrEnum):
    APPLICATIONS = "applications"  # 登録申請
    TARGETS = "targets"  # 削減目標量


class ImportState(StrEnum):
    UPLOADED = "uploaded"  # 読み取り中
    READY = "ready"  # 確認待ち: every row is good, nothing is made yet
    REFUSED = "refused"  # 不備あり: something is wrong, nothing can be made
    RUNNING = "running"  # 取り込み中
    DONE = "done"  # 取り込み済
    FAILED = "failed"  # 取り込めず: nothing was made
    DISCARDED = "discarded"  # 破棄済


class Import(Versioned, Base):
    """One uploaded file of many rows. Its rows become records together, in one transaction."""

    __tablename__ = "import"
    __table_args__ = (
        CheckConstraint("rows_total >= 0 AND rows_bad >= 0 AND rows_bad <= rows_total", "rows_counted"),
        CheckConstraint("(state = 'done') = (finished_at IS NOT NULL)", "done_has_moment"),
        Index("ix_import_queue", "state", "created_at"),
    )
    id: Mapped[Key]
    kind: Mapped[ImportKind] = mapped_column(enum_type(ImportKind, "import_kind"))
    state: Mapped[ImportState] = mapped_column(enum_type(ImportState, "import_state"))
    state_since: Mapped[datetime]
    #: the file as it was called and what its bytes were; both outlive the file
    file_name: Mapped[Text200]
    file_sha256: Mapped[str] = mapped_column(String(64))
    #: gone when the details were thrown away
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    #: the piece of work that reads it or carries it out now
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    rows_total: Mapped[int] = mapped_column(Integer, default=0)
    rows_bad: Mapped[int] = mapped_column(Integer, default=0)
    #: the same file with its problems marked, where there are any
    marked_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    #: what is wrong with the file as a whole: spreadsheets' problems as JSON
    problems: Mapped[list[Any]]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    #: when the file and what its rows said were thrown away
    cleared_at: Mapped[datetime | None]

    document: Mapped[Document | None] = relationship(foreign_keys=[document_id])
    marked: Mapped[Document | None] = relationship(foreign_keys=[marked_id])
    job: Mapped[Job | None] = relationship()
    created_by: Mapped[User] = relationship()
    rows: Mapped[list[ImportRow]] = relationship(back_populates="parent", order_by="ImportRow.position")


class ImportRow(Base):
    """One row of the file: what it says, what is wrong with it, what it became."""

    __tablename__ = "import_row"
    __table_args__ = (UniqueConstraint("import_id", "position"),)
    id: Mapped[Key]
    import_id: Mapped[int] = mapped_column(ForeignKey("import.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    sheet: Mapped[Text100]
    row_number: Mapped[int] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(400))
    values: Mapped[dict[str, Any]]
    #: [{"cell", "found", "expected", "code", …}], empty if the row is good
    problems: Mapped[list[Any]]
    #: what it looks like: other rows and registrations, shown before it is carried out
    similar: Mapped[list[Any]]
    #: the application or target it became
    made_id: Mapped[int | None]

    parent: Mapped[Import] = relationship(back_populates="rows")
