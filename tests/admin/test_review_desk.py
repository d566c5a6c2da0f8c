"""The office's desk for reports: in charge, deadlines, figures, conversation, downloads, case file."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import EmissionsReport, Event, Period, ReportState, User
from portal.services import report_files, reviews, verification
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import reports as make

S = ReportState
EVIL = '#import "x" *強調* $x$ 👍 <b>&amp;'


@pytest.fixture
def report(session: Session) -> int:
    """A target-year report under review: asked, answered, asked again; its file was fetched by login B."""
    office(session)
    with one_transaction(session):
        made = make.scheme(session)
        make.bring(session, made, S.APPROVED, Period.BASE, 9_000)
        row = make.bring(session, made, S.UNDER_REVIEW, Period.TARGET, 7_460)
        reviews.send_review_document(session, row.id, EVIL, "質問.pdf", make.PDF, actor=made.officer)
        verification.answer_review(session, row.id, "末日までです。", actor=made.v)
        reviews.send_review_document(session, row.id, "単位は？", actor=made.officer)
        assert row.current_file_id is not None
        report_files.open_file(session, "report", row.current_file_id, actor=made.b)
    return row.id


def at(report: int, act: str) -> str:
    return f"/admin/report/{act}/?id={report}"


def clerk_of(session: Session, report: int) -> str | None:
    session.rollback()
    clerk = session.get_one(EmissionsReport, report, populate_existing=True).clerk
    name = clerk.login_id if clerk is not None else None
    session.rollback()
    return name


def test_a_report_is_taken_handed_over_and_given_back(app: Flask, session: Session, report: int) -> None:
    officer, second = Clerk(app, session, "officer"), Clerk(app, session, "second")
    stale = second.form(at(report, "details"))
    taken = officer.post(at(report, "take"), officer.form(at(report, "details")), follow=True)
    assert "担当になりました" in taken.text and clerk_of(session, report) == "officer"
    late = second.post(at(report, "take"), stale, follow=True)
    assert "さんが担当しています" in late.text and clerk_of(session, report) == "officer"
    # a promise, no right: the colleague is warned and may go on
    assert "さんが担当しています" in second.get(at(report, "return")).text
    again = officer.post(at(report, "take"), officer.form(at(report, "clerk")), follow=True)
    assert again.status_code == 200 and clerk_of(session, report) == "officer"
    session.rollback()
    second_id = session.scalars(select(User.id).where(User.login_id == "second")).one()
    assert "1件の担当を決めました" in officer.send(at(report, "clerk"), {"clerk": str(second_id)}).text
    assert clerk_of(session, report) == "second"
    viewer_id = session.scalars(select(User.id).where(User.login_id == "viewer")).one()
    assert officer.send(at(report, "clerk"), {"clerk": str(viewer_id)}).status_code == 422
    officer.send(at(report, "clerk"), {"clerk": "nobody"})
    assert clerk_of(session, report) is None
    assert Clerk(app, session, "viewer").get(at(report, "clerk")).status_code == 403
    session.rollback()
    events = session.scalars(select(Event).where(Event.tag == EventTag.REPORT_CLERK_CHOSEN.value)).all()
    assert [one.facts["before"] is None for one in events] == [True, False, False]


def test_the_list_tells_who_is_in_charge_and_is_filtered_by_that(
    app: Flask, session: Session, report: int
) -> None:
    officer = Clerk(app, session, "officer")
    officer.post(at(report, "take"), officer.form(at(report, "details")))
    link = f"/admin/report/details/?id={report}"
    page = officer.get("/admin/report/").text
    assert link in page and "期限" in page and 'value="clerk"' in page
    assert link in officer.get("/admin/report/?flt6_6=mine").text
    assert link not in officer.get("/admin/report/?flt6_6=nobody").text
    assert link not in Clerk(app, session, "second").get("/admin/report/?flt6_6=mine").text


def test_the_page_compares_figures_and_shows_rounds_and_downloads(
    app: Flask, session: Session, report: int
) -> None:
    viewer = Clerk(app, session, "viewer")
    english = viewer.get(at(report, "details") + "&lang=en").text
    assert "by more than 10%" in english and "(−17.1%)" in english
    page = viewer.get(at(report, "details") + "&lang=ja").text
    assert "7,460" in page and "9,000" in page and "−1,540" in page
    assert "10%を超えて変わっています（−17.1%）" in page
    assert page.index("第1回") < page.index("末日までです。") < page.index("第2回") < page.index("単位は？")
    assert "検証機関の回答を待っています。" in page
    assert "&lt;b&gt;" in page and "<b>&amp;" not in page
    fetched = page.split("ダウンロードの記録")[1].split("</section>")[0]
    assert "算定報告書" in fetched and "全部で1回" in fetched


def test_the_case_file_holds_all_of_it_as_words_and_is_recorded(
    app: Flask, session: Session, report: int
) -> None:
    viewer = Clerk(app, session, "viewer")
    answer = viewer.get(at(report, "case-file"))
    assert answer.status_code == 200 and answer.mimetype == "application/pdf"
    assert "filename*=UTF-8''" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)
    plain = text.replace("\u200b", "").replace("\n", "")
    for word in (
        "7,460",
        "9,000",
        "−17.1",
        "無限定適正",
        "末日までです。",
        "単位は？",
        "質問.pdf",
        "査読を始めました",
    ):
        assert word in plain, word
    assert '#import "x" *強調* $x$ 〓' in plain
    session.rollback()
    made = session.scalars(select(Event).where(Event.tag == EventTag.CASE_FILE_MADE.value)).one()
    assert made.subject_id == report and made.facts["size"] == len(answer.data)
    assert "一件書類をPDFにしました" in viewer.get(at(report, "details")).text
