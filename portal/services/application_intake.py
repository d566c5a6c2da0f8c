"""An application form that came as Excel: read in the jail, shown to a clerk, recorded with its file.

Domain §3. Reading changes nothing. What was uploaded is kept for a day for whoever uploaded it, until it is
recorded; the clerk compares it with the paper on the ordinary page for typing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotFound
from portal.models import ApplicationScan, Document, RegistrationApplication, ScanKind, User
from portal.permissions import Permission
from portal.services import access, audit, documents, jobs, kept_files, marked_copies, registration, scans
from portal.services.application_judge import Judged, judge
from portal.services.audit import EventTag
from portal.services.registration_data import ApplicationData
from portal.services.spreadsheets.application_reading import ApplicationReading
from portal.services.spreadsheets.form_types import Problem
from portal.services.spreadsheets.jail import mark_jailed, read_application_jailed
from portal.services.transaction import end_reading

KIND = "forget_application_form"
#: forms that one clerk may have open at a time
MOST = 20
forget = jobs.handler(KIND)(kept_files.forget)


@dataclass(frozen=True)
class Upload:
    """What came of an uploaded file. ``judged`` is there when it is a form of ours."""

    name: str
    data: bytes
    reading: ApplicationReading
    judged: Judged | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.judged.problems if self.judged is not None else self.reading.problems


@dataclass(frozen=True)
class Kept:
    """What :func:`keep_upload` kept: numbers of the form itself and of its marked copy."""

    form_id: int | None
    copy_id: int | None


@dataclass(frozen=True)
class KeptForm:
    """A form that waits to be recorded, judged afresh."""

    id: int
    document: Document
    judged: Judged


def read_upload(
    session: Session,
    filename: str,
    data: bytes,
    *,
    actor: User,
    limit_mb: int,
    seconds: int = 10,
    memory_mb: int = 256,
) -> Upload:
    """Read an uploaded form in the jail; nothing is written.

    Call it between transactions: what the session has read is given up before the child starts.
    Raises ``NotAllowed``, or ``Refused`` with FILE_NEEDED, FILE_EMPTY, FILE_TOO_LARGE, FORM_NOT_XLSX
    (a good form under another name) at ``file``.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    documents.check_there(filename, data)
    documents.check_size(data, limit_mb)
    documents.expect_admitted(data)
    end_reading(session)
    reading = read_application_jailed(data, seconds=seconds, memory_mb=memory_mb)
    if reading.kind is None:
        return Upload(filename, data, reading, None)
    documents.check_workbook_name(filename)
    return Upload(filename, data, reading, judge(session, reading))


def marked_copy(upload: Upload, *, locale: str = "ja") -> bytes | None:
    """The form with its problems marked in the cells; ``None`` if no cell can be marked."""
    if not any(problem.cell for problem in upload.problems):
        return None
    return mark_jailed(upload.data, upload.problems, locale=locale)


def keep_upload(
    session: Session, upload: Upload, *, actor: User, marked: tuple[str, bytes] | None = None
) -> Kept:
    """Keep a form of ours until it is recorded, and a refused one's marked copy (name, bytes).

    The same file again is the same number. That a form was refused is an event; nothing else changes.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    form_id = None
    if upload.judged is not None:
        facts = {"reading": upload.reading.as_dict()}
        form_id = kept_files.keep_once(
            session, KIND, upload.name, upload.data, actor=actor, most=MOST, facts=facts
        )
    if not upload.problems:
        return Kept(form_id, None)
    codes = sorted({problem.code for problem in upload.problems})
    audit.record(
        session,
        EventTag.APPLICATION_FORM_REFUSED,
        actor,
        actor=actor,
        filename=documents.safe_name(upload.name),
        count=len(upload.problems),
        codes=codes,
    )
    copy_id = marked_copies.keep(session, *marked, actor=actor) if marked is not None else None
    return Kept(form_id, copy_id)


def open_form(session: Session, form_id: int, *, actor: User) -> KeptForm:
    """A form that ``actor`` uploaded. Raises ``NotFound`` for another's, a recorded one, or after its day."""
    access.check(actor, Permission.REGISTRATION_EDIT)
    kept = kept_files.find(session, KIND, form_id, actor=actor)
    if kept is None:
        raise NotFound
    return KeptForm(
        kept.id, kept.document, judge(session, ApplicationReading.from_dict(kept.facts["reading"]))
    )


def record_form(
    session: Session, form_id: int, data: ApplicationData, *, actor: User, key: str | None = None
) -> tuple[RegistrationApplication, bool]:
    """Record the application as the clerk has checked it, with the file it was read from.

    The answer says whether the file is attached: after its day it is gone, and what was typed is
    recorded all the same. A second press gives the first answer. Refuses what typing refuses.
    """
    row = registration.record_application(session, data, actor=actor, key=key)
    attached = session.scalar(
        select(ApplicationScan.id)
        .where(ApplicationScan.application_id == row.id, ApplicationScan.kind == ScanKind.FORM)
        .limit(1)
    )
    if attached is not None:
        return row, True
    kept = kept_files.find(session, KIND, form_id, actor=actor)
    if kept is None:
        return row, False
    content = documents.read(session, kept.document)
    scans.keep(session, row, ScanKind.FORM, kept.document.name, content, documents.XLSX, actor=actor)
    kept_files.discard(session, kept)
    return row, True
