"""The small scheme that campaigns play in: two phases, made through the services like the real thing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Holder, Period, Phase, ReportState, UnitClass, User
from portal.permissions import Role
from portal.services import targets
from portal.services.demo.assigning import assign_holder
from tests.factories import registration, reports
from tests.factories.ledger_cast import JAA, JVER, LAST_DAY, NEXT, Cast, HolderFacts

#: phase, base, target, target-year figure, whether that is approved
HOLDERS = (
    (2, 1_000, 150, 700, False),
    (2, 100, 60, None, False),
    (2, 900, 100, 640, True),
    (3, 500, 200, 250, False),
    (3, 50, 20, None, False),
)


def small_scheme(session: Session, *, unissued: int = 0) -> Cast:
    """Three holders of phase 2 and two of phase 3, ready for issue; two traders, four colleagues.

    One target-year figure is approved, two are under review. ``unissued``: further holders of phase 3.
    """
    officers = [registration.office(session, Role.OFFICER).id for _ in range(2)]
    approvers = [registration.office(session, Role.APPROVER).id for _ in range(2)]
    first = reports.scheme(session)
    phases = {2: first.holder.phase, 3: _next_phase(session, officers[0], approvers[0])}
    holders: dict[int, HolderFacts] = {}
    ids: dict[int, int] = {}
    for phase, base, target, figure, approved in (*HOLDERS, *[HOLDERS[-1]] * unissued):
        reports.at(reports.WHEN[Period.BASE])
        made = first if not holders else _another(session, first, phases[phase])
        reports.bring(session, made, ReportState.APPROVED, Period.BASE, base)
        proposed = targets.propose_target(
            session, made.holder.id, target, actor=session.get_one(User, officers[0])
        )
        targets.confirm_target(session, proposed.id, actor=session.get_one(User, approvers[0]))
        report = None
        if figure is not None:
            state = ReportState.APPROVED if approved else ReportState.UNDER_REVIEW
            report = reports.bring(session, made, state, Period.TARGET, figure).id
        account = made.holder.account.id
        holders[account] = HolderFacts(made.a.id, phase, base, target, figure, report)
        ids[account] = made.holder.id
    traders = {one.account.id: one.users[0].id for one in (registration.trader(session) for _ in range(2))}
    numbers = {None: JVER, phases[2].id: JAA, phases[3].id: NEXT}
    return Cast(
        holders,
        traders,
        (*officers, *approvers),
        tuple(approvers),
        ids,
        {numbers[unit.phase_id]: unit.id for unit in session.scalars(select(UnitClass))},
        {number: phase.id for number, phase in phases.items()},
        tuple(account for account, known in zip(holders, HOLDERS, strict=False) if known[-1]),
    )


def _next_phase(session: Session, officer: int, approver: int) -> Phase:
    """Phase 3 with the same dates, but units that are usable for longer."""
    dates = replace(registration.DATES, banking_until=LAST_DAY[NEXT])
    people = session.get_one(User, officer), session.get_one(User, approver)
    return registration.opened(session, 3, registration.YEARS, dates, by=people)


def _another(session: Session, first: reports.Scheme, phase: Phase) -> reports.Scheme:
    holder: Holder = registration.holder(session, phase_id=phase.id)
    assign_holder(session, holder.id, first.verifier.id, actor=first.officer)
    session.flush()
    return replace(first, holder=holder)
