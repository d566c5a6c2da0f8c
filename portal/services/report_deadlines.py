"""Which reports are late or will be: one rule, as a pure function for a page and as SQL for lists and counts.

A report has two days. The holder hands it in by the day it is due (requests verification, or submits);
its figure must be approved by the day it is needed: before the issue begins for the base year, by the
retirement deadline for the target year (domain §5, §6). Days are Tokyo's; the last day counts whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, null, or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Account,
    AccountState,
    EmissionsReport,
    Holder,
    Period,
    PhaseRule,
    ReportState,
)
from portal.services.report_rules import rule_of, window

#: so many days before a deadline, what is not done may become late (decided: as the first reminder)
WARNED_DAYS = 30
_HANDED_ON = (
    ReportState.VERIFICATION_REQUESTED,
    ReportState.APPROVAL_REQUESTED,
    ReportState.UNDER_REVIEW,
)


class Concern(StrEnum):
    """Why a report is on the list of the late, the worst first."""

    OVERDUE = "overdue"  # 期限を過ぎて未提出
    APPROVAL_LATE = "approval_late"  # 必要な日を過ぎて未承認
    VERIFICATION_LATE = "verification_late"  # 提出期限を過ぎて検証中
    DUE_SOON = "due_soon"  # 未提出、期限が近い
    APPROVAL_SOON = "approval_soon"  # 未承認、必要な日が近い


#: those whose day has passed
LATE = frozenset({Concern.OVERDUE, Concern.APPROVAL_LATE, Concern.VERIFICATION_LATE})
_BY_NEED = frozenset({Concern.APPROVAL_LATE, Concern.APPROVAL_SOON})


@dataclass(frozen=True)
class Deadlines:
    """The days of one report."""

    opens: date
    due: date
    #: the last day on which its figure helps; ``None`` for the adjustment year
    needed: date | None


def deadlines(rule: PhaseRule, period: Period) -> Deadlines:
    """The days of a report of ``period`` by the phase's ``rule``."""
    needed = {Period.BASE: rule.issue_from, Period.TARGET: rule.retirement_deadline}
    return Deadlines(*window(rule, period), needed.get(period))


def concern(state: ReportState, days: Deadlines, today: date) -> Concern | None:
    """Why a report in ``state`` is late or may become so; ``None`` if there is nothing to fear. Pure."""
    soon = today + timedelta(days=WARNED_DAYS)
    if state is ReportState.NOT_SUBMITTED:
        if days.due < today:
            return Concern.OVERDUE
        return Concern.DUE_SOON if days.opens <= today and days.due <= soon else None
    if state not in _HANDED_ON:
        return None
    if days.needed is not None and days.needed < today:
        return Concern.APPROVAL_LATE
    if state is ReportState.VERIFICATION_REQUESTED and days.due < today:
        return Concern.VERIFICATION_LATE
    return Concern.APPROVAL_SOON if days.needed is not None and days.needed <= soon else None


def day_of(found: Concern, days: Deadlines) -> date:
    """The day that is missed, or may be."""
    return days.needed if found in _BY_NEED and days.needed is not None else days.due


@dataclass(frozen=True)
class Standing:
    """Where a report stands against its days."""

    days: Deadlines
    concern: Concern | None
    #: the day that counts now; ``None`` once the report is through or handed in for good
    day: date | None

    @property
    def days_left(self) -> int | None:
        """Whole days until :attr:`day`, negative afterwards."""
        return None if self.day is None else (self.day - clock.today()).days


def standing_of(report: EmissionsReport) -> Standing:
    """The standing of a report whose holder, account, phase and rules are loaded."""
    days = deadlines(rule_of(report.holder.phase), report.period)
    if report.holder.account.state is AccountState.CLOSED:
        return Standing(days, None, None)  # who left the scheme owes nothing any more
    found = concern(report.state, days, clock.today())
    if found is not None:
        return Standing(days, found, day_of(found, days))
    if report.state is ReportState.NOT_SUBMITTED:
        return Standing(days, None, days.due)
    return Standing(days, None, days.needed if report.state in _HANDED_ON else None)


