"""Where a moment lies in the ledger, and what an account held then: steps of indexes, no sums over history.

Postings are numbered under the head's lock and stamped a little earlier (or by a clock that was put
back), so that around a moment a few with higher numbers may be stamped before it. The head knows by how much
at most (``LedgerHead.behind``, kept with every posting, proved with the chain): if n < m, m is stamped at
most so many seconds before n. So only postings within that many seconds of a moment need be looked at, and
the answers rest on no assumption about clocks. If one was once wrong by a day, a day's postings are looked
at: slower, as exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, ScalarSelect, and_, func, select, true, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from portal.models import MAX_QUANTITY, Holding, LedgerEntry, LedgerHead, LedgerTransaction


@dataclass(frozen=True)
class Edge:
    """A moment between the entries of the ledger.

    Every entry below ``first`` is stamped before the moment, and ``first`` at or after it; is no posting so
    late, it is the one that comes next. ``last`` is the highest entry that is stamped before it beyond
    ``first``, if any. ``first_number`` and ``last_number`` are the postings they belong to. What is posted
    later than the edge was asked for is on its far side, whatever its stamp.
    """

    moment: datetime
    first: int
    first_number: int
    last: int | None = None
    last_number: int | None = None

    def before(self) -> ColumnElement[bool]:
        """The condition that a ``LedgerEntry`` joined to its ``LedgerTransaction`` came before the moment."""
        if self.last is None:
            return LedgerEntry.id < self.first
        return and_(LedgerEntry.id <= self.last, LedgerTransaction.posted_at < self.moment)

    def posted_before(self) -> ColumnElement[bool]:
        """The same of a ``LedgerTransaction`` alone."""
        if self.last_number is None:
            return LedgerTransaction.id < self.first_number
        return and_(LedgerTransaction.id <= self.last_number, LedgerTransaction.posted_at < self.moment)

    def after(self) -> ColumnElement[bool]:
        """The condition that an entry came at the moment or after it."""
        late = LedgerEntry.id >= self.first
        return late if self.last is None else and_(late, LedgerTransaction.posted_at >= self.moment)

    @property
    def sharp(self) -> bool:
        """Whether the entry's number alone says on which side it lies."""
        return self.last is None


def edge_at(session: Session, moment: datetime) -> Edge:
    """Where ``moment`` lies; two queries, however long the ledger."""
    number, at = LedgerTransaction.id, LedgerTransaction.posted_at
    following = select(at).where(at >= moment).order_by(at).limit(1).scalar_subquery()
    behind, end, next_at = session.execute(select(LedgerHead.behind, LedgerHead.last_number, following)).one()
    if next_at is None:
        newest = select(func.max(LedgerEntry.id)).where(LedgerEntry.transaction_id == end)
        return Edge(moment, (session.scalar(newest) or 0) + 1, end + 1)
    reach = timedelta(seconds=behind)
    # "+ 0": of the few numbers in the span, not along all numbers until one is in the span
    first_number = select(func.min(number + 0)).where(at.between(next_at, next_at + reach)).scalar_subquery()
    last_number = select(func.max(number + 0)).where(at >= moment - reach, at < moment).scalar_subquery()
    opening, closing = aliased(LedgerEntry), aliased(LedgerEntry)
    first, its_number, last, last_one = session.execute(
        select(
            select(func.min(opening.id)).where(opening.transaction_id == first_number).scalar_subquery(),
            first_number,
            select(func.max(closing.id)).where(closing.transaction_id == last_number).scalar_subquery(),
            last_number,
        )
    ).one()
    if last is None or last < first:
        return Edge(moment, first, its_number)
    return Edge(moment, first, its_number, last, last_one)


class _OfAccount(FunctionElement[bool]):
    """One condition in two wordings, for SQLite and for PostgreSQL."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _OfAccount:
        """Stands as it is: SQLite would be asked for "… = 1", which leads through no index."""
        return self


@compiles(_OfAccount)
def _in_parts(element: _OfAccount, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **more)


@compiles(_OfAccount, "postgresql")
def _as_one(element: _OfAccount, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(list(element.clauses)[1], **more)


def last_entry(
    column: InstrumentedAttribute[int], account: Any, unit_class: Any, *, below: int = MAX_QUANTITY
) -> ScalarSelect[int]:
    """``column`` of an account's last entry of a unit class, of those numbered ``below``; a step of an index.

    ``account`` and ``unit_class`` are columns of ``Holding``'s rows, beside which this is another.
    """
    own = aliased(LedgerEntry)
    place = tuple_(own.account_id, own.unit_class_id, own.id)
    # where few accounts have most entries, PostgreSQL would look for any other's along all numbers, back from
    # the newest; asked for a place in the index of accounts it cannot. SQLite finds that with the parts only
    parts = and_(own.account_id == account, own.unit_class_id == unit_class, own.id < below)
    whole = and_(place < tuple_(account, unit_class, below), place > tuple_(account, unit_class, 0))
    return (
        select(getattr(own, column.key))
        .where(_OfAccount(parts, whole))
        .order_by(own.account_id.desc(), own.unit_class_id.desc(), own.id.desc())
        .limit(1)
        .correlate(Holding)
        .scalar_subquery()
    )


def held_before(edge: Edge, account: Any, unit_class: Any) -> ColumnElement[int]:
    """What an account held of a unit class just before the moment, as a column beside ``Holding``'s rows.

    ``account`` and ``unit_class`` are columns of the row. Units; 0 if there was nothing yet.
    """
    held = func.coalesce(last_entry(LedgerEntry.balance_after, account, unit_class, below=edge.first), 0)
    if edge.last is None:
        return held
    late = aliased(LedgerEntry)
    stragglers = (
        select(func.sum(late.quantity))
        .join(LedgerTransaction, LedgerTransaction.id == late.transaction_id)
        .where(
            late.account_id == account,
            late.unit_class_id == unit_class,
            late.id.between(edge.first, edge.last),
            LedgerTransaction.posted_at < edge.moment,
        )
        .scalar_subquery()
    )
    return held + func.coalesce(stragglers, 0)


def moved_since(edge: Edge, account: Any, unit_class: Any) -> ColumnElement[int]:
    """By how much an account's entries from the moment on have changed what it holds; as :func:`held_before`.

    Units. Two steps of an index for each row, however many entries there are.
    """
    newest = last_entry(LedgerEntry.balance_after, account, unit_class)
    return func.coalesce(newest, 0) - held_before(edge, account, unit_class)


def within(since: Edge | None, until: Edge | None) -> ColumnElement[bool]:
    """The condition that an entry lies from ``since`` on and before ``until``; ``None`` bounds nothing."""
    found: list[ColumnElement[bool]] = [true()]
    if since is not None:
        found.append(since.after())
    if until is not None:
        found.append(until.before())
    return and_(*found)
