"""The history of an account, line by line with the balance after each (domain §5, 残高詳細).

Everything here reads; quantities are whole units, days are Tokyo days. Who may see an account is
asked of ``services/access``.

The balance after an entry is counted back from what the account holds now, over the newer entries only,
and a page is found by the number of its neighbour: the newest pages cost the same at a million entries.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
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
#: lines are counted up to here, for files and on a page; beyond, "more than so many" is said
COUNTED, COUNTED_ON_A_PAGE = 10_000, 1_000


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

    ``total`` is counted up to :data:`COUNTED_ON_A_PAGE` + 1; ``None``: there is nothing newer, or older.
    """

    lines: list[Line]
    total: int
    newer: int | None
    older: int | None


def _standing(session: Session, account: Account, last: int) -> dict[int, int]:
    """What stood after the entry ``last``, by unit class: counted back from what is held now."""
    later = aliased(LedgerEntry)
    after = (
        select(func.coalesce(func.sum(later.quantity), 0))
        .where(
            later.account_id == Holding.account_id,
            later.unit_class_id == Holding.unit_class_id,
            later.id > last,
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(Holding.unit_class_id, Holding.quantity - after).where(Holding.account_id == account.id)
    )
    return {unit_class_id: int(quantity) for unit_class_id, quantity in rows}


def _lines(account: Account, classes: Collection[int], first: int, last: int) -> tuple[Select[Any], Any]:
    """The select of an account's entries ``first`` to ``last``, each with the sum of those after it.

    With what stood after ``last`` that gives the balance; neither ever changes again. ``classes``: all that
    the account ever held, so that the index leads to the place.
    """
    newer = func.sum(LedgerEntry.quantity).over(
        partition_by=LedgerEntry.unit_class_id, order_by=LedgerEntry.id.desc(), rows=(None, -1)
    )
    inner = (
        select(
            LedgerEntry.id,
            LedgerEntry.transaction_id,
            LedgerEntry.unit_class_id,
            LedgerEntry.quantity,
            func.coalesce(newer, 0).label("newer"),
        )
        .where(
            LedgerEntry.account_id == account.id,
            LedgerEntry.unit_class_id.in_(classes),
            LedgerEntry.id.between(first, last),
        )
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
            inner.c.newer,
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
        query = select(LedgerEntry.id).where(
            LedgerEntry.account_id == account.id, LedgerEntry.unit_class_id == unit_class_id
        )
        if filters != Filters(unit_class_id=filters.unit_class_id):
            query = _narrowed(query, filters)
        if before is not None:
            query = query.where(LedgerEntry.id < before)
        if after is not None:
            query = query.where(LedgerEntry.id > after)
        parts.append(select(query.order_by(order).limit(most).subquery().c.id))
    both = union_all(*parts).subquery()
    column = both.c.id
    return select(column).order_by(column.asc() if after is not None else column.desc()).limit(most)


def _narrowed(query: Select[int], filters: Filters) -> Select[int]:
    other = aliased(Account)
    other_id = case((LedgerEntry.quantity < 0, Movement.target_id), else_=Movement.source_id)
    return (
        query.join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Movement, Movement.id == LedgerTransaction.movement_id)
        .join(other, other.id == other_id)
        .where(*_conditions(filters, other))
    )


def counted(session: Session, account: Account, filters: Filters, *, most: int = COUNTED) -> int:
    """How many lines there are, counted up to ``most`` + 1."""
    query = _ids(session, account, filters, most=most + 1)
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
        counted(session, account, filters, most=COUNTED_ON_A_PAGE),
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
    bounds = ids.subquery()
    first, last = session.execute(select(func.min(bounds.c.id), func.max(bounds.c.id))).one()
    if first is None:
        return
    late, stood = _late_from(session, account), _standing(session, account, last)
    query, inner = _lines(account, stood, first, last)
    query = query.where(inner.c.id.in_(select(ids.subquery().c.id))).order_by(inner.c.id.desc())
    for row in session.execute(query.execution_options(yield_per=500)):
        yield _line(row, account, late, stood)


def lines_by_id(session: Session, account: Account, entry_ids: list[int]) -> dict[int, Line]:
    """The lines of some entries, by entry id (for a time line that was paged elsewhere)."""
    if not entry_ids:
        return {}
    late, stood = _late_from(session, account), _standing(session, account, max(entry_ids))
    query, inner = _lines(account, stood, min(entry_ids), max(entry_ids))
    rows = session.execute(query.where(inner.c.id.in_(entry_ids)))
    return {row[0]: _line(row, account, late, stood) for row in rows}


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


def _line(row: Any, account: Account, late: datetime | None, stood: dict[int, int]) -> Line:
    entry, number, at, kind, quantity, newer, unit_class, other, name, whose, note, source, reverses = row
    return Line(
        entry_id=entry,
        transaction_id=number,
        at=at,
        kind=kind,
        quantity=int(quantity),
        balance=stood[unit_class.id] - int(newer),
        unit_class=unit_class,
        other_number=other,
        other_name=name,
        other_kind=whose,
        # a note belongs to whoever wrote it
        note=note if source == account.id else None,
        reverses_id=reverses,
        late=kind is MovementKind.RETIRE and late is not None and at >= late,
    )
