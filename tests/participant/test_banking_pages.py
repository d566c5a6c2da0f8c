"""Banking as A meets it: window and figures, confirmation with the password, what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import BankingApplication, DecisionState, MovementKind, Period, ReportState
from portal.services import banking, issuance
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, values, words

HERE = "/allowances/banking"


@dataclass
class Names:
    a: str
    b: str
    t: str
    other: str


@pytest.fixture
def market(session: Session) -> trade.Market:
    """2,500 of 8,500 are left after compliance, no reserve; phase 3 is open."""
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
        trade.move(session, made.a, MovementKind.RETIRE, 6_000)
        registration.phase(session, 3)
        registration.holder(session)
    trade.at("2015-12-10 10:00")
    return made


@pytest.fixture
def names(session: Session, market: trade.Market) -> Names:
    other = next(one for one in session.scalars(select(type(market.holder))) if one.id != market.holder.id)
    found = Names(market.a.login_id, market.b.login_id, market.t.login_id, other.users[0].login_id)
    session.rollback()
    return found


def rows(session: Session) -> list[tuple[int, int, DecisionState]]:
    """(number, quantity, state) of every application; the session lets go of the database again."""
    session.rollback()
    columns = (BankingApplication.id, BankingApplication.quantity, BankingApplication.state)
    found = [(n, units, state) for n, units, state in session.execute(select(*columns))]
    session.rollback()
    return found


def test_a_applies_confirms_with_the_password_and_withdraws(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.a)
    page = reader.get(HERE)
    assert "2015年12月1日（火）から2016年1月31日（日）まで" in words(page)
    assert "第2期の排出枠を、第3期の排出枠に移す申請です" in words(page)
    filled = reader.send(page, HERE, fill="max")
    assert values(filled, HERE)["quantity"] == "2,500"
    asked = reader.send(filled, HERE)
    assert "第2期の2,500 JAAを、第3期の排出枠に移すことを申請します。" in words(asked)
    wrong = reader.send(asked, f"{HERE}/confirm", password="ちがう")
    assert wrong.status_code == 422 and rows(session) == []
    for _press in range(2):
        done = reader.send(asked, f"{HERE}/confirm", password=PASSWORD)
        assert done.status_code == 302, words(done)
    ((number, *made),) = rows(session)
    assert made == [2_500, DecisionState.APPLIED]
    shown = reader.get(done.location)
    assert "B-000001" in words(shown) and "事務局の決定を待っています" in words(shown)
    again = reader.get(HERE)
    assert "申請を受け付けています（2,500 JAA）" in words(again) and 'name="quantity"' not in again.text
    question = reader.get(f"{HERE}/{number}/withdraw")
    answer = reader.client.post(f"{HERE}/{number}/withdraw", data=values(question), follow_redirects=True)
    assert "申請を取り下げました。排出枠は、そのまま口座にあります。" in words(answer)
    assert [state for _n, _units, state in rows(session)] == [DecisionState.WITHDRAWN]
    assert "B-000001" in words(reader.get(HERE))


def test_every_reason_stands_at_its_place_and_what_was_typed_stays(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    page = reader.send(reader.get(HERE), HERE, quantity="２，５０１")
    assert page.status_code == 422
    assert "動かせる残高は2,500 JAAです。1 JAA足りません。" in words(page)
    assert values(page, HERE)["quantity"] == "２，５０１"
    trade.at("2016-02-01 10:00")
    closed = Visitor(app, names.a).get(HERE)  # the session before is over too
    assert "バンキング申請の受付期間は、2015年12月1日から2016年1月31日までです。" in words(closed)
    assert 'name="quantity"' not in closed.text


def test_a_proposed_application_is_not_withdrawn_and_a_decided_one_leads_to_its_receipt(
    app: Flask, session: Session, market: trade.Market, names: Names
) -> None:
    with one_transaction(session):
        row = banking.apply(session, "100", key="k", actor=market.a)
        made = banking.propose(session, row.id, version=row.version, key="p", actor=market.officer)
    number, movement = row.id, made.id
    session.rollback()
    reader = Visitor(app, names.a)
    assert "事務局が手続きを進めています" in words(reader.get(f"{HERE}/{number}"))
    assert reader.get(f"{HERE}/{number}/withdraw").status_code == 302
    with one_transaction(session):
        issuance.confirm(session, movement, version=1, actor=market.approver)
    session.rollback()
    page = reader.get(f"{HERE}/{number}")
    assert "承認" in words(page) and "T-000003" in words(page)
    slip = words(reader.get("/allowances/receipt/T-000003"))
    # both classes: what the units were and what they are, and what stayed of each
    assert "移す前の排出枠と数量" in slip and "第2期 JAA 100 JAA" in slip
    assert "移したあとの排出枠と数量" in slip and "第3期 JAA 100 JAA" in slip
    code = market.holder.account.code
    assert f"2,400 JAA（{code}、第2期 JAA）" in slip and f"100 JAA（{code}、第3期 JAA）" in slip
    assert reader.get("/allowances/receipt/T-000003/pdf").status_code == 200


def test_nobody_else_finds_the_application_or_the_pages(
    app: Flask, session: Session, market: trade.Market, names: Names
) -> None:
    with one_transaction(session):
        number = banking.apply(session, "100", key="k", actor=market.a).id
    session.rollback()
    stranger = Visitor(app, names.other)
    assert stranger.get(f"{HERE}/{number}").status_code == 404
    assert stranger.get(f"{HERE}/{number}/withdraw").status_code == 404
    for login in (names.b, names.t):
        reader = Visitor(app, login)
        assert {reader.get(f"{HERE}{end}").status_code for end in ("", f"/{number}", "/confirm")} == {404}
        assert HERE not in reader.get("/allowances").text


def test_who_has_not_retired_enough_is_told_so_and_so_is_who_decides(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
        trade.move(session, made.a, MovementKind.RETIRE, 5_000)
        registration.phase(session, 3)
        login = made.a.login_id
    trade.at("2015-12-10 10:00")
    # the deadline is over: what is still to retire is said, but no target that it would meet
    warned = "必要な償却量は、あと1,000 t-CO2です"
    reader = Visitor(app, login)
    page = reader.get(HERE)
    question = reader.send(page, HERE, quantity="100")
    assert warned in words(page) and warned in words(question)
    assert reader.send(question, f"{HERE}/confirm", password=PASSWORD).status_code == 302, "it is no refusal"
    clerk = Clerk(app, session, "officer")
    for url in ("details", "propose"):
        assert warned in words(clerk.get(f"/admin/banking/{url}/?id=1"))
