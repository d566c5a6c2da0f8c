"""Participants' movements: preview, then propose and execute in one act (domain §5).

The preview and the execution read the same :class:`Case`; the execution reads it under lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
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
    MovementState,
    Phase,
    PhaseRule,
    UnitClass,
    UnitType,
    User,
)
from portal.permissions import Permission
from portal.services import access, books, ledger, once
from portal.services.allowance_rules import Case, Side, problems
from portal.services.figures import figures_of
from portal.services.mail import MailKind, notify
from portal.services.numbers import parse_account, parse_quantity
from portal.services.transitions import MOVEMENT
from portal.services.workflow import advance

SCHEME_TARGETS = {
    MovementKind.RETIRE: RETIREMENT_ACCOUNT,
    MovementKind.CANCEL: CANCELLATION_ACCOUNT,
    MovementKind.OFFSET: OFFSET_ACCOUNT,
}
NOTE_LIMIT = 100


def unit_name(unit_class: UnitClass) -> UnitName:
    """What refusals call the units: 第2期 JAA in Japanese, Phase 2 JAA in English, or jVER."""
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


@dataclass(frozen=True)
class Draft:
    """What would happen, and every reason why it may not."""

    kind: MovementKind
    source: Account
    target: Account | None
    unit_class: UnitClass
    quantity: int | None
    note: str
    voluntary: bool
    problems: tuple[Problem, ...]
    held: int
    available: int
    reserve: int | None
    movable: int
    missing: int | None

    @property
    def after(self) -> int | None:
        """The balance afterwards, negative if short."""
        return None if self.quantity is None else self.held - self.quantity


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
    _check_permission(request.kind, actor)
    source = own_account(session, actor)
    unit_class = _unit_class(session, source, request.unit_class_id)
    found: list[Problem] = []
    quantity = _collect(found, lambda: parse_quantity(request.quantity))
    number = SCHEME_TARGETS.get(request.kind)
    if number is None:
        number = _collect(found, lambda: parse_account(request.account))
    if len(request.note) > NOTE_LIMIT:
        found.append(Problem(Refusal.TOO_LONG, "note", {"limit": NOTE_LIMIT}))
    target = session.get(Account, number) if number is not None else None
    case = _case(session, request, source, target, number, unit_class, quantity)
    return Draft(
        kind=request.kind,
        source=source,
        target=target,
        unit_class=unit_class,
        quantity=quantity,
        note=request.note.strip(),
        voluntary=request.voluntary,
        problems=(*books.problems(session), *found, *problems(case)),
        held=case.held,
        available=case.available,
        reserve=case.figures.reserve if case.figures is not None and case._reserved else None,
        movable=case.movable,
        missing=case.figures.missing if case.figures is not None else None,
    )


def move(session: Session, request: Request, *, key: str, actor: User) -> Movement:
    """Make a participant's movement: checked again under lock, posted, told.

    ``key`` is the form's; the same key with the same content gives the first movement again.
    Raises ``Refused`` with every failing rule; then nothing changed.
    """
    _check_permission(request.kind, actor)
    source_number = own_account(session, actor).id
    target_number = SCHEME_TARGETS.get(request.kind) or parse_account(request.account)
    ledger.lock_accounts(session, source_number, target_number)
    made = _made_before(session, key, request, actor)
    if made is not None:
        return made
    plan = draft(session, request, actor=actor)
    if plan.problems or plan.target is None or plan.quantity is None:
        raise Refused(*plan.problems)
    movement = Movement(
        kind=request.kind,
        state=MovementState.PROPOSED,
        source_id=plan.source.id,
        target_id=plan.target.id,
        unit_class_id=plan.unit_class.id,
        quantity=plan.quantity,
        note=plan.note or None,
        voluntary=request.voluntary,
        idempotency_key=key,
        content_hash=_content(request),
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(movement)
    session.flush()
    execute(session, movement, "execute", actor=actor)
    return movement


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
    _tell(session, movement, transaction.code, actor)


def _tell(session: Session, movement: Movement, code: str, actor: User) -> None:
    facts: dict[str, Any] = {
        "movement_kind": movement.kind.value,
        "quantity": movement.quantity,
        "unit": movement.unit_class.unit_type.value,
        "source": movement.source.code,
        "target": movement.target.code,
        "source_name": movement.source.name,
        "target_name": movement.target.name,
        "ledger_number": code,
    }
    for kind, account in (
        (MailKind.MOVEMENT_EXECUTED, movement.source),
        (MailKind.MOVEMENT_RECEIVED, movement.target),
    ):
        if account.holder is not None or account.trader is not None:
            notify(session, kind, holder=account.holder, trader=account.trader, actor=actor, **facts)


def _check_permission(kind: MovementKind, actor: User) -> None:
    needed = Permission.ALLOWANCE_RETIRE if kind is MovementKind.RETIRE else Permission.ALLOWANCE_TRANSFER
    if kind not in (MovementKind.TRANSFER, *SCHEME_TARGETS):
        raise refuse(Refusal.NOT_ALLOWED)
    access.check(actor, needed)


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


def _made_before(session: Session, key: str, request: Request, actor: User) -> Movement | None:
    if not key or len(key) > 64:
        raise refuse(Refusal.KEY_REUSED)
    made = session.scalars(select(Movement).where(Movement.idempotency_key == key)).one_or_none()
    if made is None:
        return None
    if made.proposed_by_id != actor.id or made.content_hash != _content(request):
        raise refuse(Refusal.KEY_REUSED)
    return made


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
    session: Session,
    request: Request,
    source: Account,
    target: Account | None,
    target_number: int | None,
    unit_class: UnitClass,
    quantity: int | None,
) -> Case:
    row = session.scalars(
        select(Holding)
        .where(Holding.account_id == source.id, Holding.unit_class_id == unit_class.id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    usable_until, closed = terms_of(session, unit_class)
    return Case(
        kind=request.kind,
        quantity=quantity,
        source=Side(source.code, source.kind, source.state),
        target=None if target_number is None else _side(target, target_number),
        unit_type=unit_class.unit_type,
        unit_name=unit_name(unit_class),
        own_phase=source.holder is not None and source.holder.phase_id == unit_class.phase_id,
        held=row.quantity if row is not None else 0,
        promised=row.promised if row is not None else 0,
        figures=figures_of(session, source.holder) if source.holder is not None else None,
        usable_until=usable_until,
        today=clock.today(),
        voluntary=request.voluntary,
        closed=closed,
    )


def _side(account: Account | None, number: int) -> Side:
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


def expiry(session: Session, phase_id: int | None) -> timedelta:
    """How long a proposal waits for its second person (rule of the phase, 14 days by default)."""
    days = None
    if phase_id is not None:
        days = session.scalar(
            select(PhaseRule.proposal_days).where(
                PhaseRule.phase_id == phase_id, PhaseRule.superseded_at.is_(None)
            )
        )
    return timedelta(days=days or 14)
