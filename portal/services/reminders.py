"""Reminders before each deadline, 30, 7 and 1 days ahead, and once when a report's has passed (domain §7).

The worker looks each night. Whoever has the report is reminded: the holder until it is handed in, the
verifier while it verifies; for the retirement and the end of the banking window it is login A. The day on
which a report's figure is needed is the verifier's and the office's, also after the day it was due. A night
without a worker loses nothing: the next one reminds of the nearest distance that was reached and not told
yet. Each (holder, deadline, distance, who has it) is told once, whatever runs twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import String, Table, and_, case, cast, exists, literal, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.errors import Amount, UnitName
from portal.models import (
    Account,
    AccountState,
    BankingApplication,
    DecisionState,
    EmissionsReport,
    Holder,
    Period,
    Phase,
    PhaseRule,
    Reminder,
    ReminderSubject,
    ReportState,
    Verifier,
    VerifierAssignment,
)
from portal.services import audit, jobs
from portal.services.allowance_rules import may_give
from portal.services.audit import EventTag
from portal.services.compliance import Compliance, Figures, days_left, status
from portal.services.documents import insert_if_absent
from portal.services.figures import HolderIds, figures_for
from portal.services.jobs import Work
from portal.services.mail import MailKind, known_logins, notify
from portal.services.report_deadlines import deadlines
from portal.services.report_rules import live_verifier, window
from portal.services.transaction import run

#: days before a deadline (domain §7)
DISTANCES = (30, 7, 1)
#: the day after it, and while nobody told it yet for so long
OVERDUE = -1
TOLD_LATE = timedelta(days=7)
#: how many holders one transaction reminds
AT_ONCE = 100

#: who has the report while it is not done
WITH_HOLDER = ReportState.NOT_SUBMITTED
WITH_VERIFIER = ReportState.VERIFICATION_REQUESTED
WITH_OFFICE = (ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW)
#: as a row names them; a verifier with its number
HOLDER, OFFICE = "holder", "secretariat"

_S = ReminderSubject
#: subjects about a report, and whose report of which period
_PERIOD = {
    **{ReminderSubject(period.value): period for period in Period},
    _S.NEEDED_BASE: Period.BASE,
    _S.NEEDED_TARGET: Period.TARGET,
}
_NEEDED = (_S.NEEDED_BASE, _S.NEEDED_TARGET)


@dataclass(frozen=True)
class Deadline:
    """One deadline of a phase that is near or has just passed."""

    phase_id: int
    subject: ReminderSubject
    due: date
    distance: int
    #: the number of the phase
    phase: int = 0

    @property
    def states(self) -> tuple[ReportState, ...]:
        """The states in which somebody is reminded of a report."""
        return (WITH_VERIFIER, *WITH_OFFICE) if self.subject in _NEEDED else (WITH_HOLDER, WITH_VERIFIER)


def distance_of(left: int) -> int | None:
    """Which reminder stands with ``left`` days to go: 30, 7, 1, −1 once it passed; none before. Pure."""
    if left < 0:
        return OVERDUE
    return min((days for days in DISTANCES if left <= days), default=None)


def next_day(deadline: date, today: date, told: Collection[int]) -> date | None:
    """The day of the next reminder of ``deadline`` for whom ``told`` distances were told. Pure."""
    left = days_left(deadline, today)
    if left < 0:
        return None
    now = distance_of(left)
    if now is not None and now not in told:
        return today  # the coming night tells it
    later = [days for days in DISTANCES if days < (now if now is not None else left)]
    return deadline - timedelta(days=max(later)) if later else None


def told_of_retirement(session: Session, holder_ids: HolderIds) -> dict[int, list[Reminder]]:
    """The reminders of the retirement deadline that went out, by holder id, the newest last; one query."""
    found: dict[int, list[Reminder]] = {}
    query = select(Reminder).where(
        Reminder.holder_id.in_(holder_ids), Reminder.subject == ReminderSubject.RETIREMENT
    )
    for row in session.scalars(query.order_by(Reminder.sent_at, Reminder.id)):
        found.setdefault(row.holder_id, []).append(row)
    return found


def near(rules: Iterable[PhaseRule], today: date) -> Iterator[Deadline]:
    """The deadlines of ``rules`` of which somebody may have to be reminded on ``today``."""
    for rule in rules:
        dues: dict[ReminderSubject, tuple[date, date]] = {
            ReminderSubject(period.value): window(rule, period) for period in Period
        }
        dues[_S.RETIREMENT] = (rule.issue_from, rule.retirement_deadline)
        dues[_S.BANKING] = (rule.banking_from, rule.banking_until)
        for subject in _NEEDED:
            days = deadlines(rule, _PERIOD[subject])
            if days.needed is not None:
                dues[subject] = (days.opens, days.needed)
        for subject, (opens, due) in dues.items():
            distance = distance_of(days_left(due, today))
            if opens <= today <= due + TOLD_LATE and distance is not None and _speaks(subject, distance):
                yield Deadline(rule.phase_id, subject, due, distance, rule.phase.number)


def _speaks(subject: ReminderSubject, distance: int) -> bool:
    """Whether there is something to say: of what has passed, of reports only."""
    return distance != OVERDUE or subject in (_S.BASE, _S.TARGET, _S.ADJUSTMENT)


@jobs.handler("remind", nightly=True)
def remind(work: Work) -> dict[str, Any]:
    """Remind whoever has not done yet what a near deadline asks for; how many were told."""
    today = clock.today()
    told = 0
    with work.open_session() as session:
        deadlines = run(session, lambda: list(near(_rules(session), today)))
        for deadline in deadlines:
            ids = run(session, partial(_waiting, session, deadline))
            for begin in range(0, len(ids), AT_ONCE):
                part = ids[begin : begin + AT_ONCE]
                told += run(session, partial(_remind, session, deadline, part, today))
    return {"told": told}


def _rules(session: Session) -> Sequence[PhaseRule]:
    query = select(PhaseRule).where(PhaseRule.superseded_at.is_(None))
    return session.scalars(query.options(joinedload(PhaseRule.phase))).all()


def _waiting(session: Session, deadline: Deadline) -> list[int]:
    """The holders of the phase, by id, of whose affairs somebody may be reminded and was not told yet."""
    query = select(Holder.id).join(Account).order_by(Holder.id)
    # who left the scheme owes nothing any more
    query = query.where(Holder.phase_id == deadline.phase_id, Account.state != AccountState.CLOSED)
    who: Any = HOLDER
    if deadline.subject in _PERIOD:
        live = and_(VerifierAssignment.report_id == EmissionsReport.id, VerifierAssignment.ended_at.is_(None))
        query = (
            query.join(EmissionsReport, EmissionsReport.holder_id == Holder.id)
            .outerjoin(VerifierAssignment, live)
            .where(
                EmissionsReport.period == _PERIOD[deadline.subject],
                EmissionsReport.state.in_(deadline.states),
            )
        )
        verifier = literal("verifier:").concat(cast(VerifierAssignment.verifier_id, String))
        who = case(
            (EmissionsReport.state == WITH_HOLDER, HOLDER),
            (EmissionsReport.state == WITH_VERIFIER, verifier),
            else_=OFFICE,
        )
    told = exists().where(
        Reminder.holder_id == Holder.id,
        Reminder.subject == deadline.subject,
        Reminder.due == deadline.due,
        Reminder.days == deadline.distance,
        Reminder.told_to == who,
    )
    return list(session.scalars(query.where(~told)))


def _remind(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    if deadline.subject in _PERIOD:
        return _of_reports(session, deadline, ids, today)
    return _of_allowances(session, deadline, ids, today)


def _of_reports(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    reports = session.scalars(
        select(EmissionsReport)
        .where(
            EmissionsReport.holder_id.in_(ids),
            EmissionsReport.period == _PERIOD[deadline.subject],
            EmissionsReport.state.in_(deadline.states),
        )
        .options(
            joinedload(EmissionsReport.holder).options(
                joinedload(Holder.account),
                joinedload(Holder.representative),
                joinedload(Holder.phase).selectinload(Phase.rules),
            ),
            selectinload(EmissionsReport.assignments).joinedload(VerifierAssignment.verifier),
        )
        .order_by(EmissionsReport.id)
    ).all()
    verifiers = {report.id: live_verifier(report) for report in reports}
    known = known_logins(
        session,
        holders=[report.holder_id for report in reports],
        verifiers=[one.id for one in verifiers.values() if one is not None],
    )
    told = offices = 0
    for report in reports:
        kind, who = _kind(deadline, report), _who(report, verifiers[report.id])
        if kind is None or who is None or not _first(session, deadline, report.holder_id, who):
            continue
        told += 1
        if kind is MailKind.FIGURES_NEEDED:
            offices += 1
            continue
        facts: dict[str, Any] = {"due": deadline.due}
        if kind is not MailKind.REPORT_OVERDUE:
            facts["days"] = days_left(deadline.due, today)
        notify(session, kind, report=report, verifier=verifiers[report.id], known=known, **facts)
    if offices:
        notify(
            session,
            MailKind.FIGURES_NEEDED,
            phase=deadline.phase,
            count=offices,
            due=deadline.due,
            days=days_left(deadline.due, today),
        )
    return told


def _who(report: EmissionsReport, verifier: Verifier | None) -> str | None:
    """Who has the report, as a reminder's row names it."""
    if report.state is WITH_VERIFIER:
        return f"verifier:{verifier.id}" if verifier is not None else None
    return HOLDER if report.state is WITH_HOLDER else OFFICE


