"""Phases, their dates and rules, and the unit classes they bring (domain §1, §6; habit 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal
from portal.models import (
    Holder,
    Movement,
    MovementKind,
    MovementState,
    Phase,
    PhaseRule,
    UnitClass,
    UnitType,
    User,
)
from portal.services import audit, factors
from portal.services.audit import EventTag

#: a date outside is a slip of the hand
YEARS_OF_THE_SCHEME = range(2000, 2101)


@dataclass(frozen=True)
class PhaseYears:
    """The fiscal years of a phase (April to March)."""

    installation_year: int
    target_year: int
    adjustment_year: int
    reporting_year: int
    base_first_year: int
    base_last_year: int

    def in_order(self) -> bool:
        years = (self.base_last_year, self.target_year, self.adjustment_year, self.reporting_year)
        return self.base_first_year <= self.base_last_year and all(a < b for a, b in pairwise(years))

    def all_years(self) -> range:
        return range(self.base_first_year, self.reporting_year + 1)


@dataclass(frozen=True)
class RuleDates:
    """The dates and rule values of a phase; every one is data, not code (domain §5, §6)."""

    application_due: date
    base_report_from: date
    base_report_due: date
    issue_from: date
    target_report_from: date
    target_report_due: date
    retirement_deadline: date
    banking_from: date
    banking_until: date
    adjustment_report_from: date
    adjustment_report_due: date
    reserve_released_by_compliance: bool = True
    jver_counts_for_reserve: bool = False
    jver_counts_for_compliance: bool = True
    proposal_days: int = 14

    def out_of_order(self) -> list[str]:
        """The fields that lie before what they must follow."""
        pairs = (
            ("base_report_from", "base_report_due"),
            ("target_report_from", "target_report_due"),
            ("issue_from", "retirement_deadline"),
            ("banking_from", "banking_until"),
            ("adjustment_report_from", "adjustment_report_due"),
        )
        wrong = [last for first, last in pairs if getattr(self, last) < getattr(self, first)]
        wrong += [
            name
            for name in self.__dataclass_fields__
            if isinstance(value := getattr(self, name), date) and value.year not in YEARS_OF_THE_SCHEME
        ]
        return wrong + (["proposal_days"] if self.proposal_days < 1 else [])


def facts(values: PhaseYears | RuleDates) -> dict[str, Any]:
    """The values as JSON keeps them: days as ISO text."""
    return {k: v.isoformat() if isinstance(v, date | datetime) else v for k, v in asdict(values).items()}


def dates_from(kept: Mapping[str, Any]) -> RuleDates:
    """What :func:`facts` made of a rule's values, back again."""
    values: dict[str, Any] = {k: date.fromisoformat(v) if isinstance(v, str) else v for k, v in kept.items()}
    return RuleDates(**values)


def opening_problems(session: Session, number: int, years: PhaseYears, dates: RuleDates) -> list[Problem]:
    """Why a phase with this number, these years and dates cannot be; all of it at once."""
    problems = rule_problems(dates)
    if not years.in_order():
        problems.append(Problem(Refusal.DATES_ORDER, "target_year"))
    if number < 1:
        problems.append(Problem(Refusal.QUANTITY_POSITIVE, "number"))
    if session.scalar(select(Phase.id).where(Phase.number == number)) is not None:
        problems.append(Problem(Refusal.PHASE_EXISTS, "number", {"number": number}))
    return problems


def rule_problems(dates: RuleDates, now: RuleDates | None = None) -> list[Problem]:
    """Why these dates cannot take the place of ``now``; pure."""
    problems = [Problem(Refusal.DATES_ORDER, name) for name in dates.out_of_order()]
    if dates == now:
        problems.append(Problem(Refusal.NOTHING_CHANGED))
    return problems


