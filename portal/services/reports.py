"""The holder's acts on its reports: register the form, hand it in, ask for it back (domain §4).

A form is read in two steps: :func:`read_upload` without any lock, since the child takes its time,
then :func:`register_file` in the transaction, which checks again what may have changed meanwhile.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction

from sqlalchemy import Exists, exists, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, Refused, Stale, refuse
from portal.models import (
    EmissionsReport,
    Event,
    FileKind,
    ReportFile,
    RequestAnswer,
    SendBackRequest,
    User,
)
from portal.permissions import Permission
from portal.services import access, audit, documents, once, report_forms, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.report_rules import FORM_LIMIT_MB, facts_of, refusal, rule_of, window
from portal.services.report_steps import begin, hold, step, touch
from portal.services.spreadsheets.arithmetic import emissions
from portal.services.spreadsheets.form_types import FormExpectation, FormReading
from portal.services.spreadsheets.jail import mark_jailed, read_form_jailed
from portal.services.transaction import end_reading


def _check_size(filename: str, data: bytes) -> None:
    documents.check_there(filename, data)
    documents.check_size(data, FORM_LIMIT_MB)
    documents.expect_admitted(data)


def read_upload(
    session: Session,
    report_id: int,
    filename: str,
    data: bytes,
    *,
    actor: User,
    seconds: int = 10,
    memory_mb: int = 256,
) -> FormReading:
    """What the uploaded form says, read in the jail; nothing is written.

    Call it between transactions: the session's reading is given up before the child starts. A reading
    that is not ``ok`` carries all problems; :func:`record_refusal` keeps that it was refused. Raises
    ``NotFound``, ``NotAllowed``, or ``Refused`` with FILES_LOCKED, PERIOD_NOT_OPEN, FILE_NEEDED,
    FILE_EMPTY, FILE_TOO_LARGE, FORM_NOT_XLSX (a good form under another name).
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    problem = refusal("register_file", facts_of(report))
    if problem is not None:
        raise Refused(problem)
    _check_size(filename, data)
    expected = report_forms.expectation(session, report)
    end_reading(session)
    reading = read_form_jailed(data, expected, seconds=seconds, memory_mb=memory_mb)
    if reading.ok:
        documents.check_workbook_name(filename)
    return reading


def same_as_current(report: EmissionsReport, data: bytes) -> int | None:
    """The number of the report's current version if ``data`` are its very bytes."""
    file = report.current_file
    same = file is not None and file.document.sha256 == hashlib.sha256(data).hexdigest()
    return file.version_number if same and file is not None else None


def marked_copy(data: bytes, reading: FormReading, *, locale: str = "ja") -> bytes | None:
    """The refused form with its problems marked in the cells; ``None`` if it cannot be opened."""
    return mark_jailed(data, reading.problems, locale=locale)


def record_refusal(
    session: Session, report_id: int, filename: str, reading: FormReading, *, actor: User
) -> None:
    """Keep that a form was refused, with the codes of its problems; nothing else changes."""
    access.check(actor, Permission.REPORT_OWN_EDIT)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    audit.record(
        session,
        EventTag.REPORT_REFUSED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        filename=documents.safe_name(filename),
        count=len(reading.problems),
        codes=sorted({problem.code for problem in reading.problems}),
    )


