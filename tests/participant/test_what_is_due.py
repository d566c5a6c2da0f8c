"""What is due comes first, on the home and in the list; nobody is asked for what is done (domain §4)."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.models import MailMessage, Period, ReportState
from portal.services import verification
from portal.services.transaction import one_transaction
from tests.factories import reports as make
from tests.participant.visitor import Visitor, words


def test_a_report_that_is_due_comes_before_one_that_waits_for_others(app: Flask, session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
        make.bring(session, scheme, ReportState.APPROVED)
        make.bring(session, scheme, ReportState.UNDER_REVIEW, Period.TARGET)
        logins = scheme.a.login_id, scheme.b.login_id
    make.at(make.WHEN[Period.ADJUSTMENT])
    for login in logins:
        reader = Visitor(app, login)
        home, listed = words(reader.get("/home")), words(reader.get("/reports"))
        assert "2016年7月31日（日）までに、2015年度の算定報告書を提出してください" in home
        assert "いま必要な手続きはありません" not in home
        assert "次はあなたの番です" in listed


def test_who_registers_and_requests_approval_at_once_is_told_of_one_thing(session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, ReportState.VERIFICATION_REQUESTED)
        session.execute(delete(MailMessage))
    verification.register_and_request(
        session, report.id, "検証.pdf", make.PDF, "unqualified", 7_460, make.work(), actor=scheme.v
    )
    told = [
        (mail.kind, mail.recipient)
        for mail in session.scalars(select(MailMessage))
        if mail.recipient in (scheme.a.email, scheme.b.email, scheme.v.email)
    ]
    assert sorted(told) == sorted(("approval_requested", one.email) for one in (scheme.a, scheme.b, scheme.v))
