"""What was held at any moment, and which lines a filter leaves, against sums over all entries."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Account,
    Holding,
    LedgerEntry,
    LedgerHead,
    LedgerTransaction,
    MovementKind,
)
from portal.services import (
    account_statement,
    ledger_proof,
    line_search,
    positions,
    posting,
    second_book,
    statements,
)
from portal.services.figures import figures_for
from portal.services.ledger_days import edge_at, held_before
from portal.services.line_search import Filters
from portal.services.transaction import one_transaction
from tests.factories import allowances as make

#: moves in the order of the ledger, at times that are not: late stragglers, a clock that was put back
MOVES = (
    ("2014-06-02 23:59", "a", MovementKind.TRANSFER, 1_500),
    ("2014-06-03 00:00", "t", MovementKind.TRANSFER, 200),
    ("2014-06-02 23:58", "a", MovementKind.RETIRE, 3_000),
    ("2014-06-04 10:00", "t", MovementKind.TRANSFER, 100),
    ("2014-06-03 23:59", "t", MovementKind.CANCEL, 50),
    ("2014-06-02 12:00", "t", MovementKind.TRANSFER, 7),
    ("2014-06-04 00:00", "a", MovementKind.RETIRE, 10),
)
DAYS = [date(2014, 4, 7) + timedelta(days=one) for one in (0, 1, 2, 56, 57, 58, 59, 60)]


@pytest.fixture
def market(session: Session) -> make.Market:
    """The worked example's market, and :data:`MOVES`."""
    with one_transaction(session):
        made = make.market(session)
        for wall, who, kind, quantity in MOVES:
            make.at(wall)
            mover = made.a if who == "a" else made.t
            target = (made.trader if who == "a" else made.holder).account.code
            make.move(session, mover, kind, quantity, target if kind is MovementKind.TRANSFER else "")
    make.at("2014-07-01 09:00")
    return made


def summed(session: Session, account: int, moment: datetime) -> dict[int, int]:
    """What the account held, from every entry there is."""
    found: dict[int, int] = {}
    rows = session.execute(
        select(LedgerEntry.unit_class_id, LedgerEntry.quantity, LedgerTransaction.posted_at)
        .join(LedgerTransaction)
        .where(LedgerEntry.account_id == account)
    )
    for unit_class, quantity, at in rows:
        found[unit_class] = found.get(unit_class, 0) + (quantity if at < moment else 0)
    return found


def test_any_moment_is_told_as_the_sum_of_what_was_stamped_before_it(
    session: Session, market: make.Market
) -> None:
    moments = session.scalars(select(LedgerTransaction.posted_at).order_by(LedgerTransaction.id)).all()
    assert list(moments) != sorted(moments)  # or nothing is tried here
    for moment in {one + step for one in moments for step in (timedelta(0), timedelta(microseconds=1))}:
        edge = edge_at(session, moment)
        rows = session.execute(
            select(
                Holding.account_id,
                Holding.unit_class_id,
                held_before(edge, Holding.account_id, Holding.unit_class_id),
            )
        )
        told = {(account, unit_class): held for account, unit_class, held in rows}
        accounts = {account for account, _unit_class in told}
        wanted = {(a, c): held for a in accounts for c, held in summed(session, a, moment).items()}
        assert told == wanted
    assert ledger_proof.verify(session).ok
    assert second_book.compare(session).problem is None


def test_days_pages_and_figures_say_the_same_past(session: Session, market: make.Market) -> None:
    for account, day in product((market.holder.account, market.trader.account), DAYS):
        found = {one.unit_class.id: one.quantity for one in positions.balances(session, account, day)}
        assert found == summed(session, account.id, clock.end_of_day(day))
    for day in DAYS:
        figures = figures_for(session, [market.holder.id], at=clock.end_of_day(day))[market.holder.id]
        assert figures.held == sum(summed(session, market.holder.account.id, clock.end_of_day(day)).values())