def register_file(
    session: Session,
    report_id: int,
    filename: str,
    data: bytes,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
    reading: FormReading | None = None,
) -> ReportFile:
    """Register ``data`` as the report's next version; its figure becomes the report's (t-CO2).

    ``reading`` is what :func:`read_upload` found in ``data``; without it the form is read here, which
    holds the transaction open meanwhile. Raises ``Refused`` with FORM_PROBLEMS (a bad form),
    FILES_LOCKED, PERIOD_NOT_OPEN or what is wrong with the file; ``Stale`` for an old page or when the
    holder's data or the factors changed while it was read.
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    _check_size(filename, data)
    documents.check_workbook_name(filename)
    content = {"report": report_id, "name": filename, "sha256": hashlib.sha256(data).hexdigest()}
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "register_file", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ReportFile, made, actor)
    report = begin(session, report_id, "register_file", actor=actor, version=version)
    expected = report_forms.expectation(session, report)
    if reading is None:
        reading = read_form_jailed(data, expected)
    figure = _figure(reading, expected)
    file = _add_version(session, report, filename, data, reading, figure, actor)
    before = report.emissions
    report.emissions = figure
    report.current_file_id = file.id
    audit.record(
        session,
        EventTag.REPORT_REGISTERED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        file=file.id,
        number=file.version_number,
        filename=file.document.name,
        before=before,
        after=figure,
    )
    session.expire(report, ["current_file", "files"])
    notify(
        session,
        MailKind.REPORT_REGISTERED,
        report=report,
        actor=actor,
        emissions=figure,
        filename=file.document.name,
    )
    once.remember(session, key, "register_file", content, file.id, actor=actor)
    return file


def _add_version(
    session: Session,
    report: EmissionsReport,
    filename: str,
    data: bytes,
    reading: FormReading,
    figure: int,
    actor: User,
) -> ReportFile:
    """The next version of the calculation report, with what its reader found in it."""
    document = documents.store(session, filename, data, documents.XLSX, actor=actor)
    file = ReportFile(
        report_id=report.id,
        kind=FileKind.CALCULATION,
        version_number=next_version(report, FileKind.CALCULATION),
        document=document,
        emissions=figure,
        reading=reading.as_dict(),
        uploaded_by=actor,
        uploaded_at=clock.now(),
    )
    session.add(file)
    session.flush()
    return file


def _figure(reading: FormReading, expected: FormExpectation) -> int:
    """The figure of a good reading that still fits what is expected now."""
    if not reading.ok or reading.emissions is None:
        raise refuse(Refusal.FORM_PROBLEMS, "file", count=len(reading.problems))
    whose = expected.identity
    if (reading.holder, reading.period) != (whose.holder, whose.period):
        raise Stale
    tables = {(year, f.code): f for year, table in expected.factors.items() for f in table}
    for line in reading.lines:
        factor = tables.get((line.fiscal_year, line.factor_code))
        if factor is None or emissions(line.activity, factor) != Fraction(line.emissions):
            raise Stale
    return reading.emissions


def next_version(report: EmissionsReport, kind: FileKind) -> int:
    """The number of the next file of ``kind``; removed attachments keep theirs."""
    return 1 + max((f.version_number for f in report.files if f.kind is kind), default=0)


def request_verification(
    session: Session, report_id: int, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Hand the report to its verifier; the files are locked from then on.

    Raises ``Refused`` with NO_VERIFICATION_HERE, WRONG_STATE, PERIOD_NOT_OPEN, NO_VALID_REPORT,
    NO_VERIFIER. A report handed in for the first time after its due day is marked late (decided: whoever was
    in time and got it back is not made late by mending it).
    """
    return _hand_in(session, report_id, "request_verification", actor, version)


def submit(session: Session, report_id: int, *, actor: User, version: int | None = None) -> EmissionsReport:
    """Hand in the adjustment-year report, which is not verified but only received.

    Raises ``Refused`` with WRONG_STATE, PERIOD_NOT_OPEN, NO_VALID_REPORT.
    """
    return _hand_in(session, report_id, "submit", actor, version)


def _handed_in_before(report: EmissionsReport) -> Exists:
    tags = (EventTag.VERIFICATION_REQUESTED, EventTag.REPORT_SUBMITTED)
    return exists().where(
        Event.subject_type == EmissionsReport.__tablename__,
        Event.subject_id == report.id,
        Event.tag.in_([tag.value for tag in tags]),
    )


def _hand_in(
    session: Session, report_id: int, action: str, actor: User, version: int | None
) -> EmissionsReport:
    report = begin(session, report_id, action, actor=actor, version=version)
    due = window(rule_of(report.holder.phase), report.period)[1]
    # what was in time stays so, though it came back; what was late stays late
    first = not session.scalar(select(_handed_in_before(report)))
    report.late = report.late or (first and clock.today() > due)
    step(
        session,
        report,
        action,
        actor=actor,
        file=report.current_file_id,
        emissions=report.emissions,
        late=report.late,
    )
    return report


def request_send_back(
    session: Session,
    report_id: int,
    reason: str,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> SendBackRequest:
    """Ask the verifier to give the report back; the verifier grants it or declines with a reason.

    Raises ``Refused`` with WRONG_STATE, REQUEST_OPEN, REASON_NEEDED.
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    content = {"report": report_id, "reason": reason}
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "request_send_back", content, actor=actor)
    if made is not None:
        return _own_request(session, report_id, made, actor)
    report = begin(session, report_id, "request_send_back", actor=actor, version=version)
    why = workflow.clean_reason(reason, needed=True)
    request = SendBackRequest(
        report=report,
        reason=why,
        requested_by=actor,
        requested_at=clock.now(),
        answer=RequestAnswer.OPEN,
    )
    session.add(request)
    touch(report)
    audit.record(
        session,
        EventTag.SEND_BACK_REQUESTED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        reason=why,
    )
    notify(session, MailKind.SEND_BACK_REQUESTED, report=report, actor=actor, reason=why)
    once.remember(session, key, "request_send_back", content, request.id, actor=actor)
    return request


def _own_request(session: Session, report_id: int, request_id: int, actor: User) -> SendBackRequest:
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    return next(request for request in report.send_back_requests if request.id == request_id)
