"""How a phase stands, who may miss the deadline, and what the ledger holds: the secretariat's pictures.

Everything here reads, in a fixed number of queries however many holders there are. Units and t-CO2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.models import (
    Account,
    AccountKind,
    EmissionsReport,
    Holder,
    Holding,
    Period,
    Phase,
    PhaseRule,
    ReportState,
    UnitClass,
)
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


@dataclass(frozen=True)
class Standing:
    """One holder of the phase."""

    holder: Holder
    figures: Figures
    report_state: ReportState
    outlook: Outlook

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
    def reporting(self) -> bool:
        """Whether the target year's reports may be registered yet: before, nobody is late."""
        return clock.today() >= self.rule.target_report_from

    @property
    def at_risk(self) -> list[Standing]:
        """The holders who have not met their target, the most endangered first."""
        return [one for one in self.standings if one.outlook is not Outlook.MET] if self.reporting else []

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


def present_phase(found: list[Phase]) -> Phase | None:
    """The phase whose retirement deadline comes next; the last one if all are over."""
    ahead = [one for one in found if rule_of(one).retirement_deadline >= clock.today()]
    if ahead:
        return min(ahead, key=lambda one: rule_of(one).retirement_deadline)
    return found[-1] if found else None


def outlook(figures: Figures) -> Outlook:
    """What the figures mean for the deadline; pure but for the clock. Late retirement stays missed."""
    standing = status(figures, clock.now())
    if standing is Compliance.MET:
        return Outlook.MET
    if standing is Compliance.MISSED:
        return Outlook.MISSED
    if standing is Compliance.UNCONFIRMED:
        return Outlook.UNCONFIRMED
    return Outlook.TO_BUY if figures.to_buy else Outlook.TO_RETIRE


def phase_board(session: Session, phase: Phase) -> PhaseBoard:
    """The board of ``phase``; eight queries."""
    rows = session.execute(
        select(Holder, EmissionsReport.state)
        .join(EmissionsReport, EmissionsReport.holder_id == Holder.id)
        .where(Holder.phase_id == phase.id, EmissionsReport.period == Period.TARGET)
        .options(joinedload(Holder.account), joinedload(Holder.representative))
        .order_by(Holder.id)
    )
    holders = list(rows)
    figures = figures_for(session, [holder.id for holder, _state in holders]) if holders else {}
    standings = [
        Standing(holder, figures[holder.id], state, outlook(figures[holder.id])) for holder, state in holders
    ]
    return PhaseBoard(phase, rule_of(phase), sorted(standings, key=lambda one: one.urgency))


@dataclass(frozen=True)
class ClassTotal:
    """Where the units of one class are; issued = held + retired + cancelled + offset (safety 1)."""

    unit_class: UnitClass
    issued: int
    held: int
    retired: int
    cancelled: int
    offset: int

    @property
    def elsewhere(self) -> int:
        return self.held + self.retired + self.cancelled + self.offset

    @property
    def adds_up(self) -> bool:
        return self.issued == self.elsewhere


def ledger_totals(session: Session) -> list[ClassTotal]:
    """The totals of each unit class, JAA by phase, then jVER; two queries."""
    sums: dict[tuple[int, AccountKind], int] = {
        (unit_class, kind): int(quantity)
        for unit_class, kind, quantity in session.execute(
            select(Holding.unit_class_id, Account.kind, func.sum(Holding.quantity))
            .join(Account, Account.id == Holding.account_id)
            .group_by(Holding.unit_class_id, Account.kind)
        )
    }
    classes = session.scalars(
        select(UnitClass)
        .options(joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    )

    def of(unit_class: UnitClass, *kinds: AccountKind) -> int:
        return sum(sums.get((unit_class.id, kind), 0) for kind in kinds)

    return [
        ClassTotal(
            one,
            issued=-of(one, AccountKind.ISSUANCE),
            held=of(one, AccountKind.COMPLIANCE, AccountKind.TRADING),
            retired=of(one, AccountKind.RETIREMENT),
            cancelled=of(one, AccountKind.CANCELLATION),
            offset=of(one, AccountKind.OFFSET),
        )
        for one in classes
    ]
