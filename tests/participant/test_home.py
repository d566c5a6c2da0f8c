"""Homes, own events, registered data and directory: each role reads its own, login B never a figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Holder, MovementKind, Period, ReportState, User
from portal.permissions import Role
from portal.services import issuance, timeline
from portal.services.passwords import verify_password
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, words

#: what login B must never read: words and figures of the worked example
FORBIDDEN = re.compile(r"JAA|jVER|償却|残高|リザーブ|排出枠|移転|AST-1|8,500|7,000|1,500|遵守")


@dataclass
class Names:
    a: str
    b: str
    t: str
    verifier: str
    own: str
    other: str
    holder_id: int


@pytest.fixture
def names(session: Session) -> Names:
    """8,500 issued, 1,500 sold, 400 bought, 5,000 retired; 2014's report not yet handed in."""
    with one_transaction(session):
        made = trade.market(session)
        own, other = made.holder.account.code, made.trader.account.code
        trade.move(session, made.a, MovementKind.TRANSFER, 1_500, other)
        trade.move(session, made.t, MovementKind.TRANSFER, 400, own)
        trade.move(session, made.a, MovementKind.RETIRE, 5_000)
        verifier = made.scheme.verifier.users[0].login_id
        logins = made.a.login_id, made.b.login_id, made.t.login_id
        found = Names(*logins, verifier, own, other, made.holder.id)
    trade.at("2015-03-31 10:00")
    return found


def approve(session: Session, holder_id: int, tonnes: int) -> None:
    """Put an approved target-year figure there; how it comes is the reports' own test."""
    with one_transaction(session):
        report = session.scalars(
            select(EmissionsReport).where(
                EmissionsReport.holder_id == holder_id, EmissionsReport.period == Period.TARGET
            )
        ).one()
        report.state, report.emissions, report.confirmed_emissions = ReportState.APPROVED, tonnes, tonnes
        report.confirmed_at = clock.now()


def test_home_says_where_the_holder_stands(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    assert "2014年度の排出量が承認されると、償却が必要な量が決まります" in words(reader.get("/home"))
    approve(session, names.holder_id, 7_400)
    trade.at("2015-03-31 10:05")
    page = reader.get("/home")
    text = words(page)
    assert "2015年11月30日（月）までに、あと2,400 t-CO2分の排出枠を償却してください" in text
    assert "口座の残高2,400 JAAをすべて償却すると、目標遵守となります。" in text
    assert "/allowances/retire?quantity=2400" in page.text


def test_home_tells_who_must_buy_and_who_missed(app: Flask, session: Session, names: Names) -> None:
    approve(session, names.holder_id, 8_000)
    reader = Visitor(app, names.a)
    assert "口座の残高は2,400 JAAで、600 JAA足りません。期限までに購入してください。" in words(
        reader.get("/home")
    )
    trade.at("2015-12-01 00:00")
    late = Visitor(app, names.a)
    assert "償却期限を過ぎました。3,000 JAA足りません" in words(late.get("/home"))


def test_home_says_what_of_the_balance_waits_and_whether_the_rest_is_enough(
    app: Flask, session: Session, names: Names
) -> None:
    with one_transaction(session):
        officer = session.scalars(select(User).where(User.role == Role.OFFICER)).first()
        assert officer is not None
        issuance.propose_correction(session, 3, "相手の取り違え", key="undo", actor=officer)
    reader = Visitor(app, names.a)
    for tonnes, rest in (
        (8_000, "残りの2,000 JAAでは1,000 JAA足りません。期限までに購入してください。"),
        (7_400, "残りの2,000 JAAでは400 JAA足りません。手続きのあとも足りないときは、"),
        (6_000, "残りの2,000 JAAのうち、あと1,000 JAAを償却すると、目標遵守となります。"),
    ):
        approve(session, names.holder_id, tonnes)
        page = reader.get("/home?retire=2400")
        text = words(page)
        assert "口座の残高2,400 JAAのうち400 JAAは、手続き中のため、いまは動かせません。" in text
        assert rest in text
        assert "T-000003の訂正が、確認を待っています" in text
        assert "/allowances/receipt/T-000003" in page.text
        assert "手続き中の400 JAAは、償却に使えません。" in text
    bound = "残高2,400 JAAのうち400 JAAは手続き中で、2,000 JAAは口座に残しておく量です。"
    assert bound in words(reader.get("/allowances/transfer"))
    past = words(reader.get("/allowances?asof=2015-03-30"))
    assert "確認を待っています" not in past and "手続き中の量" in past


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("ja", "償却期限後に償却が済みました。期限までの目標遵守にはなりません"),
        ("en", "All is retired, but after the deadline: the target was not met in time"),
    ],
)
def test_home_asks_nothing_more_of_who_retired_late(
    app: Flask, session: Session, names: Names, lang: str, said: str
) -> None:
    approve(session, names.holder_id, 7_000)
    trade.at("2015-12-01 00:00")
    with one_transaction(session):
        holder = session.get_one(Holder, names.holder_id)
        actor = next(user for user in holder.users if user.login_id == names.a)
        trade.move(session, actor, MovementKind.RETIRE, 2_000)
    page = Visitor(app, names.a).get(f"/home?lang={lang}")
    assert said in words(page)
    assert "足りません" not in words(page)
    assert "/allowances/retire?quantity" not in page.text
    assert "1日過ぎています" not in words(page)


