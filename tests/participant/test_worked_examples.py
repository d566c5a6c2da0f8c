"""The worked examples of domain §5 on the real pages: every figure of the table is read from the page."""

from __future__ import annotations

import re
from html import unescape

from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Period, ReportState
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports
from tests.participant.visitor import Visitor, asked, confirmed, words

STAT = re.compile(r'as-stat__label">([^<]+)</dt><dd class="as-figure">([^<]+)<small>')
ROW = re.compile(r'<tr[^>]*><th scope="row">([^<]+)[^\n]*?<td class="as-num">([^<]+)</td>')


def stats(reader: Visitor) -> tuple[str, str, str, str]:
    """(balance, retired, reserve, may move out) as the balance page and home say them, which must agree."""
    page = dict(STAT.findall(unescape(reader.get("/allowances").text)))
    home = dict(ROW.findall(unescape(reader.get("/home").text)))
    named = ("残高", "償却済量", "コミットメントリザーブ量", "移転できる最大量")
    found = tuple(page[name] for name in named)
    assert found == tuple(home[name] for name in named)
    b, r, reserve, out = found
    return b, r, reserve, out


def approve(session: Session, made: trade.Market, figure: int) -> None:
    """The target-year figure, by its report, verified and approved."""
    with one_transaction(session):
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, figure)


def test_the_table_of_the_domain_line_by_line(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = trade.market(session)
        a, t = made.a.login_id, made.t.login_id
        own, other = made.holder.account.code, made.trader.account.code
    trade.at("2014-06-12 15:00")
    holder, buyer = Visitor(app, a), Visitor(app, t)
    assert stats(holder) == ("8,500", "0", "7,000", "1,500")

    assert confirmed(holder, "transfer", quantity="1500", account=other).status_code == 302
    assert stats(holder) == ("7,000", "0", "7,000", "0")
    refused = asked(holder, "transfer", quantity="1", account=other)
    assert refused.status_code == 422
    assert "口座には7,000 JAA（コミットメントリザーブ量）を残してください" in words(refused)

    assert confirmed(buyer, "transfer", quantity="400", account=own).status_code == 302
    assert stats(holder) == ("7,400", "0", "7,000", "400")

    trade.at("2015-03-20 10:24")
    assert confirmed(Visitor(app, a), "retire", quantity="5000").status_code == 302
    holder = Visitor(app, a)
    assert stats(holder) == ("2,400", "5,000", "2,000", "400")

    approve(session, made, 7_400)
    trade.at("2015-10-28 09:00")
    holder = Visitor(app, a)
    home = words(holder.get("/home"))
    assert "2015年11月30日（月）までに、あと2,400 t-CO2分の排出枠を償却してください" in home
    page = asked(holder, "retire", fill="missing")
    assert confirmed(holder, "retire", quantity="2400").status_code == 302, words(page)
    assert stats(holder) == ("0", "7,400", "0", "0")
    assert "目標の遵守状況遵守 目標を達成しました" in words(holder.get("/home"))


def test_over_achievement_frees_the_whole_surplus_for_sale(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = trade.market(session)
        a, other = made.a.login_id, made.trader.account.code
    approve(session, made, 6_000)
    trade.at("2015-10-28 09:00")
    holder = Visitor(app, a)
    assert stats(holder) == ("8,500", "0", "7,000", "1,500")
    assert confirmed(holder, "retire", quantity="6000").status_code == 302
    assert stats(holder) == ("2,500", "6,000", "0", "2,500")
    assert "償却を終えたため、残しておく量はありません" in words(holder.get("/allowances"))
    assert confirmed(holder, "transfer", quantity="2,500", account=other).status_code == 302
    assert stats(holder) == ("0", "6,000", "0", "0")


def test_a_small_site_may_sell_all_it_was_issued(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = trade.market(session, base=100, target=60)
        a, other = made.a.login_id, made.trader.account.code
    trade.at("2014-06-12 15:00")
    holder = Visitor(app, a)
    assert stats(holder) == ("40", "0", "0", "40")
    assert confirmed(holder, "transfer", quantity="40", account=other).status_code == 302
    assert stats(holder) == ("0", "0", "0", "0")
