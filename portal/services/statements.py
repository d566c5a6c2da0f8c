"""The history of an account, line by line with the balance after each (domain §5, 残高詳細).

Everything here reads; quantities are whole units, days are Tokyo days. Who may see an account is
asked of ``services/access``.

Every entry says what the account holds after it, and a page is found by the number of its neighbour: any
page costs the same at a million entries. The order is the ledger's, never that of clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from portal import clock
from portal.models import (
    Account,
    AccountKind,
    Holder,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    MovementKind,
    PhaseRule,
    UnitClass,
)
from portal.services.line_search import Filters, Search, other_account, search

PER_PAGE = 20
#: lines are counted up to here, for files and on a page; beyond, "more than so many" is said
COUNTED, COUNTED_ON_A_PAGE = 10_000, 1_000


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
class Slice:
    """Lines of a history between two neighbours, newest first; the cursors are entry numbers.

    ``total`` is counted up to :data:`COUNTED_ON_A_PAGE` + 1; ``None``: there is nothing newer, or older.
    """

    lines: list[Line]
    total: int
    newer: int | None
    older: int | None


def _lines() -> Select[Any]:
    """The select of an account's entries, each with what a line says."""
    other = aliased(Account, name="other")
    columns: tuple[Any, ...] = (
        LedgerEntry.id,
        LedgerTransaction.id,
        LedgerTransaction.posted_at,
        LedgerTransaction.kind,
        LedgerEntry.quantity,
        LedgerEntry.balance_after,
        UnitClass,
        other.id,
        other.name,
        other.kind,
        Movement.note,
        Movement.source_id,
        LedgerTransaction.reverses_id,
    )
    return (
        select(*columns)
        .select_from(LedgerEntry)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Movement, Movement.id == LedgerTransaction.movement_id)
        .join(UnitClass, UnitClass.id == LedgerEntry.unit_class_id)
        .join(other, other.id == other_account())
        .options(joinedload(UnitClass.phase))
    )


def counted(session: Session, account: Account, filters: Filters, *, most: int = COUNTED) -> int:
    """How many lines there are, counted up to ``most`` + 1."""
    return _counted(session, search(session, account, filters), most)


def _counted(session: Session, found: Search | None, most: int) -> int:
    if found is None:
        return 0
    query = found.ids(most=most + 1).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(query)) or 0


def look_back(
    session: Session,
    account: Account,
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int | None = None,
    count: bool = True,
) -> Slice:
    """The lines next to a neighbour (an entry's number), newest first; without one the newest.

    ``count`` ``False``: nobody asks how many there are; ``total`` is then 0.
    """
    size = size or PER_PAGE
    where = search(session, account, filters)
    found = [] if where is None else _near(session, where, before, after, size)
    if after is not None and len(found) <= size:
        # so near the top that the first page says it all
        before, after = None, None
        found = [] if where is None else _near(session, where, before, after, size)
    more, ids = len(found) > size, sorted(found[:size], reverse=True)
    lines = lines_by_id(session, account, ids)
    newer, older = (more, True) if after is not None else (before is not None, more)
    return Slice(
        [lines[one] for one in ids],
        _counted(session, where, COUNTED_ON_A_PAGE) if count else 0,
        ids[0] if newer and ids else None,
        ids[-1] if older and ids else None,
    )


def _near(session: Session, where: Search, before: int | None, after: int | None, size: int) -> list[int]:
    return list(session.scalars(where.ids(most=size + 1, before=before, after=after)))


def all_lines(session: Session, account: Account, filters: Filters, *, most: int = COUNTED) -> Iterator[Line]:
    """The whole narrowed history, newest first, row by row: for files. ``most`` bounds it."""
    where = search(session, account, filters)
    if where is None:
        return
    late = _late_from(session, account)
    query = _lines().where(LedgerEntry.id.in_(select(where.ids(most=most).subquery().c.id)))
    query = query.order_by(LedgerEntry.id.desc())
    for row in session.execute(query.execution_options(yield_per=500)):
        yield _line(row, account, late)


def lines_by_id(session: Session, account: Account, entry_ids: list[int]) -> dict[int, Line]:
    """The lines of some entries, by entry id (for a time line that was paged elsewhere)."""
    if not entry_ids:
        return {}
    late = _late_from(session, account)
    rows = session.execute(_lines().where(LedgerEntry.id.in_(entry_ids)))
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
    entry, number, at, kind, quantity, after, unit_class, other, name, whose, note, source, reverses = row
    return Line(
        entry_id=entry,
        transaction_id=number,
        at=at,
        kind=kind,
        quantity=quantity,
        balance=after,
        unit_class=unit_class,
        other_number=other,
        other_name=name,
        other_kind=whose,
        # a note belongs to whoever wrote it
        note=note if source == account.id else None,
        reverses_id=reverses,
        late=kind is MovementKind.RETIRE and late is not None and at >= late,
    )
