"""Verifiers: registered, given logins, assigned to reports (domain §2, §3, §4)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, selectinload

from portal import clock
from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import (
    EmissionsReport,
    Letter,
    Period,
    RegistrationApplication,
    ReportState,
    User,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import Permission, Role
from portal.services import access, audit, letters, once, reissues, workflow
from portal.services.audit import EventTag
from portal.services.holders import companies_of, contact_of
from portal.services.mail import KnownLogins, MailKind, notify
from portal.services.numbers import next_number
from portal.services.registration_checks import participant_key
from portal.services.registration_data import mail_problem, tidy, tidy_code
from portal.services.report_rules import live_assignment
from portal.services.report_steps import touch
from portal.services.users import add_login

VERIFIED_PERIODS = (Period.BASE, Period.TARGET)


def make_verifier(
    session: Session, application: RegistrationApplication, *, actor: User
) -> tuple[Verifier, list[User]]:
    """A verifier with the next number and its first login ``VRF01-1`` (domain §3, decided)."""
    number = next_number(session, "verifier")
    first, _joint, theirs = companies_of(session, application)
    contact = contact_of(session, application, theirs)
    verifier = Verifier(
        number=number,
        application_id=application.id,
        organisation=first,
        contact=contact,
        search_key=participant_key(f"VRF{number:02d}", [first], contact),
        created_at=clock.now(),
    )
    session.add(verifier)
    session.flush()
    return verifier, [_add_login(session, verifier, contact.name, contact.mail, actor)]


def _add_login(session: Session, verifier: Verifier, name: str, email: str, actor: User) -> User:
    place = next_number(session, f"verifier_login:{verifier.id}")
    return add_login(
        session, f"{verifier.code}-{place}", Role.VERIFIER, name, email, verifier=verifier, actor=actor
    )


def add_user(
    session: Session, verifier_id: int, name: str, email: str, *, actor: User, key: str | None = None
) -> tuple[User, Letter]:
    """A further login of a verifier, and the letter that will carry its password.

    The new person is told when the letter is printed: until then there is nothing to wait for.
    A second press with the same ``key`` gets the first login and its letter.
    """
    access.check(actor, Permission.LOGIN_REISSUE)
    verifier = access.get_visible(session, Verifier, verifier_id, actor, lock=True)
    name, email = tidy(name), tidy_code(email)
    content = {"verifier": verifier_id, "name": name, "email": email}
    made = once.earlier(session, key, "add_verifier_login", content, actor=actor)
    if made is not None:
        user = session.get_one(User, made)
        return user, reissues.letters_for(session, verifier, [user])[0]
    problems = [
        Problem(Refusal.REQUIRED, field) for field, value in (("name", name), ("email", email)) if not value
    ]
    if len(name) > 100:
        problems.append(Problem(Refusal.TOO_LONG, "name", {"limit": 100}))
    bad_mail = mail_problem(email, "email") if email else None
    if problems or bad_mail:
        raise Refused(*problems, *([bad_mail] if bad_mail else []))
    user = _add_login(session, verifier, name, email, actor)
    session.flush()
    once.remember(session, key, "add_verifier_login", content, user.id, actor=actor)
    return user, letters.make_reissue(session, verifier, [user], actor=actor, new=True)


def refusal_to_assign(period: Period, state: ReportState) -> Refusal | None:
    """Why the verifier of such a report cannot be changed, or ``None``; pure.

    While verification is requested it can, with a reason. Under approval the report and the verification
    report belong together: they go back to the verifier first.
    """
    if period not in VERIFIED_PERIODS:
        return Refusal.NO_VERIFICATION_HERE
    if state in (ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW):
        return Refusal.VERIFIER_BUSY
    if state not in (ReportState.NOT_SUBMITTED, ReportState.VERIFICATION_REQUESTED):
        return Refusal.WRONG_STATE
    return None


def refusal_to_end(period: Period, state: ReportState) -> Refusal | None:
    """Why the assignment of such a report cannot end without a next verifier, or ``None``; pure."""
    against = refusal_to_assign(period, state)
    if against is None and state is ReportState.VERIFICATION_REQUESTED:
        return Refusal.VERIFIER_NEEDED
    return against


def assign(
    session: Session,
    report_id: int,
    verifier_id: int,
    *,
    actor: User,
    version: int | None = None,
    reason: str | None = None,
) -> VerifierAssignment:
    """Assign a base- or target-year report to a verifier; the one before loses it at once (safety 15).

    Taking over a report whose verification is requested needs a ``reason``; the verification reports of
    the verifier before stay in the record, and count for nothing and are not shown to the next one.
    Raises ``Refused`` with what :func:`refusal_to_assign` says, or REASON_NEEDED.
    """
    access.check(actor, Permission.VERIFIER_ASSIGN)
    report = access.get_visible(session, EmissionsReport, report_id, actor, lock=True)
    workflow.expect_version(report, version)
    verifier = access.get_visible(session, Verifier, verifier_id, actor)
    against = refusal_to_assign(report.period, report.state)
    if against is not None:
        raise refuse(against)
    before = _live_assignment(session, report)
    if before is not None and before.verifier_id == verifier.id:
        return before
    takes_over = report.state is ReportState.VERIFICATION_REQUESTED
    why = workflow.clean_reason(reason, needed=takes_over)
    return hand_over(session, report, before, verifier, why, actor=actor)


def _live_assignment(session: Session, report: EmissionsReport) -> VerifierAssignment | None:
    """What :func:`live_assignment` says of the locked ``report``, read afresh."""
    session.refresh(report, ["assignments"])
    return live_assignment(report)


def hand_over(
    session: Session,
    report: EmissionsReport,
    before: VerifierAssignment | None,
    verifier: Verifier,
    why: str | None,
    *,
    actor: User,
    known: KnownLogins | None = None,
) -> VerifierAssignment:
    """End ``before`` and assign the locked and judged ``report`` to ``verifier``: events, mails, version."""
    now = clock.now()
    if before is not None:
        _end(session, report, before, why, actor=actor, known=known)
    after = VerifierAssignment(
        report_id=report.id, verifier=verifier, assigned_by_id=actor.id, assigned_at=now
    )
    session.add(after)
    touch(report)
    if report.state is ReportState.VERIFICATION_REQUESTED:
        # what the office gave back was the paper of the verifier before; the reason stands in the record
        report.returned_reason = report.returned_at = report.returned_by_id = None
    audit.record(
        session,
        EventTag.VERIFIER_ASSIGNED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        reason=why,
        before=before.verifier.label if before is not None else None,
        after=verifier.label,
    )
    session.flush()
    waits = report.state is ReportState.VERIFICATION_REQUESTED
    kind = MailKind.VERIFIER_TAKES_OVER if waits else MailKind.VERIFIER_ASSIGNED
    notify(session, kind, report=report, verifier=verifier, actor=actor, known=known)
    return after


def _end(
    session: Session,
    report: EmissionsReport,
    assignment: VerifierAssignment,
    why: str | None,
    *,
    actor: User,
    known: KnownLogins | None = None,
) -> None:
    assignment.ended_at = clock.now()
    audit.record(
        session,
        EventTag.VERIFIER_UNASSIGNED,
        report,
        actor=actor,
        holder_id=report.holder_id,
        reason=why,
        before=assignment.verifier.label,
    )
    notify(
        session,
        MailKind.VERIFIER_UNASSIGNED,
        report=report,
        verifier=assignment.verifier,
        actor=actor,
        known=known,
        until_now=assignment.verifier.label,
    )


def end_assignment(
    session: Session, report_id: int, reason: str | None, *, actor: User, version: int | None = None
) -> VerifierAssignment:
    """End the assignment of a report that is with its holder, without a next verifier, with a reason.

    Raises ``Refused`` with what :func:`refusal_to_end` says (VERIFIER_NEEDED while verification is
    requested: nobody could act on the report), NO_VERIFIER or REASON_NEEDED.
    """
    access.check(actor, Permission.VERIFIER_ASSIGN)
    report = access.get_visible(session, EmissionsReport, report_id, actor, lock=True)
    workflow.expect_version(report, version)
    against = refusal_to_end(report.period, report.state)
    if against is not None:
        raise refuse(against)
    assignment = _live_assignment(session, report)
    if assignment is None:
        raise refuse(Refusal.NO_VERIFIER)
    why = workflow.clean_reason(reason, needed=True)
    _end(session, report, assignment, why, actor=actor)
    # a next verifier would be told to the holder; that there is none is told too, the reason is not
    until_now = assignment.verifier.label
    notify(session, MailKind.VERIFICATION_ENDED, report=report, actor=actor, until_now=until_now)
    touch(report)
    session.flush()
    return assignment


@dataclass(frozen=True)
class VerifierLoad:
    """How much lies with a verifier: live assignments, those it must act on, those decided."""

    verifier: Verifier
    assigned: int
    waiting: int
    done: int


def load(session: Session) -> list[VerifierLoad]:
    """Every verifier with its load, for the page that assigns."""
    waiting = case((EmissionsReport.state == ReportState.VERIFICATION_REQUESTED, 1), else_=0)
    done = case((EmissionsReport.state == ReportState.APPROVED, 1), else_=0)
    rows = session.execute(
        select(Verifier, func.count(EmissionsReport.id), func.sum(waiting), func.sum(done))
        .outerjoin(
            VerifierAssignment,
            (VerifierAssignment.verifier_id == Verifier.id) & VerifierAssignment.ended_at.is_(None),
        )
        .outerjoin(EmissionsReport, EmissionsReport.id == VerifierAssignment.report_id)
        .options(selectinload(Verifier.organisation))
        .group_by(Verifier.id)
        .order_by(Verifier.number)
    )
    return [
        VerifierLoad(row, int(all_ or 0), int(now or 0), int(ended or 0)) for row, all_, now, ended in rows
    ]
