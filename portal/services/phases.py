"""Phases, their dates and rules, and the unit classes they bring (domain §1, §6; habit 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, UnitName
from portal.models import (
    MAX_QUANTITY,
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
from portal.services import audit, factors, issue_cases
from portal.services.audit import EventTag

#: a date outside is a slip of the hand
YEARS_OF_THE_SCHEME = range(2000, 2101)
#: a form shows so many fiscal years side by side
MOST_BASE_YEARS = 3


@dataclass(frozen=True)
class PhaseYears:
    """The fiscal years of a phase (April to March)."""

    installation_year: int
    target_year: int
    adjustment_year: int
    reporting_year: int
    base_first_year: int
    base_last_year: int

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
    #: the most JAA the phase may have, in units; ``None``: no cap
    issue_cap: int | None = None


#: what must not lie before what: (earlier, later, the refusal, its field). A day may be both.
#: The windows end no earlier than they begin; the stages follow each other: applications, base-year
#: reports, issue, target-year reports, retirement; what is left is carried over, and the adjustment
#: year is reported, after that (domain §5, §6; the pairs are decided).
DAYS_IN_ORDER: tuple[tuple[str, str, Refusal, str], ...] = (
    ("base_report_from", "base_report_due", Refusal.WINDOW_ENDS_FIRST, "base_report_due"),
    ("target_report_from", "target_report_due", Refusal.WINDOW_ENDS_FIRST, "target_report_due"),
    ("banking_from", "banking_until", Refusal.WINDOW_ENDS_FIRST, "banking_until"),
    ("adjustment_report_from", "adjustment_report_due", Refusal.WINDOW_ENDS_FIRST, "adjustment_report_due"),
    ("application_due", "base_report_due", Refusal.APPLICATIONS_AFTER_BASE_REPORTS, "application_due"),
    ("base_report_due", "issue_from", Refusal.BASE_REPORTS_AFTER_ISSUE, "base_report_due"),
    ("issue_from", "target_report_from", Refusal.ISSUE_AFTER_TARGET_REPORTS, "issue_from"),
    ("issue_from", "retirement_deadline", Refusal.ISSUE_AFTER_DEADLINE, "issue_from"),
    ("target_report_due", "retirement_deadline", Refusal.TARGET_REPORTS_AFTER_DEADLINE, "target_report_due"),
    ("retirement_deadline", "banking_until", Refusal.BANKING_BEFORE_DEADLINE, "banking_until"),
    (
        "target_report_due",
        "adjustment_report_from",
        Refusal.ADJUSTMENT_BEFORE_TARGET_REPORTS,
        "adjustment_report_from",
    ),
)
#: what must lie before what among the fiscal years; of two on one line the later one counts
YEARS_IN_ORDER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("base_last_year", "installation_year"), "target_year"),
    (("target_year",), "adjustment_year"),
    (("adjustment_year",), "reporting_year"),
)
#: what the record of the deadline rests on: it stays as it is once the deadline has passed
FIXED_BY_DEADLINE = ("retirement_deadline", "jver_counts_for_compliance")
#: a larger number of a phase is a slip of the hand
MOST_PHASES = 999
#: whole numbers and what they may be
_NUMBERS = {
    "number": range(1, MOST_PHASES + 1),
    "proposal_days": range(1, 367),
    "issue_cap": range(1, MAX_QUANTITY + 1),
}


def facts(values: PhaseYears | RuleDates) -> dict[str, Any]:
    """The values as JSON keeps them: days as ISO text."""
    return {k: v.isoformat() if isinstance(v, date | datetime) else v for k, v in asdict(values).items()}


def dates_from(kept: Mapping[str, Any]) -> RuleDates:
    """What :func:`facts` made of a rule's values, back again."""
    values: dict[str, Any] = {k: date.fromisoformat(v) if isinstance(v, str) else v for k, v in kept.items()}
    return RuleDates(**values)


def calendar_of(installation_year: int) -> tuple[PhaseYears, RuleDates]:
    """The years and dates of a phase in the rhythm of the briefing's phase 2 (domain §6)."""
    start = installation_year
    years = PhaseYears(start, start + 1, start + 2, start + 3, start - 3, start - 1)
    dates = RuleDates(
        application_due=date(start, 9, 30),
        base_report_from=date(start, 9, 1),
        base_report_due=date(start, 12, 27),
        issue_from=date(start + 1, 4, 1),
        target_report_from=date(start + 2, 4, 1),
        target_report_due=date(start + 2, 6, 30),
        retirement_deadline=date(start + 2, 11, 30),
        banking_from=date(start + 3, 1, 4),
        banking_until=date(start + 3, 1, 29),
        adjustment_report_from=date(start + 3, 4, 1),
        adjustment_report_due=date(start + 3, 6, 30),
    )
    return years, dates