def test_home_tells_of_the_target_met(app: Flask, session: Session, names: Names) -> None:
    approve(session, names.holder_id, 5_000)
    assert "目標を達成しました。必要な手続きはありません" in words(Visitor(app, names.a).get("/home"))


def test_the_report_comes_first_while_it_is_the_holders_turn(app: Flask, names: Names) -> None:
    trade.at("2015-06-01 10:00")
    for login in (names.a, names.b):
        text = words(Visitor(app, login).get("/home"))
        assert "2014年度の算定報告書の検証を依頼してください" in text


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_login_b_never_reads_of_allowances(app: Flask, names: Names, lang: str) -> None:
    trade.at("2015-06-01 10:00")
    reader = Visitor(app, names.b)
    for url in ("/home", "/events", "/registration"):
        page = reader.get(f"{url}?lang={lang}")
        assert page.status_code == 200
        body = page.text.split("<body", 1)[-1].replace("ASSET", "")
        assert not FORBIDDEN.findall(body), url
        assert not re.findall(r"allowance|retire|balance|reserve|account AST", words(page), re.IGNORECASE)
        assert "/allowances" not in page.text


def test_the_holder_reads_both_sides_of_its_movements(app: Flask, names: Names) -> None:
    text = words(Visitor(app, names.a).get("/events"))
    for sentence in ("8,500 JAAが発行されました", "1,500 JAAを移転しました", "400 JAAを受け取りました"):
        assert sentence in text
    trader = words(Visitor(app, names.t).get("/events"))
    assert "1,500 JAAを受け取りました" in trader
    assert "発行されました" not in trader


def test_pages_of_the_events_follow_each_other_both_ways(
    app: Flask, session: Session, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Movements and other events in one order, read through the links alone."""
    whole = events_on(Visitor(app, names.a).get("/events"))
    assert len(whole) > 4
    monkeypatch.setattr(timeline, "PER_PAGE", 2)
    reader = Visitor(app, names.a)
    pages = [reader.get("/events")]
    while older := re.search(r'href="([^"]+)" rel="next"', pages[-1].text):
        pages.append(reader.get(unescape(older[1])))
    assert [one for page in pages for one in events_on(page)] == whole
    back = [pages[-1]]
    while newer := re.search(r'href="([^"]+)" rel="prev"', back[-1].text):
        back.append(reader.get(unescape(newer[1])))
    assert [events_on(page) for page in back] == [events_on(page) for page in reversed(pages)]


def events_on(page: Any) -> list[str]:
    return re.findall(r"<li><time[^>]*>.*?</time><p>(.*?)</p></li>", page.text, re.DOTALL)


def test_a_trader_sees_what_it_holds_first(app: Flask, names: Names) -> None:
    text = words(Visitor(app, names.t).get("/home"))
    assert "残高は1,100 JAAです" in text
    assert "移転（送出）" in text


def test_a_verifiers_home_is_its_desk(app: Flask, names: Names) -> None:
    answer = Visitor(app, names.verifier).get("/home")
    assert (answer.status_code, answer.location) == (302, "/verification")


def test_contact_data_are_changed_by_application(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    form = reader.get("/registration/contact")
    same = reader.send(form, "/registration/contact", company=company(session, names.holder_id))
    assert same.status_code == 422
    wrong = reader.send(form, "/registration/contact", postal_code="1", name_kana="カナ")
    assert wrong.status_code == 422
    typed = {"telephone": "03-9999-0000", "company": company(session, names.holder_id)}
    done = reader.send(form, "/registration/contact", **typed)
    assert done.status_code == 302, words(done)
    assert "担当者情報の変更を申請中です" in words(reader.get("/registration"))


def company(session: Session, holder_id: int) -> str:
    name = session.get_one(Holder, holder_id).contact.organisation.name
    session.rollback()
    return name


def test_login_a_sets_the_password_of_login_b(app: Flask, session: Session, names: Names) -> None:
    reader, new = Visitor(app, names.a), "mizu-no-oto-ga-kikoeru-8"
    url = "/registration/password-b"
    form = reader.get(url)
    assert reader.send(form, url, current="wrong", new=new, repeat=new).status_code == 422
    assert reader.send(form, url, current=PASSWORD, new=new, repeat=new).status_code == 302
    b = session.scalars(select(User).where(User.login_id == names.b)).one()
    assert verify_password(new, b.password)
    session.rollback()
    assert Visitor(app, names.b, new).get("/home").status_code == 200


def test_the_directory_is_for_those_who_agreed(app: Flask, session: Session, names: Names) -> None:
    assert names.other in words(Visitor(app, names.a).get("/directory"))
    with one_transaction(session):
        session.get_one(Holder, names.holder_id).disclosure_consent = False
    text = words(Visitor(app, names.a).get("/directory"))
    assert "担当者リストは表示できません" in text
    assert names.other not in text
    assert names.own not in words(Visitor(app, names.t).get("/directory"))
