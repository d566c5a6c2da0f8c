"""What participants have sent each other: the sum of the postings at any moment, however much is added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Job, JobState, LedgerTransaction, MovementKind, TransferTotal
from portal.services import jobs, ledger_proof, second_book, transfer_totals
from portal.services.ledger_days import edge_at
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make

#: in the order of the ledger, at times that are not: a clock was put back; a number: that posting is undone
MOVES = (
    ("2014-06-02 23:59", "a", 500),
    ("2014-06-03 00:00", "t", 200),
    ("2014-06-02 23:58", "a", 30),
    ("2014-06-04 10:00", "undo", 3),
    ("2014-06-03 23:59", "t", 50),
    ("2014-06-02 12:00", "undo", 4),
    ("2014-06-04 00:00", "a", 7),
)


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        made = make.market(session)
        for wall, who, figure in MOVES:
            make.at(wall)
            if who == "undo":
                make.undo(session, made, session.get_one(LedgerTransaction, figure))
                continue
            mover, target = (made.a, made.trader) if who == "a" else (made.t, made.holder)
            make.move(session, mover, MovementKind.TRANSFER, figure, target.account.code)
    make.at("2014-07-01 09:00")
    return made


def summed(postings: list[LedgerTransaction], moment: datetime | None) -> dict[int, int]:
    """From every posting there is, one by one."""
    kinds = {one.id: one.kind for one in postings}
    found: dict[int, int] = defaultdict(int)
    for one in postings:
        if moment is not None and one.posted_at >= moment:
            continue
        of_transfer = kinds[one.reverses_id or one.id] is MovementKind.TRANSFER
        sign = -1 if one.reverses_id is not None else 1
        found[one.movement.unit_class_id] += sign * one.movement.quantity if of_transfer else 0
    return {unit_class: units for unit_class, units in found.items() if units}


def test_transfers_before_any_moment_are_their_sum_whatever_is_added_up(
    session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    postings = list(session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id)))
    moments = [one.posted_at for one in postings]
    assert moments != sorted(moments)  # or nothing is tried here
    asked = {one + step for one in moments for step in (timedelta(0), timedelta(microseconds=1))}
    wanted = {moment: summed(postings, moment) for moment in (*asked, None)}
    assert len({tuple(one.values()) for one in wanted.values()}) > 4
    kept = []
    for every, most in ((10, 1), (3, 1), (2, 1), (2, 5)):  # nothing yet, then more and more
        monkeypatch.setattr(transfer_totals, "EVERY", every)
        run(session, partial(transfer_totals.add_up, session, every=every, most=most))
        kept.append(session.scalars(select(TransferTotal.number).distinct().order_by("number")).all())
        for moment, units in wanted.items():
            edge = edge_at(session, moment) if moment is not None else None
            told = transfer_totals.transferred(session, edge)
            assert {one: sent for one, sent in told.items() if sent} == units, (kept, moment)
    assert kept == [[], [3], [3, 4], [3, 4, 6, 8]]


def test_the_night_adds_up_once_and_both_books_name_a_sum_that_is_none(
    session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_totals, "EVERY", 3)
    monkeypatch.setattr(transfer_totals, "PORTION", 1)  # each in a transaction of its own
    with one_transaction(session):
        work = jobs.Work(jobs.enqueue(session, "add_up_transfers").id, {}, opener(session), 0)
        session.execute(update(Job).values(state=JobState.RUNNING))
    assert [transfer_totals.add_up_transfers(work) for _night in range(2)] == [{"sums": 2}, {"sums": 0}]
    assert agreed(session) == (None, None)
    for refused in ("UPDATE transfer_total SET units = 1", "DELETE FROM transfer_total"):
        with pytest.raises(DatabaseError, match="append_only"), one_transaction(session):
            session.execute(text(refused))
    kept = session.scalars(select(TransferTotal).where(TransferTotal.number == 6)).all()
    with one_transaction(session):
        for one in kept:
            session.add(TransferTotal(number=7, unit_class_id=one.unit_class_id, units=one.units))
    proof, second = agreed(session)
    assert "T-000007" in (proof or "") and "T-000007" in (second or "")


def opener(session: Session) -> Callable[[], Session]:
    return lambda: make_session(session.get_bind())  # type: ignore[arg-type]


def agreed(session: Session) -> tuple[str | None, str | None]:
    """What the proof of the ledger and the second book find wrong."""
    session.rollback()
    return ledger_proof.verify(session).problem, second_book.compare(session).problem
