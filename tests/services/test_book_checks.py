"""Comparing the books: by night and by button, beside business; and what a disagreement stops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, Refusal, Refused
from portal.extensions import make_session
from portal.models import BookCheck, Event, Job, JobState, LedgerTransaction, MailMessage, MovementKind, User
from portal.services import allowances, book_checks, books, issuance, jobs, second_book
from portal.services.allowances import Request
from portal.services.audit import EventTag
from portal.services.mail import MailKind
from portal.services.second_book import BookResult
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.factories.forgery import unguarded

TRANSFER = MovementKind.TRANSFER


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        return make.market(session)


def opener(engine: Engine) -> Callable[[], Session]:
    return lambda: make_session(engine)


def compared(engine: Engine) -> BookCheck:
    """Run the work that waits; the comparison it wrote down."""
    assert jobs.run_one(opener(engine)) == book_checks.KIND
    with make_session(engine) as session:
        found = books.newest(session)
        assert found is not None
        session.expunge_all()
        return found


def asked(session: Session, market: make.Market) -> int:
    with one_transaction(session):
        return book_checks.ask(session, actor=market.officer).id


def break_a_balance(engine: Engine, units: int = 1) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE holding SET quantity = quantity + :units WHERE account_id > 1000"), {"units": units}
        )


def test_a_comparison_that_agrees_is_written_down_with_who_asked(
    engine: Engine, session: Session, market: make.Market
) -> None:
    assert books.newest(session) is None and books.problems(session) == []
    first = asked(session, market)
    assert asked(session, market) == first  # pressed twice
    session.rollback()
    found = compared(engine)
    assert (found.ok, found.problem, found.transactions, found.last_number) == (True, None, 1, 1)
    assert found.asked_by_id == market.officer.id
    event = session.scalars(select(Event).where(Event.subject_type == "book_check")).one()
    assert (event.tag, event.actor_id) == (EventTag.BOOKS_COMPARED.value, market.officer.id)
    assert event.facts["sha256"] == session.scalar(select(LedgerTransaction.hash))
    assert books.problems(session) == []
    session.rollback()
    assert asked(session, market) != first  # done: the next press is another comparison


def test_a_disagreement_is_told_and_stops_what_moves_until_another_comparison_agrees(
    engine: Engine, session: Session, market: make.Market
) -> None:
    proposed = issuance.propose_jver(
        session, market.trader.account.code, 5, "申請のとおり", key="jver", actor=market.officer
    )
    make.move(session, market.a, TRANSFER, 100, market.trader.account.code)
    wrong = issuance.propose_correction(session, 2, "誤り", key="wrong", actor=market.officer)
    session.commit()
    break_a_balance(engine)
    asked(session, market)
    found = compared(engine)
    assert not found.ok and found.problem is not None
    job = session.scalars(select(Job).where(Job.kind == book_checks.KIND)).one()
    assert (job.state, job.last_error) == (JobState.FAILED, found.problem)
    mails = session.scalars(
        select(MailMessage).where(MailMessage.kind == MailKind.BOOKS_DISAGREED.value)
    ).all()
    assert mails and all(found.problem in mail.body for mail in mails)
    tag = session.scalars(select(Event.tag).where(Event.subject_type == "book_check")).one()
    assert tag == EventTag.BOOKS_DISAGREED.value

    request = Request(TRANSFER, "10", market.trader.account.code)
    plan = allowances.draft(session, request, actor=market.a)
    assert [one.refusal for one in plan.problems] == [Refusal.BOOKS_DISAGREE]
    with pytest.raises(Refused) as refused:
        allowances.move(session, request, key="m", actor=market.a)
    assert refused.value.refusal is Refusal.BOOKS_DISAGREE
    for movement, refusals in ((proposed, [Refusal.BOOKS_DISAGREE]), (wrong, [])):
        problems = issuance.confirm_problems(session, movement, market.approver)
        assert [one.refusal for one in problems] == refusals
    session.rollback()
    assert session.scalar(select(func.max(LedgerTransaction.id))) == 2

    session.rollback()
    break_a_balance(engine, -1)
    asked(session, market)
    session.rollback()
    assert compared(engine).ok
    allowances.move(session, request, key="m", actor=market.a)


GARBAGE = {
    "a moment that is none": "UPDATE ledger_transaction SET posted_at = 'soon' WHERE id = 2",
    "bytes that are text": "UPDATE ledger_transaction SET canonical = 'text' WHERE id = 2",
    "a class that no phase has": "UPDATE phase_rule SET phase_id = 77",
    "text that is none": "UPDATE ledger_transaction SET hash = CAST(x'ff' AS text) WHERE id = 2",
}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", GARBAGE)
def test_rows_that_nobody_can_read_stop_what_moves_too(
    engine: Engine, session: Session, market: make.Market, what: str
) -> None:
    """SQLite keeps anything in any column: what the second book cannot even read does not agree."""
    with one_transaction(session):
        make.move(session, market.a, TRANSFER, 100, market.trader.account.code)
        job = jobs.enqueue(session, book_checks.KIND, once_key="tonight")
        job.attempts = jobs.LAST_TRY - 1
    forger = unguarded(engine.url.render_as_string(hide_password=False))
    with forger.begin() as connection:
        connection.execute(text(GARBAGE[what]))
    forger.dispose()
    found = compared(engine)
    assert not found.ok and found.problem is not None and "cannot be read" in found.problem
    assert [one.refusal for one in books.problems(session)] == [Refusal.BOOKS_DISAGREE]


def test_a_database_that_is_away_is_asked_again_before_anything_stops(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_session: Session) -> BookResult:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(second_book, "compare", away)
    asked(session, market)
    session.rollback()
    for number in range(1, jobs.LAST_TRY + 1):
        assert books.problems(session) == []
        session.rollback()
        assert jobs.run_one(opener(engine)) == book_checks.KIND
        state = session.scalars(select(Job.state)).one()
        assert state is (JobState.FAILED if number == jobs.LAST_TRY else JobState.QUEUED)
        session.rollback()
        clock.step(timedelta(hours=2))
    assert [one.refusal for one in books.problems(session)] == [Refusal.BOOKS_DISAGREE]


def test_business_goes_on_while_the_books_are_compared(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, user, code = second_book.compare, market.a.id, market.trader.account.code

    def while_moving(inside: Session) -> BookResult:
        reading(inside)
        with make_session(engine) as other:
            make.move(other, other.get_one(User, user), TRANSFER, 10, code)
            other.commit()
        return reading(inside)

    asked(session, market)
    session.rollback()
    monkeypatch.setattr(second_book, "compare", while_moving)
    found = compared(engine)
    assert (found.ok, found.last_number) == (True, 1)
    assert session.scalar(select(func.max(LedgerTransaction.id))) == 2


def test_what_agreed_before_does_not_overrule_what_was_found_meanwhile(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = second_book.compare

    def overtaken(inside: Session) -> BookResult:
        result = reading(inside)
        monkeypatch.setattr(second_book, "compare", reading)
        break_a_balance(engine)
        with make_session(engine) as other, one_transaction(other):
            jobs.enqueue(other, book_checks.KIND)
        compared(engine)
        return result

    asked(session, market)
    session.rollback()
    monkeypatch.setattr(second_book, "compare", overtaken)
    assert not compared(engine).ok
    assert [one.ok for one in session.scalars(select(BookCheck))] == [False]
    assert [one.refusal for one in books.problems(session)] == [Refusal.BOOKS_DISAGREE]


def test_only_the_office_asks_for_a_comparison(session: Session, market: make.Market) -> None:
    for nobody in (market.a, market.b, market.t):
        with pytest.raises(NotAllowed):
            book_checks.ask(session, actor=nobody)
