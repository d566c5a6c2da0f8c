"""The statement of an account for a span of days: opening, every line, closing, class by class (domain §5).

Quantities are whole units, days are Tokyo days, both ends included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import Account, LedgerEntry, UnitClass, User
from portal.services import audit
from portal.services.audit import EventTag
from portal.services.line_search import Filters, search
from portal.services.positions import balances
from portal.services.statements import Line, all_lines, counted

#: lines of a statement as a table file, and as a PDF: both are written while their reader waits
MOST_LINES, MOST_ON_PAPER = 10_000, 1_000
#: nothing was ever posted before it: the day before a statement's first must be one too
FIRST_DAY = date(1900, 1, 1)


@dataclass(frozen=True)
class ClassStatement:
    """One unit class: what stood at the beginning of the span, its lines, oldest first, what is left.

    The balance of a line is counted on from the opening one, so that a page of paper adds up although a
    movement of the last second before midnight may have got a higher number than the first one after it.
    """

    unit_class: UnitClass
    opening: int
    lines: tuple[Line, ...]

    @property
    def closing(self) -> int:
        return self.lines[-1].balance if self.lines else self.opening


@dataclass(frozen=True)
class Statement:
    """The span as it was asked for, cut at today, and its classes, JAA by phase, then jVER."""

    account: Account
    since: date
    until: date
    classes: tuple[ClassStatement, ...]

    @property
    def count(self) -> int:
        return sum(len(one.lines) for one in self.classes)


@dataclass(frozen=True)
class ClassSums:
    """One unit class of a span in figures. ``outgoing`` is what went out, as a positive figure."""

    unit_class: UnitClass
    opening: int
    incoming: int = 0
    outgoing: int = 0
    count: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.incoming - self.outgoing


@dataclass(frozen=True)
class Overview:
    """A statement as far as its page shows it: no lines."""

    account: Account
    since: date
    until: date
    classes: tuple[ClassSums, ...]

    @property
    def count(self) -> int:
        return sum(one.count for one in self.classes)


def span(since: date | None, until: date | None) -> tuple[date, date]:
    """The days a statement is about: by default this fiscal year until today, never beyond today
    nor from before :data:`FIRST_DAY`.

    Raises ``Refused(SPAN_REVERSED)`` at ``to`` if it would end before it begins.
    """
    today = clock.today()
    last = min(until or today, today)
    first = max(since or date(clock.fiscal_year(last), 4, 1), FIRST_DAY)
    if first > last:
        raise Refused(Problem(Refusal.SPAN_REVERSED, "to"))
    return first, last


def overview(session: Session, account: Account, since: date, until: date) -> Overview:
    """The figures of a span. Raises ``Refused(STATEMENT_TOO_LONG)`` beyond :data:`MOST_LINES` lines."""
    moved = _moved(session, account, since, until)
    _bound(sum(count for _incoming, _outgoing, count in moved.values()), MOST_LINES)
    classes = (
        ClassSums(one.unit_class, one.quantity, *moved.get(one.unit_class.id, (0, 0, 0)))
        for one in balances(session, account, since - timedelta(days=1))
    )
    return Overview(account, since, until, tuple(one for one in classes if one.opening or one.count))


def _moved(session: Session, account: Account, since: date, until: date) -> dict[int, tuple[int, int, int]]:
    """(units in, units out, lines) by unit class, of no more lines than show that there are too many."""
    where = search(session, account, Filters(since=since, until=until))
    if where is None:
        return {}
    columns = (LedgerEntry.unit_class_id, LedgerEntry.quantity)
    lines = where.within_days(*columns).limit(MOST_LINES + 1).subquery()
    units = lines.c.quantity
    rows = session.execute(
        select(
            lines.c.unit_class_id,
            func.sum(case((units > 0, units), else_=0)),
            func.sum(case((units < 0, -units), else_=0)),
            func.count(),
        ).group_by(lines.c.unit_class_id)
    )
    return {one: (int(incoming), int(outgoing), count) for one, incoming, outgoing, count in rows}


def _bound(count: int, most: int) -> None:
    if count > most:
        raise Refused(Problem(Refusal.STATEMENT_TOO_LONG, "to", {"most": most}))


def statement(
    session: Session, account: Account, since: date, until: date, *, most: int = MOST_LINES
) -> Statement:
    """The statement of a span. Raises ``Refused(STATEMENT_TOO_LONG)`` beyond ``most`` lines."""
    filters = Filters(since=since, until=until)
    _bound(counted(session, account, filters, most=most), most)
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in all_lines(session, account, filters, most=most):
        lines[line.unit_class.id].append(line)
    classes = []
    for one in balances(session, account, since - timedelta(days=1)):
        own = lines[one.unit_class.id]
        if one.quantity or own:
            classes.append(ClassStatement(one.unit_class, one.quantity, _counted_on(one.quantity, own)))
    return Statement(account, since, until, tuple(classes))


def _counted_on(opening: int, newest_first: Sequence[Line]) -> tuple[Line, ...]:
    """The lines, oldest first, each with the balance that the ones before it leave."""
    found, balance = [], opening
    for line in reversed(newest_first):
        balance += line.quantity
        found.append(line if line.balance == balance else replace(line, balance=balance))
    return tuple(found)


def record_made(session: Session, made: Statement, *, actor: User) -> None:
    """Record that a PDF of the statement was made."""
    audit.record(
        session,
        EventTag.STATEMENT_MADE,
        made.account,
        actor=actor,
        holder_id=made.account.holder_id,
        account=made.account.code,
        since=made.since.isoformat(),
        until=made.until.isoformat(),
        lines=made.count,
    )
