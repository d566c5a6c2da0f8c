"""The verifier's acts: verification report, approval request, return, answers (domain §4)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused, refuse
from portal.models import (
    PASSING_OPINIONS,
    EmissionsReport,
    Opinion,
    RequestAnswer,
    ReviewDocument,
    ReviewSide,
    SendBackRequest,
    User,
    VerificationReport,
)
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    checklist,
    documents,
    once,
    report_files,
    verification_draft,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.checklist import Answers, Given
from portal.services.mail import MailKind, notify
from portal.services.numbers import parse_quantity
from portal.services.report_rules import FILE_LIMIT_MB, open_request
from portal.services.report_steps import begin, hold, step, touch
from portal.services.review_documents import send_document
from portal.services.verification_draft import Written, current_version
from portal.services.widths import in_half_width


@dataclass(frozen=True)
class Work:
    """Checklist and findings behind a verification report; ``draft_version`` as the page showed the draft.

    ``confirmed``: answers that were given for an earlier version hold for this one too.
    """

    answers: Answers = field(default_factory=dict)
    findings: str = ""
    confirmed: bool = False
    draft_version: int | None = None

    def written(self, opinion: Opinion | str | None, verified: str | int | None) -> Written:
        """Together with opinion and figure, as a draft has it."""
        figure = "" if verified is None else str(verified)
        return Written(self.answers, str(opinion or ""), figure, self.findings, self.confirmed)


NO_WORK = Work()


def register_verification(
    session: Session,
    report_id: int,
    filename: str,
    data: bytes,
    opinion: Opinion | str | None,
    verified: str | int | None,
    work: Work = NO_WORK,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
    goes_on: bool = False,
) -> VerificationReport:
    """Register the verification report of the report's current file; the newest one counts.

    ``verified`` in t-CO2 must equal the report's figure; ``work`` holds checklist and findings. Any opinion
    may be registered. ``goes_on``: approval is requested in the same act, whose mail tells of both.
    Raises ``Stale`` if a colleague saved the draft meanwhile, or ``Refused`` with
    everything wrong at once: checklist (CHECKLIST_OPEN), ``opinion``, ``findings`` (FINDINGS_NEEDED
    for all but an unqualified one), ``verified`` (FIGURE_DIFFERS), file.
    """
    access.check(actor, Permission.REPORT_VERIFY)
    content = _content(report_id, filename, data, opinion, verified, work)
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "register_verification", content, actor=actor)
    if made is not None:
        return access.get_visible(session, VerificationReport, made, actor)
    report = begin(session, report_id, "register_verification", actor=actor, version=version)
    verification_draft.expect(session, report, work.draft_version, actor)
    written = verification_draft.judged_for(session, report, work.written(opinion, verified), actor)
    says, figure = _judged(report, filename, data, written)
    verification_draft.keep(session, report, written, actor=actor)
    row = _row(session, report, filename, data, written, says, figure, actor)
    if not goes_on:
        notify(
            session,
            MailKind.VERIFICATION_REGISTERED,
            report=report,
            actor=actor,
            opinion=says.value,
            emissions=figure,
        )
    once.remember(session, key, "register_verification", content, row.id, actor=actor)
    return row


def _row(
    session: Session,
    report: EmissionsReport,
    filename: str,
    data: bytes,
    written: Written,
    says: Opinion,
    figure: int,
    actor: User,
) -> VerificationReport:
    """The judged verification report with its event."""
    row = VerificationReport(
        report=report,
        report_file_id=report.current_file_id,
        verifier_id=actor.verifier_id,
        document=report_files.store_paper(session, filename, data, actor=actor),
        opinion=says,
        verified_emissions=figure,
        checklist={code: Given(one.answer, one.remark).as_dict() for code, one in written.answers.items()},
        findings=written.findings or None,
        registered_by=actor,
        registered_at=clock.now(),
    )
    session.add(row)
    touch(report)
    session.flush()
    audit.record(
        session,
        EventTag.VERIFICATION_REGISTERED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        verification=row.id,
        opinion=says.value,
        verified=figure,
        filename=row.document.name,
    )
    return row


def _content(
    report_id: int,
    filename: str,
    data: bytes,
    opinion: Opinion | str | None,
    verified: str | int | None,
    work: Work,
) -> dict[str, object]:
    return {
        "report": report_id,
        "name": filename,
        "sha256": hashlib.sha256(data).hexdigest(),
        "opinion": str(opinion or ""),
        "verified": str(verified),
        "work": repr(work),
    }


def _judged(report: EmissionsReport, filename: str, data: bytes, written: Written) -> tuple[Opinion, int]:
    """Opinion and figure (t-CO2), or everything that is wrong with checklist, result and file."""
    problems = checklist.problems(written.answers, current_version(report))
    says, figure = None, None
    if not written.opinion:
        problems.append(Problem(Refusal.REQUIRED, "opinion"))
    elif written.opinion in list(Opinion):
        says = Opinion(written.opinion)
    # the checklist's shape is judged with it
    problems += verification_draft.shape_problems(replace(written, answers={}))
    if says not in (None, Opinion.UNQUALIFIED) and not written.findings:
        problems.append(Problem(Refusal.FINDINGS_NEEDED, "findings"))
    try:
        figure = _figure(written.verified)
        if figure != report.emissions:
            shown = {"verified": figure, "reported": report.emissions}
            problems.append(Problem(Refusal.FIGURE_DIFFERS, "verified", shown))
    except PortalError as error:
        problems += error.problems
    try:
        documents.check_upload(filename, data, kinds=report_files.PAPERS, limit_mb=FILE_LIMIT_MB)
    except PortalError as error:
        problems += error.problems
    if problems or says is None or figure is None:
        raise Refused(*problems)
    return says, figure


def _figure(text: str | int | None) -> int:
    """A verified figure in whole t-CO2; unlike other quantities it may be 0."""
    if re.fullmatch("0+", in_half_width(str(text)).strip()):
        return 0
    return parse_quantity(text, "verified")


def request_approval(
    session: Session, report_id: int, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Hand report and verification report to the secretariat.

    Raises ``Refused`` with WRONG_STATE, REQUEST_UNANSWERED, VERIFICATION_MISSING (for the current file,
    by this verifier), OPINION_NOT_PASSING.
    """
    report = begin(session, report_id, "request_approval", actor=actor, version=version)
    step(session, report, "request_approval", actor=actor, emissions=report.emissions)
    return report


