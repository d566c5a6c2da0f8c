"""How a phase stands and who may miss the deadline: the secretariat's pictures.

Everything here reads, in a fixed number of queries however many holders there are. Units and t-CO2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.models import (
    AccountState,
    ComplianceSnapshot,
    EmissionsReport,
    Holder,
    Period,
    Phase,
    PhaseRule,
    Reminder,
    ReportState,
)
from portal.services import compliance_records, reminders
from portal.services.compliance import Compliance, Figures, days_left, status
from portal.services.figures import figures_for
from portal.services.report_rules import rule_of


class Outlook(StrEnum):
    """What a holder's retirement looks like before the deadline."""

    MET = "met"  # 遵守
    TO_RETIRE = "to_retire"  # 償却待ち: the balance is enough
    TO_BUY = "to_buy"  # 購入が必要
    UNCONFIRMED = "unconfirmed"  # 排出量が未確定
    MISSED = "missed"  # 期限超過・未遵守
    NOT_OBLIGED = "not_obliged"  # 対象外


@dataclass(frozen=True)
class Reminded:
    """When a holder was last reminded of the retirement deadline, and the day of the next mail."""

    last: datetime | None
    next: date | None


@dataclass(frozen=True)
class Standing:
    """One holder of the phase."""

    holder: Holder
    figures: Figures
    report_state: ReportState
    outlook: Outlook
    #: the last mail about the retirement deadline, and whom the next night would remind
    reminded: Reminded
    #: what was frozen at the deadline, the official record; before the night after it there is none
    record: ComplianceSnapshot | None = None

    @property
    def not_submitted(self) -> bool:
        """Whether the target-year report has not even been handed in."""
        return self.report_state is ReportState.NOT_SUBMITTED

    @property
    def urgency(self) -> tuple[int, int, int]:
        """Sorts the holders most in danger first."""
        missing, to_buy = self.figures.missing or 0, self.figures.to_buy or 0
        rank = {
            Outlook.MISSED: 0,
            Outlook.UNCONFIRMED: 1 if self.not_submitted else 2,
            Outlook.TO_BUY: 3,
            Outlook.TO_RETIRE: 4,
            Outlook.MET: 5,
            Outlook.NOT_OBLIGED: 6,
        }[self.outlook]
        return rank, -to_buy, -missing


@dataclass(frozen=True)
class Progress:
    """How many holders of the phase are through with each step."""

    registered: int
    base_approved: int
    issued: int
    verification_requested: int
    target_approved: int
    met: int


@dataclass(frozen=True)
class PhaseBoard:
    """A phase at one glance; ``standings`` has the holders in danger first."""

    phase: Phase
    rule: PhaseRule
    standings: list[Standing]

    @property
    def days_left(self) -> int:
        """Whole days until the retirement deadline, negative afterwards."""
        return days_left(self.rule.retirement_deadline, clock.today())

    @property
    def over(self) -> bool:
        """Whether the retirement deadline has passed."""
        return self.days_left < 0

    @property
    def recorded(self) -> bool:
        """Whether what stood at the deadline is frozen."""
        return any(one.record is not None for one in self.standings)

    @property
    def reporting(self) -> bool:
        """Whether the target year's reports may be registered yet: before, nobody is late."""
        return clock.today() >= self.rule.target_report_from

    @property
    def at_risk(self) -> list[Standing]:
        """The holders who have not met their target, the most endangered first."""
        done = (Outlook.MET, Outlook.NOT_OBLIGED)
        return [one for one in self.standings if one.outlook not in done] if self.reporting else []

    @property
    def outlooks(self) -> Counter[Outlook]:
        """How many holders have each outlook."""
        return Counter(one.outlook for one in self.standings)

    @property
    def progress(self) -> Progress:
        """The completed steps."""
        all_ = self.standings
        return Progress(
            registered=len(all_),
            base_approved=sum(one.figures.base_emissions is not None for one in all_),
            issued=sum(one.figures.issued > 0 for one in all_),
            verification_requested=sum(not one.not_submitted for one in all_),
            target_approved=sum(one.figures.target_emissions is not None for one in all_),
            met=sum(one.outlook is Outlook.MET for one in all_),
        )