def happened_problems(session: Session, phase: Phase, dates: RuleDates, now: RuleDates) -> list[Problem]:
    """What of ``dates`` contradicts what has happened under ``now`` already.

    Decided by safety: nobody who was in time is made late by hindsight (DEADLINE_PAST at
    ``retirement_deadline``), and nothing was issued before its day (ISSUED_BEFORE at ``issue_from``).
    Other days that have passed are shown to whoever confirms.
    """
    problems = []
    moved = dates.retirement_deadline != now.retirement_deadline
    if moved and dates.retirement_deadline < clock.today():
        problems.append(Problem(Refusal.DEADLINE_PAST, "retirement_deadline"))
    first = session.scalar(
        select(func.min(Movement.decided_at))
        .join(Holder, Holder.id == Movement.holder_id)
        .where(
            Holder.phase_id == phase.id,
            Movement.kind == MovementKind.ISSUE,
            Movement.state == MovementState.EXECUTED,
        )
    )
    day = clock.in_tokyo(first).date() if first is not None else None
    if day is not None and dates.issue_from != now.issue_from and dates.issue_from > day:
        problems.append(Problem(Refusal.ISSUED_BEFORE, "issue_from", {"day": day}))
    return problems


def open_phase(
    session: Session, number: int, years: PhaseYears, dates: RuleDates, *, reason: str, actor: User
) -> Phase:
    """A new phase with its first rule, its JAA class, and the default factors of its years.

    A step of ``phase_proposals.confirm_proposal``, which has judged it; nobody else calls it (domain §2).
    """
    phase = Phase(number=number, created_at=clock.now(), **asdict(years))
    session.add(phase)
    session.flush()
    _add_rule(session, phase, dates, reason, actor)
    unit_class_for(session, phase)
    factors.ensure_factors(session, years.all_years())
    audit.record(
        session,
        EventTag.PHASE_CREATED,
        phase,
        actor=actor,
        reason=reason,
        number=number,
        **facts(years),
        rule=facts(dates),
    )
    return phase


def supersede_rule(
    session: Session, phase: Phase, dates: RuleDates, *, reason: str, actor: User
) -> PhaseRule:
    """Supersede the rule in force by ``dates``; the old row stays readable.

    A step of ``phase_proposals.confirm_proposal``, which has locked and judged it.
    """
    old = rule_in_force(session, phase)
    before, after = facts(dates_of(old)), facts(dates)
    changed = [name for name in after if before[name] != after[name]]
    old.superseded_at = clock.now()
    phase.version += 1  # pages show the dates as the phase's own
    session.flush()
    rule = _add_rule(session, phase, dates, reason, actor)
    audit.record(
        session,
        EventTag.PHASE_RULE_CHANGED,
        phase,
        actor=actor,
        reason=reason,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return rule


def _add_rule(session: Session, phase: Phase, dates: RuleDates, reason: str, actor: User) -> PhaseRule:
    rule = PhaseRule(
        phase_id=phase.id,
        reason=reason[:200],
        created_at=clock.now(),
        created_by_id=actor.id,
        **asdict(dates),
    )
    session.add(rule)
    session.flush()
    return rule


def rule_in_force(session: Session, phase: Phase) -> PhaseRule:
    """The rule of the phase that holds now. Raises ``NotFound`` if there is none."""
    rule = session.scalars(
        select(PhaseRule).where(PhaseRule.phase_id == phase.id, PhaseRule.superseded_at.is_(None))
    ).one_or_none()
    if rule is None:
        raise NotFound
    return rule


def dates_of(rule: PhaseRule) -> RuleDates:
    """The values of a rule row, for a form that changes them."""
    return RuleDates(**{name: getattr(rule, name) for name in RuleDates.__dataclass_fields__})


def unit_class_for(session: Session, phase: Phase) -> UnitClass:
    """The JAA of ``phase``; made if it is missing."""
    row = session.scalars(select(UnitClass).where(UnitClass.phase_id == phase.id)).one_or_none()
    if row is None:
        row = UnitClass(unit_type=UnitType.JAA, phase_id=phase.id)
        session.add(row)
        session.flush()
    return row


def jver_class(session: Session) -> UnitClass:
    """The jVER, which belongs to no phase; made if it is missing."""
    row = session.scalars(select(UnitClass).where(UnitClass.unit_type == UnitType.JVER)).one_or_none()
    if row is None:
        row = UnitClass(unit_type=UnitType.JVER, phase_id=None)
        session.add(row)
        session.flush()
    return row
