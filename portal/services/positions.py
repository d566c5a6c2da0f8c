"""What an account holds, class by class: held, promised, to be kept, movable, and why not (domain §5).

Quantities are whole units. The present comes from the balances, a past day from its last entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Refusal
from portal.models import (
    Account,
    Holder,
    Holding,
    LedgerTransaction,
    Movement,
    MovementKind,
    Phase,
    PhaseRule,
    UnitClass,
)
from portal.services import account_life, books, standing_issues
from portal.services.allowance_rules import Case, Side, standing
from portal.services.allowances import unit_name
from portal.services.compliance import Figures
from portal.services.figures import figures_for, figures_of
from portal.services.ledger_days import edge_at, held_before


class Unusable(StrEnum):
    """Why units stay where they are."""

    PHASE_CLOSED = "phase_closed"
    WINDOW_OVER = "window_over"
    ACCOUNT_NOT_OPEN = "account_not_open"
    BOOKS_DISAGREE = "books_disagree"


#: the rule of movements behind each; of several the first is said, for it lasts longest
_WHY = {
    Refusal.PHASE_CLOSED: Unusable.PHASE_CLOSED,
    Refusal.UNIT_WINDOW_OVER: Unusable.WINDOW_OVER,
    Refusal.SOURCE_NOT_OPEN: Unusable.ACCOUNT_NOT_OPEN,
    Refusal.BOOKS_DISAGREE: Unusable.BOOKS_DISAGREE,
}


@dataclass(frozen=True)
class ClassBalance:
    """What an account held of one unit class at the end of a day."""

    unit_class: UnitClass
    quantity: int


@dataclass(frozen=True)
class Position:
    """One unit class of an account. ``promised`` ``None``: a past day, of which promises are not kept.

    ``reserve`` ``None``: these units know none. ``until``: the last day on which they may move.
    ``movable`` may be transferred, cancelled or used for an offset, ``retirable`` retired by their holder.
    """

    unit_class: UnitClass
    held: int
    promised: int | None
    reserve: int | None
    movable: int
    retirable: int
    until: date | None
    closed_at: datetime | None
    why_not: Unusable | None


def positions(session: Session, account: Account, figures: Figures | None, day: date) -> list[Position]:
    """What ``account`` held at the end of ``day`` (today: holds now), JAA by phase, then jVER.

    ``figures``: the holder's of the same day; ``None`` for a trader. Classes without units are left
    out, but for the holder's own JAA. What may move is judged by the rules of the movements themselves;
    of a past day by the account's state and the windows as they were then.
    """
    own = account.holder.phase_id if account.holder is not None else None
    past = day < clock.today()
    query = select(Holding.unit_class_id, Holding.promised).where(Holding.account_id == account.id)
    promised = {} if past else dict(session.execute(query).all())
    terms = _terms(session, day)
    state = account_life.state_at(session, account, clock.end_of_day(day)) if past else account.state
    disagree = not past and bool(books.problems(session))
    found = []
    for one in balances(session, account, day):
        unit_class = one.unit_class
        if not one.quantity and (own is None or unit_class.phase_id != own):
            continue
        until, closed_at = terms.get(unit_class.phase_id, (None, None))
        ours = own is not None and unit_class.phase_id == own
        case = Case(
            kind=MovementKind.TRANSFER,
            quantity=None,
            source=Side(account.code, account.kind, state),
            target=None,
            unit_type=unit_class.unit_type,
            unit_name=unit_name(unit_class),
            own_phase=ours,
            held=one.quantity,
            promised=promised.get(unit_class.id, 0),
            figures=figures,
            usable_until=until,
            today=day,
            closed=closed_at is not None,
            books_disagree=disagree,
            own_closed=own is not None and terms.get(own, (None, None))[1] is not None,
        )
        found.append(
            Position(
                unit_class,
                one.quantity,
                None if past else case.promised,
                figures.reserve if figures is not None and ours else None,
                case.movable,
                replace(case, kind=MovementKind.RETIRE).movable,
                until,
                closed_at,
                _why_not(case),
            )
        )
    return found


def _terms(session: Session, day: date) -> dict[int | None, tuple[date, datetime | None]]:
    """(last day of the banking window, when it was closed) by phase, as they stood at the end of ``day``."""
    end = clock.end_of_day(day)
    rows = session.execute(
        select(Phase.id, PhaseRule.banking_until, Phase.closed_at)
        .join(PhaseRule, PhaseRule.phase_id == Phase.id)
        .where(
            PhaseRule.created_at < end, or_(PhaseRule.superseded_at.is_(None), PhaseRule.superseded_at >= end)
        )
    )
    return {
        phase_id: (until, closed_at if closed_at is not None and closed_at < end else None)
        for phase_id, until, closed_at in rows
    }


def _why_not(case: Case) -> Unusable | None:
    failing = {problem.refusal for problem in standing(case)}
    return next((why for rule, why in _WHY.items() if rule in failing), None)


def own_jaa(account: Account, held: Sequence[Position]) -> Position | None:
    """Of the positions of ``account`` the JAA of its holder's own phase; ``None`` for a trader."""
    phase_id = account.holder.phase_id if account.holder is not None else None
    return next((one for one in held if phase_id and one.unit_class.phase_id == phase_id), None)


def besides(account: Account, held: Sequence[Position]) -> list[Position]:
    """What ``account`` holds besides the JAA of its holder's own phase: leftovers carried over, jVER."""
    own = own_jaa(account, held)
    return [one for one in held if one is not own and one.held]


def first_to_move(session: Session, account: Account, retiring: bool) -> int | None:
    """The unit class a movement begins with, if it is not the JAA of the holder's own phase.

    Those come first while any of them may move (or be retired, if that is meant); then whatever may.
    """
    figures = figures_of(session, account.holder) if account.holder is not None else None
    held = positions(session, account, figures, clock.today())
    able = [one for one in held if (one.retirable if retiring else one.movable)]
    return able[0].unit_class.id if able and own_jaa(account, able) is None else None


def balances(session: Session, account: Account, day: date) -> list[ClassBalance]:
    """What the account held at the end of ``day``, by unit class: JAA by phase, then jVER.

    Every class it ever held is there, with 0 if need be.
    """
    held: Any = Holding.quantity
    if day < clock.today():
        held = held_before(edge_at(session, clock.end_of_day(day)), Holding.account_id, Holding.unit_class_id)
    rows = session.execute(
        select(UnitClass, held)
        .join(Holding, Holding.unit_class_id == UnitClass.id)
        .where(Holding.account_id == account.id)
        .options(joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    ).all()
    return [ClassBalance(one, int(quantity)) for one, quantity in rows]


def figures_as_of(session: Session, holder: Holder, day: date) -> Figures:
    """The holder's figures as they stood at the end of ``day``; today they are the present ones.

    Rules and deadline are those in force now; what was promised on a past day is not kept.
    """
    if day >= clock.today():
        return figures_of(session, holder)
    return figures_for(session, [holder.id], at=clock.end_of_day(day))[holder.id]


def issued_at(session: Session, account: Account) -> datetime | None:
    """When the account got the issue of JAA that stands, if one does; a corrected one is none."""
    return session.scalar(
        select(LedgerTransaction.posted_at)
        .join(Movement, Movement.id == LedgerTransaction.movement_id)
        .where(Movement.holder_id == account.holder_id, standing_issues.stands())
    )