def phases(session: Session) -> list[Phase]:
    """All phases with their rules, by number; two queries."""
    return list(session.scalars(select(Phase).options(selectinload(Phase.rules)).order_by(Phase.number)))


def holders_in(session: Session, phase: Phase) -> int:
    """How many holders the phase has."""
    query = select(func.count()).select_from(Holder).where(Holder.phase_id == phase.id)
    return session.scalar(query) or 0


def present_phase(session: Session, found: list[Phase]) -> Phase | None:
    """The phase in which something is going on: the earliest that is not over and has holders.

    A phase is over with its banking window, or its retirement deadline where that is later. Are all with
    holders over it is the last of them; without any holder, the phase whose deadline comes next.
    """
    with_holders = set(
        session.scalars(select(Phase.id).where(select(Holder.id).where(Holder.phase_id == Phase.id).exists()))
    )
    some = [one for one in found if one.id in with_holders] or found
    ahead = [one for one in some if one.closed_at is None and _last_day(one) >= clock.today()]
    if ahead:
        return min(ahead, key=lambda one: rule_of(one).retirement_deadline)
    return some[-1] if some else None


def _last_day(phase: Phase) -> date:
    """The last day on which a phase's holders have something to do about its units."""
    rule = rule_of(phase)
    return max(rule.retirement_deadline, rule.banking_until)


def phase_to_publish(session: Session, found: list[Phase]) -> Phase | None:
    """The last phase whose retirement deadline is over; the present one if there is none yet."""
    over = [one for one in found if rule_of(one).retirement_deadline < clock.today()]
    return over[-1] if over else present_phase(session, found)


def outlook(figures: Figures, standing: Compliance | None = None) -> Outlook:
    """What the figures mean for the deadline; ``standing`` is the official status, if it was read."""
    standing = standing or status(figures, clock.now())
    if standing is Compliance.MET:
        return Outlook.MET
    if standing is Compliance.MISSED:
        return Outlook.MISSED
    if standing is Compliance.NOT_OBLIGED:
        return Outlook.NOT_OBLIGED
    if standing is Compliance.UNCONFIRMED:
        return Outlook.UNCONFIRMED
    return Outlook.TO_BUY if figures.to_buy else Outlook.TO_RETIRE


def _reminded(holder: Holder, figures: Figures, told: Sequence[Reminder]) -> Reminded:
    """Who has met the target, or left the scheme, is reminded of nothing more."""
    last = told[-1].sent_at if told else None
    if holder.account.state is AccountState.CLOSED or not reminders.must_retire(figures):
        return Reminded(last, None)
    of_this_day = {one.days for one in told if one.due == figures.deadline}
    return Reminded(last, reminders.next_day(figures.deadline, clock.today(), of_this_day))


def phase_board(session: Session, phase: Phase) -> PhaseBoard:
    """The board of ``phase``; ten queries."""
    rows = session.execute(
        select(Holder, EmissionsReport.state)
        .join(EmissionsReport, EmissionsReport.holder_id == Holder.id)
        .where(Holder.phase_id == phase.id, EmissionsReport.period == Period.TARGET)
        .options(joinedload(Holder.account), joinedload(Holder.representative))
        .order_by(Holder.id)
    )
    holders = list(rows)
    whose = select(Holder.id).where(Holder.phase_id == phase.id)
    figures = figures_for(session, whose)
    records = compliance_records.newest_of(session, whose)
    official = compliance_records.official(session, figures, records)
    told = reminders.told_of_retirement(session, whose)
    standings = [
        Standing(
            holder,
            figures[holder.id],
            state,
            outlook(figures[holder.id], official[holder.id]),
            _reminded(holder, figures[holder.id], told.get(holder.id, ())),
            records.get(holder.id),
        )
        for holder, state in holders
    ]
    return PhaseBoard(phase, rule_of(phase), sorted(standings, key=lambda one: one.urgency))
