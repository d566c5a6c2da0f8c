"""Reports at the secretariat's desk: reviewed, answered, approved, returned, revoked, downloaded."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import ApprovalRevocation, EmissionsReport, Event, Period, ReportState, ReviewDocument
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import registration as make
from tests.factories import reports

S = ReportState


@pytest.fixture
def brought(session: Session) -> Callable[..., EmissionsReport]:
    """A report in a state, with an office beside it."""
    office(session)

    def bring(state: ReportState, period: Period | None = None) -> EmissionsReport:
        with one_transaction(session):
            return reports.bring(session, reports.scheme(session), state, period)

    return bring


def at(report: EmissionsReport, act: str) -> str:
    return f"/admin/report/{act}/?id={report.id}"


def state_of(session: Session, report: EmissionsReport) -> ReportState:
    session.expire_all()
    return session.get_one(EmissionsReport, report.id).state


def test_a_review_goes_from_request_to_the_confirmed_figure(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.APPROVAL_REQUESTED)
    officer, approver = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    page = officer.get(at(report, "details")).text
    assert (
        "計算し直した排出量" in page and "7,460" in page and "査読を始める" in page and "承認する" not in page
    )
    assert "査読を始めました" in officer.send(at(report, "start-review")).text
    empty = officer.send(at(report, "review-document"))
    assert empty.status_code == 422 and 'id="body-error"' in empty.text
    question = {"body": "検針票の期間を教えてください。", "file": (io.BytesIO(reports.PDF), "質問.pdf")}
    asked = officer.send(at(report, "review-document"), question)
    assert "検針票の期間を教えてください。" in asked.text and "質問.pdf" in asked.text
    assert session.scalars(select(ReviewDocument)).one().document is not None
    assert officer.get(at(report, "approve")).status_code == 403
    confirmation = approver.get(at(report, "approve")).text
    assert "7,460 t-CO2で承認する" in confirmation and "排出量が確定します" in confirmation
    assert "まだ答えていない査読書類があります" in confirmation
    assert "承認しました" in approver.send(at(report, "approve")).text
    assert state_of(session, report) is S.APPROVED
    assert session.get_one(EmissionsReport, report.id).confirmed_emissions == 7_460


def test_an_approval_long_after_the_login_asks_for_the_password(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.UNDER_REVIEW)
    approver = Clerk(app, session, "approver")
    clock.set_time(clock.now() + timedelta(minutes=15))
    wrong = approver.send(at(report, "approve"), {"password": "kore-wa-chigau-yo"})
    assert wrong.status_code == 422 and 'id="password-error"' in wrong.text
    assert state_of(session, report) is S.UNDER_REVIEW
    approver.send(at(report, "approve"), {"password": make.PASSWORD})
    assert state_of(session, report) is S.APPROVED


def test_a_return_needs_its_reason_and_keeps_what_was_typed(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.UNDER_REVIEW)
    officer = Clerk(app, session, "officer")
    empty = officer.send(at(report, "return"), {"reason": " "})
    assert empty.status_code == 422 and 'id="reason-error"' in empty.text
    stale = officer.form(at(report, "return"))
    officer.send(at(report, "return"), {"reason": "単位を確かめてください。"})
    assert state_of(session, report) is S.VERIFICATION_REQUESTED
    late = officer.post(at(report, "return"), {**stale, "reason": "二度目"})
    assert late.status_code == 422 and "二度目" in late.text
    assert "単位を確かめてください。" in officer.get(at(report, "details")).text


def test_an_adjustment_report_is_received_without_verification(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.SUBMITTED)
    officer = Clerk(app, session, "officer")
    assert "受領しました" in officer.send(at(report, "receive")).text
    assert state_of(session, report) is S.RECEIVED


def test_taking_an_approval_back_needs_two_people(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.APPROVED)
    first, second = Clerk(app, session, "approver"), Clerk(app, session, "second")
    first.send(at(report, "revoke"), {"reason": "転記の誤り"})
    assert session.scalars(select(ApprovalRevocation)).one().reason == "転記の誤り"
    assert "承認の取消しを確認する" not in first.get(at(report, "details")).text
    assert "いまはできません" in first.get(at(report, "revoke/confirm")).text
    own = first.post(at(report, "revoke/confirm"), first.form(at(report, "revoke/withdraw")))
    assert own.status_code == 422 and state_of(session, report) is S.APPROVED
    assert "転記の誤り" in second.get("/admin/report/revocations/").text
    second.send(at(report, "revoke/confirm"))
    assert state_of(session, report) is S.UNDER_REVIEW
    lines = second.get(at(report, "details")).text.split('class="as-line', 1)[1]
    assert "算定報告書の第1版を登録しました（" in lines and ".xlsx）" in lines


def test_reading_a_file_is_recorded_and_the_viewer_has_no_buttons(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.UNDER_REVIEW)
    viewer = Clerk(app, session, "viewer")
    page = viewer.get(at(report, "details")).text
    assert "いまできる操作はありません" in page or "承認できるのは" in page
    assert viewer.get(at(report, "return")).status_code == 403
    answer = viewer.get(f"/admin/report/file/report/{report.current_file_id}/")
    assert answer.status_code == 200 and answer.data.startswith(b"PK")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert viewer.get("/admin/report/file/report/999/").status_code == 404
    tags = session.scalars(select(Event.tag)).all()
    assert tags.count(EventTag.DOCUMENT_DOWNLOADED.value) == 1


def test_the_list_finds_filters_and_asks_nothing_for_each_row(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.UNDER_REVIEW)
    officer = Clerk(app, session, "officer")
    found = officer.get("/admin/report/?flt2_2=under_review&search=つばめ").text
    assert found.count(f"/admin/report/details/?id={report.id}") == 1
    assert "まだ何もありません" not in found and "すべて外す" in found
    assert officer.get("/admin/report/?search=そんな会社はない").text.count("/admin/report/details/") == 0
    few = queries(app, officer)
    with one_transaction(session):
        for _ in range(3):
            make.holder(session)
    assert queries(app, officer) == few


def test_the_list_opens_with_what_waits_for_the_office(
    app: Flask, session: Session, brought: Callable[..., EmissionsReport]
) -> None:
    report = brought(S.UNDER_REVIEW)
    approver = Clerk(app, session, "approver")
    link = f"/admin/report/details/?id={report.id}"
    assert link in approver.get("/admin/report/").text
    assert "まだ答えていない" not in approver.get(at(report, "approve")).text
    approver.send(at(report, "approve"))
    assert link not in approver.get("/admin/report/").text
    assert link in approver.get("/admin/report/?page=0").text


def queries(app: Flask, clerk: Clerk) -> int:
    """How many statements the list of reports costs."""
    from portal.extensions import session_factory

    engine: Engine = session_factory.kw["bind"]
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        assert clerk.get("/admin/report/").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return len(seen)
