"""The history of an account, line by line with the balance after each (domain §5, 残高詳細).

Everything here reads; quantities are whole units, days are Tokyo days. Who may see an account is
asked of ``services/access``.

The balance after an entry is counted back from what the account holds now, over the newer entries only,
and a page is found by the number of its neighbour: the newest pages cost the same at a million entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from portal import clock
from portal.models import (
    Account,
    AccountKind,
    Holder,
    Holding,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    MovementKind,
    PhaseRule,
    UnitClass,
)
from portal.services.numbers import search_key

PER_PAGE = 20
#: lines are counted up to here; beyond, "more than so many" is said
COUNTED = 10_000


@dataclass(frozen=True)
class Filters:
    """What narrows a history; empty values narrow nothing."""

    since: date | None = None
    until: date | None = None
    kind: MovementKind | None = None
    other: str = ""
    unit_class_id: int | None = None
    incoming: bool | None = None  # units that came in, or went out

    @property
    def narrow(self) -> bool:
        """Whether anything is filtered at all."""
        return self != Filters()


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
    #: retired after the deadline: it meets no target
    late: bool = False

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
class Slice:
    """Lines of a history between two neighbours, newest first; the cursors are entry numbers.

    ``total`` is counted up to :data:`COUNTED` + 1; ``None``: there is nothing newer, or older.
    """

    lines: list[Line]
    total: int
    newer: int | None
    older: int | None


def _lines(account: Account, since_id: int) -> tuple[Select[Any], Any]:
    """The select of an account's entries from ``since_id`` on, each with the balance after it."""
    newer = func.sum(LedgerEntry.quantity).over(
        partition_by=LedgerEntry.unit_class_id, order_by=LedgerEntry.id.desc(), rows=(None, -1)
    )
    inner = (
        select(
            LedgerEntry.id,
            LedgerEntry.transaction_id,
            LedgerEntry.unit_class_id,
            LedgerEntry.quantity,
            (Holding.quantity - func.coalesce(newer, 0)).label("balance"),
        )
        .join(
            Holding,
            (Holding.account_id == LedgerEntry.account_id)
            & (Holding.unit_class_id == LedgerEntry.unit_class_id),
        )
        .where(LedgerEntry.account_id == account.id, LedgerEntry.id >= since_id)
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
    return query, inner


def _conditions(filters: Filters, other: Any) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.since is not None:
        found.append(LedgerTransaction.posted_at >= clock.at_tokyo(filters.since))
    if filters.until is not None:
        found.append(LedgerTransaction.posted_at < clock.end_of_day(filters.until))
    if filters.kind is not None:
        found.append(LedgerTransaction.kind == filters.kind)
    if filters.incoming is not None:
        found.append(LedgerEntry.quantity > 0 if filters.incoming else LedgerEntry.quantity < 0)
    wanted = search_key(filters.other)
    if wanted:
        number = re.fullmatch(r"(?:ast)?([0-9]{1,9})", wanted)
        by_name = other.search_key.contains(wanted, autoescape=True)
        found.append(by_name | (other.id == int(number[1])) if number else by_name)
    return found


def _ids(
    session: Session,
    account: Account,
    filters: Filters,
    *,
    most: int | None = None,
    before: int | None = None,
    after: int | None = None,
) -> Select[int] | None:
    """The numbers of the entries that ``filters`` leave: newest first, ``after`` one its nearest first.

    Class by class along the index, then put together: the first ones come without reading the rest.
    """
    classes = session.scalars(select(Holding.unit_class_id).where(Holding.account_id == account.id)).all()
    wanted = [one for one in classes if filters.unit_class_id in (None, one)]
    if not wanted:
        return None
    order = LedgerEntry.id.asc() if after is not None else LedgerEntry.id.desc()
    parts = []
    for unit_class_id in wanted:
        other = aliased(Account)
        query = (
            select(LedgerEntry.id)
            .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
            .join(Movement, Movement.id == LedgerTransaction.movement_id)
            .join(
                other,
                other.id == case((LedgerEntry.quantity < 0, Movement.target_id), else_=Movement.source_id),
            )
            .where(
                LedgerEntry.account_id == account.id,
                LedgerEntry.unit_class_id == unit_class_id,
                *_conditions(filters, other),
            )
        )
        if before is not None:
            query = query.where(LedgerEntry.id < before)
        if after is not None:
            query = query.where(LedgerEntry.id > after)
        parts.append(select(query.order_by(order).limit(most).subquery().c.id))
    both = union_all(*parts).subquery()
    column = both.c.id
    return select(column).order_by(column.asc() if after is not None else column.desc()).limit(most)


def counted(session: Session, account: Account, filters: Filters) -> int:
    """How many lines there are, counted up to :data:`COUNTED` + 1."""
    query = _ids(session, account, filters, most=COUNTED + 1)
    if query is None:
        return 0
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def look_back(
    session: Session,
    account: Account,
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int | None = None,
) -> Slice:
    """The lines next to a neighbour (an entry's number), newest first; without one the newest."""
    size = size or PER_PAGE
    query = _ids(session, account, filters, most=size + 1, before=before, after=after)
    found = list(session.scalars(query)) if query is not None else []
    more, ids = len(found) > size, found[:size]
    if after is not None and not more:
        # so near the top that the first page says it all
        return look_back(session, account, filters, size=size)
    ids = sorted(ids, reverse=True)
    lines = lines_by_id(session, account, ids)
    newer, older = (more, True) if after is not None else (before is not None, more)
    return Slice(
        [lines[one] for one in ids],
        counted(session, account, filters),
        ids[0] if newer and ids else None,
        ids[-1] if older and ids else None,
    )


def history(session: Session, account: Account, filters: Filters, page: int = 1) -> Page:
    """A page of the account's history, newest first; ``page`` counts from 1 and is kept in bounds."""
    query = _ids(session, account, filters)
    if query is None:
        return Page([], 0, 1)
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    page = min(max(1, page), max(1, -(-total // PER_PAGE)))
    ids = list(session.scalars(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)))
    lines = lines_by_id(session, account, ids)
    return Page([lines[one] for one in ids], total, page)


def all_lines(session: Session, account: Account, filters: Filters, *, most: int = COUNTED) -> Iterator[Line]:
    """The whole narrowed history, newest first, row by row: for files. ``most`` bounds it."""
    ids = _ids(session, account, filters, most=most)
    if ids is None:
        return
    first = session.scalar(select(func.min(ids.subquery().c.id)))
    query, inner = _lines(account, first or 0)
    query = query.where(inner.c.id.in_(select(ids.subquery().c.id))).order_by(inner.c.id.desc())
    late = _late_from(session, account)
    for row in session.execute(query.execution_options(yield_per=500)):
        yield _line(row, account, late)


def lines_by_id(session: Session, account: Account, entry_ids: list[int]) -> dict[int, Line]:
    """The lines of some entries, by entry id (for a time line that was paged elsewhere)."""
    if not entry_ids:
        return {}
    query, inner = _lines(account, min(entry_ids))
    late = _late_from(session, account)
    rows = session.execute(query.where(inner.c.id.in_(entry_ids)))
    return {row[0]: _line(row, account, late) for row in rows}


def retirement_deadline(session: Session, account: Account) -> date | None:
    """By when the account's holder retires; ``None`` for a trader, who retires nothing."""
    if account.holder_id is None:
        return None
    return session.scalar(
        select(PhaseRule.retirement_deadline)
        .join(Holder, Holder.phase_id == PhaseRule.phase_id)
        .where(Holder.id == account.holder_id, PhaseRule.superseded_at.is_(None))
    )


def _late_from(session: Session, account: Account) -> datetime | None:
    deadline = retirement_deadline(session, account)
    return clock.end_of_day(deadline) if deadline is not None else None


def _line(row: Any, account: Account, late: datetime | None) -> Line:
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
        late=kind is MovementKind.RETIRE and late is not None and at >= late,
    )
