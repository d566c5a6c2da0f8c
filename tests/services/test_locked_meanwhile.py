"""A login that is locked while its act waits for another's lock does nothing more (safety 8)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, PortalError, Refusal
from portal.extensions import make_session
from portal.models import LedgerTransaction, MovementKind, User
from portal.services import issuance, ledger, login_locks
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make

#: how many connections of this database wait for another's lock
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
)


@pytest.fixture
def database_kind() -> str:
    """Writers on SQLite come one after another and read when it is their turn."""
    return "postgresql"


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        return make.market(session)


def wait_for(engine: Engine, count: int = 1) -> None:
    """Until so many stand before somebody else's lock."""
    for _ in range(2000):
        with engine.connect() as looking:  # within one transaction it would see the same each time
            if looking.scalar(text(WAITING)) == count:
                return
        time.sleep(0.01)
    raise AssertionError(f"there are no {count} who wait")


def waits_for(
    engine: Engine, account: int, act: Callable[[Session], object], meanwhile: Callable[[], object]
) -> PortalError | None:
    """What ``act`` is refused with that had to wait for ``account`` while ``meanwhile`` was done."""
    answer: list[PortalError | None] = []

    def one() -> None:
        with make_session(engine) as session:
            try:
                run(session, lambda: act(session))
                answer.append(None)
            except PortalError as error:
                answer.append(error)

    thread = threading.Thread(target=one)
    with make_session(engine) as holding:
        ledger.lock_accounts(holding, account)
        thread.start()
        wait_for(engine)
        meanwhile()
        holding.rollback()
    thread.join()
    return answer[0]


def test_a_mover_that_is_locked_while_it_waits_moves_nothing(
    engine: Engine, session: Session, market: make.Market
) -> None:
    user, officer, account = market.a.id, market.approver.id, market.holder.account.id
    target, before = market.trader.account.code, session.scalar(select(func.count(LedgerTransaction.id)))
    session.rollback()

    def lock() -> None:
        with make_session(engine) as own:
            run(own, lambda: login_locks.lock(own, user, reason="紛失", actor=own.get_one(User, officer)))

    def move(own: Session) -> object:
        return make.move(own, own.get_one(User, user), MovementKind.TRANSFER, 5, target)

    assert isinstance(waits_for(engine, account, move, lock), NotAllowed)
    assert session.scalar(select(func.count(LedgerTransaction.id))) == before


def test_neither_of_two_persons_may_be_disabled_while_the_second_waits(
    engine: Engine, session: Session, market: make.Market
) -> None:
    with one_transaction(session):
        made = issuance.propose_jver(
            session, market.trader.account.code, 30, "第1号", key="j", actor=market.officer
        )
    number, version, account = made.id, made.version, market.trader.account.id
    people = {"proposer": market.officer.id, "confirmer": market.approver.id}
    session.rollback()

    def disable(who: int) -> Callable[[], None]:
        def act() -> None:
            with make_session(engine) as own, one_transaction(own):
                own.get_one(User, who).active = False

        return act

    def confirm(own: Session) -> object:
        actor = own.get_one(User, people["confirmer"])
        proposer = own.get_one(User, people["proposer"])
        assert actor.usable and proposer.usable  # as the page knew them
        return issuance.confirm(own, number, version=version, actor=actor)

    refused = waits_for(engine, account, confirm, disable(people["proposer"]))
    assert refused is not None and refused.refusal is Refusal.PERSON_INACTIVE
    with one_transaction(session):
        session.get_one(User, people["proposer"]).active = True
    refused = waits_for(engine, account, confirm, disable(people["confirmer"]))
    assert isinstance(refused, NotAllowed)
