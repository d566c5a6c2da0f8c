"""Uploaded and made files. Their bytes lie in a table of their own, by SHA-256 (stack.md)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text100, Text200

if TYPE_CHECKING:
    from portal.models.user import User


class DocumentContent(Base):
    """The bytes, once per content."""

    __tablename__ = "document_content"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]


class Document(Base):
    """A file as somebody gave it or the portal made it."""

    __tablename__ = "document"
    __table_args__ = (CheckConstraint("size >= 0", "size_not_negative"),)
    id: Mapped[Key]
    sha256: Mapped[str] = mapped_column(ForeignKey("document_content.sha256"), index=True)
    name: Mapped[Text200]
    media_type: Mapped[Text100]
    size: Mapped[int]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    created_by: Mapped[User | None] = relationship()
