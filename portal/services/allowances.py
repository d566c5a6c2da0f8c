"""Participants' movements: preview, then propose and execute in one act (domain §5).

The preview and the execution read the same :class:`Case`; the execution reads it under lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import NotFound, PortalError, Problem, Refusal, Refused, UnitName, refuse
from portal.models import (
    CANCELLATION_ACCOUNT,
    OFFSET_ACCOUNT,
    RETIREMENT_ACCOUNT,
    Account,
    AccountKind,
    Holder,
    Holding,
    Movement,
    MovementKind,
    Phase,
    PhaseRule,
    UnitClass,
    UnitType,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    ledger,
    mail_words,
    movement_acts,
    movement_facts,
    movement_parties,
    once,
)
from portal.services.allowance_rules import Case, Side, problems, standing
from portal.services.movement_facts import Facts
from portal.services.movement_parties import Party
from portal.services.numbers import parse_account, parse_quantity
from portal.services.transitions import MOVEMENT
from portal.services.workflow import advance

SCHEME_TARGETS = {
    MovementKind.RETIRE: RETIREMENT_ACCOUNT,
    MovementKind.CANCEL: CANCELLATION_ACCOUNT,
    MovementKind.OFFSET: OFFSET_ACCOUNT,
}


def unit_name(unit_class: UnitClass) -> UnitName:
    """What refusals and mails call the units: 第2期 JAA in Japanese, Phase 2 JAA in English, or jVER."""
    phase = unit_class.phase
    return UnitName(unit_class.unit_type.value, phase.number if phase is not None else None)


@dataclass(frozen=True)
class Request:
    """What a participant typed, still as text where it was typed."""

    kind: MovementKind
    quantity: str
    account: str = ""  # transfer only; the scheme's accounts are fixed
    unit_class_id: int | None = None  # None: the holder's own JAA
    note: str = ""
    voluntary: bool = False
    late: bool | None = None  # whether the page said that the deadline is over; None: it did not look


@dataclass(frozen=True)
class Draft:
    """What would happen, and every reason why it may not.

    ``target`` has no name: whose account a number is, is told by :mod:`portal.services.account_lookup`
    alone, which counts. ``standing``: those of ``problems`` that hold whatever is typed.
    """

    kind: MovementKind
    source: Account
    target: Side | None
    unit_class: UnitClass
    quantity: int | None
    note: str
    voluntary: bool
    problems: tuple[Problem, ...]
    standing: tuple[Problem, ...]
    held: int
    available: int
    reserve: int | None
    movable: int
    missing: int | None

    @property
    def after(self) -> int | None:
        """The balance afterwards."""
        return None if self.quantity is None else self.held - self.quantity

    @property
    def left(self) -> int | None:
        """What of it is promised to nobody; below zero: so many are lacking."""
        return None if self.quantity is None else self.available - self.quantity


def own_account(session: Session, actor: User) -> Account:
    """The account of the actor's holder or trader; :class:`NotFound` for everybody else."""
    account = session.scalars(
        access.visible(Account, actor)
        .where(Account.kind.in_([AccountKind.COMPLIANCE, AccountKind.TRADING]))
        .options(joinedload(Account.holder).joinedload(Holder.phase))
        .limit(2)
    ).one_or_none()
    if account is None or (actor.holder_id is None and actor.trader_id is None):
        raise NotFound
    return account


