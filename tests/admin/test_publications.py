"""Publications at the secretariat's desk: previewed, proposed, released, replaced, ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Period, Publication, PublicationState, ReportState
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances, reports
from tests.factories import registration as make
from tests.participant.visitor import words

PROPOSE = "/admin/publication/propose/?phase=2"
TABLE = re.compile(r"<table.*</table>", re.DOTALL)


@pytest.fixture
def market(session: Session, running_clock: None) -> allowances.Market:
    """A holder with an approved base year (10,000) and its target (1,500), and an office."""
    office(session)
    with one_transaction(session):
        made = allowances.market(session)
    return made


def only(session: Session) -> Publication:
    session.rollback()
    return session.scalars(select(Publication).order_by(Publication.id.desc())).first() or pytest.fail("none")


def at(session: Session, act: str) -> str:
    return f"/admin/publication/{act}/?id={only(session).id}"


def table_of(page: str) -> str:
    found = TABLE.search(page)
    assert found is not None
    return found[0]


def test_the_preview_is_what_everybody_reads_in_the_end(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    preview = officer.get(PROPOSE).text
    assert "公開ページの見本" in preview and "10,000" in preview
    proposed = officer.send(PROPOSE, {"note": "概算です"})
    assert "公表を起案しました" in proposed.text and "公表する</a>" not in proposed.text
    assert officer.get(at(session, "release")).status_code == 403
    assert "概算です" in approver.get(at(session, "details")).text
    asked = approver.get(at(session, "release")).text
    assert "どなたでも読めるようになります" in asked and "概算です" in asked
    assert "公表しました" in approver.send(at(session, "release")).text
    public = app.test_client().get("/public/2/emissions/").text
    details = approver.get(at(session, "details")).text
    assert table_of(preview) == table_of(public) == table_of(details)
    assert "概算です" not in public


def test_the_proposer_is_told_why_another_person_must_press(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    approver = Clerk(app, session, "approver")
    page = approver.send(PROPOSE).text
    assert "起案した方は確認できません" in page and "/admin/publication/release/" not in page
    sent = approver.post(at(session, "release"), approver.form(at(session, "withdraw")))
    assert sent.status_code == 422 and only(session).state is PublicationState.PROPOSED


def test_a_release_long_after_the_login_asks_for_the_password(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    Clerk(app, session, "officer").send(PROPOSE)
    approver = Clerk(app, session, "approver")
    clock.set_time(clock.now() + timedelta(minutes=15))
    wrong = approver.send(at(session, "release"), {"password": "kore-wa-chigau-yo"})
    assert wrong.status_code == 422 and 'id="password-error"' in wrong.text
    assert app.test_client().get("/public/2/emissions/").status_code == 404
    approver.send(at(session, "release"), {"password": make.PASSWORD})
    assert only(session).state is PublicationState.RELEASED


def test_what_changed_while_the_preview_was_open_is_shown_before_it_is_proposed(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    open_page = officer.form(PROPOSE)
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    allowances.at("2014-04-08 09:05")
    answer = officer.post(PROPOSE, {**open_page, "note": "書いたもの"})
    assert answer.status_code == 422 and "表示していた内容が変わりました" in answer.text
    assert "7,400" in answer.text and "書いたもの" in answer.text
    session.rollback()
    assert session.scalars(select(Publication)).all() == []
    assert "公表を起案しました" in officer.send(PROPOSE).text


def test_who_releases_a_replacement_sees_what_changes_in_it(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    officer.send(PROPOSE)
    assert "いま公表している表との違い" not in approver.get(at(session, "details")).text
    approver.send(at(session, "release"))
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    allowances.at("2014-04-08 09:05")
    officer.send(PROPOSE)
    page = approver.get(at(session, "details")).text
    changes = page.split('id="changes"', 1)[1].split("</section>", 1)[0]
    assert market.holder.representative.name in changes
    cells = re.findall(r"<td[^>]*>(?:<span>)?([^<]*)", changes)
    assert cells == ["2014年度排出量（t-CO2）", "未確定", "7,400", "削減量（t-CO2）", "未確定", "2,600"]
    asked = approver.get(at(session, "release")).text
    assert "いま公表している表と違うのは、1行です" in asked


def test_two_presses_make_one_proposal(app: Flask, session: Session, market: allowances.Market) -> None:
    officer = Clerk(app, session, "officer")
    form = officer.form(PROPOSE)
    first, second = officer.post(PROPOSE, form), officer.post(PROPOSE, form)
    assert first.location == second.location and first.status_code == 302
    session.rollback()
    assert len(session.scalars(select(Publication)).all()) == 1


def test_who_has_not_seen_the_preview_proposes_nothing(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer = Clerk(app, session, "officer")
    form = officer.form(PROPOSE)
    del form["seen"]
    assert officer.post(PROPOSE, form).status_code == 422
    session.rollback()
    assert session.scalars(select(Publication)).all() == []


def test_an_outdated_proposal_leads_to_a_new_one_and_a_public_table_to_its_end(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    officer.send(PROPOSE)
    first = only(session).id
    approver.send(at(session, "release"))
    again = officer.get(PROPOSE).text
    assert "いまは起案できません" in again and "いま公表している内容と同じです" in again
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    details = officer.get(at(session, "details")).text
    assert "公表した表と、いまの記録が違います" in details and "差替えを起案する" in details
    officer.send(PROPOSE)
    assert "いま公表している表は、この表に置き換わります" in approver.get(at(session, "release")).text
    approver.send(at(session, "release"))
    assert session.get_one(Publication, first).state is PublicationState.REPLACED
    assert "7,400" in app.test_client().get("/public/2/emissions/").text
    empty = approver.send(at(session, "end"), {"reason": " "})
    assert empty.status_code == 422 and 'id="reason-error"' in empty.text
    assert "公表を終えました" in approver.send(at(session, "end"), {"reason": "社名の誤り"}).text
    assert app.test_client().get("/public/2/emissions/").status_code == 404
    assert "社名の誤り" in officer.get(at(session, "details")).text


def test_an_overtaken_proposal_tells_each_reader_how_it_ends(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    Clerk(app, session, "officer").send(PROPOSE)
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    withdraw, decline = "取り下げて、新しい内容で起案し直してください", "理由を書いて却下してください"
    said = {who: Clerk(app, session, who).get(at(session, "details")).text for who in ("officer", "approver")}
    assert withdraw in said["officer"] and decline not in said["officer"]
    assert decline in said["approver"] and withdraw not in said["approver"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_desk_reads_in_english_and_the_home_counts_what_waits(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    allowances.at("2014-04-09 09:00")  # allowances are told as of the day before
    officer = Clerk(app, session, "officer")
    page = officer.get(f"{PROPOSE}&subject=allowances&lang=en").text
    assert "Preview of the public page" in page and "8,500" in page and "公表" not in page
    officer.send(PROPOSE)
    home = officer.get("/admin/?lang=en").text
    assert "Publications to release" in home
    listed = officer.get("/admin/publication/waiting/?lang=en").text
    assert "Verified emissions" in listed and "To be confirmed" in listed
    assert officer.get("/admin/publication/propose/?phase=77").status_code == 404
    assert officer.get("/admin/publication/propose/?phase=2&subject=x").status_code == 404
    # a table of an earlier day in the place of the public one: everybody who acts is told
    allowances.at("2014-04-11 09:00")
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    allowance = f"{PROPOSE}&subject=allowances"
    officer.send(allowance)
    approver.send(at(session, "release"))
    back = "この表はそれより前の2014年4月9日（水）の終わりの数量です"
    assert back not in words(officer.get(f"{allowance}&lang=ja"))
    assert back in words(officer.get(f"{allowance}&day=2014-04-09"))
    officer.send(f"{allowance}&day=2014-04-09")
    for act in ("details", "release"):
        assert back in words(approver.get(f"{at(session, act)}&lang=ja")), act
    viewer = Clerk(app, session, "viewer")
    assert "Propose a publication" not in viewer.get("/admin/publication/?lang=en").text
