"""Owners read what a correction is about: while it waits, in mails, on receipts, in histories and files."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import MailMessage, MovementKind
from portal.services import issuance
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.participant.visitor import Visitor, words

REASON = "相手の番号を取り違えたため"


@pytest.fixture
def market(session: Session) -> trade.Market:
    """700 went to the trader by mistake: T-000002; its correction waits."""
    with one_transaction(session):
        made = trade.market(session)
        trade.move(session, made.a, MovementKind.TRANSFER, 700, made.trader.account.code)
        issuance.propose_correction(session, 2, REASON, key="undo", actor=made.officer)
    return made


def test_while_it_waits_both_owners_read_why_units_are_held(
    app: Flask, session: Session, market: trade.Market
) -> None:
    logins = {market.a.login_id: "この口座へ", market.t.login_id: "この口座から"}
    market_trader, reports_login = market.t.login_id, market.b.login_id
    session.rollback()
    for login, says in logins.items():
        text = words(Visitor(app, login).get("/allowances"))
        assert "T-000002の訂正が、確認を待っています" in text and says in text and REASON in text
        assert ("T-000002の訂正の確認待ち" in text) is (login == market_trader)
        home = words(Visitor(app, login).get("/home"))
        assert "T-000002の訂正が、確認を待っています" in home and REASON in home
    reader = Visitor(app, market_trader)
    page = reader.get("/allowances/transfer")
    refused = reader.send(page, "/allowances/transfer", quantity="1", account="AST-1001")
    for text in (words(page), words(refused)):
        assert "T-000002の訂正が、確認を待っています" in text and REASON in text
    reports = words(Visitor(app, reports_login).get("/home"))
    assert "訂正" not in reports and REASON not in reports


def test_afterwards_mails_receipts_histories_and_files_say_what_was_corrected(
    app: Flask, session: Session, market: trade.Market
) -> None:
    login, other = market.a.login_id, market.t.login_id
    with one_transaction(session):
        made = issuance.propose_correction(session, 2, REASON, key="undo", actor=market.officer)
        issuance.confirm(session, made.id, version=made.version, actor=market.approver)
    asked = session.scalars(
        select(MailMessage).where(MailMessage.body.contains("訂正する取引　T-000002"))
    ).all()
    assert asked, "while it waits nothing is corrected yet"
    told = session.scalars(select(MailMessage).order_by(MailMessage.id.desc()).limit(2)).all()
    for mail in told:
        assert "訂正した取引　T-000002" in mail.body
        assert "第2期 JAA" in mail.body and "T-000002" in mail.body and REASON in mail.body, mail.body
    session.rollback()
    for reader in (Visitor(app, login), Visitor(app, other)):
        receipt = words(reader.get("/allowances/receipt/T-000002"))
        assert "T-000003で訂正されました" in receipt
        assert REASON in words(reader.get("/allowances/receipt/T-000003"))
        history = words(reader.get("/allowances"))
        assert "T-000003で訂正されました" in history and "T-000002の訂正" in history
        for url in ("/allowances/history.csv", "/allowances/statement.csv"):
            table = reader.get(url).get_data().decode("utf-8-sig")
            assert "T-000003で訂正されました" in table and "T-000002の訂正" in table, url
