"""Until when a proposal can be confirmed: on each page of what waits, in its list, at the question."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from portal import clock
from portal.web_text import day
from tests.factories.papers import desk_of, proposed
from tests.participant.visitor import Visitor

#: each kind of paper with a list of its own, and the page that asks its second person
ASKED_AT = {
    "account_change": "confirm",
    "phase_closing": "confirm",
    "phase_proposal": "confirm",
    "factor_proposal": "confirm",
    "publication": "release",
}


def test_every_waiting_paper_says_until_when(app: Flask, session: Session) -> None:
    desk = desk_of(session)
    rows = proposed(session, desk)
    with app.test_request_context("/?lang=ja"):
        last = day(clock.now() + timedelta(days=14))
    report = rows["approval_revocation"].report_id
    places = {
        "/admin/report/details/": report,
        "/admin/report/revoke/confirm/": report,
        "/admin/account/details/": rows["account_change"].account_id,
    }
    for name, confirm in ASKED_AT.items():
        places |= {f"/admin/{name}/details/": rows[name].id, f"/admin/{name}/{confirm}/": rows[name].id}
    year, login = rows["factor_proposal"].fiscal_year, desk.approver.login_id
    papers = {name: rows[name].id for name in ASKED_AT}
    session.rollback()
    reader = Visitor(app, login)
    for url, number in places.items():
        page = reader.get(f"{url}?id={number}")
        assert page.status_code == 200 and last in page.text, url
    for name in ASKED_AT:
        page = reader.get(f"/admin/{name}/?page=0")
        assert f"{last}まで" in page.text, name
    assert last in reader.get(f"/admin/factor/year/?id={year}").text
    # its day is past and the night has not come yet: no page says "not yet"
    clock.set_time(clock.now() + timedelta(days=15))
    for name, number in papers.items():
        text = Visitor(app, login).get(f"/admin/{name}/details/?id={number}").text
        assert "この起案は、もう確認できません" in text and "まだできません" not in text, name
