"""All holders by period, the late, and why approving many at once is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.admin.listing import RowList
from portal.extensions import make_session, session_factory
from portal.models import EmissionsReport, Event, Holder, Job, Period, ReportState
from portal.permissions import Role
from portal.services import jobs, list_files
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.admin.test_list_files import press
from tests.factories import registration as make
from tests.factories import reports
from tests.services.test_reads_per_row import reads

S = ReportState
GRID, LATE = "/admin/report_grid/", "/admin/late_report/"
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def scheme(session: Session, running_clock: None) -> reports.Scheme:
    """A base-year report under review (7,460 t-CO2) and one of another holder that was never handed in."""
    office(session)
    with one_transaction(session):
        made = reports.scheme(session)
        reports.bring(session, made, S.UNDER_REVIEW)
        make.holder(session, company_name="みほん遅延株式会社", contact_company="みほん遅延株式会社")
    reports.at("2014-02-10 09:00")
    return made


def rows_of(clerk: Clerk, url: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(clerk.get(url).text.lstrip("\ufeff"))))


def states(session: Session) -> list[Any]:
    session.rollback()
    query = select(EmissionsReport.id, EmissionsReport.state, EmissionsReport.version)
    return [tuple(row) for row in session.execute(query.order_by(EmissionsReport.id))]


@ONE_DATABASE
def test_each_column_of_the_files_holds_what_its_head_says(
    app: Flask, session: Session, scheme: reports.Scheme
) -> None:
    viewer = Clerk(app, session, "viewer")
    late = session.scalars(select(Holder).where(Holder.id != scheme.holder.id)).one()
    own = {"口座番号": late.account.code, "代表事業者": "みほん遅延株式会社", "事業所名": late.site_name}
    for url in (GRID, LATE):
        heads, *rows = rows_of(viewer, f"{url}export/csv/")
        lines = [dict(zip(heads, row, strict=True)) for row in rows]
        line = next(one for one in lines if one["口座番号"] == own["口座番号"])
        assert own.items() <= line.items() and "目標保有者" not in heads
        assert all("t-CO2" in head for head in heads if "排出量" in head)


def test_a_line_shows_a_holder_with_its_three_periods(
    app: Flask, session: Session, scheme: reports.Scheme
) -> None:
    viewer = Clerk(app, session, "viewer")
    page = viewer.get(GRID).text
    assert "査読中" in page and "7,460 t-CO2（未確定）" in page and scheme.verifier.label in page
    assert "期限を過ぎて未提出" in page and "10日超過" in page
    assert "みほん遅延株式会社" in page and "2件" in page
    late = viewer.get(f"{GRID}?flt1_1=late").text
    assert "みほん遅延株式会社" in late and scheme.holder.site_name not in late
    review = viewer.get(f"{GRID}?flt2_2=under_review").text
    assert "みほん遅延株式会社" not in review and scheme.holder.site_name in review
    assert "条件に合うものはありません" in viewer.get(f"{GRID}?flt3_3=approved").text
    assert scheme.holder.site_name in viewer.get(f"{GRID}?flt5_5={scheme.verifier.id}").text
    found = viewer.get(f"{GRID}?search=みほん遅延").text
    assert scheme.holder.site_name not in found and "1件" in found


def test_the_grid_leaves_as_a_file_with_every_figure(
    app: Flask, session: Session, scheme: reports.Scheme
) -> None:
    viewer = Clerk(app, session, "viewer")
    head, line, *_more = rows_of(viewer, f"{GRID}export/csv/")
    told = dict(zip(head, line, strict=True))
    assert told["口座番号"] == scheme.holder.account.code and told["期"] == "第2期"
    assert (told["基準年度：状態"], told["基準年度：排出量（t-CO2）"]) == ("査読中", "7460")
    assert told["基準年度：確定した排出量（t-CO2）"] == "" and told["基準年度：期限"] == "2014-04-01"
    assert told["基準年度：検証機関"] == scheme.verifier.label
    english = rows_of(viewer, f"{GRID}export/csv/?lang=en")
    assert "Base year: State" in english[0] and "Under review" in english[1]


def test_the_late_are_listed_by_their_day_and_counted_on_the_home(
    app: Flask, session: Session, scheme: reports.Scheme
) -> None:
    viewer = Clerk(app, session, "viewer")
    assert len(rows_of(viewer, f"{LATE}export/csv/")) == 2
    reports.at("2014-03-10 09:00")
    viewer = Clerk(app, session, "viewer")
    head, first, second = rows_of(viewer, f"{LATE}export/csv/")
    told = dict(zip(head, first, strict=True))
    assert (told["遅れ"], told["期限"]) == ("期限を過ぎて未提出", "2014-01-31")
    assert (told["残りの日数"], told["超過した日数"]) == ("", "38")
    assert second[0] == scheme.holder.account.code and "未承認で必要な日が近い" in second
    page = viewer.get(LATE).text
    assert page.index("みほん遅延株式会社") < page.index(scheme.holder.representative.name)
    assert "1件" in viewer.get(f"{LATE}?flt2_2=approval_soon").text
    home = viewer.get("/admin/").text
    assert "報告書の遅れ" in home and "/admin/late_report/?flt2_2=overdue" in home
    reports.at("2013-11-06 09:00")
    viewer = Clerk(app, session, "viewer")
    assert "期限を過ぎた報告書も、期限が近い報告書もありません" in viewer.get("/admin/").text


@ONE_DATABASE
@pytest.mark.parametrize("url", [GRID, LATE, f"{GRID}export/csv/", f"{LATE}export/csv/"])
def test_more_holders_cost_no_more_reads(
    app: Flask, session: Session, scheme: reports.Scheme, url: str
) -> None:
    viewer = Clerk(app, session, "viewer")
    viewer.get(url)

    def cost() -> int:
        with make_session(session_factory.kw["bind"]) as own, reads(own) as seen:
            assert viewer.get(url).status_code == 200
        return len(seen)

    before = cost()
    assert before > 3
    with one_transaction(session):
        for _ in range(3):
            reports.scheme(session)  # each with a verifier of its own
    reports.at("2014-02-10 09:00")
    assert cost() == before


@ONE_DATABASE
def test_a_long_grid_is_written_by_the_worker(
    app: Flask, session: Session, scheme: reports.Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowList, "export_at_once", 1)
    clerk = Clerk(app, session, "officer")
    with one_transaction(session):
        for job in session.scalars(select(Job)):
            session.delete(job)
    page = str(press(clerk, f"{GRID}export/csv/").location)
    session.rollback()
    assert jobs.run_one(lambda: make_session(session.get_bind())) == list_files.KIND  # type: ignore[arg-type]
    text = clerk.get(page.replace("list-file/", "list-file/fetch/")).text
    assert "みほん遅延株式会社" in text and "7460" in text


def test_many_are_never_approved_with_one_press(app: Flask, session: Session, scheme: reports.Scheme) -> None:
    with one_transaction(session):
        other = reports.scheme(session)
        reports.bring(session, other, S.UNDER_REVIEW)
    approver = Clerk(app, session, "approver")
    ids = [scheme.report().id, other.report().id]
    before, events = states(session), session.scalar(select(func.count(Event.id)))
    listed = "/admin/report/?page=0"
    assert "まとめて承認" in approver.get(listed).text
    token = approver.form(listed)["csrf_token"]
    many = [str(one) for one in (*ids, *range(900, 1_200))]
    answer = approver.post(
        "/admin/report/action/", {"csrf_token": token, "action": "approve", "rowid": many}, follow=True
    )
    assert answer.status_code == 200 and "承認は1件ずつ行います" in answer.text
    assert f"chosen={ids[0]}-{ids[1]}" in answer.text
    direct = approver.post(
        f"/admin/report/one-by-one/?id={ids[0]}&id={ids[1]}", {"csrf_token": token, "approve": "1"}
    )
    assert direct.status_code in (404, 405)
    assert (states(session), session.scalar(select(func.count(Event.id)))) == (before, events)


def test_the_chosen_are_gone_through_one_after_another(
    app: Flask, session: Session, scheme: reports.Scheme
) -> None:
    with one_transaction(session):
        other = reports.scheme(session)
        reports.bring(session, other, S.UNDER_REVIEW)
    approver = Clerk(app, session, "approver")
    first, second = scheme.report().id, other.report().id
    page = approver.get(f"/admin/report/details/?id={first}&chosen={first}-{second}").text
    assert "2件中 1件目" in page and f"id={second}&amp;chosen={first}-{second}" in page
    approve = f"/admin/report/approve/?id={first}&chosen={first}-{second}"
    assert approve.replace("&", "&amp;") in page
    done = approver.send(approve)
    assert "承認しました" in done.text and "2件中 1件目" in done.text
    session.rollback()
    session.expire_all()
    assert session.get_one(EmissionsReport, first).state is S.APPROVED
    assert session.get_one(EmissionsReport, second).state is S.UNDER_REVIEW
    lost = approver.get(f"/admin/report/details/?id={first}&chosen=x-{10**30}-7").text
    assert "件中" not in lost.split("<main")[1].split("</nav>")[0]
    assert "一覧から選んでください" in approver.get("/admin/report/one-by-one/?id=0").text


@pytest.mark.parametrize("role", [Role.OFFICER, Role.VIEWER])
def test_who_may_not_approve_is_not_offered_it(
    app: Flask, session: Session, scheme: reports.Scheme, role: Role
) -> None:
    clerk = Clerk(app, session, role.value)
    assert "まとめて承認" not in clerk.get("/admin/report/?page=0").text
    assert clerk.get(f"/admin/report/one-by-one/?id={scheme.report().id}").status_code == 403
    assert clerk.get(f"/admin/report/details/?id={scheme.report(Period.TARGET).id}").status_code == 200
