"""Files that were uploaded or made: stored once per content, by SHA-256 (stack: files).

What people send comes in by one gate, :func:`admit`, between transactions and before anything opens it;
:func:`expect_admitted` stands at every place that would read or keep it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused, refuse
from portal.models import Document, DocumentContent, User
from portal.services import audit, virus_scan
from portal.services.audit import EventTag
from portal.services.spreadsheets.prescan import MACROS
from portal.services.spreadsheets.zip_directory import DirectoryWrong, entries
from portal.services.transaction import end_reading

log = logging.getLogger(__name__)

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
#: a report of some hundred pages with a picture on each has fewer
_MOST_PARTS = 2_000


#: digests of what :func:`admit` let in lately, in this thread
_admitted: ContextVar[tuple[str, ...]] = ContextVar("admitted", default=())
_REMEMBERED = 100


@dataclass(frozen=True)
class Infection:
    """A file in which the scanner found something: what it is called, and the bytes by their digest."""

    filename: str
    signature: str
    sha256: str
    size: int


class Infected(Refused):
    """Some of the files that were sent are infected: none of them is let in."""

    def __init__(self, found: Sequence[Infection], field: str, *, several: bool) -> None:
        super().__init__(
            *(
                Problem(Refusal.FILE_INFECTED, field, {"name": _named(one) if several else one.signature})
                for one in found
            )
        )
        self.found = tuple(found)


def _named(one: Infection) -> str:
    return f"{one.signature}: {one.filename[:60]}"


def admit(session: Session, files: Sequence[tuple[str, bytes]], *, field: str = "file") -> None:
    """Let files (name, bytes) that somebody sent come in, if the virus scanner finds nothing in them.

    Without a scanner nothing happens. Call it between transactions: the session's reading is given up
    before the scanner is asked. Raises ``Infected``, to be kept with :func:`record_infected`, or
    ``Refused`` with SCANNER_AWAY or FILE_TOO_LARGE, at ``field``; then no file of them is let in.
    """
    scanner, sent = virus_scan.scanner(), [one for one in files if one[1]]
    if scanner is None or not sent:
        return
    end_reading(session)
    for _name, data in sent:
        check_size(data, scanner.limit_mb, field)
    found: list[Infection] = []
    digests = {hashlib.sha256(data).hexdigest(): (name, data) for name, data in sent}
    try:
        for digest, (name, data) in digests.items():
            signature = scanner.signature(data)
            if signature is not None:
                found.append(Infection(safe_name(name), signature, digest, len(data)))
    except virus_scan.Away as error:
        log.error("a file was not accepted: the virus scanner does not answer (%s)", error)
        raise refuse(Refusal.SCANNER_AWAY, field) from error
    if found:
        raise Infected(found, field, several=len(sent) > 1)
    _admitted.set((*_admitted.get(), *digests)[-_REMEMBERED:])


def record_infected(session: Session, infected: Infected, *, actor: User) -> None:
    """Keep that ``actor`` sent infected files; nothing of the files themselves is kept."""
    for one in infected.found:
        audit.record(
            session,
            EventTag.FILE_INFECTED,
            actor,
            actor=actor,
            holder_id=actor.holder_id,
            filename=one.filename,
            signature=one.signature,
            size=one.size,
            sha256=one.sha256,
        )


def expect_admitted(data: bytes, *, field: str = "file") -> None:
    """Refuse, as if the scanner were away, what did not come in by :func:`admit`. Empty files are nothing."""
    if virus_scan.scanner() is None or not data:
        return
    if hashlib.sha256(data).hexdigest() not in _admitted.get():
        log.error("a file was to be read or kept that the virus scanner has not seen")
        raise refuse(Refusal.SCANNER_AWAY, field)


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
    # the directory alone, within bounds: a hostile one of half a million entries would hold the database
    try:
        names = {entry.filename for entry in entries(data, _MOST_PARTS)}
    except DirectoryWrong:
        return None
    if "[Content_Types].xml" not in names or any(mark in name.lower() for name in names for mark in MACROS):
        return None
    if "xl/workbook.xml" in names:
        return XLSX
    if "word/document.xml" in names:
        return DOCX
    return None


def check_there(name: str, data: bytes, field: str = "file") -> None:
    """Raises ``Refused`` with FILE_NEEDED where nothing was chosen, FILE_EMPTY for a file of no bytes."""
    if not data:
        raise refuse(Refusal.FILE_EMPTY if name else Refusal.FILE_NEEDED, field)


def check_size(data: bytes, limit_mb: int, field: str = "file") -> None:
    """Raises ``Refused`` with FILE_TOO_LARGE, which says how large ``data`` is."""
    if len(data) > limit_mb * 1024 * 1024:
        # upwards: 10.0 MB of at most 10 would be no reason
        size = f"{-(-len(data) * 10 // (1024 * 1024)) / 10:.1f}"
        raise refuse(Refusal.FILE_TOO_LARGE, field, size=size, limit=limit_mb)


def check_workbook_name(name: str, field: str = "file") -> None:
    """Raises ``Refused`` with FORM_NOT_XLSX for a form under another name than an Excel workbook's."""
    plain = safe_name(name)
    if not plain.lower().endswith(".xlsx"):
        _stem, dot, ending = plain.rpartition(".")
        raise refuse(Refusal.FORM_NOT_XLSX, field, ending=f".{ending}" if dot else plain)


def check_upload(
    name: str, data: bytes, *, kinds: Collection[str], limit_mb: int, field: str = "file"
) -> str:
    """The media type of an upload that was admitted and is one of ``kinds`` by content and by name.

    Raises ``Refused`` with FILE_NEEDED, FILE_EMPTY, FILE_TOO_LARGE, FILE_KIND, FILE_DISGUISED (a name that
    would do, of another content) or SCANNER_AWAY at ``field``.
    """
    check_there(name, data, field)
    check_size(data, limit_mb, field)
    expect_admitted(data, field=field)
    media_type = sniff(data)
    named_so = media_type is not None and safe_name(name).lower().endswith(_EXTENSIONS[media_type])
    if media_type is None or media_type not in kinds or not named_so:
        endings = [ending for kind in kinds for ending in _EXTENSIONS[kind]]
        ending = next((one for one in endings if safe_name(name).lower().endswith(one)), None)
        if ending is not None:
            raise refuse(Refusal.FILE_DISGUISED, field, ending=ending)
        allowed = tuple(KIND_NAMES[kind] for kind in KIND_NAMES if kind in kinds)
        raise refuse(Refusal.FILE_KIND, field, kinds=allowed)
    return media_type
