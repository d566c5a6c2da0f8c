"""The secretariat's acts on reports: review, approve, receive, return, revoke (domain §4)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import (
    ISSUANCE_ACCOUNT,
    ApprovalRevocation,
    ComplianceSnapshot,
    EmissionsReport,
    Period,
    ReviewDocument,
    ReviewSide,
    RevocationState,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    four_eyes,
    ledger,
    once,
    proposal_days,
    proposal_ends,
    publication_watch,
    standing_issues,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.figures import figures_of
from portal.services.mail import MailKind, notify
from portal.services.mail_words import fiscal_years
from portal.services.phases import rule_in_force
from portal.services.report_steps import begin, hold, step, touch
from portal.services.review_documents import send_document
from portal.services.transitions import REVOCATION


def start_review(
    session: Session, report_id: int, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Begin the review of a report whose approval is requested."""
    report = begin(session, report_id, "start_review", actor=actor, version=version)
    step(session, report, "start_review", actor=actor)
    return report


def send_review_document(
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
    """Send the verifier a review document: a text, a file or both; the holder may read it.

    Raises ``Refused`` with WRONG_STATE, REVIEW_DOCUMENT_NEEDED, TOO_LONG or what is wrong with the file.
    """
    return send_document(
        session,
        report_id,
        ReviewSide.SECRETARIAT,
        body,
        filename,
        data,
        actor=actor,
        version=version,
        key=key,
    )


def return_to_verifier(
    session: Session, report_id: int, reason: str, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Give the report back to the verifier with a reason; its verification report stays."""
    report = begin(session, report_id, "return_to_verifier", actor=actor, version=version)
    step(session, report, "return_to_verifier", actor=actor, reason=reason)
    return report


def approve(session: Session, report_id: int, *, actor: User, version: int | None = None) -> EmissionsReport:
    """Approve the report: its figure (t-CO2) is confirmed. Only an approver may."""
    return _confirm(session, report_id, "approve", actor, version)


def receive(session: Session, report_id: int, *, actor: User, version: int | None = None) -> EmissionsReport:
    """Receive the adjustment-year report; its figure (t-CO2) stands as reported."""
    return _confirm(session, report_id, "receive", actor, version)


def _confirm(
    session: Session, report_id: int, action: str, actor: User, version: int | None
) -> EmissionsReport:
    report = begin(session, report_id, action, actor=actor, version=version)
    if report.emissions is None:
        raise refuse(Refusal.NO_VALID_REPORT)
    # together with the state: the database wants figure and state in one write
    report.confirmed_emissions = report.emissions
    report.confirmed_at = clock.now()
    step(session, report, action, actor=actor, emissions=report.emissions)
    if report.period is Period.TARGET:
        _tell_what_to_retire(session, report, actor)
    return report


def _tell_what_to_retire(session: Session, report: EmissionsReport, actor: User) -> None:
    """With the target-year figure it is settled what login A must retire, and until when, if it must."""
    session.flush()
    figures = figures_of(session, report.holder)
    if figures.missing and figures.obliged:
        notify(
            session,
            MailKind.RETIREMENT_SETTLED,
            holder=report.holder,
            actor=actor,
            due=figures.deadline,
            quantity=figures.missing,
        )


def return_submitted(
    session: Session, report_id: int, reason: str, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """Give a submitted adjustment-year report back to the holder with a reason."""
    report = begin(session, report_id, "return_submitted", actor=actor, version=version)
    step(session, report, "return_submitted", actor=actor, reason=reason)
    return report


def revocation_problem(session: Session, report: EmissionsReport) -> Problem | None:
    """Why the approval of ``report`` can no longer be revoked: issued (base) or closed (target) on it.

    What was approved by the retirement deadline counts at it (*decided*): from its end on the approval stays,
    record or not. One that came later may be taken back until the phase is closed.
    """
    if report.period is Period.BASE:
        issued = session.scalar(select(standing_issues.has_one(report.holder_id)))
        return Problem(Refusal.REVOKE_ISSUED) if issued else None
    phase = report.holder.phase
    moment = clock.end_of_day(rule_in_force(session, phase).retirement_deadline)
    counted = report.confirmed_at is not None and report.confirmed_at < moment <= clock.now()
    # a record that was frozen without the figure, which came later, does not rest on it
    frozen = select(ComplianceSnapshot.id).where(
        ComplianceSnapshot.holder_id == report.holder_id, ComplianceSnapshot.target_emissions.is_not(None)
    )
    if counted or phase.closed_at is not None or session.scalars(frozen).first() is not None:
        return Problem(Refusal.REVOKE_RETIRED)
    return None


def _lock_figures(session: Session, report: EmissionsReport) -> None:
    """Let nothing be issued on the figure while its approval is being taken back."""
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT, report.holder.account.id)
    problem = revocation_problem(session, report)
    if problem is not None:
        raise Refused(problem)


def propose_revocation(
    session: Session,
    report_id: int,
    reason: str,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> ApprovalRevocation:
    """Propose to take an approval back, with a reason; another person confirms it.

    Raises ``Refused`` with WRONG_STATE, REVOCATION_OPEN, REVOKE_ISSUED, REVOKE_RETIRED, REASON_NEEDED.
    """
    access.check(actor, Permission.REVOCATION_PROPOSE)
    content = {"report": report_id, "reason": reason}
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, "propose_revocation", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ApprovalRevocation, made, actor)
    report = begin(session, report_id, "propose_revocation", actor=actor, version=version)
    _lock_figures(session, report)
    why = workflow.clean_reason(reason, needed=True)
    row = ApprovalRevocation(
        report=report,
        reason=why,
        state=RevocationState.PROPOSED,
        proposed_by=actor,
        proposed_at=clock.now(),
    )
    session.add(row)
    touch(report)
    session.flush()
    audit.record(
        session, EventTag.REVOCATION_PROPOSED, row, actor=actor, holder_id=report.holder_id, reason=why
    )
    until = proposal_days.ends_at(session, row)
    notify(session, MailKind.REVOCATION_TO_CONFIRM, report=report, actor=actor, reason=why, until=until)
    once.remember(session, key, "propose_revocation", content, row.id, actor=actor)
    return row


def confirm_revocation(
    session: Session, revocation_id: int, *, actor: User, version: int | None = None
) -> ApprovalRevocation:
    """Take the approval back as another person than the proposer: the report is under review again.

    Raises ``Refused`` with WRONG_STATE, REVOKE_ISSUED, REVOKE_RETIRED or what ``four_eyes`` finds.
    """
    access.check(actor, Permission.REVOCATION_CONFIRM)
    found = access.get_visible(session, ApprovalRevocation, revocation_id, actor)
    # the report before its revocation: every act on a report locks in this order
    report = begin(session, found.report_id, "revoke", actor=actor)
    row = access.get_visible(session, ApprovalRevocation, revocation_id, actor, lock=True)
    workflow.expect_version(row, version)
    if row.state is not RevocationState.PROPOSED:
        raise refuse(Refusal.WRONG_STATE)
    problems = four_eyes.problems(session, row.proposed_by, actor, proposed_at=row.proposed_at)
    problems += proposal_days.problems(session, row)
    if problems:
        raise Refused(*problems)
    _lock_figures(session, report)
    before = report.confirmed_emissions
    row.confirmed_by_id = actor.id
    row.decided_at = clock.now()
    workflow.advance(
        session, REVOCATION, row, "confirm", actor=actor, reason=row.reason, holder_id=report.holder_id
    )
    report.confirmed_emissions = None
    report.confirmed_at = None
    # with the target year's figure goes what login A was told to retire
    told = {"retires": True} if report.period is Period.TARGET else None
    step(session, report, "revoke", actor=actor, reason=row.reason, told=told, emissions=before)
    publication_watch.compare(session, actor=actor, phase_id=report.holder.phase_id)
    return row


def withdraw_revocation(
    session: Session,
    revocation_id: int,
    *,
    actor: User,
    reason: str | None = None,
    version: int | None = None,
) -> ApprovalRevocation:
    """End a proposed revocation: withdrawn by its proposer or declined with a reason; the approval stands.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.REVOCATION_PROPOSE)
    found = access.get_visible(session, ApprovalRevocation, revocation_id, actor)
    report = access.get_visible(session, EmissionsReport, found.report_id, actor, lock=True)
    row = access.get_visible(session, ApprovalRevocation, revocation_id, actor, lock=True)
    action, why = proposal_ends.way_out(session, REVOCATION, row, actor=actor, reason=reason, version=version)
    row.decided_at = clock.now()
    workflow.advance(session, REVOCATION, row, action, actor=actor, reason=why, holder_id=report.holder_id)
    touch(report)
    proposal_ends.tell(session, row, words_of(report), actor=actor, reason=why)
    return row


def words_of(report: EmissionsReport) -> tuple[str, str]:
    """What mails call the revocation of the report's approval."""
    code, years = report.holder.account.code, fiscal_years(report.holder.phase, report.period)
    span = f"{years[0]}" if len(years) == 1 else f"{years[0]}～{years[-1]}"
    return (
        f"{code}の{span}年度の排出量の承認の取消し",
        f"revocation of the approved emissions of {code}, fiscal year {span.replace('～', '-')}",
    )


def lapsed(row: ApprovalRevocation) -> None:
    """Write on a revocation that lapses when it did; the approval stands, and its report's pages grow old."""
    row.decided_at = clock.now()
    touch(row.report)
