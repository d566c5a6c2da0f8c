"""Which entries of an account a filter leaves, found by what is rare: a day, a kind, a counterparty.

Along the index of the account's entries the first ones come without reading the rest; that is how a filter
is answered that leaves many. One that leaves few would read the whole history for them: then the movements
are asked first, which know kind and counterparty by index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, union, union_all
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Account, Holding, LedgerEntry, LedgerTransaction, Movement, MovementKind
from portal.services.ledger_days import Edge, edge_at, within
from portal.services.numbers import search_key

#: movements that are read to find the entries of a rare kind or counterparty; above, entries are walked
FEW = 10_000
#: counterparties that are asked for one by one
NAMED = 50


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

    @property
    def by_movement(self) -> bool:
        """Whether something is asked that the movements know by index."""
        return self.kind is not None or self.incoming is not None or bool(search_key(self.other))


@dataclass(frozen=True)
class Search:
    """Filters as they are answered: the days are places in the ledger, the name is accounts."""

    account_id: int
    classes: Sequence[int]
    filters: Filters
    since: Edge | None
    until: Edge | None
    others: Sequence[int] | Select[int] | None
    few: bool

    @property
    def sharp(self) -> bool:
        """Whether an entry's number alone says if it is within the days."""
        return all(edge is None or edge.sharp for edge in (self.since, self.until))

    def ids(
        self, *, most: int | None = None, before: int | None = None, after: int | None = None
    ) -> Select[int]:
        """The entries' numbers, newest first; ``after`` one its nearest first."""
        order = LedgerEntry.id.asc() if after is not None else LedgerEntry.id.desc()
        parts = []
        for unit_class_id in self.classes:
            query = self._entries().where(
                LedgerEntry.account_id == self.account_id, LedgerEntry.unit_class_id == unit_class_id
            )
            if before is not None:
                query = query.where(LedgerEntry.id < before)
            if after is not None:
                query = query.where(LedgerEntry.id > after)
            parts.append(select(query.order_by(order).limit(most).subquery().c.id))
        column = union_all(*parts).subquery().c.id
        return select(column).order_by(column.asc() if after is not None else column.desc()).limit(most)

    def within_days(self, *columns: Any) -> Select[Any]:
        """``columns`` of the account's entries, narrowed to the classes and the days alone."""
        query = select(*columns).where(
            LedgerEntry.account_id == self.account_id,
            LedgerEntry.unit_class_id.in_(self.classes),
            within(self.since, self.until),
        )
        if self.sharp:
            return query
        return query.join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)

    def _entries(self) -> Select[int]:
        filters, query = self.filters, select(LedgerEntry.id)
        if self.few:
            found = union(*_movements(self.account_id, filters, self.others, Movement.id)).subquery("found")
            query = (
                query.select_from(found)
                .join(LedgerTransaction, LedgerTransaction.movement_id == found.c.id)
                .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            )
        elif not self.sharp or filters.kind is not None or self.others is not None:
            query = query.join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
            if filters.kind is not None:
                query = query.where(LedgerTransaction.kind == filters.kind)
            if self.others is not None:
                query = query.join(Movement, Movement.id == LedgerTransaction.movement_id)
                # side by side, so that the database can guess how many there are
                to, came = Movement.target_id.in_(self.others), Movement.source_id.in_(self.others)
                query = query.where(
                    or_(and_(LedgerEntry.quantity < 0, to), and_(LedgerEntry.quantity > 0, came))
                )
        if filters.incoming is not None:
            query = query.where(LedgerEntry.quantity > 0 if filters.incoming else LedgerEntry.quantity < 0)
        return query.where(within(self.since, self.until))


def other_account() -> ColumnElement[int]:
    """The account on the other side of an entry that is joined to its movement."""
    return case((LedgerEntry.quantity < 0, Movement.target_id), else_=Movement.source_id)


def search(session: Session, account: Account, filters: Filters) -> Search | None:
    """How ``filters`` are answered; ``None``: they leave nothing, which shows at once."""
    classes = session.scalars(select(Holding.unit_class_id).where(Holding.account_id == account.id)).all()
    wanted = [one for one in classes if filters.unit_class_id in (None, one)]
    others = _others(session, filters.other)
    if not wanted or (not isinstance(others, Select) and others is not None and not others):
        return None
    since = edge_at(session, clock.at_tokyo(filters.since)) if filters.since is not None else None
    until = edge_at(session, clock.end_of_day(filters.until)) if filters.until is not None else None
    asked = filters.by_movement and not isinstance(others, Select)
    few = asked and _few(session, account.id, filters, others)
    return Search(account.id, wanted, filters, since, until, others, few)


def _others(session: Session, typed: str) -> Sequence[int] | Select[int] | None:
    """The accounts whose number or name is ``typed``, or part of the name; ``None``: nothing is asked.

    Many are left to the database: so many counterparties are not rare.
    """
    wanted = search_key(typed)
    if not wanted:
        return None
    named = Account.search_key.contains(wanted, autoescape=True)
    number = re.fullmatch(r"(?:ast)?([0-9]{1,9})", wanted)
    query = select(Account.id).where(named | (Account.id == int(number[1])) if number else named)
    found = session.scalars(query.limit(NAMED + 1)).all()
    return query if len(found) > NAMED else found


def _movements(
    account_id: int, filters: Filters, others: Sequence[int] | Select[int] | None, *columns: Any
) -> list[Select[Any]]:
    """What the movements say: those that left the account, those that came in; each along its index."""
    kinds = [filters.kind] if filters.kind is not None else list(MovementKind)
    found = []
    for side, opposite, incoming in (
        (Movement.source_id, Movement.target_id, False),
        (Movement.target_id, Movement.source_id, True),
    ):
        if filters.incoming not in (None, incoming):
            continue
        query = select(*columns).where(side == account_id)
        if filters.kind is not None or others is not None:
            query = query.where(Movement.kind.in_(kinds))
        if others is not None:
            query = query.where(opposite.in_(others))
        found.append(query)
    return found


def _few(
    session: Session, account_id: int, filters: Filters, others: Sequence[int] | Select[int] | None
) -> bool:
    """Whether so few movements are asked for that their entries are found through them."""
    parts = [
        select(query.limit(FEW + 1).subquery().c.one)
        for query in _movements(account_id, filters, others, literal(1).label("one"))
    ]
    count = session.scalar(select(func.count()).select_from(union_all(*parts).subquery())) or 0
    return count <= FEW
