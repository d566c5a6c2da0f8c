"""The clerk reads an applicant's Excel form: compared, recorded, or sent back with its cells marked."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.extensions import db_session
from portal.models import ApplicationScan, Event, RegistrationApplication, ScanKind
from portal.services.audit import EventTag
from portal.services.spreadsheets.application_form import read_application
from portal.services.spreadsheets.layouts import application as form
from tests.admin.desk import Clerk, office
from tests.services.spreadsheets.application_samples import KINDS, VALUES, cell, filled

UPLOAD = "/admin/application-excel/"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-09-08 09:00")


@pytest.fixture
def clerk(app: Flask, session: Session) -> Clerk:
    office(session)
    return Clerk(app, session, "officer")


def sent(clerk: Clerk, data: bytes, name: str = "申請書.xlsx", page: str = UPLOAD) -> TestResponse:
    """Choose a file and press the button; the answer before it leads anywhere."""
    return clerk.post(page, {**clerk.form(page), "file": (io.BytesIO(data), name)})


def inputs(page: str) -> dict[str, str]:
    """What a browser would send of the form on ``page`` as it stands: texts, choices, hidden values."""
    main = page.split("<main", 1)[1]
    values: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", main):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is None or (('type="radio"' in tag or 'type="checkbox"' in tag) and "checked" not in tag):
            continue
        values[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', main, re.DOTALL):
        chosen = re.search(r'<option[^>]*selected[^>]*value="([^"]*)"', options)
        values[name] = chosen[1] if chosen else ""
    return values


def applications(session: Session) -> list[RegistrationApplication]:
    session.rollback()
    return list(session.scalars(select(RegistrationApplication)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_fills_the_page_for_typing_and_is_recorded_with_its_file(
    kind: str, clerk: Clerk, session: Session
) -> None:
    data = filled(kind)  # type: ignore[arg-type]
    answer = sent(clerk, data)
    assert answer.status_code == 302 and f"kind={kind}" in answer.location
    page = clerk.get(answer.location)
    assert page.status_code == 200 and "紙の申請書と見比べて" in page.text
    assert applications(session) == []
    typed = inputs(page.text)
    for name, value in VALUES[kind].items():  # type: ignore[index]
        assert typed[name] == value, name
    recorded = clerk.post(answer.location, {**typed, "seal_received": "y"})
    assert recorded.status_code == 302
    assert "申請を記録しました" in clerk.get(recorded.location).text
    # the button was pressed twice, or the page was sent again
    assert clerk.post(answer.location, typed | {"seal_received": "y"}).location == recorded.location
    (row,) = applications(session)
    assert row.seal_received and not row.consent_received and row.mail_a == "taro@mihon.example"
    (scan,) = session.scalars(select(ApplicationScan)).all()
    assert (scan.kind, scan.document.name) == (ScanKind.FORM, "申請書.xlsx")


def test_a_form_with_wrong_values_shows_all_of_them_and_can_be_marked_or_taken_over(
    app: Flask, clerk: Clerk, session: Session
) -> None:
    wrong: dict[str, Any] = {"company_kana": "ミホン", "site_kind": "倉庫", "contact_post": "=B1"}
    answer = sent(clerk, filled(**wrong))
    assert answer.status_code == 422 and "3か所" in answer.text
    for name in wrong:
        assert f"<span>{cell(name)}</span>" in answer.text
    marked = re.search(r'href="(/admin/application-excel/marked/\?id=[0-9]+)"', answer.text)
    over = re.search(r'href="(/admin/application-excel/new/\?[^"]+)"', answer.text)
    assert marked and over
    sheet = load_workbook(io.BytesIO(clerk.get(marked[1]).data))[form.SHEET]
    assert {at for row in sheet.iter_rows() for at in row if at.comment} == {sheet[cell(n)] for n in wrong}
    address = over[1].replace("&amp;", "&")
    page = clerk.get(address).text
    assert "「ミホン」はひらがなではありません" in page and "一覧にない値です" in page
    typed = inputs(page)
    assert typed["company_name"] == "みほん印刷株式会社" and typed["company_kana"] == "ミホン"
    assert "site_kind" not in typed and typed["contact_post"] == ""
    refused = clerk.post(address, typed)
    assert refused.status_code == 422 and applications(session) == []
    more = clerk.post(address, {**typed, "more_rows": "1"})
    assert more.status_code == 200 and "joint_companies-9-name" in more.text
    good = {**typed, "company_kana": "みほん", "site_kind": "factory"}
    assert clerk.post(address, good).status_code == 302
    assert len(applications(session)) == 1
    colleague = Clerk(app, session, "second")
    assert [colleague.get(url).status_code for url in (marked[1], address)] == [404, 404]


def test_what_is_no_form_is_refused_with_the_reason_and_only_the_event_stays(
    clerk: Clerk, session: Session
) -> None:
    for data, name, words in (
        (b"a,b\n1,2\n", "表.csv", "Excelブック（.xlsx）ではありません"),
        (b"", "", "ファイル"),
        (
            filled(),
            "申請書.pdf",
            "「.pdf」のファイルは登録できません。",
        ),
    ):
        answer = sent(clerk, data, name)
        assert answer.status_code == 422 and words in answer.text
        assert "/admin/application-excel/new/" not in answer.text
    assert applications(session) == []
    tags = select(func.count()).select_from(Event).where(Event.tag == EventTag.APPLICATION_FORM_REFUSED)
    assert session.scalar(tags) == 1
    assert "Excel workbook" in sent(clerk, b"a,b", "x.xlsx", UPLOAD + "?lang=en").text


def test_a_form_whose_day_is_over_is_recorded_without_its_file(clerk: Clerk, session: Session) -> None:
    address = sent(clerk, filled("trader")).location
    typed = inputs(clerk.get(address).text)
    gone = re.sub(r"id=[0-9]+", "id=999", address)
    assert clerk.get(gone).status_code == 404
    seen = clerk.post(gone, typed, follow=True)
    assert "申請を記録しました" in seen.text and "添付していません" in seen.text
    assert len(applications(session)) == 1 and session.scalars(select(ApplicationScan)).all() == []


def test_the_list_leads_to_it_but_not_for_who_only_reads(app: Flask, clerk: Clerk, session: Session) -> None:
    assert 'href="/admin/application-excel/"' in clerk.get("/admin/application/").text
    assert 'href="/admin/application-excel/"' in clerk.get("/admin/application/new/").text
    viewer = Clerk(app, session, "viewer")
    assert 'href="/admin/application-excel/"' not in viewer.get("/admin/application/").text
    assert viewer.get(UPLOAD).status_code == 403


def test_blank_forms_are_for_everybody_and_cost_one_query(app: Flask, clerk: Clerk, session: Session) -> None:
    session.rollback()
    nobody = app.test_client()
    assert "/application-forms" in nobody.get("/login").text
    page = nobody.get("/application-forms").text
    assert "2013年9月30日（月）まで" in page
    links = re.findall(r'href="(/application-forms/[^"]+)"', page)
    assert links == [
        "/application-forms/holder?phase=2",
        "/application-forms/trader",
        "/application-forms/verifier",
    ]
    for link, kind in zip(links, KINDS, strict=True):
        data = nobody.get(link).data
        assert read_application(data).kind == kind
        assert nobody.get(link).data == data  # built once
    assert [
        nobody.get(f"/application-forms/{rest}").status_code for rest in ("holder?phase=9", "office")
    ] == [
        404,
        404,
    ]
    asked: list[str] = []
    db_session.remove()

    def listen(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    engine = db_session.get_bind()
    event.listen(engine, "before_cursor_execute", listen)
    nobody.get("/application-forms")
    event.remove(engine, "before_cursor_execute", listen)
    assert len([one for one in asked if "FROM phase" in one]) == 1
