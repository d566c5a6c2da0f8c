"""The statement of an account for a span of days: opening, every line, closing, class by class (domain §5).

Quantities are whole units, days are Tokyo days, both ends included.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import Account, UnitClass, User
from portal.services import audit
from portal.services.audit import EventTag
from portal.services.positions import balances
from portal.services.statements import Filters, Line, all_lines, counted

#: lines of a statement as a table file, and as a PDF: both are written while their reader waits
MOST_LINES, MOST_ON_PAPER = 10_000, 1_000


@dataclass(frozen=True)
class ClassStatement:
    """One unit class: what stood at the beginning of the span, its lines, oldest first, what is left."""

    unit_class: UnitClass
    opening: int
    lines: tuple[Line, ...]

    @property
    def closing(self) -> int:
        return self.opening + sum(line.quantity for line in self.lines)

    @property
    def incoming(self) -> int:
        return sum(line.quantity for line in self.lines if line.incoming)

    @property
    def outgoing(self) -> int:
        """What went out, as a positive figure."""
        return -sum(line.quantity for line in self.lines if not line.incoming)


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


def span(since: date | None, until: date | None) -> tuple[date, date]:
    """The days a statement is about: by default this fiscal year until today, never beyond today.

    Raises ``Refused(DATES_ORDER)`` at ``to`` if it would end before it begins.
    """
    today = clock.today()
    last = min(until or today, today)
    first = since or date(clock.fiscal_year(last), 4, 1)
    if first > last:
        raise Refused(Problem(Refusal.DATES_ORDER, "to"))
    return first, last


def lines_in(session: Session, account: Account, since: date, until: date) -> int:
    """How many lines the span has, counted up to 10,001."""
    return counted(session, account, Filters(since=since, until=until))


def statement(
    session: Session, account: Account, since: date, until: date, *, most: int = MOST_LINES
) -> Statement:
    """The statement of a span. Raises ``Refused(STATEMENT_TOO_LONG)`` beyond ``most`` lines."""
    if lines_in(session, account, since, until) > most:
        raise Refused(Problem(Refusal.STATEMENT_TOO_LONG, "to", {"most": most}))
    opening = {one.unit_class.id: one for one in balances(session, account, since - timedelta(days=1))}
    closing = balances(session, account, until)
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in all_lines(session, account, Filters(since=since, until=until), most=most):
        lines[line.unit_class.id].append(line)
    classes = []
    for one in closing:
        number = one.unit_class.id
        begin = opening[number].quantity if number in opening else 0
        if begin or lines[number]:
            classes.append(ClassStatement(one.unit_class, begin, tuple(reversed(lines[number]))))
    return Statement(account, since, until, tuple(classes))


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
