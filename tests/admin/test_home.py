"""The secretariat's home, its outlook, the outbox, the audit trail and a demonstration's clock."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Event,
    MailMessage,
    MailState,
    Movement,
    MovementKind,
    Period,
    PortalState,
    ReportState,
)
from portal.services import boards, installation, queues
from portal.services.boards import Outlook
from portal.services.queues import QueueKind
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances, reports
from tests.factories import registration as make


@pytest.fixture
def market(session: Session) -> allowances.Market:
    """8,500 JAA issued; on 1 August 2015 the target-year figure is approved: 7,400 t-CO2."""
    office(session)
    with one_transaction(session):
        made = allowances.market(session)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    reports.at("2015-08-01 10:00")
    return made


def board(session: Session) -> boards.PhaseBoard:
    found = boards.present_phase(session, boards.phases(session))
    assert found is not None
    return boards.phase_board(session, found)


def test_the_outlook_follows_what_is_held_and_retired(session: Session, market: allowances.Market) -> None:
    assert [one.outlook for one in board(session).standings] == [Outlook.TO_RETIRE]
    with one_transaction(session):
        allowances.move(session, market.a, MovementKind.TRANSFER, 1_500, market.trader.account.code)
    (one,) = board(session).at_risk
    assert (one.outlook, one.figures.to_buy) == (Outlook.TO_BUY, 400)
    with one_transaction(session):
        allowances.move(session, market.t, MovementKind.TRANSFER, 1_000, market.holder.account.code)
        allowances.move(session, market.a, MovementKind.RETIRE, 7_400)
    assert board(session).progress.met == 1 and board(session).at_risk == []


def test_after_the_deadline_whoever_is_short_has_missed_it(
    session: Session, market: allowances.Market
) -> None:
    reports.at("2015-11-30 23:59")
    assert board(session).standings[0].outlook is Outlook.TO_RETIRE
    reports.at("2015-12-01 00:00")
    assert board(session).standings[0].outlook is Outlook.MISSED


def test_queues_count_what_waits_and_name_the_late(session: Session, market: allowances.Market) -> None:
    with one_transaction(session):
        report = reports.bring(session, reports_of_another(session), ReportState.APPROVAL_REQUESTED)
    since = report.state_since
    reports.at("2013-11-10 09:00")
    found = {one.kind: one for one in queues.queues(session)}[QueueKind.APPROVAL_REQUESTS]
    assert (found.count, found.oldest, found.late) == (1, since, 0)
    reports.at("2013-11-11 09:00")
    late = queues.queues(session)[0]
    assert {one.kind: one.late for one in queues.queues(session)}[QueueKind.APPROVAL_REQUESTS] == 1
    assert late.late > 0


def reports_of_another(session: Session) -> reports.Scheme:
    return reports.scheme(session)


def test_an_issue_waits_until_it_is_proposed(session: Session) -> None:
    office(session)
    with one_transaction(session):
        made = allowances.market(session, issued=False)
    (one,) = queues.issuable(session)
    assert (one.base, one.target, one.quantity, one.problems) == (10_000, 1_500, 8_500, [])
    reports.at("2014-03-31 09:00")
    assert queues.issuable(session, made.holder.id)[0].problems
    reports.at("2014-04-08 09:00")
    with one_transaction(session):
        allowances.issue(session, made)
    assert queues.issuable(session) == []


def test_home_says_the_news_in_both_languages(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    viewer = Clerk(app, session, "viewer")
    page = viewer.get("/admin/").text
    assert "対応を待つものが" in page and "期限に間に合わないおそれがある目標保有者" in page
    assert "7,400" in page and "償却待ち" in page
    english = viewer.get("/admin/?lang=en").text
    assert "Holders who may miss the deadline" in english and "対応" not in english
    assert viewer.get("/admin/?phase=9").status_code == 404


def test_the_outlook_leaves_as_a_file(app: Flask, session: Session, market: allowances.Market) -> None:
    viewer = Clerk(app, session, "viewer")
    answer = viewer.get("/admin/outlook/export/csv/")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[1][0] == market.holder.account.code and rows[1][2:4] == ["8500", "7400"]
    line = dict(zip(rows[0], rows[1], strict=True))
    assert (line["償却済量（t-CO2）"], line["うちjVER（jVER）"], line["あと必要（t-CO2）"]) == (
        "0",
        "0",
        "7400",
    )
    assert (line["最後のお知らせ"], line["次のお知らせ"]) == ("", "2015-10-31")
    assert viewer.get("/admin/outlook/export/pdf/").status_code == 404


def test_the_outlook_is_searched_and_changes_its_name_with_the_deadline(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    code, name = market.holder.account.code, market.holder.representative.name
    viewer = Clerk(app, session, "viewer")
    for query, found in ((f"search={code}", True), (f"search={name}", True), ("search=AST-9999", False)):
        page = viewer.get(f"/admin/outlook/?{query}").text
        assert (f'<span class="as-nb">{code}</span>' in page) == found, query
    assert "条件に合うものはありません" in viewer.get("/admin/outlook/?outlook=met").text
    allowances.at("2015-12-02 10:00")
    assert "期限のあとの状況" in Clerk(app, session, "viewer").get("/admin/outlook/?phase=2").text


def test_a_failed_mail_goes_again_once(app: Flask, session: Session, market: allowances.Market) -> None:
    row = session.scalars(select(MailMessage).limit(1)).one().id
    with one_transaction(session):
        session.execute(update(MailMessage).where(MailMessage.id == row).values(state=MailState.FAILED))
    officer, viewer = Clerk(app, session, "officer"), Clerk(app, session, "viewer")
    assert f"/admin/mail/details/?id={row}" in officer.get("/admin/mail/failed/").text
    url = f"/admin/mail/details/?id={row}"
    assert "もう一度送る" not in viewer.get(url).text and "もう一度送る" in officer.get(url).text
    values = officer.form(url)
    assert officer.post("/admin/mail/resend/", values, follow=True).status_code == 200
    session.expire_all()
    assert session.get_one(MailMessage, row).state is MailState.QUEUED
    assert officer.post("/admin/mail/resend/", values).status_code == 409


def test_the_trail_is_filtered_and_its_facts_are_words(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    viewer = Clerk(app, session, "viewer")
    page = viewer.get("/admin/event/?flt0_0=movement_executed").text
    found = session.scalars(select(Event).where(Event.tag == "movement_executed")).one()
    assert page.count("/admin/event/details/?id=") == 1
    details = viewer.get(f"/admin/event/details/?id={found.id}").text
    assert "8,500" in details and "確認待ち" in details and "実行済" in details
    movement = session.scalars(select(Movement)).one()
    assert f"/admin/movement/details/?id={movement.id}" in details
    recorded = session.scalars(select(Event).where(Event.tag == "application_recorded").limit(1)).one()
    assert "法人名のふりがな" in viewer.get(f"/admin/event/details/?id={recorded.id}").text


def test_only_a_demonstration_has_a_clock_to_set(app: Flask, session: Session) -> None:
    office(session)
    officer = Clerk(app, session, "officer")
    assert officer.get("/admin/demo-clock/").status_code == 404
    with one_transaction(session):
        installation.state(session)
        session.execute(update(PortalState).values(demonstration=True))
    installation.forget()
    wrong = officer.send("/admin/demo-clock/", {"day": "1850-01-01", "time": "09:00"})
    assert wrong.status_code == 422 and 'value="1850-01-01"' in wrong.text
    told = officer.send("/admin/demo-clock/", {"day": "2015-11-30", "time": "09:00"})
    assert "2015年11月30日（月）9:00" in told.text
    assert Clerk(app, session, "viewer").get("/admin/demo-clock/").status_code == 403
    clock.set_time(None)
    officer_again = Clerk(app, session, "officer").get("/admin/demo-clock/").text
    assert "2015年11月30日" in officer_again
    installation.forget()


def test_participants_find_no_such_room(app: Flask, session: Session, market: allowances.Market) -> None:
    login = next(user.login_id for user in market.holder.users)
    with one_transaction(session):
        make.with_password(market.a)
    holder = Clerk(app, session, login)
    for url in ("/admin/", "/admin/report/", "/admin/ledger/", "/admin/outlook/", "/admin/event/"):
        assert holder.get(url).status_code == 404
