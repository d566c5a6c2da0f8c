"""Proposing issues and corrections: the page shows every failing rule before there is a button to press."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import AccountAction, Movement, MovementKind, MovementState
from portal.services import issuance
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make

#: what is the pages' affair only, not the database's
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    """The first holder has its 8,500 JAA and sent 1,500 of them to the trader."""
    office(session)
    with one_transaction(session):
        made = make.cohort(session)
        trade.issue(session, made.market)
        code = made.market.trader.account.code
        trade.move(session, made.market.a, MovementKind.TRANSFER, 1_500, code)
    return made


def in_order(page: str, *texts: str) -> bool:
    places = [page.find(text) for text in texts]
    return -1 not in places and places == sorted(places)


def test_a_single_issue_is_asked_about_with_all_that_stands_against_it(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    clerk = Clerk(app, session, "officer")
    ready = clerk.get(f"/admin/issue/propose/?id={cohort.second.id}").text
    assert "40 JAAの発行を起案する" in ready and "いまは起案できません" not in ready
    trade.at("2014-03-31 23:59")
    url = f"/admin/issue/propose/?id={cohort.third.id}"
    page = Clerk(app, session, "officer").get(url).text
    assert in_order(
        page,
        "いまは起案できません",
        "基準年度の排出量がまだ承認されていません。",
        "発行できるのは2014年4月1日からです。",
    )
    assert "発行を起案する</button>" not in page and "戻る" in page
    assert clerk.get("/admin/issue/propose/?id=999999").status_code == 404


def test_a_correction_is_asked_about_with_all_that_stands_against_it(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        trade.take(session, cohort.market, cohort.market.trader.account, AccountAction.SUSPEND)
        issue, sent = cohort.market.holder.account.code, cohort.market.trader.account.code
    clerk = Clerk(app, session, "officer")
    page = clerk.get("/admin/ledger/correct/?id=1").text
    short = f"{issue}の動かせる残高は7,000 JAAです。戻すには1,500 JAA足りません。"
    assert in_order(page, "訂正は起案できません", short) and "訂正の理由" not in page
    details = clerk.get("/admin/ledger/details/?id=1").text
    assert short in details and "/admin/ledger/correct/" not in details
    page = clerk.get("/admin/ledger/correct/?id=2").text
    assert f"口座{sent}は停止または閉鎖されているため" in page


def test_correcting_an_issue_says_that_another_may_follow_and_then_it_does(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        trade.move(session, cohort.market.t, MovementKind.TRANSFER, 1_500, cohort.market.holder.account.code)
    clerk, url = Clerk(app, session, "officer"), "/admin/ledger/correct/?id=1"
    assert "この目標保有者への発行を、もう一度起案できます。" in clerk.get(url).text
    clerk.send(url, {"reason": "目標量の誤記"})
    made = session.scalars(select(Movement).order_by(Movement.id.desc())).first()
    assert made is not None and made.kind is MovementKind.CORRECTION
    with one_transaction(session):
        issuance.confirm(session, made.id, version=made.version, actor=cohort.approver)
    again = f"/admin/issue/propose/?id={cohort.market.holder.id}"
    page = clerk.get(again).text
    assert "前の発行" in page and "訂正されています。" in page
    clerk.send(again)
    session.expire_all()
    made = session.scalars(select(Movement).order_by(Movement.id.desc())).first()
    assert made is not None and (made.kind, made.attempt) == (MovementKind.ISSUE, 2)


def test_looking_an_account_up_names_what_is_wrong_with_what_is_typed(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    clerk, url = Clerk(app, session, "officer"), "/admin/issue/jver/"
    look = {"look": "1", "quantity": "", "reason": ""}
    name = cohort.market.trader.account.name
    page = clerk.send(url, {**look, "account": cohort.market.trader.account.code})
    assert page.status_code == 200 and name in page.text and "-error" not in page.text
    page = clerk.send(url, {**look, "account": "AST-2", "quantity": "0"})
    assert page.status_code == 422 and "account-answer" not in page.text
    assert 'id="account-error"' in page.text and 'id="quantity-error"' in page.text
    assert 'id="reason-error"' not in page.text  # not typed yet


@pytest.mark.parametrize("act", ["issue", "whole phase", "jver", "correction"])
def test_a_proposal_long_after_the_login_asks_for_the_password(
    app: Flask, session: Session, cohort: make.Cohort, act: str
) -> None:
    urls: dict[str, tuple[str, dict[str, Any]]] = {
        "issue": (f"/admin/issue/propose/?id={cohort.second.id}", {}),
        "whole phase": ("/admin/issue_batch/propose/?phase=2", {"holder": [str(cohort.second.id)]}),
        "jver": (
            "/admin/issue/jver/",
            {"account": cohort.market.trader.account.code, "quantity": "5", "reason": "第1号"},
        ),
        "correction": ("/admin/ledger/correct/?id=2", {"reason": "誤り"}),
    }
    url, typed = urls[act]
    clerk = Clerk(app, session, "officer")
    assert 'name="password"' not in clerk.get(url).text  # just logged in
    waiting = select(func.count()).where(Movement.state == MovementState.PROPOSED)
    clock.set_time(clock.now() + timedelta(minutes=15))
    if act in ("jver", "correction"):  # what is empty is told with the password, not one by one
        empty = clerk.send(url, dict.fromkeys(typed, "")).text
        assert all(f'id="{name}-error"' in empty for name in (*typed, "password"))
    refused = clerk.send(url, dict(typed))
    assert refused.status_code == 422 and 'name="password"' in refused.text
    assert session.scalar(waiting) == 0
    session.rollback()
    clerk.send(url, {**typed, "password": registration.PASSWORD})
    assert session.scalar(waiting) == 1
