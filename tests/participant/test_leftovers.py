"""Units left over once the target is met, and other units: home, balance and wizard name them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Movement, MovementKind, Period, ReportState
from portal.services import banking
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.participant.visitor import Visitor, words


@pytest.fixture
def market(session: Session) -> trade.Market:
    """2,500 of 8,500 JAA are left after compliance, 70 jVER; the window is open, and there is a phase 3."""
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
        trade.move(session, made.a, MovementKind.RETIRE, 6_000)
        trade.jver(session, made, made.holder.account, 70)
        registration.phase(session, 3)
    trade.at("2015-12-10 10:00")
    return made


def carried(session: Session, market: trade.Market, quantity: str) -> Movement:
    with one_transaction(session):
        made = trade.carry_over(session, market, quantity).movement
        assert made is not None
        return made


def test_home_asks_for_the_leftover_until_it_is_applied_for(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, b = market.a.login_id, market.b.login_id
    session.rollback()
    reader = Visitor(app, a)
    page = reader.get("/home")
    assert "目標を達成しました。残りの2,500 JAAは、まだ使えます" in words(page)
    assert "までにバンキングを申請しないと、使えなくなります。" in words(page)
    assert page.text.count('href="/allowances/banking"') >= 2, "the button, and the line of the term"
    assert "必要な手続きはありません" not in words(page)
    assert "2,500" not in words(Visitor(app, b).get("/home"))
    with one_transaction(session):
        row = banking.apply(session, "2500", key="apply", actor=market.a)
    address = f"/allowances/banking/{row.id}"
    session.rollback()
    later = reader.get("/home")
    assert "目標を達成しました。必要な手続きはありません" in words(later)
    assert f'href="{address}"' in later.text and "使えなくなります" not in words(later)
    assert "バンキングを申請した2,500 JAAは、事務局の決定を待っています。" in words(later)


def test_home_names_what_an_application_left_out_before_and_after_the_office_proposes_it(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a = market.a.login_id
    with one_transaction(session):
        row = banking.apply(session, "7", key="apply", actor=market.a)
    for _step in ("waits", "proposed"):
        session.rollback()
        text = words(Visitor(app, a).get("/home"))
        assert "残りの2,493 JAAは、まだ使えます" in text and "必要な手続きはありません" not in text
        assert "申請していない2,493 JAAは、2016年1月31日（日）を過ぎると使えなくなります。" in text
        if _step == "waits":
            with one_transaction(session):
                banking.propose(session, row.id, version=row.version, key="move", actor=market.officer)


def test_what_was_carried_over_and_jver_stand_on_home_balance_and_in_the_pictures(
    app: Flask, session: Session, market: trade.Market
) -> None:
    carried(session, market, "2500")
    a = market.a.login_id
    session.rollback()
    reader = Visitor(app, a)
    home = words(reader.get("/home"))
    assert "第3期 JAAの残高うち移転できる量 2,5002,500JAA" in home.replace(" JAAの", " JAAの")
    assert "jVERの残高うち移転できる量 7070jVER" in home
    balance = reader.get("/allowances")
    assert "残高（第3期 JAA）" in words(balance) and "残高（jVER）" in words(balance)
    # the picture in words, as it is read aloud
    for page in (reader.get("/home"), balance):
        assert "第3期 JAA2,500、jVER70" in page.text


def test_a_movement_begins_with_the_units_that_may_move(
    app: Flask, session: Session, market: trade.Market
) -> None:
    carried(session, market, "2500")
    a = market.a.login_id
    session.rollback()
    reader = Visitor(app, a)
    page = words(reader.get("/allowances/transfer"))
    assert "最大量（2,500）を入れる" in page
    # a retirement begins with what retires: of the own phase nothing is left, jVER are
    assert "最大量（70）を入れる" in words(reader.get("/allowances/retire"))


def test_after_a_carry_over_the_figures_name_their_phase(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a = market.a.login_id
    session.rollback()
    reader = Visitor(app, a)
    for url in ("/home", "/allowances"):
        assert "移転できる最大量（第2期 JAA）" not in words(reader.get(url)), "jVER alone ask for no name"
    carried(session, market, "2500")
    for url in ("/home", "/allowances"):
        page = words(reader.get(url))
        assert "残高（第2期 JAA）" in page and "移転できる最大量（第2期 JAA）" in page, url
