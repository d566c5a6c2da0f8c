"""A page tells one moment: what is committed between two of its statements is in both or in none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.extensions import make_engine, make_session, session_factory
from portal.models import MovementKind, User
from portal.services.transaction import begin_reading, one_transaction, run
from tests.factories import allowances as trade
from tests.participant.visitor import Visitor, words


@pytest.fixture
def market(session: Session) -> trade.Market:
    with one_transaction(session):
        made = trade.market(session)
    trade.at("2014-06-12 15:00")
    return made


@contextmanager
def a_transfer_between(database_url: str, actor_id: int, account: str) -> Iterator[list[int]]:
    """Right after the first look at the balances 300 JAA leave the account; says how often."""
    done: list[int] = []
    engine = make_engine(database_url)

    def transfer(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if done or not re.search(r"(FROM|JOIN) holding", statement):
            return
        done.append(300)
        with make_session(engine) as other:
            actor = other.get_one(User, actor_id)
            run(other, lambda: trade.move(other, actor, MovementKind.TRANSFER, 300, account))

    pages = session_factory.kw["bind"]
    event.listen(pages, "after_cursor_execute", transfer)
    yield done
    event.remove(pages, "after_cursor_execute", transfer)
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/allowances?asof=2014-06-11", ("残高8,500JAA",)),
        ("/allowances/statement?from=2014-06-01&to=2014-06-12", ("8,500",)),
        ("/home", ("残高8,500JAA", "移転できる最大量1,500JAA")),
    ],
)
def test_what_is_committed_while_a_page_reads_is_not_half_on_it(
    app: Flask,
    session: Session,
    market: trade.Market,
    database_url: str,
    url: str,
    expected: tuple[str, ...],
) -> None:
    a, actor, account = market.a.login_id, market.a.id, market.trader.account.code
    session.rollback()
    reader = Visitor(app, a)
    with a_transfer_between(database_url, actor, account) as done:
        page = reader.get(url)
    assert done == [300]
    text = words(page).replace(" ", "")
    assert page.status_code == 200 and all(one in text for one in expected), text
    # neither the sum of both moments nor the later one
    assert "8,800" not in text and "8,200" not in text
    assert "8,200" in words(reader.get("/home")), "the next page sees it"


def test_whoever_only_reads_cannot_write_and_whoever_acts_afterwards_can(
    session: Session, market: trade.Market
) -> None:
    actor, code = market.a.id, market.trader.account.code
    begin_reading(session)
    before = len(session.get_one(User, actor).login_id)
    assert before
    made = run(
        session, lambda: trade.move(session, session.get_one(User, actor), MovementKind.TRANSFER, 5, code)
    )
    assert made.quantity == 5
    begin_reading(session)
    assert session.get_one(User, actor).login_id
