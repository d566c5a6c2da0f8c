"""A refused movement leaves one event and nothing else; the office reads it, no participant's time line."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal
from portal.models import AccountAction, Base, Event, MovementKind
from portal.services import issuance, once, refused_movements
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk
from tests.factories import allowances as trade
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, asked, values, words

#: counters of the door and of names are no business (services.account_lookup, services.logins)
NO_BUSINESS = {"login_attempts"}


@pytest.fixture
def market(session: Session) -> trade.Market:
    with one_transaction(session):
        made = trade.market(session)
    trade.at("2014-06-12 15:00")
    return made


def everything(session: Session) -> dict[str, list[Any]]:
    session.rollback()
    found = {}
    for table in Base.metadata.sorted_tables:
        rows = session.execute(select(table).order_by(*table.primary_key.columns)).all()
        found[table.name] = [tuple(row) for row in rows]
    session.rollback()
    return {name: rows for name, rows in found.items() if name not in NO_BUSINESS}


def refusals(session: Session) -> list[Event]:
    session.rollback()
    wanted = select(Event).where(Event.tag == EventTag.MOVEMENT_REFUSED.value).order_by(Event.id)
    found = list(session.scalars(wanted))
    for one in found:
        session.expunge(one)
    session.rollback()  # nothing the test reads stands in the writers' queue
    return found


def test_a_refused_act_changes_no_table_but_for_its_event(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, other, own = market.a.login_id, market.trader.account.code, market.holder.account.id
    session.rollback()
    reader = Visitor(app, a)
    page = asked(reader, "transfer", quantity="5", account=other)
    # proven once: the proof is an event of its own
    wrong = {"password": PASSWORD, "quantity": "１，５０１", "key": once.new_movement_key()}
    reader.send(page, "/allowances/transfer/confirm", **wrong)
    before = everything(session)
    answer = reader.send(page, "/allowances/transfer/confirm", **wrong)
    assert answer.status_code == 422 and "7,000 JAA" in words(answer)
    after = everything(session)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"event"}
    assert len(after["event"]) == len(before["event"]) + 1
    made = refusals(session)[-1]
    assert (made.subject_type, made.subject_id, made.holder_id) == ("account", own, market.holder.id)
    assert made.facts == {
        "codes": ["reserve"],
        "kind": "transfer",
        "quantity": "１，５０１",
        "account": other,
    }


def test_a_key_or_units_that_no_page_offered_move_nothing(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, other = market.a.login_id, market.trader.account.code
    session.rollback()
    reader, url = Visitor(app, a), "/allowances/transfer/confirm"
    page = asked(reader, "transfer", quantity="5", account=other)
    keys = ("issue-batch-1-1", "", once.new_key(), "m." + "ｋ" * 32)
    tried = [("key", key, Refusal.KEY_SHAPE) for key in keys]
    tried += [("unit", unit, Refusal.CHOICE_UNKNOWN) for unit in ("-1", "１", "999", "")]
    for name, value, why in tried:
        answer = reader.send(page, url, password=PASSWORD, **{name: value})
        assert answer.status_code == 422 and Problem(why).text("ja") in words(answer), (name, value)
        # the form that comes back may be sent: with a key and units of the portal's own
        assert once.is_shaped(values(answer)["key"], movement=True) and values(answer)["unit"].isdecimal()
    assert [one.facts["codes"] for one in refusals(session)] == [[why.value] for _n, _v, why in tried]
    assert reader.send(page, url, password=PASSWORD).status_code == 302


def test_it_is_told_to_the_office_and_on_no_time_line(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, b, own = market.a.login_id, market.b.login_id, market.holder.account.id
    viewer, other = market.approver.login_id, market.trader.account.code
    session.rollback()
    reader = Visitor(app, a)
    refused = asked(reader, "transfer", quantity="1501", account=other)
    assert refused.status_code == 422 and len(refusals(session)) == 1
    told = "移動を受け付けませんでした"
    assert told in Clerk(app, session, viewer).get(f"/admin/account/details/?id={own}").text
    for login in (a, b):
        visitor = Visitor(app, login)
        for url in ("/home", "/events"):
            page = words(visitor.get(url))
            assert "受け付けませんでした" not in page and "1,501" not in page and "1501" not in page


def test_a_flood_of_refusals_is_not_written_down(
    app: Flask, session: Session, market: trade.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_movements, "MOST", 3)
    a = market.a.login_id
    session.rollback()
    reader = Visitor(app, a)
    for _ in range(5):
        assert asked(reader, "retire", quantity="0").status_code == 422
    assert len(refusals(session)) == 3
    trade.at("2014-06-12 15:11")
    asked(reader, "retire", quantity="0")
    assert len(refusals(session)) == 4


def test_what_the_office_is_refused_is_recorded_at_its_proposal(
    app: Flask, session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        moved = trade.move(session, market.a, MovementKind.TRANSFER, 100, market.trader.account.code)
        assert moved.transaction is not None
        made = issuance.propose_correction(
            session, moved.transaction.id, "誤り", key="c", actor=market.officer
        )
        proposal, version, approver = made.id, made.version, market.approver.login_id
    clerk = Clerk(app, session, approver)
    url = f"/admin/movement/confirm/?id={proposal}"
    form = clerk.form(url)
    with one_transaction(session):
        trade.take(session, market, market.trader.account, AccountAction.SUSPEND)
    answer = clerk.post(url, {**form, "version": version})
    assert answer.status_code == 422, answer.text
    (event,) = refusals(session)
    assert (event.subject_type, event.subject_id) == ("movement", proposal)
    assert event.facts["codes"] == ["source_not_open"] and event.facts["kind"] == "correction"
    assert (
        "この移動についての操作を受け付けませんでした"
        in clerk.get(f"/admin/movement/details/?id={proposal}").text
    )