def test_a_statement_adds_up_although_numbers_and_moments_differ(
    session: Session, market: make.Market
) -> None:
    account = market.holder.account
    for since, until in product(DAYS, DAYS):
        if since > until:
            continue
        whole = account_statement.statement(session, account, since, until)
        brief = account_statement.overview(session, account, since, until)
        closing = {one.unit_class.id: one.quantity for one in positions.balances(session, account, until)}
        for one, sums in zip(whole.classes, brief.classes, strict=True):
            balance = one.opening
            for line in one.lines:
                balance += line.quantity
                assert line.balance == balance
                assert since <= clock.in_tokyo(line.at).date() <= until
            assert one.closing == sums.closing == closing[one.unit_class.id]
            assert (sums.opening, sums.count) == (one.opening, len(one.lines))
            assert sums.incoming - sums.outgoing == sum(line.quantity for line in one.lines)


SPANS = ((None, None), (DAYS[3], DAYS[4]), (DAYS[4], None), (None, DAYS[4]), (DAYS[7], None))
KINDS = (None, MovementKind.RETIRE, MovementKind.TRANSFER)
FILTERS = [
    Filters(since=since, until=until, kind=kind, other=other, incoming=incoming)
    for (since, until), kind, other, incoming in (
        *product(SPANS, KINDS, ("",), (None,)),
        *product(SPANS[:2], KINDS[:1], ("", "AST-2", "AST-1002", "だれでもない"), (None, True, False)),
        *product(SPANS[2:3], KINDS[2:], ("AST-1002",), (True,)),
    )
]


@pytest.mark.parametrize(("few", "named"), [(10_000, 50), (0, 50), (0, 0)])
def test_a_filter_leaves_the_same_lines_whichever_way_they_are_found(
    session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch, few: int, named: int
) -> None:
    monkeypatch.setattr(line_search, "FEW", few)
    monkeypatch.setattr(line_search, "NAMED", named)
    account = market.holder.account
    everything = list(statements.all_lines(session, account, Filters()))
    assert [line.entry_id for line in everything] == sorted(
        (one.entry_id for one in everything), reverse=True
    )
    names = dict(session.execute(select(Account.id, Account.search_key)).all())
    for filters in FILTERS:
        wanted = [
            line
            for line in everything
            if (filters.since is None or clock.in_tokyo(line.at).date() >= filters.since)
            and (filters.until is None or clock.in_tokyo(line.at).date() <= filters.until)
            and filters.kind in (None, line.kind)
            and (not filters.other or filters.other in (line.other_code, names[line.other_number]))
            and filters.incoming in (None, line.incoming)
        ]
        assert list(statements.all_lines(session, account, filters)) == wanted
        assert statements.counted(session, account, filters) == len(wanted)
        assert statements.look_back(session, account, filters).lines == wanted
        if wanted:
            older = statements.look_back(session, account, filters, before=wanted[0].entry_id)
            assert older.lines == wanted[1:]


START = datetime(2014, 6, 2, tzinfo=clock.TOKYO)


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=12))
def test_the_head_bounds_how_far_moments_lag_behind_numbers(microseconds: list[int]) -> None:
    """For every earlier and later posting, whatever the moments."""
    moments = [START + timedelta(microseconds=one) for one in microseconds]
    head = posting.Head(0, "")
    for at in moments:
        head = posting.Head(head.number + 1, "", **head.moments(at))
    assert head.latest_at == max(moments)
    worst = max(early - late for place, early in enumerate(moments) for late in moments[place:])
    assert timedelta(0) <= timedelta(seconds=head.behind) - worst < timedelta(seconds=1)


def test_both_ways_of_writing_tell_the_head_the_same(session: Session, market: make.Market) -> None:
    """What the database added up for a participant's movement is what the program would have."""
    wanted = posting.Head(0, "")
    for at in session.scalars(select(LedgerTransaction.posted_at).order_by(LedgerTransaction.id)):
        wanted = posting.Head(0, "", **wanted.moments(at))
    head = session.scalars(select(LedgerHead)).one()
    assert (head.latest_at, head.behind) == (wanted.latest_at, wanted.behind)
    assert head.behind > 24 * 3600