def value_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a phase's number, years and dates, each at its field; pure.

    ``values`` by the names of :class:`PhaseYears` and :class:`RuleDates`, and ``number``; what is
    missing is passed over, so that a form half filled in is judged too.
    """
    known = {name: value for name, value in values.items() if value is not None}
    found = []
    for name, value in known.items():
        allowed = YEARS_OF_THE_SCHEME if name.endswith("_year") else _NUMBERS.get(name)
        if allowed is not None and value not in allowed:
            found.append(_out_of(allowed, name))
        elif isinstance(value, date) and value.year not in YEARS_OF_THE_SCHEME:
            ends = {"least": str(YEARS_OF_THE_SCHEME[0]), "most": str(YEARS_OF_THE_SCHEME[-1])}
            found.append(Problem(Refusal.DATE_OUT_OF_RANGE, name, ends))
    slips = {problem.field for problem in found}  # said once: such a day is out of every order
    for first, last, refusal, field in DAYS_IN_ORDER:
        if {first, last} <= known.keys() - slips and known[last] < known[first]:
            other = known[first if field == last else last]
            found.append(Problem(refusal, field, {"day": other}))
    return found + _year_problems({name: value for name, value in known.items() if name not in slips})


def _out_of(allowed: range, name: str) -> Problem:
    """NUMBER_RANGE; years are written without separators."""
    ends: dict[str, object] = {"least": allowed[0], "most": allowed[-1]}
    if name.endswith("_year"):
        ends = {which: str(value) for which, value in ends.items()}
    return Problem(Refusal.NUMBER_RANGE, name, ends)


def _year_problems(known: Mapping[str, Any]) -> list[Problem]:
    found = []
    first, last = known.get("base_first_year"), known.get("base_last_year")
    if first is not None and last is not None and last < first:
        found.append(Problem(Refusal.BASE_YEARS_REVERSED, "base_last_year", {"year": str(first)}))
    elif first is not None and last is not None and last - first >= MOST_BASE_YEARS:
        found.append(Problem(Refusal.BASE_YEARS_SPAN, "base_last_year", {"limit": MOST_BASE_YEARS}))
    for before, name in YEARS_IN_ORDER:
        latest = max((known[one] for one in before if one in known), default=None)
        if latest is not None and name in known and known[name] <= latest:
            found.append(Problem(Refusal.YEAR_NOT_AFTER, name, {"year": str(latest)}))
    return found


def opening_problems(session: Session, number: int, years: PhaseYears, dates: RuleDates) -> list[Problem]:
    """Why a phase with this number, these years and dates cannot be; all of it at once."""
    problems = value_problems({"number": number, **asdict(years), **asdict(dates)})
    if session.scalar(select(Phase.id).where(Phase.number == number)) is not None:
        problems.append(Problem(Refusal.PHASE_EXISTS, "number", {"number": number}))
    span = range(years.base_first_year, years.base_last_year + 1)
    if len(span) in range(1, MOST_BASE_YEARS + 1) and not factors.fit_together(session, span):
        ends = {"first": str(span[0]), "last": str(span[-1])}
        problems.append(Problem(Refusal.BASE_FACTORS_DIFFER, "base_last_year", ends))
    return problems


def rule_problems(dates: RuleDates, now: RuleDates | None = None) -> list[Problem]:
    """Why these dates cannot take the place of ``now``; pure."""
    problems = value_problems(asdict(dates))
    if dates == now:
        problems.append(Problem(Refusal.NOTHING_CHANGED))
    return problems


def happened_problems(session: Session, phase: Phase, dates: RuleDates, now: RuleDates) -> list[Problem]:
    """What of ``dates`` contradicts what has happened under ``now`` already.

    Decided by safety: nobody who was in time is made late by hindsight (DEADLINE_PAST at
    ``retirement_deadline``), what was recorded at the deadline is not overtaken by another one, nor by
    another rule of what counts for it (DEADLINE_RECORDED at the field; the date decides, record or not; the
    reserve is no part of the record), nothing of a closed phase changes (PHASE_CLOSED), nothing was issued
    before its day (ISSUED_BEFORE at ``issue_from``), nor more
    than the cap (NUMBER_RANGE at ``issue_cap``; what is proposed counts). Other days that have passed
    are shown to whoever confirms.
    """
    if phase.closed_at is not None:
        return [Problem(Refusal.PHASE_CLOSED, None, {"unit_class": UnitName("JAA", phase.number)})]
    problems = []
    passed = now.retirement_deadline < clock.today()
    moved = dates.retirement_deadline != now.retirement_deadline
    if moved and dates.retirement_deadline < clock.today():
        problems.append(Problem(Refusal.DEADLINE_PAST, "retirement_deadline"))
    if passed:
        # whether or not the night's record is made yet: it is made of that day, by the rule of that day
        fixed = [name for name in FIXED_BY_DEADLINE if getattr(dates, name) != getattr(now, name)]
        told = {problem.field for problem in problems}
        problems += [Problem(Refusal.DEADLINE_RECORDED, name) for name in fixed if name not in told]
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
    if dates.issue_cap is not None and dates.issue_cap != now.issue_cap:
        issued = issue_cases.issued_by_class(session).get(unit_class_for(session, phase).id, 0)
        if dates.issue_cap < issued:
            problems.append(_out_of(range(issued, MAX_QUANTITY + 1), "issue_cap"))
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
