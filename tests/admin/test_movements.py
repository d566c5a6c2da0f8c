"""Issue, jVER, correction: proposed by one, confirmed by another, on pages that say what will happen."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.admin.ledger import LedgerView
from portal.models import (
    Holding,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    UnitClass,
    UnitType,
)
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances
from tests.factories import registration as make


@pytest.fixture
def market(session: Session) -> allowances.Market:
    """Base 10,000 approved, target 1,500 confirmed, nothing issued."""
    office(session)
    with one_transaction(session):
        return allowances.market(session, issued=False)


def last(session: Session) -> Movement:
    session.expire_all()
    return session.scalars(select(Movement).order_by(Movement.id.desc())).all()[0]


def held(session: Session, account: int, unit: UnitType) -> int:
    session.expire_all()
    query = select(Holding.quantity).join(UnitClass, UnitClass.id == Holding.unit_class_id)
    return session.scalar(query.where(Holding.account_id == account, UnitClass.unit_type == unit)) or 0


def test_an_issue_is_base_minus_target_and_needs_two_people(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    account, url = market.holder.account.id, f"/admin/issue/propose/?id={market.holder.id}"
    first, second = Clerk(app, session, "approver"), Clerk(app, session, "second")
    assert "8,500" in first.get("/admin/issue/").text
    assert "8,500 JAAの発行を起案する" in first.get(url).text
    form = first.form(url)
    first.post(url, form)
    first.post(url, form)  # a second press
    assert session.scalars(select(Movement)).one().state is MovementState.PROPOSED
    made = last(session)
    confirm = f"/admin/movement/confirm/?id={made.id}"
    assert "起案の内容を確認する" not in first.get(f"/admin/movement/details/?id={made.id}").text
    assert "いまはできません" in first.get(confirm).text
    own = first.post(confirm, first.form(f"/admin/movement/withdraw/?id={made.id}"))
    assert own.status_code == 422 and held(session, account, UnitType.JAA) == 0
    said = second.get(confirm).text
    assert (
        '<span class="as-nb">第2期</span>の<span class="as-nb">8,500 JAA</span>を発行します' in said
        and "8,500 JAAの発行を確定する" in said
    )
    assert '取引番号は<span class="as-nb">T-000001</span>です' in second.send(confirm).text
    assert held(session, account, UnitType.JAA) == 8_500
    assert "発行を起案できる目標保有者はいません" in first.get("/admin/issue/").text


def test_an_officer_proposes_and_withdraws_but_never_confirms(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    officer.send(f"/admin/issue/propose/?id={market.holder.id}")
    made = last(session)
    assert officer.get(f"/admin/movement/confirm/?id={made.id}").status_code == 403
    assert "承認者の役割を持つ" in officer.get(f"/admin/movement/details/?id={made.id}").text
    assert f"/admin/movement/details/?id={made.id}" in officer.get("/admin/movement/").text
    officer.send(f"/admin/movement/withdraw/?id={made.id}")
    assert last(session).state is MovementState.WITHDRAWN
    assert f"/admin/movement/details/?id={made.id}" not in officer.get("/admin/movement/").text
    assert f"/admin/movement/details/?id={made.id}" in officer.get("/admin/movement/?page=0").text


def test_a_confirmation_long_after_the_login_asks_for_the_password(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    Clerk(app, session, "officer").send(f"/admin/issue/propose/?id={market.holder.id}")
    approver, url = Clerk(app, session, "approver"), f"/admin/movement/confirm/?id={last(session).id}"
    clock.set_time(clock.now() + timedelta(minutes=15))
    assert approver.send(url).status_code == 422
    assert last(session).state is MovementState.PROPOSED
    approver.send(url, {"password": make.PASSWORD})
    assert last(session).state is MovementState.EXECUTED


def test_jver_are_proposed_for_an_account_with_every_mistake_named(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    typed = {"account": market.trader.account.code, "quantity": "1.5", "reason": "省エネ事業の申請"}
    wrong = officer.send("/admin/issue/jver/", typed)
    assert (
        wrong.status_code == 422 and 'id="quantity-error"' in wrong.text and "省エネ事業の申請" in wrong.text
    )
    with officer.client.session_transaction() as kept:
        kept["fresh"] = 0.0
    # what is wrong is told with the password that lacks, not after it; and nothing is kept of it
    for password in ({}, {"password": "wrong"}):
        both = officer.send("/admin/issue/jver/", {**typed, **password}).text
        assert 'id="quantity-error"' in both and 'id="password-error"' in both and "2か所を直して" in both
    right = {**typed, "quantity": "１２８"}
    alone = officer.send("/admin/issue/jver/", right).text
    assert 'id="quantity-error"' not in alone and 'id="password-error"' in alone
    assert session.scalars(select(Movement)).all() == []
    officer.send("/admin/issue/jver/", {**right, "password": make.PASSWORD})
    made = last(session)
    assert (made.kind, made.quantity) == (MovementKind.ISSUE_JVER, 128)
    Clerk(app, session, "approver").send(f"/admin/movement/confirm/?id={made.id}")
    assert held(session, market.trader.account.id, UnitType.JVER) == 128


def test_a_wrong_posting_is_posted_back_and_stays_in_the_ledger(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    with one_transaction(session):
        allowances.issue(session, market)
        code = market.trader.account.code
        allowances.move(session, market.a, MovementKind.TRANSFER, 400, code)
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    wrong = session.scalars(select(LedgerTransaction.id).order_by(LedgerTransaction.id.desc())).all()[0]
    page = officer.get(f"/admin/ledger/details/?id={wrong}").text
    assert "−400" in page and "+400" in page and "訂正を起案する" in page
    url = f"/admin/ledger/correct/?id={wrong}"
    assert officer.send(url, {"reason": ""}).status_code == 422
    officer.send(url, {"reason": "移転先の誤り"})
    approver.send(f"/admin/movement/confirm/?id={last(session).id}")
    assert held(session, market.holder.account.id, UnitType.JAA) == 8_500
    after = officer.get(f"/admin/ledger/details/?id={wrong}").text
    assert "この移動は訂正されました" in after and "訂正を起案する" not in after
    ledger = officer.get("/admin/ledger/").text
    assert "不一致" not in ledger and ledger.count("/admin/ledger/details/") == 3
    account = officer.get(f"/admin/account/details/?id={market.holder.account.id}").text
    assert "8,500" in account and "T-000003" in account


def test_the_viewer_reads_and_has_no_way_to_act(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    viewer = Clerk(app, session, "viewer")
    assert "/admin/issue/propose/" not in viewer.get("/admin/issue/").text
    assert viewer.get(f"/admin/issue/propose/?id={market.holder.id}").status_code == 403
    assert viewer.get("/admin/issue/jver/").status_code == 403


def test_every_posting_stands_on_one_page_of_the_ledger(
    app: Flask, session: Session, market: allowances.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LedgerView, "page_size", 3)
    with one_transaction(session):
        allowances.issue(session, market)
        for _ in range(6):
            allowances.move(session, market.a, MovementKind.RETIRE, 10)
    clerk = Clerk(app, session, "approver")
    seen = [
        re.findall(r"/admin/ledger/details/\?id=(\d+)", clerk.get(f"/admin/ledger/?page={page}").text)
        for page in range(3)
    ]
    assert [list(dict.fromkeys(page)) for page in seen] == [["7", "6", "5"], ["4", "3", "2"], ["1"]]


def test_the_ledger_and_the_movements_are_found_by_what_their_own_rows_show(
    app: Flask, session: Session
) -> None:
    office(session)
    with one_transaction(session):
        made = allowances.market(session)
        code = made.trader.account.code
        allowances.move(session, made.a, MovementKind.TRANSFER, 5, code)
        name = made.holder.account.name
    clerk = Clerk(app, session, "officer")
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    for url in ("/admin/ledger/", "/admin/movement/"):
        for words, found in (
            (code, {"T-000002"}),
            (wide, {"T-000002"}),
            (code.replace("-", "").lower(), {"T-000002"}),
            (f"{name} {code}", {"T-000002"}),
            ("T-000001", {"T-000001"}),
            ("Ｔ－０００００２", {"T-000002"}),
            (f"T-000002 {code}", {"T-000002"}),
            (f"T-000001 {code}", set()),
            ("T-999999", set()),
        ):
            page = clerk.get(f"{url}?search={words}").text
            if url == "/admin/ledger/":
                shown = set(re.findall(r'as-code">(T-\d{6})<', page))
                assert shown == found, (words, shown)
            else:
                assert ("<tbody" in page) == bool(found), words
