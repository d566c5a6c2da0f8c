"""Which of a verifier's people is in charge of a report: taken, handed over, given back.

To be in charge is a promise among colleagues, no right (decided): everybody of the verifier may do what the
verifier may, so a holiday stops nothing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused, Stale, refuse
from portal.models import EmissionsReport, ReportState, User, VerifierAssignment
from portal.permissions import Permission
from portal.services import access, audit
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.report_rules import live_assignment

#: while there is something left to do
OPEN_STATES = frozenset(
    {
        ReportState.NOT_SUBMITTED,
        ReportState.VERIFICATION_REQUESTED,
        ReportState.APPROVAL_REQUESTED,
        ReportState.UNDER_REVIEW,
    }
)


def colleagues(session: Session, actor: User) -> list[User]:
    """The active logins of the reader's verifier, the reader's own included, by login."""
    access.check(actor, Permission.REPORT_ASSIGNED_VIEW)
    return list(
        session.scalars(
            select(User)
            .where(User.verifier_id == actor.verifier_id, User.active.is_(True), User.locked_at.is_(None))
            .order_by(User.login_id)
        )
    )


def in_charge(session: Session, report_id: int, actor: User) -> User | None:
    """Who is in charge of a report that is assigned to the reader's verifier, active or not."""
    access.check(actor, Permission.REPORT_ASSIGNED_VIEW)
    assignment = live_assignment(access.get_visible(session, EmissionsReport, report_id, actor))
    return assignment.in_charge if assignment is not None else None


def choose(
    session: Session, report_id: int, user_id: int | None, *, actor: User, shown: int | None = None
) -> VerifierAssignment:
    """Put ``user_id`` (``None``: nobody) in charge of a report that is assigned to the actor's verifier.

    ``shown`` is who was in charge on the page (0: nobody); if that has changed the page is ``Stale``. Who is
    in charge already stays so, with no event. The colleagues are told unless somebody takes what nobody
    had or gives back what was his own. Raises ``Refused`` with WRONG_STATE once all is done, or
    CHOICE_UNKNOWN at ``user`` for anybody who is no active login of this verifier.
    """
    access.check(actor, Permission.REPORT_VERIFY)
    report = access.get_visible(session, EmissionsReport, report_id, actor, lock=True)
    session.refresh(report, ["assignments"])
    assignment = live_assignment(report)
    assert assignment is not None  # it is visible
    session.refresh(assignment)
    if report.state not in OPEN_STATES:
        raise refuse(Refusal.WRONG_STATE)
    before = assignment.in_charge
    if (user_id or None) == assignment.in_charge_id:
        return assignment
    if shown is not None and (shown or None) != assignment.in_charge_id:
        raise Stale
    after = _colleague(session, user_id, actor)
    assignment.in_charge = after
    session.flush()
    audit.record(
        session,
        EventTag.VERIFICATION_CHARGE_CHOSEN,
        report,
        actor=actor,
        before=before.name if before is not None else None,
        after=after.name if after is not None else None,
    )
    concerned = {person.id for person in (before, after) if person is not None} - {actor.id}
    if after is not None and concerned:
        notify(session, MailKind.VERIFICATION_HANDED_OVER, report=report, actor=actor, name=after.name)
    return assignment


def _colleague(session: Session, user_id: int | None, actor: User) -> User | None:
    if not user_id:
        return None
    found = next((one for one in colleagues(session, actor) if one.id == user_id), None)
    if found is None:
        raise Refused(Problem(Refusal.CHOICE_UNKNOWN, "user"))
    return found
