"""What an account shows its owner: balance as of a day, history with running balance, receipts (domain §5).

Everything here reads; quantities are whole units, days are Tokyo days. Who may see an account is
asked of ``services/access``; login B and verifiers get :class:`NotFound`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from portal import clock
from portal.errors import NotFound
from portal.models import (
    Account,
    AccountKind,
    EmissionsReport,
    Holder,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    MovementKind,
    Period,
    ReductionTarget,
    TargetState,
    UnitClass,
    UnitType,
    User,
)
from portal.services import access
from portal.services.compliance import Figures
from portal.services.figures import figures_of
from portal.services.numbers import search_key

PER_PAGE = 20
_RECEIPT = re.compile(r"T-([0-9]{6,15})")


@dataclass(frozen=True)
class Filters:
    """What narrows a history; empty values narrow nothing."""

    since: date | None = None
    until: date | None = None
    kind: MovementKind | None = None
    other: str = ""
    unit_class_id: int | None = None


@dataclass(frozen=True)
class Line:
    """One entry of an account as its owner sees it. ``balance``: of this unit class, afterwards."""

    entry_id: int
    transaction_id: int
    at: datetime
    kind: MovementKind
    quantity: int
    balance: int
    unit_class: UnitClass
    other_number: int
    other_name: str
    other_kind: AccountKind
    note: str | None
    reverses_id: int | None

    @property
    def code(self) -> str:
        """The ledger number: T-000214."""
        return f"T-{self.transaction_id:06d}"

    @property
    def other_code(self) -> str:
        return f"AST-{self.other_number}"

    @property
    def incoming(self) -> bool:
        return self.quantity > 0


@dataclass(frozen=True)
class Page:
    """One page of a history, newest first."""

    lines: list[Line]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))

    @property
    def first(self) -> int:
        return (self.page - 1) * PER_PAGE + 1


@dataclass(frozen=True)
class ClassBalance:
    """What an account held of one unit class at the end of a day."""

    unit_class: UnitClass
    quantity: int


@dataclass(frozen=True)
class Receipt:
    """A movement as its receipt prints it; ``balance`` and ``note`` are the reader's own side."""

    transaction: LedgerTransaction
    movement: Movement
    account: Account
    outgoing: bool
    unit_class: UnitClass
    quantity: int
    balance: int
    note: str | None
    by: str | None


def _source_and_lines(account: Account) -> tuple[Select[Any], Any]:
    """The select of an account's entries with the balance after each, and its columns."""
    balance = func.sum(LedgerEntry.quantity).over(
        partition_by=LedgerEntry.unit_class_id, order_by=LedgerEntry.id
    )
    inner = (
        select(
            LedgerEntry.id,
            LedgerEntry.transaction_id,
            LedgerEntry.unit_class_id,
            LedgerEntry.quantity,
            balance.label("balance"),
        )
        .where(LedgerEntry.account_id == account.id)
        .subquery("line")
    )
    other = aliased(Account, name="other")
    other_id = case((inner.c.quantity < 0, Movement.target_id), else_=Movement.source_id)
    query = (
        select(
            inner.c.id,
            LedgerTransaction.id,
            LedgerTransaction.posted_at,
            LedgerTransaction.kind,
            inner.c.quantity,
            inner.c.balance,
            UnitClass,
            other.id,
            other.name,
            other.kind,
            Movement.note,
            Movement.source_id,
            LedgerTransaction.reverses_id,
        )
        .select_from(inner)
        .join(LedgerTransaction, LedgerTransaction.id == inner.c.transaction_id)
        .join(Movement, Movement.id == LedgerTransaction.movement_id)
        .join(UnitClass, UnitClass.id == inner.c.unit_class_id)
        .join(other, other.id == other_id)
        .options(joinedload(UnitClass.phase))
    )
    return query, (inner, other)


def _conditions(filters: Filters, inner: Any, other: Any) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.since is not None:
        found.append(LedgerTransaction.posted_at >= clock.at_tokyo(filters.since))
    if filters.until is not None:
        found.append(LedgerTransaction.posted_at < clock.end_of_day(filters.until))
    if filters.kind is not None:
        found.append(LedgerTransaction.kind == filters.kind)
    if filters.unit_class_id is not None:
        found.append(inner.c.unit_class_id == filters.unit_class_id)
    wanted = search_key(filters.other)
    if wanted:
        number = re.fullmatch(r"(?:ast)?([0-9]{1,9})", wanted)
        by_name = other.search_key.contains(wanted, autoescape=True)
        found.append(by_name | (other.id == int(number[1])) if number else by_name)
    return found


