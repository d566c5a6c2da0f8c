"""Assigning a verifier to the reports of many holders at once: all of them or none (domain §3, §4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.errors import PortalError, Problem, Refusal, Refused, Stale
from portal.models import EmissionsReport, Holder, ReportState, User, Verifier, VerifierAssignment
from portal.permissions import Permission
from portal.services import access, once, verifiers, workflow
from portal.services.mail import known_logins
from portal.services.report_rules import current_verification, live_assignment
from portal.services.verifiers import VERIFIED_PERIODS, refusal_to_assign

#: holders whose reports are assigned with one press
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class AssignmentLine:
    """A verified report of a chosen holder: who verifies it now, and whether that can be changed."""

    report: EmissionsReport
    assignment: VerifierAssignment | None
    #: why the verifier cannot be changed now, if so
    problem: Problem | None

    @property
    def takes_over(self) -> bool:
        """Whether somebody waits for the result: changing the verifier then needs a reason."""
        return self.problem is None and self.report.state is ReportState.VERIFICATION_REQUESTED

    @property
    def unused(self) -> bool:
        """Whether the present verifier has registered a result that the next one cannot use."""
        return self.takes_over and current_verification(self.report) is not None


def lines(session: Session, holder_ids: Collection[int]) -> list[AssignmentLine]:
    """The verified reports of these holders, by account and period; no more queries for more holders."""
    query = _read().where(
        EmissionsReport.holder_id.in_(holder_ids), EmissionsReport.period.in_(VERIFIED_PERIODS)
    )
    return [_line(report) for report in session.scalars(query)]


def _read() -> Select[EmissionsReport]:
    holder = joinedload(EmissionsReport.holder)
    return (
        select(EmissionsReport)
        .options(
            holder.joinedload(Holder.representative),
            holder.joinedload(Holder.account),
            holder.joinedload(Holder.phase),
            selectinload(EmissionsReport.assignments)
            .joinedload(VerifierAssignment.verifier)
            .joinedload(Verifier.organisation),
            selectinload(EmissionsReport.verification_reports),
        )
        .order_by(EmissionsReport.holder_id, EmissionsReport.id)
    )


def _line(report: EmissionsReport) -> AssignmentLine:
    against = refusal_to_assign(report.period, report.state)
    return AssignmentLine(report, live_assignment(report), Problem(against) if against is not None else None)


def assign_many(
    session: Session,
    versions: Mapping[int, int],
    verifier_id: int | None,
    *,
    reason: str | None = None,
    actor: User,
    key: str | None = None,
) -> int:
    """Assign the chosen reports to one verifier, all or none; answers how many changed hands.

    ``versions``: report id → the version the page showed. Raises ``Stale`` for an old page, or
    ``Refused`` with everything against it: REQUIRED at ``verifier``, REASON_NEEDED where a verification is
    under way, ROWS_REFUSED naming the accounts with every reason, VERIFIER_SAME if nothing would change.
    """
    access.check(actor, Permission.VERIFIER_ASSIGN)
    content = {"reports": sorted(versions), "verifier": verifier_id, "reason": reason or ""}
    reports = _locked(session, versions)
    made = once.earlier(session, key, "assign_many", content, actor=actor)
    if made is not None:
        return made
    if len(reports) != len(versions):
        raise Stale
    for report in reports:
        workflow.expect_version(report, versions[report.id])
    found = [_line(report) for report in reports]
    why = _judged(found, verifier_id, reason)
    assert verifier_id is not None
    verifier = access.get_visible(session, Verifier, verifier_id, actor)
    moving = [line for line in found if not _is(line, verifier.id)]
    if not moving:
        raise Refused(Problem(Refusal.VERIFIER_SAME, "verifier"))
    known = known_logins(
        session,
        holders=[line.report.holder_id for line in moving],
        verifiers=[verifier.id, *(one.assignment.verifier_id for one in moving if one.assignment)],
    )
    for line in moving:
        verifiers.hand_over(session, line.report, line.assignment, verifier, why, actor=actor, known=known)
    once.remember(session, key, "assign_many", content, len(moving), actor=actor)
    return len(moving)


def _locked(session: Session, report_ids: Collection[int]) -> Sequence[EmissionsReport]:
    return session.scalars(
        _read()
        .where(EmissionsReport.id.in_(report_ids))
        .order_by(None)
        .order_by(EmissionsReport.id)
        .with_for_update(of=EmissionsReport)
        .execution_options(populate_existing=True)
    ).all()


def _judged(found: list[AssignmentLine], verifier_id: int | None, reason: str | None) -> str | None:
    """The reason as it is kept, or everything against the assignment."""
    problems: list[Problem] = []
    if not found:
        problems.append(Problem(Refusal.NOTHING_CHOSEN, None, {"limit": MOST_AT_ONCE}))
    if verifier_id is None:
        problems.append(Problem(Refusal.REQUIRED, "verifier"))
    refused = [line for line in found if line.problem is not None]
    if refused:
        accounts = dict.fromkeys(line.report.holder.account.code for line in refused)
        problems.append(Problem(Refusal.ROWS_REFUSED, None, {"rows": tuple(accounts)}))
        problems += [Problem(one) for one in dict.fromkeys(_refusals(refused))]
    why = None
    try:
        taken_over = any(line.takes_over and not _is(line, verifier_id) for line in found)
        why = workflow.clean_reason(reason, needed=taken_over)
    except PortalError as error:
        problems += error.problems
    if problems:
        raise Refused(*problems)
    return why


def _is(line: AssignmentLine, verifier_id: int | None) -> bool:
    return line.assignment is not None and line.assignment.verifier_id == verifier_id


def _refusals(refused: list[AssignmentLine]) -> list[Refusal]:
    return [line.problem.refusal for line in refused if line.problem is not None]