def unit_classes(session: Session, account: Account) -> list[tuple[UnitClass, Holding]]:
    """The unit classes the account has ever held, JAA by phase, then jVER."""
    rows = session.execute(
        select(UnitClass, Holding)
        .join(Holding, Holding.unit_class_id == UnitClass.id)
        .where(Holding.account_id == account.id)
        .options(joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    )
    return [(unit_class, row) for unit_class, row in rows]


def default_class(session: Session, account: Account) -> UnitClass:
    """The holder's own JAA; for a trader the newest class held, else jVER."""
    if account.holder is not None:
        query = select(UnitClass).where(UnitClass.phase_id == account.holder.phase_id)
        own = session.scalars(query.options(joinedload(UnitClass.phase))).one_or_none()
        if own is not None:
            return own
    held = [unit_class for unit_class, row in unit_classes(session, account) if row.quantity > 0]
    if held:
        return held[0]
    return session.scalars(select(UnitClass).where(UnitClass.unit_type == UnitType.JVER)).one()


def draft(session: Session, request: Request, *, actor: User) -> Draft:
    """Look at a movement without making it: the figures, and all failing rules at once."""
    _check_kind(request.kind)
    access.check(actor, _needed(request.kind))
    source = own_account(session, actor)
    unit_class = _unit_class(session, source, request.unit_class_id)
    wrong: list[Problem] = []
    quantity = _collect(wrong, lambda: parse_quantity(request.quantity))
    number = SCHEME_TARGETS.get(request.kind)
    if number is None:
        number = _collect(wrong, lambda: parse_account(request.account))
    target = _side(session.get(Account, number) if number is not None else None, number)
    facts = movement_facts.facts(session, source.id, source.holder_id, unit_class.id, None)
    assert facts is not None  # the class was just read
    case = _case(request, source, target, facts, (quantity, wrong), clock.today())
    return Draft(
        kind=request.kind,
        source=source,
        target=target,
        unit_class=unit_class,
        quantity=quantity,
        note=request.note.strip(),
        voluntary=request.voluntary,
        problems=tuple(problems(case)),
        standing=tuple(standing(case)),
        held=case.held,
        available=case.available,
        reserve=facts.figures.reserve if facts.figures is not None and facts.own_phase else None,
        movable=case.movable,
        missing=case.figures.missing if case.figures is not None else None,
    )


def move(session: Session, request: Request, *, key: str, actor: User) -> Movement:
    """Make a participant's movement: checked again under lock, posted, told.

    ``key`` is the form's; the same key with the same content gives the first movement again.
    Raises ``Refused`` with every failing rule; then nothing changed. Three statements: the accounts
    with their lock, the figures, and everything that is written.
    """
    _check_kind(request.kind)
    actor_id = _id_of(session, actor)
    number = SCHEME_TARGETS.get(request.kind) or parse_account(request.account)
    if not key or len(key) > 64:
        raise refuse(Refusal.KEY_REUSED)
    parties = movement_parties.parties(session, actor_id, number)
    if parties is None:  # the office, or a login that owns nothing
        access.check(actor, _needed(request.kind))
        raise NotFound
    access.check_login(parties.mover.usable, parties.mover.role, _needed(request.kind))
    source = parties.source
    unit_class_id = request.unit_class_id
    if unit_class_id is None:
        unit_class_id = default_class(session, session.get_one(Account, source.id)).id
    facts = movement_facts.facts(session, source.id, source.holder_id, unit_class_id, key, mover_id=actor_id)
    if facts is None:
        raise NotFound
    # the login may have been locked while the accounts' locks were waited for
    access.check_login(bool(facts.mover_usable), parties.mover.role, _needed(request.kind))
    made = _made_before(facts, request, actor_id)
    if made is not None:
        return session.get_one(Movement, made)
    # once, and under lock: the day that is judged is the day that is written
    now = clock.now()
    wrong: list[Problem] = []
    quantity = _collect(wrong, lambda: parse_quantity(request.quantity))
    target, today = _side(parties.target, number), clock.in_tokyo(now).date()
    case = _case(request, source, target, facts, (quantity, wrong), today)
    found = problems(case)
    deadline = facts.missed_deadline(request.kind, today)
    if deadline is not None and request.late is False:
        found.append(Problem(Refusal.RETIREMENT_NOW_LATE, None, {"deadline": deadline}))
    if found or parties.target is None or quantity is None:
        raise Refused(*found)
    wanted = movement_acts.Wanted(
        kind=request.kind,
        unit_class_id=facts.unit_class_id,
        unit=facts.unit_type.value,
        unit_class=mail_words.units(UnitName(facts.unit_type.value, facts.phase_number)),
        quantity=quantity,
        note=request.note.strip() or None,
        voluntary=request.voluntary and case.more_than_needed,
        key=key,
        content_hash=_content(request),
        late=deadline is not None,
        number=facts.number,
    )
    return movement_acts.make(session, wanted, parties.mover, source, parties.target, now)


def _id_of(session: Session, actor: User) -> int:
    """The actor's number, without reading the row again that the first statement reads."""
    identity = inspect(actor).identity
    if identity is None:
        session.flush()
        return actor.id
    return int(identity[0])


def execute(
    session: Session, movement: Movement, action: str, *, actor: User, version: int | None = None
) -> None:
    """Post a proposed movement whose accounts are locked and whose rules were just checked."""
    # decider and state go to the database in one write, as its CHECK wants
    with session.no_autoflush:
        movement.decided_by_id, movement.decided_at = actor.id, clock.now()
        advance(
            session,
            MOVEMENT,
            movement,
            action,
            actor=actor,
            version=version,
            holder_id=movement.source.holder_id or movement.target.holder_id,
            kind=movement.kind.value,
            quantity=movement.quantity,
            source=movement.source.code,
            target=movement.target.code,
        )
    transaction = ledger.post(session, movement, ledger.sides_of(movement), actor=actor)
    movement_acts.tell(session, movement, transaction.code, actor)


def _needed(kind: MovementKind) -> Permission:
    return Permission.ALLOWANCE_RETIRE if kind is MovementKind.RETIRE else Permission.ALLOWANCE_TRANSFER


def _check_kind(kind: MovementKind) -> None:
    if kind not in (MovementKind.TRANSFER, *SCHEME_TARGETS):
        raise refuse(Refusal.NOT_ALLOWED)


def _content(request: Request) -> str:
    quantity, account = parse_quantity(request.quantity), request.account
    if request.kind not in SCHEME_TARGETS:
        account = str(parse_account(request.account))
    return once.content_hash(
        {
            "kind": request.kind.value,
            "quantity": quantity,
            "account": account,
            "unit_class": request.unit_class_id,
            "note": request.note.strip(),
            "voluntary": request.voluntary,
        }
    )


def _made_before(facts: Facts, request: Request, actor_id: int) -> int | None:
    """The movement this key has made before, if it has; refuses a key used by another or for another."""
    if facts.earlier is None:
        return None
    if (facts.earlier.proposed_by_id, facts.earlier.content_hash) != (actor_id, _content(request)):
        raise refuse(Refusal.KEY_REUSED)
    return facts.earlier.id


def _collect(found: list[Problem], read: Callable[[], int]) -> int | None:
    try:
        return read()
    except PortalError as error:
        found.extend(error.problems)
        return None


def _unit_class(session: Session, source: Account, unit_class_id: int | None) -> UnitClass:
    if unit_class_id is None:
        return default_class(session, source)
    unit_class = session.get(UnitClass, unit_class_id, options=[joinedload(UnitClass.phase)])
    if unit_class is None:
        raise NotFound
    return unit_class


def _case(
    request: Request,
    source: Account | Party,
    target: Side | None,
    facts: Facts,
    read: tuple[int | None, list[Problem]],
    today: date,
) -> Case:
    """``read``: the quantity, and what could not be read."""
    return Case(
        kind=request.kind,
        quantity=read[0],
        source=Side(source.code, source.kind, source.state),
        target=target,
        unit_type=facts.unit_type,
        unit_name=UnitName(facts.unit_type.value, facts.phase_number),
        own_phase=facts.own_phase,
        held=facts.held,
        promised=facts.promised,
        figures=facts.figures,
        usable_until=facts.usable_until,
        today=today,
        voluntary=request.voluntary,
        closed=facts.closed,
        books_disagree=facts.books_disagree,
        own_closed=facts.own_closed,
        note=request.note,
        unreadable=tuple(read[1]),
    )


def _side(account: Account | Party | None, number: int | None) -> Side | None:
    if number is None:
        return None
    if account is None:
        return Side(f"AST-{number}", None, None)
    return Side(account.code, account.kind, account.state)


def terms_of(session: Session, unit_class: UnitClass) -> tuple[date | None, bool]:
    """The last day on which the units may move (none: no limit), and whether their phase is closed.

    Read from the rows, not from what the session knows: a phase may have been closed while the
    account's lock was waited for.
    """
    if unit_class.phase_id is None:
        return None, False
    until, closed_at = session.execute(
        select(PhaseRule.banking_until, Phase.closed_at)
        .join(Phase, Phase.id == PhaseRule.phase_id)
        .where(PhaseRule.phase_id == unit_class.phase_id, PhaseRule.superseded_at.is_(None))
    ).one()
    return until, closed_at is not None