# ---- the same as SQL


def _day(base: Any, target: Any, adjustment: Any) -> Any:
    period = EmissionsReport.period
    return case((period == Period.BASE, base), (period == Period.TARGET, target), else_=adjustment)


_OPENS = _day(PhaseRule.base_report_from, PhaseRule.target_report_from, PhaseRule.adjustment_report_from)
#: when a report is due, by the rule of its phase that is in force
DUE: Any = _day(PhaseRule.base_report_due, PhaseRule.target_report_due, PhaseRule.adjustment_report_due)


def _needed(before: ColumnElement[bool] | None, base: Any, target: Any) -> ColumnElement[bool]:
    found = or_(
        and_(EmissionsReport.period == Period.BASE, base),
        and_(EmissionsReport.period == Period.TARGET, target),
    )
    return found if before is None else and_(before, found)


def concern_of(today: date) -> ColumnElement[str | None]:
    """:func:`concern` over a report joined to its holder's rule in force (see :func:`concerned`)."""
    state, soon = EmissionsReport.state, today + timedelta(days=WARNED_DAYS)
    waits, handed_on = state == ReportState.NOT_SUBMITTED, state.in_(_HANDED_ON)
    issue, deadline = PhaseRule.issue_from, PhaseRule.retirement_deadline
    return case(
        (and_(waits, today > DUE), Concern.OVERDUE.value),
        (and_(waits, today >= _OPENS, soon >= DUE), Concern.DUE_SOON.value),
        (_needed(handed_on, issue < today, deadline < today), Concern.APPROVAL_LATE.value),
        (
            and_(state == ReportState.VERIFICATION_REQUESTED, today > DUE),
            Concern.VERIFICATION_LATE.value,
        ),
        (_needed(handed_on, issue <= soon, deadline <= soon), Concern.APPROVAL_SOON.value),
        else_=null(),
    )


def _joined(query: Any) -> Any:
    return (
        query.select_from(EmissionsReport)
        .join(Holder, Holder.id == EmissionsReport.holder_id)
        .join(PhaseRule, and_(PhaseRule.phase_id == Holder.phase_id, PhaseRule.superseded_at.is_(None)))
        # who left the scheme owes nothing any more
        .join(Account, and_(Account.holder_id == Holder.id, Account.state != AccountState.CLOSED))
        .where(EmissionsReport.state.in_([ReportState.NOT_SUBMITTED, *_HANDED_ON]))
    )


def concerned(*wanted: Concern) -> Select[Any]:
    """A select of the ids and holders of the reports with one of these concerns; without any, of all."""
    found = concern_of(clock.today())
    query = _joined(select(EmissionsReport.id, EmissionsReport.holder_id))
    values = [one.value for one in wanted or Concern]
    chosen: Select[Any] = query.where(found.in_(values))
    return chosen


def counts(session: Session) -> dict[Concern, int]:
    """How many reports have each concern now; one query."""
    found = concern_of(clock.today()).label("concern")
    reports = _joined(select(found)).subquery()
    rows = session.execute(
        select(reports.c.concern, func.count())
        .where(reports.c.concern.is_not(None))
        .group_by(reports.c.concern)
    )
    counted = {Concern(value): int(n) for value, n in rows}
    return {one: counted.get(one, 0) for one in Concern}


def day_expression() -> ColumnElement[date]:
    """The day that counts for a report, for sorting a list of the concerned: one look-up for each row."""
    found = concern_of(clock.today())
    needed = _day(PhaseRule.issue_from, PhaseRule.retirement_deadline, null())
    by_need = found.in_([one.value for one in _BY_NEED])
    return (
        select(case((by_need, needed), else_=DUE))
        .select_from(Holder)
        .join(PhaseRule, and_(PhaseRule.phase_id == Holder.phase_id, PhaseRule.superseded_at.is_(None)))
        .where(Holder.id == EmissionsReport.holder_id)
        .correlate(EmissionsReport)
        .scalar_subquery()
    )
