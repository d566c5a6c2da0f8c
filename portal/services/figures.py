"""Reading holders' figures out of reports, targets and ledger: few queries, none for each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from portal import clock
from portal.errors import NotFound
from portal.models import (
    Account,
    EmissionsReport,
    Holder,
    Holding,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    MovementKind,
    Period,
    PhaseRule,
    ReductionTarget,
    TargetState,
    UnitClass,
    UnitType,
)
from portal.services.compliance import Figures, ReserveRule
from portal.services.ledger_days import edge_at, held_before

#: whose figures: numbers, or the query for them; with a thousand numbers the database is told a book
HolderIds = Collection[int] | Select[int]


def figures_of(session: Session, holder: Holder) -> Figures:
    """The figures of one holder."""
    return figures_for(session, [holder.id])[holder.id]


def figures_for(
    session: Session, holder_ids: HolderIds, *, at: datetime | None = None, put_right: bool = False
) -> dict[int, Figures]:
    """The figures of several holders, by holder id. Seven queries, however many holders.

    With ``at`` they are what stood just before that moment: what was approved, confirmed and posted by
    then, by the rule of the phase that was in force. Promises are not kept over time, so that ``promised``
    is 0 there. ``put_right``: corrections made since count there too, each at the moment of what it corrects.
    """
    ids = holder_ids if isinstance(holder_ids, Select) else list(holder_ids)
    confirmed = _confirmed(session, ids, at)
    targets = _targets(session, ids, at)
    held = _held(session, ids) if at is None else _held_at(session, ids, at, put_right)
    rules, reserves, free = _rules(session, ids, at)
    if not isinstance(ids, Select) and any(holder_id not in rules for holder_id in ids):
        raise NotFound
    deadlines = {rule.phase_id: rule.retirement_deadline for rule in rules.values()}
    flows = _flows(session, ids, deadlines, at, put_right)
    return {
        holder_id: Figures(
            base_emissions=confirmed[(holder_id, Period.BASE)][0],
            reduction_target=targets.get(holder_id),
            issued=flows[(holder_id, "issue", UnitType.JAA)][0],
            target_emissions=confirmed[(holder_id, Period.TARGET)][0],
            approved_late=_late(*confirmed[(holder_id, Period.TARGET)], rules[holder_id].retirement_deadline),
            retired_jaa=-flows[(holder_id, "retire", UnitType.JAA)][0],
            retired_jver=-flows[(holder_id, "retire", UnitType.JVER)][0],
            held=held[(holder_id, UnitType.JAA)][0],
            promised=held[(holder_id, UnitType.JAA)][1],
            held_jver=held[(holder_id, UnitType.JVER)][0] - held[(holder_id, UnitType.JVER)][1],
            rule=reserves[rules[holder_id].phase_id],
            deadline=rules[holder_id].retirement_deadline,
            late_jaa=-flows[(holder_id, "retire", UnitType.JAA)][1],
            late_jver=-flows[(holder_id, "retire", UnitType.JVER)][1],
            obliged=holder_id not in free,
        )
        for holder_id in (rules if isinstance(ids, Select) else ids)
    }


def not_obliged(session: Session, holder_ids: HolderIds) -> set[int]:
    """Who of the holders had, or has, nothing to do by the deadline (``Figures.obliged``); two queries."""
    return _rules(session, holder_ids, None)[2]


def _rules(
    session: Session, ids: HolderIds, at: datetime | None
) -> tuple[dict[int, PhaseRule], dict[int, ReserveRule], set[int]]:
    """Each holder's rule; what it says of the reserve, by phase id; who has nothing to do by the deadline.

    With ``at`` the rule that was in force just before that moment (of a phase that was opened later its
    first), so that what is told of then does not change with the rule.
    """
    query = (
        select(Holder.id, Holder.phase_id, Holder.created_at, Account.closed_at)
        .outerjoin(Account, Account.holder_id == Holder.id)
        .where(Holder.id.in_(ids))
        .order_by(Holder.id)
    )
    holders = {one: (phase, came, left) for one, phase, came, left in session.execute(query)}
    phases = {phase for phase, _came, _left in holders.values()}
    query_of_rules = select(PhaseRule).where(PhaseRule.phase_id.in_(phases))
    # in the order in which they were in force: the first that had not been superseded by then
    not_over = PhaseRule.superseded_at.is_(None)
    query_of_rules = query_of_rules.where(
        not_over if at is None else or_(not_over, PhaseRule.superseded_at >= at)
    )
    found: dict[int, PhaseRule] = {}
    for rule in session.scalars(query_of_rules.order_by(PhaseRule.id)):
        found.setdefault(rule.phase_id, rule)
    known = {
        one: (found[phase], came, left) for one, (phase, came, left) in holders.items() if phase in found
    }
    return (
        {one: rule for one, (rule, _came, _left) in known.items()},
        {
            phase: ReserveRule(
                released_by_compliance=rule.reserve_released_by_compliance,
                jver_counts_for_reserve=rule.jver_counts_for_reserve,
                jver_counts_for_compliance=rule.jver_counts_for_compliance,
            )
            for phase, rule in found.items()
        },
        {
            one
            for one, (rule, came, left) in known.items()
            if not _obliged(clock.end_of_day(rule.retirement_deadline), came, left, at)
        },
    )


def _obliged(deadline: datetime, came: datetime, left: datetime | None, at: datetime | None) -> bool:
    """Whether a holder has something to do by ``deadline``: in the scheme before it and not out again."""
    return came < deadline and (left is None or left >= (deadline if at is None else min(deadline, at)))


def _targets(session: Session, ids: HolderIds, at: datetime | None) -> dict[int, int]:
    query = select(ReductionTarget.holder_id, ReductionTarget.quantity).where(
        ReductionTarget.holder_id.in_(ids), ReductionTarget.state == TargetState.CONFIRMED
    )
    until = ReductionTarget.superseded_at
    if at is None:
        query = query.where(until.is_(None))
    else:
        query = query.where(ReductionTarget.confirmed_at < at, or_(until.is_(None), until >= at))
    return {holder_id: quantity for holder_id, quantity in session.execute(query)}


def _confirmed(
    session: Session, ids: HolderIds, at: datetime | None
) -> dict[tuple[int, Period], tuple[int | None, datetime | None]]:
    """(confirmed t-CO2, when); ``(None, None)`` is not confirmed."""
    query = select(
        EmissionsReport.holder_id,
        EmissionsReport.period,
        EmissionsReport.confirmed_emissions,
        EmissionsReport.confirmed_at,
    ).where(EmissionsReport.holder_id.in_(ids), EmissionsReport.confirmed_emissions.is_not(None))
    if at is not None:
        query = query.where(EmissionsReport.confirmed_at < at)
    found: dict[tuple[int, Period], tuple[int | None, datetime | None]] = defaultdict(lambda: (None, None))
    for holder_id, period, figure, when in session.execute(query):
        found[(holder_id, period)] = (figure, when)
    return found


def _late(figure: int | None, when: datetime | None, deadline: date) -> bool:
    """Whether a figure was approved, but not by the end of the deadline day in Tokyo."""
    return figure is not None and (when is None or when >= clock.end_of_day(deadline))


def _flows(
    session: Session, ids: HolderIds, deadlines: dict[int, date], at: datetime | None, put_right: bool
) -> dict[tuple[int, str, UnitType], tuple[int, int]]:
    """(all, the part after the phase's deadline) of the units issued to and retired from the accounts.

    A correction counts back its original: as that kind and at that moment, whenever it was made.
    What was posted before ``at``, or with ``put_right`` what counts as of before it.
    ``deadlines``: the last day for retiring, by phase id.
    """
    original = aliased(LedgerTransaction)
    moved = _moved(ids)
    effective = func.coalesce(original.kind, moved.c.kind)
    moment = func.coalesce(original.posted_at, LedgerTransaction.posted_at)
    late = or_(
        false(),
        *(
            and_(Holder.phase_id == phase_id, moment >= clock.end_of_day(deadline))
            for phase_id, deadline in deadlines.items()
        ),
    )
    query = (
        select(
            Holder.id,
            effective,
            UnitClass.unit_type,
            func.sum(moved.c.quantity),
            func.sum(case((late, moved.c.quantity), else_=0)),
        )
        .select_from(moved)
        .join(Account, Account.id == moved.c.account_id)
        .join(Holder, Holder.id == Account.holder_id)
        .join(UnitClass, UnitClass.id == moved.c.unit_class_id)
        .join(LedgerTransaction, LedgerTransaction.movement_id == moved.c.movement_id)
        .outerjoin(original, original.id == moved.c.reverses_id)
        .where(_own_units(), effective.in_([MovementKind.ISSUE, MovementKind.RETIRE]))
        .group_by(Holder.id, effective, UnitClass.unit_type)
    )
    if at is not None:
        query = query.where((moment if put_right else LedgerTransaction.posted_at) < at)
    flows: dict[tuple[int, str, UnitType], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for holder_id, kind, unit_type, quantity, after in session.execute(query):
        flows[(holder_id, str(getattr(kind, "value", kind)), unit_type)] = (int(quantity), int(after))
    return flows


def _moved(ids: HolderIds) -> Subquery:
    """The holders' issues, retirements and corrections, signed as their accounts saw them.

    Read from the movements, which an index finds by what they are: an account may have a million entries.
    Proposals among them have no posting yet, which is how the reader tells; asked for the state, SQLite would
    take the index of all that is executed.
    """
    accounts = select(Account.id).where(Account.holder_id.in_(ids)).scalar_subquery()
    columns = (Movement.id.label("movement_id"), Movement.kind, Movement.unit_class_id, Movement.reverses_id)
    sides = (
        (Movement.source_id, -Movement.quantity, MovementKind.RETIRE),
        (Movement.source_id, -Movement.quantity, MovementKind.CORRECTION),
        (Movement.target_id, Movement.quantity, MovementKind.ISSUE),
        (Movement.target_id, Movement.quantity, MovementKind.CORRECTION),
    )
    # one part a kind: only equalities surely lead through the index past an account's transfers
    return union_all(
        *(
            select(*columns, side.label("account_id"), signed.label("quantity")).where(
                side.in_(accounts), Movement.kind == kind
            )
            for side, signed, kind in sides
        )
    ).subquery("moved")


def _own_units() -> ColumnElement[bool]:
    """JAA of the holder's own phase and jVER, which serve in any."""
    return (UnitClass.phase_id == Holder.phase_id) | (UnitClass.unit_type == UnitType.JVER)


def _held_at(
    session: Session, ids: HolderIds, at: datetime, put_right: bool
) -> dict[tuple[int, UnitType], tuple[int, int]]:
    """(held, 0) of the same units, as the last entries before ``at`` tell; with ``put_right`` corrected."""
    stood = held_before(edge_at(session, at), Holding.account_id, Holding.unit_class_id)
    since = _put_right_since(session, ids, at) if put_right else {}
    rows = session.execute(
        select(Holder.id, UnitClass.unit_type, stood)
        .select_from(Holding)
        .join(Account, Account.id == Holding.account_id)
        .join(Holder, Holder.id == Account.holder_id)
        .join(UnitClass, UnitClass.id == Holding.unit_class_id)
        .where(Holder.id.in_(ids), _own_units())
    )
    held: dict[tuple[int, UnitType], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for holder_id, unit_type, quantity in rows:
        held[(holder_id, unit_type)] = (int(quantity) + since.get((holder_id, unit_type), 0), 0)
    return held


def _put_right_since(session: Session, ids: HolderIds, at: datetime) -> dict[tuple[int, UnitType], int]:
    """What corrections from ``at`` on have moved of what was posted before it."""
    original = aliased(LedgerTransaction)
    rows = session.execute(
        select(Holder.id, UnitClass.unit_type, func.sum(LedgerEntry.quantity))
        .select_from(LedgerTransaction)
        .join(original, original.id == LedgerTransaction.reverses_id)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .join(Holder, Holder.id == Account.holder_id)
        .join(UnitClass, UnitClass.id == LedgerEntry.unit_class_id)
        .where(LedgerTransaction.posted_at >= at, original.posted_at < at)
        .where(Holder.id.in_(ids), _own_units())
        .group_by(Holder.id, UnitClass.unit_type)
    )
    return {(holder_id, unit_type): int(quantity) for holder_id, unit_type, quantity in rows}


def _held(session: Session, ids: HolderIds) -> dict[tuple[int, UnitType], tuple[int, int]]:
    """(held, promised) of the holders' own-phase JAA and of jVER."""
    rows = session.execute(
        select(Holder.id, UnitClass.unit_type, Holding.quantity, Holding.promised)
        .select_from(Holding)
        .join(Account, Account.id == Holding.account_id)
        .join(Holder, Holder.id == Account.holder_id)
        .join(UnitClass, UnitClass.id == Holding.unit_class_id)
        .where(
            Holder.id.in_(ids),
            _own_units(),
        )
    )
    held: dict[tuple[int, UnitType], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for holder_id, unit_type, quantity, promised in rows:
        held[(holder_id, unit_type)] = (quantity, promised)
    return held
