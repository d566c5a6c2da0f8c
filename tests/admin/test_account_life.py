"""The office's pages on accounts and logins: proposed, confirmed, locked; offered only when possible."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import AccountChange, AccountState, Letter, MovementKind, ProposalState, User
from portal.services import login_locks, users
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances
from tests.factories import registration as make
from tests.participant.visitor import Visitor, words


@pytest.fixture
def market(session: Session) -> allowances.Market:
    office(session)
    with one_transaction(session):
        made = allowances.market(session)
        allowances.move(session, made.a, MovementKind.TRANSFER, 300, made.trader.account.code)
    return made


def change_of(session: Session) -> AccountChange:
    session.expire_all()
    return session.scalars(select(AccountChange).order_by(AccountChange.id.desc())).all()[0]


def enter(app: Flask, session: Session, login_id: str, password: str = make.PASSWORD) -> Visitor:
    """A participant at a browser; what the test has read does not stand in the writers' queue."""
    session.rollback()
    return Visitor(app, login_id, password)


def test_an_account_is_suspended_by_two_people_on_pages_that_say_what_it_means(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    account = market.trader.account
    at = f"?id={account.id}"
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    page = officer.get(f"/admin/account/details/{at}").text
    assert "停止を起案する" in page and "再開を起案する" not in page and "閉鎖を起案する" not in page
    assert "閉鎖は、まだ起案できません" in page and "第2期 JAA 300が残っている" in page
    url = f"/admin/account/suspend/{at}"
    empty = officer.send(url)
    assert empty.status_code == 422 and 'id="reason-error"' in empty.text
    form = {**officer.form(url), "reason": "名義の確認"}
    officer.post(url, form)
    officer.post(url, form)  # a second press
    change = session.scalars(select(AccountChange)).one()
    assert "いまはできません" in officer.get(url).text
    seen = officer.get(f"/admin/account/details/{at}").text
    assert "確認を待つ起案があります" in seen and "名義の確認" in seen and "起案を取り下げる" in seen
    assert "承認者の役割を持つ、起案した人とは別の人です。" in seen
    confirm = f"/admin/account_change/confirm/?id={change.id}"
    assert officer.get(confirm).status_code == 403
    assert "確認を待つ口座の状態の変更" in approver.get("/admin/").text
    asked = approver.get(confirm).text
    assert "口座を停止する" in asked and "口座から動かせません" in asked and "名義の確認" in asked
    done = approver.send(confirm).text
    assert "口座を停止しました。" in done and "停止中" in done and "再開を起案する" in done
    assert re.search(r"移転・取消・オフセットをする</th><td>\s*<span[^>]*>できない", done)
    assert change_of(session).account.state is AccountState.SUSPENDED
    listed = officer.get("/admin/account_change/?page=0").text
    assert account.code in listed and "名義の確認" in listed
    assert account.code not in officer.get("/admin/account_change/").text.split("<table")[-1]


def test_a_proposal_is_withdrawn_and_a_viewer_only_reads(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer, viewer = Clerk(app, session, "officer"), Clerk(app, session, "viewer")
    at = f"?id={market.holder.account.id}"
    officer.send(f"/admin/account/suspend/{at}", {"reason": "調査"})
    page = viewer.get(f"/admin/account/details/{at}").text
    assert "確認を待つ起案があります" in page and "起案を取り下げる</a>" not in page
    for act in ("suspend", "resume", "close"):
        assert viewer.get(f"/admin/account/{act}/{at}").status_code == 403
    url = f"/admin/account_change/withdraw/?id={change_of(session).id}"
    assert "口座の状態は変わっていません" in officer.send(url).text
    assert change_of(session).state is ProposalState.WITHDRAWN
    assert "制度の口座です" in officer.get("/admin/account/details/?id=2").text


def test_closing_is_final_and_an_empty_account_says_so(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    with one_transaction(session):
        allowances.move(session, market.t, MovementKind.TRANSFER, 300, market.holder.account.code)
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    at = f"?id={market.trader.account.id}"
    officer.send(f"/admin/account/close/{at}", {"reason": "取引の終了"})
    confirm = f"/admin/account_change/confirm/?id={change_of(session).id}"
    assert "閉鎖すると、元に戻せません。" in approver.get(confirm).text
    done = approver.send(confirm).text
    assert "閉鎖された口座です" in done and "起案する" not in done
    reader = enter(app, session, market.t.login_id)
    home = words(reader.get("/home"))
    assert "に閉鎖されました" in home and "取引の終了" in home and "排出枠を移転する" not in home


def test_the_owner_of_a_suspended_account_reads_why_and_finds_no_button_to_move(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    with one_transaction(session):
        for account in (market.holder.account, market.trader.account):
            allowances.take(session, market, account, allowances.AccountAction.SUSPEND, reason="名義の確認")
    for login in (market.a.login_id, market.t.login_id):
        reader = enter(app, session, login)
        for url in ("/home", "/allowances"):
            page = reader.get(url)
            assert "停止されています" in words(page) and "理由：名義の確認" in words(page)
            assert not re.search(r'href="/allowances/(transfer|retire|cancel|offset)', page.text), url
        assert reader.get("/allowances/transfer").location == "/allowances"
    b = enter(app, session, market.b.login_id)
    for url in ("/home", "/events", "/registration", "/reports"):
        page = b.get(url)
        assert "名義の確認" not in page.text and "口座" not in words(page), url


def test_a_locked_login_is_out_with_its_next_click_and_told_at_the_door(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer, reader = Clerk(app, session, "officer"), enter(app, session, market.a.login_id)
    pages = ("/home", "/allowances", "/reports", "/registration", "/events", "/directory", "/password")
    assert {reader.get(url).status_code for url in pages} == {200}
    at = f"?id={market.a.id}"
    assert officer.send(f"/admin/user/lock/{at}").status_code == 422
    seen = officer.send(f"/admin/user/lock/{at}", {"reason": "通知書の紛失"}).text
    assert "ロック中" in seen and "通知書の紛失" in seen and "ロックを解く" in seen
    assert {reader.get(url).location.split("?")[0] for url in pages} == {"/login"}
    with pytest.raises(AssertionError, match="ロックされています"):
        enter(app, session, market.a.login_id)
    with pytest.raises(AssertionError, match="ログインできません"):
        enter(app, session, market.a.login_id, "wrong")
    officer.send(f"/admin/user/unlock/{at}", {"reason": "見つかった"})
    assert enter(app, session, market.a.login_id).get("/home").status_code == 200


def test_an_open_session_of_a_lock_that_forgot_to_end_it_is_shut_too(
    app: Flask, session: Session, market: allowances.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control: the session key stays, the second bolt holds."""
    reader = enter(app, session, market.a.login_id)
    monkeypatch.setattr(users, "end_sessions", lambda user: None)
    with one_transaction(session):
        login_locks.lock(session, market.a.id, reason="x", actor=market.officer)
    assert reader.get("/allowances").location.split("?")[0] == "/login"


def test_logins_are_found_by_their_company_and_narrowed_by_how_they_stand(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    with one_transaction(session):
        login_locks.lock(session, market.b.id, reason="x", actor=market.officer)
    kana, kanji = market.trader.organisation.name_kana, market.trader.organisation.name
    rows = re.compile(r'href="/admin/user/details/\?id=(\d+)')
    for word in (kana, kanji, market.t.login_id.lower(), f"{kana} {market.t.name.split()[0]}"):
        found = rows.findall(officer.get(f"/admin/user/?search={word}").text)
        assert str(market.t.id) in found and str(market.a.id) not in found, word
    narrowed = {
        "flt0_0=office": lambda u: u.holder_id is u.trader_id is u.verifier_id is None,
        "flt2_2=locked": lambda u: u.id == market.b.id,
        "flt3_3=own": lambda u: not u.must_change_password,
    }
    everybody = session.scalars(select(User)).all()
    for query, wanted in narrowed.items():
        page = officer.get(f"/admin/user/?page_size=100&{query}").text
        assert set(rows.findall(page)) == {str(u.id) for u in everybody if wanted(u)}, query
    table = officer.get("/admin/user/export/csv/?flt2_2=locked").text
    assert market.b.login_id in table and "ロック中" in table and market.a.login_id not in table


def test_a_new_password_for_one_login_is_asked_for_from_its_own_page(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    page = officer.get(f"/admin/user/details/?id={market.b.id}").text
    url = f"/admin/holder/reissue/?id={market.holder.id}&login={market.b.login_id}"
    assert url.replace("&", "&amp;") in page
    chosen = re.findall(r'<input[^>]*checked[^>]*value="([^"]+)"', officer.get(url).text)
    assert chosen == [market.b.login_id]
    officer.send(url, {"logins": [market.b.login_id], "reason": "紛失"})
    letter = session.scalars(select(Letter).order_by(Letter.id.desc())).all()[0]
    assert [one["login_id"] for one in letter.content["logins"]] == [market.b.login_id]


def test_an_approver_changes_a_colleagues_role_not_his_own(app: Flask, session: Session) -> None:
    office(session)
    approver = Clerk(app, session, "approver")
    ids = {user.login_id: user.id for user in session.scalars(select(User))}
    url = f"/admin/user/role/?id={ids['officer']}"
    same = approver.send(url, {"role": "officer", "reason": "x"})
    assert same.status_code == 422 and 'id="role-error"' in same.text
    seen = approver.send(url, {"role": "viewer", "reason": "異動のため"}).text
    assert "役割を変更しました。" in seen and "異動のため" in seen
    assert "いまはできません" in approver.get(f"/admin/user/role/?id={ids['approver']}").text
    assert "ほかの承認者が行います" in approver.get(f"/admin/user/details/?id={ids['approver']}").text
    assert Clerk(app, session, "viewer").get(url).status_code == 403


def test_a_reads_how_both_logins_stand(app: Flask, session: Session, market: allowances.Market) -> None:
    with one_transaction(session):
        login_locks.lock(session, market.b.id, reason="x", actor=market.officer)
    text = words(enter(app, session, market.a.login_id).get("/registration"))
    assert re.search(rf"{market.b.login_id} \S+ ロック中", text), text
