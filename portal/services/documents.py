"""Files that were uploaded or made: stored once per content, by SHA-256 (stack: files)."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from collections.abc import Collection
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Refusal, refuse
from portal.models import Document, DocumentContent, User

PDF = "application/pdf"
CSV = "text/csv"
PNG = "image/png"
JPEG = "image/jpeg"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

#: how the kinds are called in refusals
KIND_NAMES = {PDF: "PDF", PNG: "PNG", JPEG: "JPEG", XLSX: "Excel (.xlsx)", DOCX: "Word (.docx)"}
_EXTENSIONS = {PDF: (".pdf",), PNG: (".png",), JPEG: (".jpg", ".jpeg"), XLSX: (".xlsx",), DOCX: (".docx",)}

_MAGIC = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))
_NAME_LIMIT = 200


def insert_if_absent(session: Session, table: Table, **values: Any) -> bool:
    """Insert a row unless its key is there: two writers of the same key do not disturb each other.

    Returns whether this call put it there.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # the row comes back only if it was put in; a count of rows is not told by every driver
    put = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return session.execute(put).first() is not None


def store(session: Session, name: str, data: bytes, media_type: str, *, actor: User | None) -> Document:
    """Keep ``data`` under ``name``; the same bytes lie in the database once. Returns the document."""
    digest = hashlib.sha256(data).hexdigest()
    table = DocumentContent.__table__
    assert isinstance(table, Table)
    insert_if_absent(session, table, sha256=digest, content=data)
    document = Document(
        sha256=digest,
        name=safe_name(name),
        media_type=media_type,
        size=len(data),
        created_at=clock.now(),
        created_by_id=actor.id if actor is not None else None,
    )
    session.add(document)
    session.flush()
    return document


def read(session: Session, document: Document) -> bytes:
    """The bytes of a document (who may read it is the caller's question). Raises ``NotFound``."""
    row = session.get(DocumentContent, document.sha256)
    if row is None:
        raise NotFound
    return row.content


def safe_name(name: str) -> str:
    """The last part of a file's name, without what a file system or a header could misread."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    plain = re.sub(r'[<>:"|?*;]', "_", plain).strip(" .")
    if not plain:
        return "file"
    if len(plain) > _NAME_LIMIT:
        stem, dot, extension = plain.rpartition(".")
        plain = (
            f"{stem[: _NAME_LIMIT - len(extension) - 1]}.{extension}"
            if dot and len(extension) < 10
            else plain
        )
    return plain[:_NAME_LIMIT]


def named_as(name: str, media_type: str) -> str:
    """A safe name whose extension says what the bytes are, whatever was sent."""
    plain = safe_name(name)
    endings = _EXTENSIONS[media_type]
    if plain.lower().endswith(endings):
        return plain
    stem, dot, ending = plain.rpartition(".")
    known = any(f".{ending.lower()}" in some for some in _EXTENSIONS.values())
    return safe_name((stem if dot and known else plain)[: _NAME_LIMIT - len(endings[0])] + endings[0])


def sniff(data: bytes) -> str | None:
    """What the bytes are, whatever the name says: pdf, png, jpeg, xlsx, docx, else ``None``."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data.startswith(b"PK\x03\x04"):
        return _office_kind(data)
    return None


def _office_kind(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = set(parts.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return None
    if "[Content_Types].xml" not in names or any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "xl/workbook.xml" in names:
        return XLSX
    if "word/document.xml" in names:
        return DOCX
    return None


def check_upload(
    name: str, data: bytes, *, kinds: Collection[str], limit_mb: int, field: str = "file"
) -> str:
    """The media type of an upload that is one of ``kinds`` by content and by name.

    Raises ``Refused`` with FILE_NEEDED, FILE_TOO_LARGE or FILE_KIND at ``field``.
    """
    if not data:
        raise refuse(Refusal.FILE_NEEDED, field)
    if len(data) > limit_mb * 1024 * 1024:
        raise refuse(Refusal.FILE_TOO_LARGE, field, limit=limit_mb)
    media_type = sniff(data)
    named_so = media_type is not None and safe_name(name).lower().endswith(_EXTENSIONS[media_type])
    if media_type is None or media_type not in kinds or not named_so:
        allowed = tuple(KIND_NAMES[kind] for kind in KIND_NAMES if kind in kinds)
        raise refuse(Refusal.FILE_KIND, field, kinds=allowed)
    return media_type
