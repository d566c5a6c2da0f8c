"""What the rules of a correction and of a jVER issue look at, for page, proposal and confirmation alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Problem
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    Holding,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    Phase,
    UnitClass,
    UnitType,
)
from portal.services import ledger
from portal.services.allowance_rules import Side
from portal.services.allowances import terms_of, unit_name
from portal.services.correction_rules import CorrectionCase
from portal.services.jver_rules import JverCase, jver_problems
from portal.services.numbers import parse_account, parse_quantity
from portal.services.workflow import clean_reason

T = TypeVar("T")


def side_of(account: Account) -> Side:
    """An account as the rules see it."""
    return Side(account.code, account.kind, account.state)


def correction_case(
    session: Session, original: LedgerTransaction, *, own: Movement | None = None
) -> CorrectionCase:
    """The case of posting ``original`` back; ``own``: the proposal that waits, its promise left out.

    Five queries at most. For an act its accounts should be locked.
    """
    wrong = original.movement
    others = select(Movement.id).where(
        Movement.reverses_id == original.id,
        Movement.state.in_([MovementState.PROPOSED, MovementState.EXECUTED]),
    )
    if own is not None:
        others = others.where(Movement.id != own.id)
    row = session.execute(
        select(Holding.quantity, Holding.promised).where(
            Holding.account_id == wrong.target_id, Holding.unit_class_id == wrong.unit_class_id
        )
    ).one_or_none()
    held, promised = (row.quantity, row.promised) if row is not None else (0, 0)
    return CorrectionCase(
        kind=original.kind,
        exists=session.scalars(others.limit(1)).first() is not None,
        source=side_of(wrong.target),
        target=side_of(wrong.source),
        unit_name=unit_name(wrong.unit_class),
        quantity=wrong.quantity,
        held=held,
        promised=promised - (own.quantity if own is not None else 0),
        closed=_closed(session, wrong),
    )


def _closed(session: Session, wrong: Movement) -> bool:
    """Whether the phase of the units is closed, or the one in whose totals a retirement counts (jVER)."""
    _until, closed = terms_of(session, wrong.unit_class)
    holder = wrong.source.holder
    if closed or wrong.kind is not MovementKind.RETIRE or holder is None:
        return closed
    return session.scalar(select(Phase.closed_at).where(Phase.id == holder.phase_id)) is not None


@dataclass(frozen=True)
class JverDraft:
    """A jVER issue as it was typed: what could be read of it, and every failing rule."""

    number: int | None
    account: Account | None
    quantity: int | None
    reason: str | None
    problems: tuple[Problem, ...]


def jver_draft(session: Session, account: str, quantity: str | int, reason: str) -> JverDraft:
    """Look at a jVER issue without making it: all failing rules at once, in the order of the page.

    For the act: under the locks of the issuance account and of the one that is typed.
    """
    slips: list[Problem] = []
    number = _read(slips, lambda: parse_account(account))
    units = _read(slips, lambda: parse_quantity(quantity))
    why = _read(slips, lambda: clean_reason(reason, needed=True))
    found = session.get(Account, number) if number is not None else None
    if found is not None:
        side: Side | None = side_of(found)
    else:
        side = Side(f"AST-{number}", None, None) if number is not None else None
    case = JverCase(side, units, _jver_issued(session), tuple(slips))
    return JverDraft(number, found, units, why, tuple(jver_problems(case)))


def jver_case(session: Session, movement: Movement) -> JverCase:
    """The case of a proposed jVER issue, itself left out of what others propose."""
    return JverCase(side_of(movement.target), movement.quantity, _jver_issued(session, own=movement))


def _jver_issued(session: Session, *, own: Movement | None = None) -> int:
    jver = jver_class(session)
    proposed = select(func.coalesce(func.sum(Movement.quantity), 0)).where(
        Movement.source_id == ISSUANCE_ACCOUNT,
        Movement.kind == MovementKind.ISSUE_JVER,
        Movement.state == MovementState.PROPOSED,
    )
    if own is not None:
        proposed = proposed.where(Movement.id != own.id)
    return int(session.scalar(proposed) or 0) - ledger.balance(session, ISSUANCE_ACCOUNT, jver.id)


def jver_class(session: Session) -> UnitClass:
    """The class of the jVER; there is one."""
    return session.scalars(select(UnitClass).where(UnitClass.unit_type == UnitType.JVER)).one()


def _read(slips: list[Problem], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except PortalError as error:
        slips.extend(error.problems)
        return None
