"""Several people at once, on both databases: one key one effect, the reserve holds, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.extensions import make_session
from portal.models import Holding, LedgerTransaction, Movement, MovementKind, User
from portal.services import ledger_proof, transaction
from portal.services.transaction import one_transaction, run
from tests.campaigns.unlocked_accounts import RACERS
from tests.factories import allowances as make

TRANSFER = MovementKind.TRANSFER


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        made = make.market(session)
    return made


def at_once(engine: Engine, acts: Sequence[Callable[[Session], object]]) -> list[object]:
    """Do every act in a session of its own, all at the same moment; answers or refusals in order."""
    answers: list[object] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def one(place: int) -> None:
        with make_session(engine) as session:
            start.wait()
            try:
                answers[place] = run(session, lambda: acts[place](session))
            except PortalError as error:
                answers[place] = error.refusal

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def mover(user_id: int, quantity: int, account: str, key: str | None = None) -> Callable[[Session], int]:
    def act(session: Session) -> int:
        actor = session.get_one(User, user_id)
        return make.move(session, actor, TRANSFER, quantity, account, key=key).id

    return act


def test_eight_identical_submits_at_once_have_one_effect(
    engine: Engine, session: Session, market: make.Market
) -> None:
    user, account = market.a.id, market.trader.account.code
    session.rollback()
    answers = at_once(engine, [mover(user, 700, account, "one-key") for _ in range(8)])
    assert len(set(answers)) == 1 and isinstance(answers[0], int), answers
    assert session.scalar(select(func.count()).select_from(Movement).where(Movement.kind == TRANSFER)) == 1
    assert ledger_proof.verify(session).ok


def test_two_transfers_each_legal_alone_do_not_break_the_reserve_together(
    engine: Engine, session: Session, market: make.Market
) -> None:
    user, account = market.a.id, market.trader.account.code
    session.rollback()
    answers = at_once(engine, [mover(user, 1_000, account) for _ in range(RACERS)])
    assert sum(isinstance(answer, int) for answer in answers) == 1, answers
    assert [answer for answer in answers if not isinstance(answer, int)] == [Refusal.RESERVE] * (RACERS - 1)


def test_crossing_transfers_neither_deadlock_nor_lose_a_unit(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "is_busy", lambda _error: False)  # a deadlock is not tried again
    a, t = market.a.id, market.t.id
    holder, trader = market.holder.account.code, market.trader.account.code
    make.move(session, market.a, TRANSFER, 500, trader)
    session.commit()
    acts = [mover(a, 3, trader) if n % 2 else mover(t, 2, holder) for n in range(12)]
    answers = at_once(engine, acts)
    assert all(isinstance(answer, int) for answer in answers), answers
    report = ledger_proof.verify(session)
    assert report.ok, report.problem
    assert report.transactions == 2 + 12
    held = dict(session.execute(select(Holding.account_id, Holding.quantity)).all())
    assert held[int(holder.removeprefix("AST-"))] == 8_000 - 6 * 3 + 6 * 2
    assert session.scalar(select(func.max(LedgerTransaction.id))) == 14
