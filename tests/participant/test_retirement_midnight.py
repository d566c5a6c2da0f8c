"""A retirement whose confirmation lay open over the deadline asks again: its promise is no longer true."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import LedgerTransaction, MailMessage
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, asked, words


def test_a_page_from_before_the_deadline_is_shown_again_with_what_late_means(
    app: Flask, session: Session
) -> None:
    with one_transaction(session):
        login = trade.market(session).a.login_id

    def posted() -> int:
        found = session.scalar(select(func.count()).select_from(LedgerTransaction)) or 0
        session.rollback()  # SQLite: who reads holds back who writes
        return found

    trade.at("2015-11-30 23:55")
    reader, before = Visitor(app, login), posted()
    page = asked(reader, "retire", quantity="100")
    assert "までです。" in words(page) and "過ぎています" not in words(page)

    trade.at("2015-12-01 00:03")
    again = reader.send(page, "/allowances/retire/confirm", password=PASSWORD)
    assert again.status_code == 422 and posted() == before
    assert "もう一度ご確認ください" in words(again) and "期限後の償却として記録され" in words(again)

    done = reader.send(again, "/allowances/retire/confirm", password=PASSWORD)
    assert done.status_code == 302 and posted() == before + 1
    told = session.scalars(select(MailMessage).order_by(MailMessage.id.desc())).first()
    assert told is not None and "期限後" in told.subject + told.body
