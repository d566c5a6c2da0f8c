"""Many pay into one account at the same time; whoever would change that account waits (PostgreSQL)."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Holding, MovementKind, User
from portal.services import ledger, ledger_proof
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make
from tests.factories import registration
from tests.services.test_locked_meanwhile import wait_for

TRANSFER = MovementKind.TRANSFER


@pytest.fixture
def database_kind() -> str:
    """Writers on SQLite come one after another."""
    return "postgresql"


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        made = make.market(session)
    with one_transaction(session):
        make.move(session, made.a, TRANSFER, 500, made.trader.account.code)
    return made


@pytest.fixture
def paid(session: Session, market: make.Market) -> int:
    """An account that holds nothing and never did."""
    with one_transaction(session):
        return int(registration.trader(session).account.id)


def pay(session: Session, user_id: int, quantity: int, account: int) -> None:
    make.move(session, session.get_one(User, user_id), TRANSFER, quantity, f"AST-{account}")


def impatient(session: Session) -> None:
    session.execute(text("SET LOCAL lock_timeout = '300ms'"))


def test_one_payment_under_way_lets_another_into_the_same_account_go_before_it(
    engine: Engine, session: Session, market: make.Market, paid: int
) -> None:
    first, second = market.a.id, market.t.id
    session.rollback()
    with make_session(engine) as one, make_session(engine) as other:
        pay(one, first, 40, paid)
        impatient(other)
        pay(other, second, 2, paid)
        other.commit()
        one.commit()
    assert session.scalar(select(Holding.quantity).where(Holding.account_id == paid)) == 42
    proof = ledger_proof.verify(session)
    assert proof.ok, proof.problem


def test_payments_that_open_one_balance_together_are_added_up(
    engine: Engine, session: Session, market: make.Market, paid: int
) -> None:
    payers, wrong = {market.a.id: 40, market.t.id: 2}, []
    session.rollback()

    def one(user: int, quantity: int) -> None:
        with make_session(engine) as own:
            try:
                with one_transaction(own):  # not tried again
                    pay(own, user, quantity, paid)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=one, args=given) for given in payers.items()]
    with make_session(engine) as holding:
        holding.execute(text("SELECT id FROM ledger_head FOR UPDATE"))
        for thread in threads:
            thread.start()
        wait_for(engine, len(threads))
        holding.rollback()
    for thread in threads:
        thread.join()
    session.rollback()
    assert wrong == []
    assert session.scalar(select(Holding.quantity).where(Holding.account_id == paid)) == 42
    proof = ledger_proof.verify(session)
    assert proof.ok, proof.problem


@pytest.mark.parametrize("whose", ["own", "paid"])
def test_nobody_changes_an_account_while_a_payment_that_was_judged_by_it_is_under_way(
    engine: Engine, session: Session, market: make.Market, paid: int, whose: str
) -> None:
    user, account = market.a.id, market.holder.account.id if whose == "own" else paid
    session.rollback()
    with make_session(engine) as one, make_session(engine) as office:
        pay(one, user, 40, paid)
        impatient(office)
        with pytest.raises(OperationalError, match="lock timeout"):
            ledger.lock_accounts(office, account)
        office.rollback()
        one.commit()
        run(office, lambda: ledger.lock_accounts(office, account))


@pytest.mark.parametrize("payer", ["lower number", "higher number"])
def test_a_payment_waits_for_its_accounts_in_the_order_of_their_numbers(
    engine: Engine, session: Session, market: make.Market, payer: str
) -> None:
    low, high = market.holder.account.id, market.trader.account.id
    assert low < high
    user, to = (market.a.id, high) if payer == "lower number" else (market.t.id, low)
    session.rollback()
    free = text("SELECT id FROM account WHERE id = :id FOR UPDATE SKIP LOCKED")

    def one() -> None:
        with make_session(engine) as own:
            run(own, lambda: pay(own, user, 5, to))

    for held, other, is_free in ((low, high, True), (high, low, False)):
        thread = threading.Thread(target=one)
        with make_session(engine) as holding:
            ledger.lock_accounts(holding, held)
            thread.start()
            wait_for(engine, 1)
            assert (session.scalar(free, {"id": other}) is not None) is is_free
            session.rollback()
            holding.rollback()
        thread.join()
