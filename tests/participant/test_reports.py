"""The holder's report pages: list, form, upload, marked copy, hand in, ask back, on both databases."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import clock
from portal.models import Document, EmissionsReport, Event, FileKind, Period, ReportFile, ReportState
from portal.services import jobs, verification
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words

S = ReportState
NAME = "2010～2012年度算定報告書_AST-1001.xlsx"


@dataclass
class Names:
    """Logins and the base-year report of a small scheme, as plain words."""

    a: str
    b: str
    v: str
    report: int
    other: str  # login A of another holder


@pytest.fixture
def names(session: Session) -> Names:
    """Nothing registered yet; 5 November 2013, within the base-year window."""
    with one_transaction(session):
        made = make.scheme(session)
        other = registration.holder(session)
        found = Names(
            made.a.login_id,
            made.b.login_id,
            made.v.login_id,
            made.report().id,
            next(user.login_id for user in other.users if user.login_id.endswith("A")),
        )
    return found


def form_bytes(session: Session, names: Names, tonnes: int = 7_460) -> bytes:
    data = make.form(session, session.get_one(EmissionsReport, names.report), tonnes)
    session.rollback()
    return data


def upload(reader: Visitor, data: bytes, name: str = NAME, page: TestResponse | None = None) -> TestResponse:
    page = page or reader.get("/reports/base/upload")
    sent = {**values(page), "file": (io.BytesIO(data), name)}
    return reader.client.post("/reports/base/upload", data=sent)


def spoilt(data: bytes) -> bytes:
    """Another account on the cover: what a spreadsheet program saves after a slip."""
    book = load_workbook(io.BytesIO(data))
    book["表紙"]["C7"] = "AST-1010"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def versions(session: Session) -> int:
    found = session.scalar(select(func.count()).where(ReportFile.kind == FileKind.CALCULATION)) or 0
    session.rollback()
    return found


def test_the_list_offers_what_is_possible_and_says_why_not(app: Flask, names: Names) -> None:
    page = Visitor(app, names.a).get("/reports")
    text = words(page)
    assert "/reports/base/upload" in page.text
    assert "/reports/base/verification-request" not in page.text
    assert "/reports/target/upload" not in page.text
    assert "2015年4月1日（水）から登録できます" in text
    assert "検証はありません" in text
    assert "次はあなたの番です" in text


def test_the_blank_form_comes_prefilled_under_its_own_name(app: Flask, names: Names) -> None:
    answer = Visitor(app, names.b).get("/reports/base/form")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "filename*=UTF-8''2010" in answer.headers["Content-Disposition"]
    assert load_workbook(io.BytesIO(answer.data))["表紙"]["C7"].value == "AST-1001"


def test_a_form_is_read_registered_and_told_with_sheet_and_cell(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.b)
    data = form_bytes(session, names)
    page = reader.get("/reports/base/upload")
    first = upload(reader, data, page=page)
    assert first.status_code == 302
    again = upload(reader, data, page=page)
    assert (again.status_code, again.location) == (302, first.location)
    assert versions(session) == 1, "a second press does nothing more"
    text = words(reader.get("/reports/base"))
    assert "排出量7,460 t-CO2を読み取り、第1版として登録しました（シート「排出量集計」、セルF40）。" in text
    assert "3か年の平均（1 t未満切捨て）7,460" in text
    assert "/reports/base/verification-request" in reader.get("/reports").text


def test_a_wrong_form_is_refused_with_all_problems_and_comes_back_marked(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.a)
    good = form_bytes(session, names)
    upload(reader, good)
    answer = upload(reader, spoilt(good))
    assert answer.status_code == 422
    text = words(answer)
    assert "表紙C7AST-1010AST-1001" in text
    assert "登録済みの第1版（7,460 t-CO2）は、そのまま残っています。" in text
    assert versions(session) == 1
    tags = session.scalars(select(Event.tag).where(Event.tag == EventTag.REPORT_REFUSED.value)).all()
    assert len(tags) == 1
    session.rollback()
    address = re.search(r'href="(/reports/marked/\d+)"', answer.text)
    assert address is not None
    marked = reader.get(address.group(1))
    assert load_workbook(io.BytesIO(marked.data))["表紙"]["C7"].comment is not None
    assert Visitor(app, names.b).get(address.group(1)).status_code == 404
    assert Visitor(app, names.other).get(address.group(1)).status_code == 404


def test_a_marked_copy_is_gone_after_a_day(app: Flask, session: Session, names: Names) -> None:
    from portal.extensions import session_factory

    reader = Visitor(app, names.a)
    data = spoilt(form_bytes(session, names))
    upload(reader, data)
    second = re.search(r"/reports/marked/\d+", upload(reader, data).text)
    assert second is not None
    copies = select(func.count()).where(Document.name.startswith("印付き"))
    assert session.scalar(copies) == 1, "one copy for each login"
    session.rollback()
    assert reader.get(second.group()).status_code == 200
    clock.set_time(clock.now() + timedelta(hours=25))
    while jobs.run_one(session_factory):
        pass
    late = Visitor(app, names.a)
    assert late.get(second.group()).status_code == 404
    assert session.scalar(copies) == 0


def test_another_kind_of_file_and_no_file_are_refused(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    answer = upload(reader, make.PDF, "報告書.pdf")
    assert answer.status_code == 422
    assert "Excelブック（.xlsx）ではありません" in words(answer)
    empty = upload(reader, b"", "")
    assert empty.status_code == 422
    assert "ファイルを選んでください" in words(empty)
    assert versions(session) == 0


def test_handing_in_locks_the_files_until_they_come_back(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    upload(reader, form_bytes(session, names))
    page = reader.get("/reports/base/verification-request")
    assert "検証を、あおぞら認証" in words(page)
    assert reader.send(page, "/reports/base/verification-request").status_code == 302
    assert "検証依頼中" in words(reader.get("/reports"))
    assert "ファイルは変更できません" in words(reader.get("/reports/base/upload"))
    ask = reader.get("/reports/base/send-back")
    assert reader.send(ask, "/reports/base/send-back", reason=" ").status_code == 422
    assert reader.send(ask, "/reports/base/send-back", reason="係数を直すため").status_code == 302
    assert "返事をお待ちください" in words(reader.get("/reports/base"))
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        verifier = report.assignments[-1].verifier.users[0]
        verification.return_to_holder(session, report.id, "7月分を確かめてください", actor=verifier)
    text = words(reader.get("/reports"))
    assert "差し戻されました。直したファイルを登録してください。" in text and "差戻依頼に応じて" in text
    assert "7月分を確かめてください" in text


def test_a_page_older_than_the_report_is_refused(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    data = form_bytes(session, names)
    upload(reader, data)
    old = reader.get("/reports/base/verification-request")
    upload(reader, form_bytes(session, names, 7_400))
    answer = reader.send(old, "/reports/base/verification-request")
    assert answer.status_code == 422
    assert "ほかの方が内容を変更しました" in words(answer)
    assert "7,400 t-CO2" in words(answer)
    assert reader.send(answer, "/reports/base/verification-request").status_code == 302


def test_attachments_come_and_go(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    page = reader.get("/reports/base/attachments")
    sent = {**values(page), "file": (io.BytesIO(make.PNG), "敷地境界図.png")}
    assert reader.client.post("/reports/base/attachments", data=sent).status_code == 302
    page = reader.get("/reports/base/attachments")
    file = session.scalars(select(ReportFile.id).where(ReportFile.kind == FileKind.ATTACHMENT)).one()
    session.rollback()
    download = reader.get(f"/reports/files/report/{file}")
    assert (download.data, download.mimetype) == (make.PNG, "image/png")
    gone = reader.send(page, f"/reports/base/attachments/{file}/remove")
    assert gone.status_code == 302
    assert reader.get(f"/reports/files/report/{file}").status_code == 404
    bad = {**values(reader.get("/reports/base/attachments")), "file": (io.BytesIO(b"MZ"), "a.exe")}
    refused = reader.client.post("/reports/base/attachments", data=bad)
    assert refused.status_code == 422
    assert "この種類のファイルは登録できません" in words(refused)


def test_the_adjustment_year_is_submitted_without_verification(
    app: Flask, session: Session, names: Names
) -> None:
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        own = next(r for r in report.holder.reports if r.period is Period.ADJUSTMENT)
        make.at(make.WHEN[Period.ADJUSTMENT])
        make.register(session, own, 6_900, actor=report.holder.users[0])
    reader = Visitor(app, names.a)
    assert reader.get("/reports/adjustment/verification-request").status_code == 302
    page = reader.get("/reports/adjustment/submit")
    assert reader.send(page, "/reports/adjustment/submit").status_code == 302
    text = words(reader.get("/reports/adjustment"))
    assert "提出済" in text
    assert "次は事務局の番です" in text


def test_what_is_not_ones_own_does_not_exist(app: Flask, session: Session, names: Names) -> None:
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        file = make.register(session, report, actor=report.holder.users[0]).id
    assert Visitor(app, names.other).get(f"/reports/files/report/{file}").status_code == 404
    verifier = Visitor(app, names.v)
    for address in ("/reports", "/reports/base", "/reports/base/form", f"/reports/files/report/{file}"):
        assert verifier.get(address).status_code == 404
    reader = Visitor(app, names.a)
    assert reader.get("/reports/other").status_code == 404
    assert reader.get(f"/reports/files/letters/{file}").status_code == 404


def test_login_b_reads_and_does_all_of_it_without_an_allowance(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.b)
    upload(reader, form_bytes(session, names))
    addresses = ["/reports", *(f"/reports/base{rest}" for rest in ("", "/upload", "/attachments"))]
    for address in [*addresses, "/reports/base/verification-request"]:
        page = reader.get(address)
        assert page.status_code == 200
        for word in ("JAA", "償却", "排出枠", "口座", "リザーブ"):
            assert word not in page.text, (address, word)
