"""What if on the holder's home, the next step once the target is met, and what a question outlives."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Event, LedgerTransaction, Movement, MovementKind, Period, ReportState
from portal.services import issuance
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports
from tests.factories.registration import PASSWORD
from tests.participant.test_allowances import Names
from tests.participant.visitor import Visitor, asked, values, words


@pytest.fixture
def market(session: Session) -> trade.Market:
    """7,000 JAA held, 7,200 t-CO2 approved, 300 jVER, the clock before the deadline."""
    with one_transaction(session):
        made = trade.market(session)
        trade.move(session, made.a, MovementKind.TRANSFER, 1_500, made.trader.account.code)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_200)
        jver = issuance.propose_jver(
            session, made.holder.account.code, 300, "申請のため", key="j", actor=made.officer
        )
        issuance.confirm(session, jver.id, version=jver.version, actor=made.approver)
    trade.at("2015-10-28 10:00")
    return made


@pytest.fixture
def names(market: trade.Market, session: Session) -> Names:
    found = Names(
        market.a.login_id,
        market.b.login_id,
        market.t.login_id,
        market.holder.account.code,
        market.trader.account.code,
        market.scheme.verifier.users[0].login_id,
    )
    session.rollback()
    return found


def rows(session: Session) -> list[int]:
    found = [
        session.scalar(select(func.count()).select_from(m)) for m in (Event, Movement, LedgerTransaction)
    ]
    session.rollback()
    return [one or 0 for one in found]


def test_home_says_what_would_follow_and_keeps_nothing(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    before = rows(session)
    text = words(reader.get("/home?retire=７，２００&buy=250"))
    assert "目標遵守となります。" in text
    for line in (
        "目標の遵守状況不足遵守",
        "償却済量 0 7,200 JAA",
        "あと必要な償却量 7,200 0 t-CO2",
        "残高 7,000 50 JAA",
        "コミットメントリザーブ量 7,000 0 JAA",
        "移転できる最大量 0 50 JAA",
    ):
        assert line.replace(" ", "") in text.replace(" ", "")
    short = words(reader.get("/home?retire=7300"))
    assert "この償却には、JAAがあと300足りません。" in short and "目標の遵守状況不足—" in short
    assert "必要な量を50超えて償却することになります。" in words(reader.get("/home?retire=7250&buy=250"))
    assert "jVERがあと1足りません" in words(reader.get("/home?retire_jver=301"))
    assert "償却は、あと6,900足りません" in words(reader.get("/home?retire_jver=300"))
    assert rows(session) == before


def test_what_cannot_be_read_stays_and_is_named(app: Flask, names: Names) -> None:
    page = Visitor(app, names.a).get("/home?retire=1.5&buy=400")
    assert "1以上の整数で入力してください" in words(page)
    assert 'value="1.5"' in page.text and 'value="400"' in page.text
    assert "そのあと" not in words(page)


def test_more_than_there_is_is_neither_offered_nor_filled_in(app: Flask, names: Names) -> None:
    page = Visitor(app, names.a).get("/allowances/retire?quantity=7200")
    assert 'value="missing"' not in page.text and 'value="max"' in page.text
    assert values(page, "/allowances/retire")["quantity"] == "7,000"
    assert "あと必要な償却量200" in words(page)


def test_login_b_is_told_of_no_what_if(app: Flask, names: Names) -> None:
    page = words(Visitor(app, names.b).get("/home?retire=1&buy=2"))
    assert "償却" not in page and "購入" not in page


def test_home_counts_jver_with_the_jaa(app: Flask, names: Names) -> None:
    text = words(Visitor(app, names.a).get("/home"))
    assert "口座のJAA 7,000とjVER 300のうち、あと7,200を償却すると、目標遵守となります。" in text


def test_a_report_that_is_due_comes_before_a_target_that_is_met(
    app: Flask, session: Session, market: trade.Market, names: Names
) -> None:
    with one_transaction(session):
        trade.move(session, market.t, MovementKind.TRANSFER, 200, names.own)
        trade.move(session, market.a, MovementKind.RETIRE, 7_200)
    trade.at("2016-05-10 10:00")
    text = words(Visitor(app, names.a).get("/home"))
    assert "2015年度の算定報告書を提出してください 目標は達成しています。" in text


def test_the_exact_quantity_is_not_offered_before_the_figure_is_approved(
    app: Flask, session: Session
) -> None:
    with one_transaction(session):
        a = trade.market(session).a.login_id
    trade.at("2015-03-20 10:24")
    reader = Visitor(app, a)
    page = reader.get("/allowances/retire")
    assert 'value="missing"' not in page.text
    assert "目標年度の排出量が承認されると決まります" in words(page)
    refused = reader.send(page, "/allowances/retire", fill="missing", quantity="12")
    assert refused.status_code == 422
    assert "排出量が確定していないため、必要な量を計算できません" in words(refused)
    assert values(refused, "/allowances/retire")["quantity"] == "12"


def test_a_question_is_shown_again_after_its_login_ended(app: Flask, session: Session, names: Names) -> None:
    reader, before = Visitor(app, names.a), rows(session)[2]
    page = asked(reader, "retire", quantity="1,234", note="覚え")
    with reader.client.session_transaction() as kept:
        kept["seen"] = 0  # so long ago that the login has ended
    ended = reader.send(page, "/allowances/retire/confirm", password="x")
    assert ended.location.startswith("/login")
    login = reader.get(ended.location)
    back = reader.client.post(
        ended.location, data={**values(login), "login_id": names.a, "password": PASSWORD}
    )
    shown = reader.get(back.location)
    assert "1,234 JAA" in words(shown) and "覚え" in words(shown)
    assert rows(session)[2] == before
