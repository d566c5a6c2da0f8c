"""Attachments of a report, and reading its files: who may, and that somebody did (domain §4, safety 15)."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound
from portal.models import (
    Document,
    EmissionsReport,
    FileKind,
    ReportFile,
    ReviewDocument,
    User,
    VerificationReport,
)
from portal.permissions import SECRETARIAT, Permission, may
from portal.services import access, audit, documents, once
from portal.services.audit import EventTag
from portal.services.report_rules import FILE_LIMIT_MB
from portal.services.report_steps import begin, hold, touch
from portal.services.reports import next_version

#: what may be attached, and what a verification report or review document may be
ATTACHABLE = (documents.PDF, documents.PNG, documents.JPEG, documents.XLSX, documents.DOCX)
PAPERS = (documents.PDF, documents.DOCX, documents.XLSX)


class FileSource(StrEnum):
    """Which of a report's files is meant: each has its own ids."""

    REPORT = "report"  # calculation report or attachment
    VERIFICATION = "verification"
    REVIEW = "review"


_MODELS: dict[FileSource, type[ReportFile] | type[VerificationReport] | type[ReviewDocument]] = {
    FileSource.REPORT: ReportFile,
    FileSource.VERIFICATION: VerificationReport,
    FileSource.REVIEW: ReviewDocument,
}
#: a reader of reports holds one of these; whose reports exist for it is access.visible's to say
READERS = (Permission.REPORT_OWN_VIEW, Permission.REPORT_ASSIGNED_VIEW, Permission.REPORT_ALL_VIEW)


def attach_file(
    session: Session,
    report_id: int,
    filename: str,
    data: bytes,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> ReportFile:
    """Attach a file to a report that is still with the holder: at most 10 of at most 20 MB.

    Raises ``Refused`` with FILES_LOCKED, PERIOD_NOT_OPEN, TOO_MANY_FILES, FILE_NEEDED, FILE_TOO_LARGE,
    FILE_KIND.
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    media_type = documents.check_upload(filename, data, kinds=ATTACHABLE, limit_mb=FILE_LIMIT_MB)
    content = {"report": report_id, "name": filename, "sha256": hashlib.sha256(data).hexdigest()}
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "attach_file", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ReportFile, made, actor)
    report = begin(session, report_id, "attach_file", actor=actor, version=version)
    document = documents.store(session, filename, data, media_type, actor=actor)
    file = ReportFile(
        report_id=report.id,
        kind=FileKind.ATTACHMENT,
        version_number=next_version(report, FileKind.ATTACHMENT),
        document=document,
        uploaded_by=actor,
        uploaded_at=clock.now(),
    )
    session.add(file)
    touch(report)
    session.flush()
    session.expire(report, ["files"])
    _record(session, EventTag.REPORT_ATTACHED, report, file, actor)
    once.remember(session, key, "attach_file", content, file.id, actor=actor)
    return file


def remove_attachment(
    session: Session, file_id: int, *, actor: User, version: int | None = None
) -> ReportFile:
    """Take an attachment off a report that is still with the holder; it stays in the records.

    ``version`` is the report's. Raises ``NotFound`` for what is no attachment (any more), or
    ``Refused`` with FILES_LOCKED, PERIOD_NOT_OPEN.
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    file = access.get_visible(session, ReportFile, file_id, actor)
    report = begin(session, file.report_id, "remove_attachment", actor=actor, version=version)
    session.refresh(file)
    if file.kind is not FileKind.ATTACHMENT or file.removed_at is not None:
        raise NotFound
    file.removed_at = clock.now()
    touch(report)
    _record(session, EventTag.REPORT_ATTACHMENT_REMOVED, report, file, actor)
    return file


def _record(session: Session, tag: EventTag, report: EmissionsReport, file: ReportFile, actor: User) -> None:
    audit.record(
        session,
        tag,
        report,
        actor=actor,
        holder_id=report.holder_id,
        file=file.id,
        filename=file.document.name,
    )


def check_reader(actor: User) -> User:
    """The actor, if it may read reports at all; else ``NotAllowed``."""
    if not actor.usable or not any(may(actor.role, permission) for permission in READERS):
        raise NotAllowed
    return actor


def open_file(
    session: Session, kind: FileSource | str, file_id: int, *, actor: User, read: bool = True
) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of one of a report's files; that it was ``read`` is recorded.

    Holders read their own, verifiers what is assigned to them, the secretariat all; a removed
    attachment is the secretariat's only. Raises ``NotFound`` for anything else.
    """
    check_reader(actor)
    try:
        model = _MODELS[FileSource(kind)]
    except ValueError as error:
        raise NotFound from error
    row = access.get_visible(session, model, file_id, actor)
    document = row.document
    removed = isinstance(row, ReportFile) and row.removed_at is not None
    if document is None or (removed and actor.role not in SECRETARIAT):
        raise NotFound
    data = documents.read(session, document)
    if read:
        audit.record(
            session,
            EventTag.DOCUMENT_DOWNLOADED,
            document,
            actor=actor,
            holder_id=row.report.holder_id,
            report=row.report_id,
            filename=document.name,
        )
    return document.name, document.media_type, data


def store_paper(session: Session, filename: str, data: bytes, *, actor: User) -> Document:
    """Keep a verification report's or review document's file: PDF, Word or Excel, at most 20 MB.

    Raises ``Refused`` with FILE_NEEDED, FILE_TOO_LARGE or FILE_KIND.
    """
    media_type = documents.check_upload(filename, data, kinds=PAPERS, limit_mb=FILE_LIMIT_MB)
    return documents.store(session, filename, data, media_type, actor=actor)