def history(session: Session, account: Account, filters: Filters, page: int = 1) -> Page:
    """A page of the account's history, newest first; ``page`` counts from 1 and is kept in bounds."""
    query, (inner, other) = _source_and_lines(account)
    query = query.where(*_conditions(filters, inner, other))
    total = session.scalar(query.with_only_columns(func.count()).order_by(None)) or 0
    last = max(1, -(-total // PER_PAGE))
    page = min(max(1, page), last)
    rows = session.execute(query.order_by(inner.c.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE))
    return Page([_line(row, account) for row in rows], total, page)


def all_lines(session: Session, account: Account, filters: Filters) -> Iterator[Line]:
    """The whole narrowed history, newest first, row by row: for files."""
    query, (inner, other) = _source_and_lines(account)
    query = query.where(*_conditions(filters, inner, other)).order_by(inner.c.id.desc())
    for row in session.execute(query.execution_options(yield_per=500)):
        yield _line(row, account)


def lines_by_id(session: Session, account: Account, entry_ids: list[int]) -> dict[int, Line]:
    """The lines of some entries, by entry id (for a time line that was paged elsewhere)."""
    query, (inner, _other) = _source_and_lines(account)
    rows = session.execute(query.where(inner.c.id.in_(entry_ids)))
    return {row[0]: _line(row, account) for row in rows}


def _line(row: Any, account: Account) -> Line:
    entry, number, at, kind, quantity, balance, unit_class, other, name, whose, note, source, reverses = row
    return Line(
        entry_id=entry,
        transaction_id=number,
        at=at,
        kind=kind,
        quantity=int(quantity),
        balance=int(balance),
        unit_class=unit_class,
        other_number=other,
        other_name=name,
        other_kind=whose,
        # a note belongs to whoever wrote it
        note=note if source == account.id else None,
        reverses_id=reverses,
    )


def balances(session: Session, account: Account, day: date) -> list[ClassBalance]:
    """What the account held at the end of ``day``, by unit class: JAA by phase, then jVER."""
    rows = session.execute(
        select(UnitClass, func.sum(LedgerEntry.quantity))
        .join(LedgerEntry, LedgerEntry.unit_class_id == UnitClass.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerEntry.account_id == account.id,
            LedgerTransaction.posted_at < clock.end_of_day(day),
        )
        .group_by(UnitClass.id)
        .options(joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    )
    return [ClassBalance(unit_class, int(quantity)) for unit_class, quantity in rows]


def figures_as_of(session: Session, holder: Holder, day: date) -> Figures:
    """The holder's figures as they stood at the end of ``day``; today they are the present ones.

    Rules and deadline are those in force now; what was promised on a past day is not kept.
    """
    now = figures_of(session, holder)
    if day >= clock.today():
        return now
    end = clock.end_of_day(day)
    flows = _flows_until(session, holder, end, clock.end_of_day(now.deadline))
    held = _own_until(session, holder, end)
    confirmed = dict(
        session.execute(
            select(EmissionsReport.period, EmissionsReport.confirmed_emissions).where(
                EmissionsReport.holder_id == holder.id, EmissionsReport.confirmed_at < end
            )
        ).all()
    )
    target = session.scalars(
        select(ReductionTarget.quantity)
        .where(
            ReductionTarget.holder_id == holder.id,
            ReductionTarget.state == TargetState.CONFIRMED,
            ReductionTarget.confirmed_at < end,
            ReductionTarget.superseded_at.is_(None) | (ReductionTarget.superseded_at >= end),
        )
        .order_by(ReductionTarget.id.desc())
    ).first()
    return replace(
        now,
        base_emissions=confirmed.get(Period.BASE),
        reduction_target=target,
        issued=flows[(MovementKind.ISSUE, UnitType.JAA)][0],
        target_emissions=confirmed.get(Period.TARGET),
        retired_jaa=-flows[(MovementKind.RETIRE, UnitType.JAA)][0],
        retired_jver=-flows[(MovementKind.RETIRE, UnitType.JVER)][0],
        held=held[UnitType.JAA],
        promised=0,
        held_jver=held[UnitType.JVER],
        late_jaa=-flows[(MovementKind.RETIRE, UnitType.JAA)][1],
        late_jver=-flows[(MovementKind.RETIRE, UnitType.JVER)][1],
    )


def _own_units(holder: Holder) -> ColumnElement[bool]:
    return (UnitClass.phase_id == holder.phase_id) | (UnitClass.unit_type == UnitType.JVER)


def _flows_until(
    session: Session, holder: Holder, end: datetime, deadline: datetime
) -> dict[tuple[MovementKind, UnitType], tuple[int, int]]:
    """(all, the part from ``deadline`` on) issued and retired before ``end``; as in the figures."""
    original = aliased(LedgerTransaction)
    effective = func.coalesce(original.kind, LedgerTransaction.kind)
    late = func.coalesce(original.posted_at, LedgerTransaction.posted_at) >= deadline
    rows = session.execute(
        select(
            effective,
            UnitClass.unit_type,
            func.sum(LedgerEntry.quantity),
            func.sum(case((late, LedgerEntry.quantity), else_=0)),
        )
        .select_from(LedgerEntry)
        .join(UnitClass, UnitClass.id == LedgerEntry.unit_class_id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .outerjoin(original, original.id == LedgerTransaction.reverses_id)
        .where(
            LedgerEntry.account_id == holder.account.id,
            LedgerTransaction.posted_at < end,
            _own_units(holder),
            effective.in_([MovementKind.ISSUE, MovementKind.RETIRE]),
        )
        .group_by(effective, UnitClass.unit_type)
    )
    flows: dict[tuple[MovementKind, UnitType], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for kind, unit_type, quantity, after in rows:
        flows[(MovementKind(kind), unit_type)] = (int(quantity), int(after))
    return flows


def _own_until(session: Session, holder: Holder, end: datetime) -> dict[UnitType, int]:
    rows = session.execute(
        select(UnitClass.unit_type, func.sum(LedgerEntry.quantity))
        .join(LedgerEntry, LedgerEntry.unit_class_id == UnitClass.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerEntry.account_id == holder.account.id,
            LedgerTransaction.posted_at < end,
            _own_units(holder),
        )
        .group_by(UnitClass.unit_type)
    )
    held: dict[UnitType, int] = defaultdict(int)
    for unit_type, quantity in rows:
        held[unit_type] = int(quantity)
    return held


def issued_at(session: Session, account: Account) -> datetime | None:
    """When the account got its issue of JAA, if it did."""
    return session.scalars(
        select(LedgerTransaction.posted_at)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(LedgerEntry.account_id == account.id, LedgerTransaction.kind == MovementKind.ISSUE)
        .order_by(LedgerTransaction.id)
    ).first()


def receipt(session: Session, account: Account, code: str, *, actor: User) -> Receipt:
    """The receipt of the movement ``T-000214`` for the owner of ``account``.

    Raises :class:`NotFound` for what is not the reader's, does not exist or is no number.
    """
    match = _RECEIPT.fullmatch(code)
    if match is None or len(match[1].lstrip("0")) > 12:
        raise NotFound
    transaction = access.get_visible(session, LedgerTransaction, int(match[1]), actor)
    own = session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.transaction_id == transaction.id, LedgerEntry.account_id == account.id)
        .options(joinedload(LedgerEntry.unit_class).joinedload(UnitClass.phase))
        .order_by(LedgerEntry.id.desc())
    ).first()
    if own is None:
        raise NotFound
    balance = session.scalar(
        select(func.sum(LedgerEntry.quantity)).where(
            LedgerEntry.account_id == account.id,
            LedgerEntry.unit_class_id == own.unit_class_id,
            LedgerEntry.id <= own.id,
        )
    )
    movement = transaction.movement
    # only the own side's person is named; the office and the other side act as such
    mine = movement.source_id == account.id and movement.proposed_by_id == transaction.posted_by_id
    return Receipt(
        transaction=transaction,
        movement=movement,
        account=account,
        outgoing=own.quantity < 0,
        unit_class=own.unit_class,
        quantity=abs(own.quantity),
        balance=int(balance or 0),
        note=movement.note if movement.source_id == account.id else None,
        by=movement.proposed_by.name if mine else None,
    )
