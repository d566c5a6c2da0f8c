"""What an account holds, class by class: promised, to be kept, movable, and why not."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import LedgerTransaction, MovementKind, Period, ReportState, UnitType
from portal.services import issuance
from portal.services.figures import figures_of
from portal.services.positions import Position, Unusable, positions
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports
from tests.participant.visitor import Visitor, words
from tests.services.test_deadline import freeze


@pytest.fixture
def market(session: Session) -> trade.Market:
    """8,500 JAA, 1,500 of them sold, 300 jVER."""
    with one_transaction(session):
        made = trade.market(session)
        trade.at("2014-06-12 15:00")
        trade.move(session, made.a, MovementKind.TRANSFER, 1_500, made.trader.account.code)
        trade.jver(session, made, made.holder.account, 300)
    return made


def held(session: Session, made: trade.Market, day: date | None = None) -> dict[UnitType, Position]:
    session.expire_all()
    account = made.holder.account
    found = positions(session, account, figures_of(session, made.holder), day or clock.today())
    return {one.unit_class.unit_type: one for one in found}


def test_jver_know_no_reserve_and_no_window(session: Session, market: trade.Market) -> None:
    found = held(session, market)
    jaa, jver = found[UnitType.JAA], found[UnitType.JVER]
    assert (jaa.held, jaa.promised, jaa.reserve, jaa.movable, jaa.why_not) == (7_000, 0, 7_000, 0, None)
    assert (jver.held, jver.reserve, jver.movable, jver.until) == (300, None, 300, None)


def test_what_is_promised_cannot_be_moved(session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        trade.move(session, market.t, MovementKind.TRANSFER, 400, market.holder.account.code)
        # the correction of what was received promises the 400 back
        last = trade.move(session, market.t, MovementKind.TRANSFER, 100, market.holder.account.code)
        assert last.transaction is not None
        issuance.propose_correction(session, last.transaction.id, "誤り", key="c", actor=market.officer)
    jaa = held(session, market)[UnitType.JAA]
    assert (jaa.held, jaa.promised, jaa.reserve, jaa.movable) == (7_500, 100, 7_000, 400)
    past = held(session, market, date(2014, 6, 11))[UnitType.JAA]
    assert (past.held, past.promised) == (8_500, None)
    assert figures_of(session, market.holder).held_jver == 300
    with one_transaction(session):
        given = select(LedgerTransaction.id).where(LedgerTransaction.kind == MovementKind.ISSUE_JVER)
        issuance.propose_correction(
            session, session.scalars(given).one(), "誤り", key="j", actor=market.officer
        )
    assert figures_of(session, market.holder).held_jver == 0  # nor retired


def test_units_after_the_window_or_of_a_closed_phase_stay_and_say_why(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, t = market.a.login_id, market.t.login_id
    until = held(session, market)[UnitType.JAA].until
    assert until is not None
    session.rollback()
    clock.set_time(clock.end_of_day(until))
    found = held(session, market)
    assert (found[UnitType.JAA].why_not, found[UnitType.JAA].movable) == (Unusable.WINDOW_OVER, 0)
    assert found[UnitType.JVER].movable == 300
    session.rollback()
    page = words(Visitor(app, t).get("/allowances"))
    assert "使えません使える期間が" in page and "1,500" in page
    with one_transaction(session):
        market.holder.phase.closed_at = clock.now()
    assert held(session, market)[UnitType.JAA].why_not is Unusable.PHASE_CLOSED
    session.rollback()
    page = words(Visitor(app, a).get("/allowances"))
    assert "に締められたため、使えません" in page and "7,000" in page


def test_home_shows_the_frozen_record_beside_the_present(
    app: Flask, session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 6_900)
        trade.at("2015-11-20 10:00")
        trade.move(session, market.a, MovementKind.RETIRE, 6_000)
    a = market.a.login_id
    session.rollback()
    assert freeze(session, "2015-12-01 03:00") is not None
    session.rollback()
    reader = Visitor(app, a)
    page = words(reader.get("/allowances/retire"))
    assert "償却期限の2015年11月30日（月）を過ぎています" in page
    with one_transaction(session):
        late = trade.move(session, market.a, MovementKind.RETIRE, 900)
        assert late.transaction is not None
        code = late.transaction.code
    home = words(reader.get("/home"))
    assert "償却期限後に償却が済みました" in home
    assert "目標の遵守状況期限超過・未遵守期限超過・未遵守" in home
    assert "償却済量うち期限後 9006,900" in home
    assert "償却済量6,0006,900t-CO2" in home.replace(" ", "")
    assert "あと必要な償却量9000t-CO2" in home.replace(" ", "")
    for url in ("/allowances", "/events"):
        assert "期限後" in words(reader.get(url))
    assert "償却期限のあとの償却です" in words(reader.get(f"/allowances/receipt/{code}"))
