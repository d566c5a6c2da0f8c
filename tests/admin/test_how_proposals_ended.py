"""Withdrawn or declined: pages, lists and the banking application say which; the way to a correction."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import AccountAction, Movement, MovementKind, User
from portal.services import account_life, banking, book_checks, issuance, proposal_ends
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make
from tests.participant.visitor import words

#: what is the pages' affair only, not the database's
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
REASON = "数量の根拠が足りないため"


@pytest.fixture
def market(session: Session) -> trade.Market:
    with one_transaction(session):
        return trade.market(session)


def end(session: Session, movement: Movement, actor: User, reason: str | None) -> None:
    issuance.withdraw(session, movement.id, version=movement.version, actor=actor, reason=reason)


def test_a_proposal_knows_whether_it_was_withdrawn_or_declined(
    session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        account, officer, approver = market.holder.account, market.officer, market.approver
        ended = []
        for key, who in (("one", officer), ("two", approver)):
            made = issuance.propose_jver(session, account.code, 5, "申請", key=key, actor=officer)
            assert proposal_ends.ended_how(session, made) is None
            end(session, made, who, REASON)
            ended.append(made)
        assert [proposal_ends.ended(one) for one in ended] == ["withdraw", "decline"]
        told = proposal_ends.reasons(session, "movement", [one.id for one in ended])
        assert set(told.values()) == {REASON} and len(told) == 2
        # a change of an account keeps no column of who ended it: its event does
        for who, how in ((officer, "withdraw"), (approver, "decline")):
            change = account_life.propose(
                session, account.id, AccountAction.SUSPEND, "届出のため", actor=officer
            )
            assert proposal_ends.ended_how(session, change) is None
            account_life.withdraw(session, change.id, version=change.version, actor=who, reason=REASON)
            assert proposal_ends.ended(change) is None
            assert proposal_ends.ended_how(session, change) == how


def test_a_declined_carry_over_stands_on_its_application(
    app: Flask, session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        registration.phase(session, 3)
    trade.at("2015-12-10 10:00")
    with one_transaction(session):
        row = banking.apply(session, "1500", key="k", actor=market.a)
        made = banking.propose(session, row.id, version=row.version, key="p", actor=market.officer)
        end(session, made, market.approver, REASON)
        number, movement, login = row.id, made.id, market.officer.login_id
        account = market.holder.account.id
    clerk = Clerk(app, session, login)
    answer = clerk.get(f"/admin/banking/details/?id={number}")
    page = words(answer)
    assert "成立しなかった起案" in page and REASON in page and "却下" in page
    assert f"/admin/movement/details/?id={movement}" in answer.text
    assert "移動の起案を却下しました" in page.split("これまでの経過")[1]
    shown = clerk.get(f"/admin/movement/details/?id={movement}").text
    assert '<span class="as-badge as-badge--bad">却下</span>' in shown and "取下げ・却下" not in shown
    assert '<span class="as-badge as-badge--bad">却下</span>' in clerk.get("/admin/movement/?flt0_0=").text
    # and there is a way to it from its movement, its account and the phase that it keeps open
    way = f'href="/admin/banking/details/?id={number}"'
    assert way in shown and way in clerk.get(f"/admin/account/details/?id={account}").text
    standing = clerk.get("/admin/phase_closing/standing/?phase=2").text
    assert 'href="/admin/banking/"' in standing and "バンキング申請を開く（1件）" in standing


@ONE_DATABASE
def test_an_executed_movement_leads_to_where_its_correction_is_proposed(
    app: Flask, session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        made = trade.move(session, market.a, MovementKind.TRANSFER, 700, market.trader.account.code)
        assert made.transaction is not None
        url, ledger = f"/admin/movement/details/?id={made.id}", made.transaction.id
        login = market.officer.login_id
    clerk = Clerk(app, session, login)
    page = clerk.get(url)
    assert f"/admin/ledger/details/?id={ledger}" in page.text and "台帳のT-000002を開く" in page.text
    assert "台帳の画面で、訂正を起案できます。" in page.text and "いまできる操作はありません" not in page.text
    with one_transaction(session):
        trade.undo(session, market, session.get_one(Movement, made.id).transaction)
    assert "台帳の画面で、訂正を起案できます。" not in clerk.get(url).text


@ONE_DATABASE
def test_jver_are_issued_in_plain_words(app: Flask, session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        made = issuance.propose_jver(
            session, market.holder.account.code, 500, "申請", key="j", actor=market.officer
        )
        number, login = made.id, market.approver.login_id
    clerk, url = Clerk(app, session, login), f"/admin/movement/confirm/?id={number}"
    assert "500 jVERの発行を確定する" in clerk.get(url).text
    form = clerk.form(url)
    told = clerk.send(url).text
    assert "500 jVERの発行を実行しました" in told and "jVERのjVER" not in told
    # a page of before is refused; what the movement is now is still the line that executed it
    assert clerk.post(url, form).status_code == 422
    lines = clerk.get(f"/admin/movement/details/?id={number}").text.split('id="log"')[1].split("<li")[1:]
    assert "この移動についての操作を受け付けませんでした" in lines[0] and "is-now" not in lines[0]
    assert "移動を実行しました" in lines[1] and "is-now" in lines[1]


@ONE_DATABASE
def test_while_the_books_are_compared_the_phase_says_so(app: Flask, session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
        trade.at(make.OVER)
        login = market.officer.login_id
    clerk, url = Clerk(app, session, login), "/admin/phase_closing/standing/?phase=2"
    assert "照合が行われていません" in clerk.get(url).text
    with one_transaction(session):
        book_checks.ask(session, actor=market.officer)
    page = clerk.get(url).text
    assert "照合しています" in page and "照合が行われていません" not in page
    assert 'href="/admin/phase_closing/standing/?phase=2"' in page
