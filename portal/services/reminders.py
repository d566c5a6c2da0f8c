"""Reminders before each deadline, 30, 7 and 1 days ahead, and once when it has passed (domain §7).

The worker looks each night. Whoever has the report is reminded: the holder until it is handed in, the
verifier while it verifies; for the retirement it is login A. A night without a worker loses nothing: the
next one reminds of the nearest distance that was reached and not told yet. Each (holder, deadline,
distance) is told once, whatever runs twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.models import (
    Account,
    AccountState,
    EmissionsReport,
    Holder,
    Period,
    Phase,
    PhaseRule,
    Reminder,
    ReminderSubject,
    ReportState,
    VerifierAssignment,
)
from portal.services import audit, jobs
from portal.services.allowance_rules import may_give
from portal.services.audit import EventTag
from portal.services.compliance import Compliance, Figures, days_left, status
from portal.services.documents import insert_if_absent
from portal.services.figures import figures_for
from portal.services.jobs import Work
from portal.services.mail import KnownLogins, MailKind, known_logins, notify
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


@dataclass(frozen=True)
class Deadline:
    """One deadline of a phase that is near or has just passed."""

    phase_id: int
    subject: ReminderSubject
    due: date
    distance: int


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


def told_of_retirement(session: Session, holder_ids: Collection[int]) -> dict[int, list[Reminder]]:
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
        dues[ReminderSubject.RETIREMENT] = (rule.issue_from, rule.retirement_deadline)
        for subject, (opens, due) in dues.items():
            distance = distance_of(days_left(due, today))
            if opens <= today <= due + TOLD_LATE and distance is not None:
                yield Deadline(rule.phase_id, subject, due, distance)


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
    return session.scalars(select(PhaseRule).where(PhaseRule.superseded_at.is_(None))).all()


def _waiting(session: Session, deadline: Deadline) -> list[int]:
    """The holders of the phase, by id, who may be reminded and were not told of this distance yet."""
    query = select(Holder.id).join(Account).order_by(Holder.id)
    # who left the scheme owes nothing any more
    query = query.where(Holder.phase_id == deadline.phase_id, Account.state != AccountState.CLOSED)
    told = select(Reminder.holder_id).where(
        Reminder.subject == deadline.subject, Reminder.due == deadline.due, Reminder.days == deadline.distance
    )
    query = query.where(Holder.id.not_in(told))
    if deadline.subject is not ReminderSubject.RETIREMENT:
        query = query.join(EmissionsReport).where(
            EmissionsReport.period == Period(deadline.subject.value),
            EmissionsReport.state.in_((WITH_HOLDER, WITH_VERIFIER)),
        )
    return list(session.scalars(query))


def _remind(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    if deadline.subject is ReminderSubject.RETIREMENT:
        return _of_retirement(session, deadline, ids, today)
    return _of_reports(session, deadline, ids, today)


def _of_reports(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    reports = session.scalars(
        select(EmissionsReport)
        .where(
            EmissionsReport.holder_id.in_(ids),
            EmissionsReport.period == Period(deadline.subject.value),
            EmissionsReport.state.in_((WITH_HOLDER, WITH_VERIFIER)),
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
    told = 0
    for report in reports:
        kind = _kind(deadline, report)
        if kind is None or not _first(session, deadline, report.holder_id):
            continue
        facts: dict[str, Any] = {"due": deadline.due}
        if kind is not MailKind.REPORT_OVERDUE:
            facts["days"] = days_left(deadline.due, today)
        notify(session, kind, report=report, verifier=verifiers[report.id], known=known, **facts)
        told += 1
    return told


def _kind(deadline: Deadline, report: EmissionsReport) -> MailKind | None:
    if report.state is WITH_HOLDER:
        return MailKind.REPORT_OVERDUE if deadline.distance == OVERDUE else MailKind.REPORT_DUE
    # it was handed in; what the verifier owes after the day is seen on the late list
    return None if deadline.distance == OVERDUE else MailKind.VERIFICATION_DUE


def _of_retirement(session: Session, deadline: Deadline, ids: Sequence[int], today: date) -> int:
    if deadline.distance == OVERDUE:
        return 0  # the record of the deadline tells everybody where they stand
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
    told = 0
    for holder in holders:
        # who cannot retire is not told to: nothing leaves a suspended or closed account (decided)
        can = may_give(holder.account.state)
        if can and must_retire(figures[holder.id]) and _first(session, deadline, holder.id):
            _tell_retirement(session, deadline, holder, figures[holder.id], today, known)
            told += 1
    return told


def must_retire(figures: Figures) -> bool:
    """Whether a holder still has something to do before the retirement deadline. Pure."""
    return status(figures, clock.now()) is not Compliance.MET and figures.target_emissions != 0


def _tell_retirement(
    session: Session, deadline: Deadline, holder: Holder, figures: Figures, today: date, known: KnownLogins
) -> None:
    notify(
        session,
        MailKind.RETIREMENT_DUE,
        holder=holder,
        known=known,
        due=deadline.due,
        days=days_left(deadline.due, today),
        quantity=figures.missing,
    )


def _first(session: Session, deadline: Deadline, holder_id: int) -> bool:
    """Keep that this reminder goes out now; ``False`` if another run kept it before."""
    table = Reminder.__table__
    assert isinstance(table, Table)
    key = {
        "holder_id": holder_id,
        "subject": deadline.subject,
        "due": deadline.due,
        "days": deadline.distance,
    }
    if not insert_if_absent(session, table, **key, sent_at=clock.now()):
        return False
    row = session.scalars(select(Reminder).filter_by(**key)).one()
    retirement = deadline.subject is ReminderSubject.RETIREMENT
    audit.record(
        session,
        EventTag.RETIREMENT_REMINDED if retirement else EventTag.REMINDER_SENT,
        row,
        actor=None,
        holder_id=holder_id,
        due=deadline.due.isoformat(),
        days=deadline.distance,
    )
    return True