def register_and_request(
    session: Session,
    report_id: int,
    filename: str,
    data: bytes,
    opinion: Opinion | str | None,
    verified: str | int | None,
    work: Work = NO_WORK,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> VerificationReport:
    """Both acts of the verifier's form in one: register the verification report, request approval.

    A second press with the same ``key`` does nothing more. Raises what either raises; then neither
    happened. An opinion that cannot go on is refused as OPINION_NOT_PASSING at ``opinion``.
    """
    access.check(actor, Permission.REPORT_VERIFY)
    content = _content(report_id, filename, data, opinion, verified, work)
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "register_and_request", content, actor=actor)
    if made is not None:
        return access.get_visible(session, VerificationReport, made, actor)
    row = register_verification(
        session,
        report_id,
        filename,
        data,
        opinion,
        verified,
        work,
        actor=actor,
        version=version,
        goes_on=True,
    )
    if row.opinion not in PASSING_OPINIONS:
        raise refuse(Refusal.OPINION_NOT_PASSING, "opinion")
    request_approval(session, report_id, actor=actor)
    once.remember(session, key, "register_and_request", content, row.id, actor=actor)
    return row


def return_to_holder(
    session: Session, report_id: int, reason: str, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Give the report back to the holder with a reason; an open send-back request is thereby granted."""
    report = begin(session, report_id, "return_to_holder", actor=actor, version=version)
    _return(session, report, reason, actor)
    return report


def grant_send_back(
    session: Session, report_id: int, reason: str | None = None, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Grant the holder's send-back request: the report goes back.

    ``reason`` is what the verifier has to say besides; without it the holder's own words stay on the report.
    Raises ``Refused`` with WRONG_STATE or NO_REQUEST.
    """
    report = begin(session, report_id, "grant_send_back", actor=actor, version=version)
    request = open_request(report)
    asked = request.reason if request is not None else None
    _return(session, report, (reason or "").strip() or asked, actor)
    return report


def _return(session: Session, report: EmissionsReport, reason: str | None, actor: User) -> None:
    why = workflow.clean_reason(reason, needed=True)
    request = open_request(report)
    if request is None:
        step(session, report, "return_to_holder", actor=actor, reason=why)
        return
    _answer(request, RequestAnswer.GRANTED, None, actor)
    audit.record(session, EventTag.SEND_BACK_GRANTED, report, actor=actor, holder_id=report.holder_id)
    told = {"granted": "asked" if why == request.reason else "said"}
    step(session, report, "return_to_holder", actor=actor, reason=why, told=told, granted=True)
    # by this the return is known as the answer to the request
    request.answered_at = report.returned_at


def decline_send_back(
    session: Session, report_id: int, reason: str, *, actor: User, version: int | None = None
) -> SendBackRequest:
    """Keep the report although the holder asked for it, with a reason; the report stays where it is.

    Raises ``Refused`` with WRONG_STATE, NO_REQUEST or REASON_NEEDED.
    """
    report = begin(session, report_id, "decline_send_back", actor=actor, version=version)
    why = workflow.clean_reason(reason, needed=True)
    request = open_request(report)
    if request is None:
        raise refuse(Refusal.NO_REQUEST)
    _answer(request, RequestAnswer.DECLINED, why, actor)
    touch(report)
    audit.record(
        session,
        EventTag.SEND_BACK_DECLINED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        reason=why,
    )
    notify(session, MailKind.SEND_BACK_DECLINED, report=report, actor=actor, reason=why)
    return request


def _answer(request: SendBackRequest, answer: RequestAnswer, reason: str | None, actor: User) -> None:
    request.answer = answer
    request.answer_reason = reason
    request.answered_by_id = actor.id
    request.answered_at = clock.now()


def answer_review(
    session: Session,
    report_id: int,
    body: str,
    filename: str | None = None,
    data: bytes | None = None,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> ReviewDocument:
    """Answer the secretariat's newest review document with a text, a file or both.

    Raises ``Refused`` with WRONG_STATE, NO_QUESTION, REVIEW_DOCUMENT_NEEDED, TOO_LONG or what is wrong
    with the file.
    """
    return send_document(
        session, report_id, ReviewSide.VERIFIER, body, filename, data, actor=actor, version=version, key=key
    )
