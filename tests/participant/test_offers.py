"""Nothing is offered that the act would refuse: home, wizard and the office say what the rules say."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import clock
from portal.models import Account, AccountAction, BookCheck, MovementKind, UnitClass, UnitType, User
from portal.services import allowances, issuance
from portal.services.allowances import Request
from portal.services.figures import figures_of
from portal.services.positions import Unusable, positions
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk
from tests.factories import allowances as trade
from tests.factories import settlement
from tests.factories.reports import ReportState
from tests.participant.visitor import Visitor, words

#: the last day of the factories' window, and the day after it
LAST, OVER = "2016-01-31 23:59", settlement.OVER


@pytest.fixture
def market(session: Session) -> trade.Market:
    """7,000 JAA of 8,500 are held, 400 of 7,400 t-CO2 are still to retire, and 30 jVER are held."""
    with one_transaction(session):
        made = trade.market(session)
        settlement.reports.bring(session, made.scheme, ReportState.APPROVED, settlement.Period.TARGET, 7_400)
        trade.at("2015-10-01 10:00")
        trade.move(session, made.a, MovementKind.RETIRE, 7_000)
        jver = issuance.propose_jver(
            session, made.holder.account.code, 30, "申請", key="jver", actor=made.officer
        )
        issuance.confirm(session, jver.id, version=jver.version, actor=made.approver)
    return made


def disagree(session: Session) -> None:
    now, none = clock.now(), {"transactions": 0, "entries": 0, "last_number": 0}
    session.add(BookCheck(ok=False, problem="T-000001", started_at=now, finished_at=now, **none))


def agrees(session: Session, account: Account, actor: User, other: str) -> None:
    """Of every unit class: what the positions call movable, the wizard fills in and the act lets pass."""
    figures = figures_of(session, account.holder) if account.holder is not None else None
    for one in positions(session, account, figures, clock.today()):
        shown = {MovementKind.TRANSFER: one.movable, MovementKind.CANCEL: one.movable}
        if account.holder is not None:
            shown[MovementKind.RETIRE] = one.retirable
        for kind, most in shown.items():
            unit = one.unit_class.id
            request = Request(kind, str(max(1, most)), other, unit, voluntary=True)
            plan = allowances.draft(session, request, actor=actor)
            assert plan.movable == most, (kind, one)
            assert (not plan.problems) == (most > 0), (kind, one, plan.problems)
            assert bool(plan.standing) <= (most == 0)


@pytest.mark.parametrize("when", ["in time", "last day", "over", "closed", "suspended", "books"])
def test_what_is_called_movable_is_what_the_act_lets_pass(
    session: Session, market: trade.Market, when: str
) -> None:
    account, trader = market.holder.account, market.trader.account
    trade.at({"last day": LAST, "over": OVER, "closed": OVER}.get(when, "2015-10-02 10:00"))
    if when == "closed":
        market.holder.phase.closed_at = clock.now()
    if when == "suspended":
        trade.take(session, market, account, AccountAction.SUSPEND)
    if when == "books":
        disagree(session)
    session.flush()
    agrees(session, account, market.a, trader.code)
    agrees(session, trader, market.t, account.code)
    found = {
        one.unit_class.unit_type: one
        for one in positions(session, account, figures_of(session, market.holder), clock.today())
    }
    jaa, jver = found[UnitType.JAA], found[UnitType.JVER]
    assert (jaa.movable, jaa.retirable, jver.movable, jver.retirable) == {
        "in time": (1_500, 1_500, 30, 30),
        "last day": (1_500, 1_500, 30, 30),
        "over": (0, 0, 30, 30),
        # a closed phase takes no retirement any more, of whatever units
        "closed": (0, 0, 30, 0),
        "suspended": (0, 0, 0, 0),
        "books": (0, 0, 0, 0),
    }[when]


def squeezed(page: TestResponse) -> str:
    return words(page).replace(" ", "")


def test_before_and_after_the_window_home_wizard_and_office_say_the_same(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a, t, officer = market.a.login_id, market.t.login_id, market.officer.login_id
    own = f"/admin/account/details/?id={market.holder.account.id}"
    jaa = session.scalars(select(UnitClass.id).where(UnitClass.phase_id == market.holder.phase_id)).one()
    with one_transaction(session):
        trade.move(session, market.a, MovementKind.TRANSFER, 100, market.trader.account.code)
    trade.at(LAST)
    reader, dealer, clerk = Visitor(app, a), Visitor(app, t), Clerk(app, session, officer)
    assert "移転できる最大量1,400JAA" in squeezed(reader.get("/home"))
    assert "400JAAを償却する" in squeezed(reader.get("/home"))
    assert "最大量（1,400）を入れる" in squeezed(reader.get("/allowances/transfer"))
    assert "移転できる量（第2期JAA）1,400JAA" in squeezed(clerk.get(own))
    assert "排出枠を移転する" in squeezed(dealer.get("/home"))

    trade.at(OVER)
    reader, dealer, clerk = Visitor(app, a), Visitor(app, t), Clerk(app, session, officer)
    home, sentence = squeezed(reader.get("/home")), "使える期間が2016年1月31日（日）で終わりました"
    assert "移転できる最大量" + sentence + "0JAA" in home
    # jVER know no window: they are the next step that is left
    assert "JAAを償却する" not in home and "30jVERを償却する" in home
    assert "最大量（30）を入れる" in squeezed(reader.get("/allowances/transfer")), "begins with what may move"
    page = reader.get(f"/allowances/transfer?unit={jaa}")
    assert "いまは移転できません第2期JAAを使える期間は、2016年1月31日で終わりました。" in squeezed(page)
    for gone in ("最大量（", "数量※必須", "確認へ進む"):
        assert gone not in squeezed(page)
    assert 'name="unit"' in page.text, "other units can still be chosen"
    late = squeezed(reader.get(f"/allowances/retire?unit={jaa}"))
    assert "いまは償却できません" in late and "いまも償却できますが" not in late
    jver = reader.get("/home").text.split('href="/allowances/retire?')[1].split('"')[0]
    chosen = squeezed(reader.get("/allowances/retire?" + jver.replace("&amp;", "&")))
    assert "最大量（30）を入れる" in chosen or "必要な量" in chosen
    assert "移転できる量（第2期JAA）0JAA" + sentence in squeezed(clerk.get(own))
    assert "排出枠を移転する" not in squeezed(dealer.get("/home")) and sentence in squeezed(
        dealer.get("/home")
    )
    assert "いまは移転できません" in squeezed(dealer.get("/allowances/transfer"))


def test_what_is_refused_all_the_same_keeps_what_was_typed(
    app: Flask, session: Session, market: trade.Market
) -> None:
    a = market.a.login_id
    session.rollback()
    reader = Visitor(app, a)
    page = reader.get("/allowances/cancel")
    with one_transaction(session):
        disagree(session)
    refused = reader.send(page, "/allowances/cancel", quantity="7", note="覚え")
    assert refused.status_code == 422 and "不一致" in words(refused)
    assert 'value="7"' in refused.text and 'value="覚え"' in refused.text
    home = words(reader.get("/home"))
    assert "いまは償却できません。事務局が確認しています。" in home and "JAAを償却する" not in home
    assert "もし" in home
    guess = words(reader.get("/home?retire=400"))
    assert "いまは償却できません" in guess.split("もし償却・購入したら")[-1]


def test_a_past_day_is_told_by_the_state_and_the_window_of_that_day(
    session: Session, market: trade.Market
) -> None:
    account = market.holder.account
    trade.at("2015-10-10 10:00")
    trade.take(session, market, account, AccountAction.SUSPEND)
    trade.at("2015-10-20 10:00")
    trade.take(session, market, account, AccountAction.RESUME)
    trade.at(OVER)
    session.flush()
    seen = {}
    for day in ("2015-10-09", "2015-10-10", "2015-10-19", "2015-10-20", "2016-01-31", "2016-02-01"):
        when = date.fromisoformat(day)
        figures = figures_of(session, market.holder)
        jaa = positions(session, account, figures, when)[0]
        seen[day] = (jaa.why_not, jaa.movable)
    assert seen == {
        "2015-10-09": (None, 1_500),
        "2015-10-10": (Unusable.ACCOUNT_NOT_OPEN, 0),
        "2015-10-19": (Unusable.ACCOUNT_NOT_OPEN, 0),
        "2015-10-20": (None, 1_500),
        "2016-01-31": (None, 1_500),
        "2016-02-01": (Unusable.WINDOW_OVER, 0),
    }
