"""The figures that the rules of a participant's movement look at, read in one statement (domain §5).

It begins after the accounts were locked (:mod:`portal.services.movement_parties`), so that it sees what
the movement before has done. Nothing here is a mapped row: a movement is the portal's busiest act, and
plain values cost a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ScalarSelect, Select, Subquery, and_, bindparam, func, or_, select, true, union_all
from sqlalchemy import case as sql_case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import FunctionElement

from portal.models import (
    BookCheck,
    EmissionsReport,
    Holder,
    Holding,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    Period,
    Phase,
    PhaseRule,
    ReductionTarget,
    TargetState,
    UnitClass,
    UnitType,
    User,
)
from portal.models.base import BigId
from portal.services.compiled import compiled
from portal.services.compliance import Figures, ReserveRule


@dataclass(frozen=True)
class Earlier:
    """What a key has made before."""

    id: int
    proposed_by_id: int
    content_hash: str


@dataclass(frozen=True)
class Facts:
    """The figures behind a movement. ``figures`` is ``None`` for an account that is no holder's.

    Whether units were retired late is not among them: no rule of a movement asks.
    """

    unit_class_id: int
    unit_type: UnitType
    phase_id: int | None
    phase_number: int | None
    usable_until: date | None
    closed: bool  # the units' phase
    own_closed: bool  # the phase of the source's holder
    books_disagree: bool  # in the newest comparison
    own_phase: bool
    held: int
    promised: int
    figures: Figures | None
    earlier: Earlier | None
    number: int | None = None  # given out for the movement that is made of these figures
    #: whether the mover's login may still act, now that the accounts are locked; ``None``: nobody moves
    mover_usable: bool | None = None

    def missed_deadline(self, kind: MovementKind, today: date) -> date | None:
        """The deadline that a retirement of ``today`` misses: it meets no target any more (domain §5)."""
        deadline = self.figures.deadline if self.figures is not None else None
        return deadline if kind is MovementKind.RETIRE and deadline is not None and today > deadline else None


class _NextNumber(FunctionElement[int]):
    """The number of the next movement; SQLite gives it out when the row is written."""

    inherit_cache = True
    type = BigId


@compiles(_NextNumber)
def _no_number(_element: Any, _compiler: Any, **_given: Any) -> str:
    return "NULL"


@compiles(_NextNumber, "postgresql")
def _number(_element: Any, _compiler: Any, **_given: Any) -> str:
    return "nextval('movement_id_seq')"


def facts(
    session: Session,
    source_id: int,
    holder_id: int | None,
    unit_class_id: int,
    key: str | None,
    *,
    mover_id: int | None = None,
) -> Facts | None:
    """The figures of a movement out of ``source_id``; ``None`` if there is no such unit class.

    ``holder_id`` is the source's owner, if it is a holder's. ``mover_id``: this login makes the movement of
    them, whose number the database then gives out, where it does so before the row is written; lock the
    accounts before.
    """
    values = {
        "source": source_id,
        "holder": holder_id,
        "unit_class": unit_class_id,
        "key": key or "",
    }
    if mover_id is None:
        rows = _FACTS.run(session, values)
    else:
        rows = _FACTS_TO_ACT.run(session, {**values, "mover": mover_id})
    if not rows:
        return None
    row = rows[0]
    earlier = None
    if row.earlier_id is not None:
        earlier = Earlier(row.earlier_id, row.earlier_by_id, row.earlier_hash)
    return Facts(
        unit_class_id=row.unit_class_id,
        unit_type=UnitType(row.unit_type),
        phase_id=row.phase_id,
        phase_number=row.phase_number,
        usable_until=row.usable_until,
        closed=row.closed_at is not None,
        own_closed=row.own_closed_at is not None,
        books_disagree=row.books_ok is not None and not row.books_ok,
        own_phase=holder_id is not None and row.own_phase_id == row.phase_id,
        held=row.held or 0,
        promised=row.promised or 0,
        figures=None if holder_id is None else _figures(row),
        earlier=earlier,
        mover_usable=None if mover_id is None else bool(row.mover_usable),
        number=row.number if mover_id is not None else None,
    )


def _figures(row: Any) -> Figures:
    return Figures(
        base_emissions=row.base_emissions,
        reduction_target=row.reduction_target,
        issued=int(row.issued or 0),
        target_emissions=row.target_emissions,
        retired_jaa=int(row.retired_jaa or 0),
        retired_jver=int(row.retired_jver or 0),
        held=int(row.held_jaa or 0),
        promised=int(row.promised_jaa or 0),
        held_jver=int(row.free_jver or 0),
        rule=ReserveRule(
            released_by_compliance=bool(row.released_by_compliance),
            jver_counts_for_reserve=bool(row.jver_counts_for_reserve),
            jver_counts_for_compliance=bool(row.jver_counts_for_compliance),
        ),
        deadline=row.retirement_deadline,
    )


def _confirmed(period: Period) -> ScalarSelect[Any]:
    report = aliased(EmissionsReport, name="r")
    return (
        select(report.confirmed_emissions)
        .where(report.holder_id == bindparam("holder", type_=BigId), report.period == period)
        .scalar_subquery()
    )


def _books_ok() -> ScalarSelect[Any]:
    newest = select(func.max(BookCheck.id)).scalar_subquery()
    return select(BookCheck.ok).where(BookCheck.id == newest).scalar_subquery()


def _mover_usable() -> ScalarSelect[Any]:
    mover = aliased(User, name="u")
    usable = and_(mover.active, mover.locked_at.is_(None))
    return select(usable).where(mover.id == bindparam("mover", type_=BigId)).scalar_subquery()


def _own_holdings() -> Subquery:
    of = aliased(UnitClass, name="c")
    jaa = of.unit_type == UnitType.JAA
    own = or_(of.phase_id == Holder.phase_id, of.unit_type == UnitType.JVER)
    return (
        select(
            func.sum(sql_case((jaa, Holding.quantity), else_=0)).label("held_jaa"),
            func.sum(sql_case((jaa, Holding.promised), else_=0)).label("promised_jaa"),
            func.sum(sql_case((jaa, 0), else_=Holding.quantity - Holding.promised)).label("free_jver"),
        )
        .select_from(Holding)
        .join(of, of.id == Holding.unit_class_id)
        .join(Holder, Holder.id == bindparam("holder", type_=BigId))
        .where(Holding.account_id == bindparam("source", type_=BigId), own)
        .subquery("own")
    )


def _flows() -> Subquery:
    """What was issued to the account and retired from it; a correction counts back its original."""
    source = bindparam("source", type_=BigId)
    one = aliased(Movement, name="m")
    executed = one.state == MovementState.EXECUTED
    columns = (one.kind, one.unit_class_id, one.reverses_id)
    # one part a kind: only two equalities surely lead through the index past an account's transfers
    moved = union_all(
        *(
            select(*columns, signed.label("quantity")).where(side == source, one.kind == kind, executed)
            for side, signed, kind in (
                (one.source_id, -one.quantity, MovementKind.RETIRE),
                (one.source_id, -one.quantity, MovementKind.CORRECTION),
                (one.target_id, one.quantity, MovementKind.ISSUE),
                (one.target_id, one.quantity, MovementKind.CORRECTION),
            )
        )
    ).subquery("moved")
    original, of = aliased(LedgerTransaction, name="t"), aliased(UnitClass, name="c")
    kind = func.coalesce(original.kind, moved.c.kind)
    jaa = of.unit_type == UnitType.JAA

    def total(meant_kind: MovementKind, is_jaa: bool, sign: int) -> Any:
        meant = and_(kind == meant_kind, jaa if is_jaa else ~jaa)
        return func.sum(sql_case((meant, moved.c.quantity if sign > 0 else -moved.c.quantity), else_=0))

    return (
        select(
            total(MovementKind.ISSUE, True, 1).label("issued"),
            total(MovementKind.RETIRE, True, -1).label("retired_jaa"),
            total(MovementKind.RETIRE, False, -1).label("retired_jver"),
        )
        .select_from(moved)
        .join(of, of.id == moved.c.unit_class_id)
        .join(Holder, Holder.id == bindparam("holder", type_=BigId))
        .outerjoin(original, original.id == moved.c.reverses_id)
        .where(or_(of.phase_id == Holder.phase_id, of.unit_type == UnitType.JVER))
        .subquery("flow")
    )


def _facts() -> Select[*tuple[Any, ...]]:
    holder, source = bindparam("holder", type_=BigId), bindparam("source", type_=BigId)
    own_rule, class_rule = aliased(PhaseRule, name="o"), aliased(PhaseRule, name="p")
    own_phase, earlier = aliased(Phase, name="q"), aliased(Movement, name="e")
    own, flow = _own_holdings(), _flows()
    target = (
        select(ReductionTarget.quantity)
        .where(
            ReductionTarget.holder_id == holder,
            ReductionTarget.state == TargetState.CONFIRMED,
            ReductionTarget.superseded_at.is_(None),
        )
        .scalar_subquery()
    )
    return (
        select(
            UnitClass.id.label("unit_class_id"),
            UnitClass.unit_type,
            UnitClass.phase_id,
            Phase.number.label("phase_number"),
            class_rule.banking_until.label("usable_until"),
            Phase.closed_at,
            _books_ok().label("books_ok"),
            Holder.phase_id.label("own_phase_id"),
            own_phase.closed_at.label("own_closed_at"),
            Holding.quantity.label("held"),
            Holding.promised,
            own_rule.reserve_released_by_compliance.label("released_by_compliance"),
            own_rule.jver_counts_for_reserve,
            own_rule.jver_counts_for_compliance,
            own_rule.retirement_deadline,
            _confirmed(Period.BASE).label("base_emissions"),
            _confirmed(Period.TARGET).label("target_emissions"),
            target.label("reduction_target"),
            *own.c,
            *flow.c,
            earlier.id.label("earlier_id"),
            earlier.proposed_by_id.label("earlier_by_id"),
            earlier.content_hash.label("earlier_hash"),
        )
        .select_from(UnitClass)
        .outerjoin(Phase, Phase.id == UnitClass.phase_id)
        .outerjoin(
            class_rule,
            and_(class_rule.phase_id == UnitClass.phase_id, class_rule.superseded_at.is_(None)),
        )
        .outerjoin(Holding, and_(Holding.unit_class_id == UnitClass.id, Holding.account_id == source))
        .outerjoin(Holder, Holder.id == holder)
        .outerjoin(own_phase, own_phase.id == Holder.phase_id)
        .outerjoin(own_rule, and_(own_rule.phase_id == Holder.phase_id, own_rule.superseded_at.is_(None)))
        .outerjoin(own, true())
        .outerjoin(flow, true())
        .outerjoin(earlier, earlier.idempotency_key == bindparam("key"))
        .where(UnitClass.id == bindparam("unit_class", type_=BigId))
    )


_FACTS = compiled(_facts())
_FACTS_TO_ACT = compiled(
    _facts().add_columns(_mover_usable().label("mover_usable"), _NextNumber().label("number"))
)
