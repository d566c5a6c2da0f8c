"""Seals over the tables of history (safety 9): what a night found there, so that later nights can compare."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Key, Quantity, Text40


class RecordSeal(Base):
    """The SHA-256 of the rows that a table had got since its last seal, chained to that one.

    A trigger refuses UPDATE and DELETE. What is hashed and how: ``services/seals.py``.
    """

    __tablename__ = "record_seal"
    __table_args__ = (
        CheckConstraint("rows > 0", "not_empty"),
        UniqueConstraint("table_name", "up_to"),
    )
    id: Mapped[Key]
    table_name: Mapped[Text40]
    #: which columns are hashed: those of this number in the program's list
    shape: Mapped[int] = mapped_column(Integer)
    #: the highest number that is sealed
    up_to: Mapped[Quantity]
    rows: Mapped[Quantity]
    hash: Mapped[str] = mapped_column(String(64))
    #: of the table's seal before; empty for its first
    previous_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