def _kind(deadline: Deadline, report: EmissionsReport) -> MailKind | None:
    if deadline.subject in _NEEDED:
        return MailKind.FIGURE_NEEDED if report.state is WITH_VERIFIER else MailKind.FIGURES_NEEDED
    if report.state is WITH_HOLDER and deadline.distance != OVERDUE:
        return MailKind.REPORT_DUE
    if report.state is WITH_HOLDER:
        # whoever was in time and got it back was told so with the reason
        return MailKind.REPORT_OVERDUE if report.returned_at is None else None
    # it was handed in; from then on the day counts on which the figure is needed
    return None if deadline.distance == OVERDUE else MailKind.VERIFICATION_DUE


def _of_allowances(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    """Login A, of what is still to retire, or of leftover units that lapse with the banking window."""
    banking = deadline.subject is _S.BANKING
    if banking and not session.scalar(select(exists().where(Phase.number == deadline.phase + 1))):
        return 0  # there is no phase to carry them into; nobody can apply
    kind = MailKind.BANKING_DUE if banking else MailKind.RETIREMENT_DUE
    applied = _with_application(session, ids) if banking else set()
    figures = figures_for(session, ids)
    holders = session.scalars(
        select(Holder)
        .where(Holder.id.in_(ids))
        .options(
            joinedload(Holder.account),
            joinedload(Holder.representative),
            joinedload(Holder.phase).selectinload(Phase.rules),
        )
        .order_by(Holder.id)
    ).all()
    known = known_logins(session, holders=ids)
    unreported = set() if banking else _with_holder(session, ids)
    told = 0
    for holder in holders:
        own = figures[holder.id]
        owes = holder.id not in applied and own.available > 0 if banking else must_retire(own)
        # who cannot move units is not told to: nothing leaves a suspended or closed account (decided)
        if owes and may_give(holder.account.state) and _first(session, deadline, holder.id, HOLDER):
            notify(
                session,
                kind,
                holder=holder,
                known=known,
                due=deadline.due,
                days=days_left(deadline.due, today),
                **_of_holder(holder, own, banking, unreported),
            )
            told += 1
    return told


def _of_holder(holder: Holder, own: Figures, banking: bool, unreported: set[int]) -> dict[str, Any]:
    if banking:
        return {"quantity": Amount(own.available, UnitName("JAA", holder.phase.number))}
    return {"quantity": own.missing, "with_holder": holder.id in unreported or None}


def _with_holder(session: Session, ids: Sequence[int]) -> set[int]:
    """Those whose target-year report has not left them yet."""
    query = select(EmissionsReport.holder_id).where(
        EmissionsReport.holder_id.in_(ids),
        EmissionsReport.period == Period.TARGET,
        EmissionsReport.state == WITH_HOLDER,
    )
    return set(session.scalars(query))


def _with_application(session: Session, ids: Sequence[int]) -> set[int]:
    """Who applied for banking already, whatever came of it but a refusal."""
    query = select(BankingApplication.holder_id).where(
        BankingApplication.holder_id.in_(ids),
        BankingApplication.state.in_((DecisionState.APPLIED, DecisionState.ACCEPTED)),
    )
    return set(session.scalars(query))


def must_retire(figures: Figures) -> bool:
    """Whether a holder still has something to do before the retirement deadline. Pure."""
    done = (Compliance.MET, Compliance.NOT_OBLIGED)
    return status(figures, clock.now()) not in done and figures.target_emissions != 0


def _first(session: Session, deadline: Deadline, holder_id: int, who: str) -> bool:
    """Keep that this reminder goes out now; ``False`` if another run kept it before."""
    table = Reminder.__table__
    assert isinstance(table, Table)
    key = {
        "holder_id": holder_id,
        "subject": deadline.subject,
        "due": deadline.due,
        "days": deadline.distance,
        "told_to": who,
    }
    if not insert_if_absent(session, table, **key, sent_at=clock.now()):
        return False
    row = session.scalars(select(Reminder).filter_by(**key)).one()
    tags = {_S.RETIREMENT: EventTag.RETIREMENT_REMINDED, _S.BANKING: EventTag.BANKING_REMINDED}
    audit.record(
        session,
        tags.get(deadline.subject, EventTag.REMINDER_SENT),
        row,
        actor=None,
        holder_id=holder_id,
        due=deadline.due.isoformat(),
        days=deadline.distance,
    )
    return True
