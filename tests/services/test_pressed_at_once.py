"""Fifty identical submits at one moment, of every kind of movement: one effect, on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.extensions import make_engine, make_session
from portal.models import LedgerTransaction, Movement, MovementKind, MovementState, User
from portal.services import allowances, issuance, second_book
from portal.services.allowances import Request
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, asked, values

MANY = 50
Act = Callable[[Session], Movement]


@pytest.fixture
def crowded(database_url: str) -> Iterator[Engine]:
    """An engine with a connection for twenty-five at a time; the others queue for one."""
    engine = make_engine(database_url, pool_size=20)
    yield engine
    engine.dispose()


def together(work: Callable[[int], object]) -> Counter[object]:
    """Let many do the same at one moment; how often each answer came."""
    answers: list[object] = [None] * MANY
    start = threading.Barrier(MANY)

    def one(place: int) -> None:
        start.wait()
        try:
            answers[place] = work(place)
        except PortalError as error:
            answers[place] = error.refusal

    threads = [threading.Thread(target=one, args=(place,)) for place in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(answers)


def pressed(engine: Engine, act: Act) -> Counter[object]:
    def one(_place: int) -> int:
        with make_session(engine) as session:
            return run(session, lambda: act(session).id)

    return together(one)


def test_fifty_identical_submits_of_every_movement_have_one_effect(crowded: Engine, session: Session) -> None:
    with one_transaction(session):
        made = make.market(session, issued=False)
        holder, trader, holder_id = made.holder.account.code, made.trader.account.code, made.holder.id
        people = {
            name: user.id
            for name, user in (("a", made.a), ("t", made.t), ("o", made.officer), ("c", made.approver))
        }
    assert holder

    def by(inside: Session, who: str) -> User:
        return inside.get_one(User, people[who])

    def moving(kind: MovementKind, quantity: int, account: str = "") -> Act:
        request, key = Request(kind, str(quantity), account), f"moving-{kind.value}"
        return lambda inside: allowances.move(inside, request, key=key, actor=by(inside, "a"))

    def confirming(movement: int) -> Act:
        return lambda inside: issuance.confirm(inside, movement, version=1, actor=by(inside, "c"))

    def proposed(act: Act) -> None:
        """Proposed by many at once it is one proposal; confirmed by many at once it is posted once."""
        answers = pressed(crowded, act)
        assert len(answers) == 1, answers
        (movement,) = answers
        assert isinstance(movement, int), answers
        answers = pressed(crowded, confirming(movement))
        assert answers.pop(movement) == 1
        assert set(answers) <= {Refusal.STALE_PAGE, Refusal.WRONG_STATE, Refusal.BUSY}, answers

    proposed(lambda one: issuance.propose_issue(one, holder_id, key="issue", actor=by(one, "o")))
    proposed(lambda one: issuance.propose_jver(one, trader, 90, "申請", key="jver", actor=by(one, "o")))
    for act in (
        moving(MovementKind.TRANSFER, 700, trader),
        moving(MovementKind.CANCEL, 30),
        moving(MovementKind.OFFSET, 20),
        moving(MovementKind.RETIRE, 500),
    ):
        answers = pressed(crowded, act)
        assert len(answers) == 1 and isinstance(next(iter(answers)), int), answers
    proposed(lambda one: issuance.propose_correction(one, 4, "誤り", key="back", actor=by(one, "o")))

    kinds = Counter(session.scalars(select(Movement.kind)))
    assert kinds == dict.fromkeys(set(MovementKind) - {MovementKind.CARRY_OVER}, 1)
    assert set(session.scalars(select(Movement.state))) == {MovementState.EXECUTED}
    result = second_book.compare(session)
    assert (result.problem, result.transactions) == (None, 7)


def test_fifty_browsers_that_send_one_confirmation_get_one_receipt(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = make.market(session)
        login_id, account = made.a.login_id, made.trader.account.code
    reader = Visitor(app, login_id)
    page = asked(reader, "transfer", quantity="1500", account=account)
    form = {**values(page, "/allowances/transfer/confirm"), "password": PASSWORD}

    def press(_place: int) -> str:
        browser = app.test_client()
        browser._cookies = dict(reader.client._cookies or {})
        answer = browser.post("/allowances/transfer/confirm", data=form)
        return f"{answer.status_code} {answer.location}"

    answers = together(press)
    assert len(answers) == 1 and next(iter(answers)).startswith("302 "), answers  # type: ignore[attr-defined]
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 2
