"""The public page: what two persons released and nothing else, to everybody, without a session."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import web_public
from portal.models import Organisation, Period, Publication, PublicationSubject, ReportState
from portal.services import publications
from portal.services.publication_content import EmissionsRow, emissions_sums
from portal.services.transaction import one_transaction
from portal.web_tables import emissions_totals
from tests.admin.desk import Clerk, office
from tests.factories import allowances, reports

E = PublicationSubject.EMISSIONS
EVIL = '=HYPERLINK("http://x.example","y")'
PAGES = [
    f"/public/2/{subject.value}/{file}"
    for subject in PublicationSubject
    for file in ("", "csv", "xlsx", "totals.csv", "totals.xlsx")
]


@pytest.fixture
def market(session: Session, running_clock: None) -> allowances.Market:
    """Base year 10,000, target 1,500, 8,500 JAA issued; the company is called like a formula."""
    office(session)
    with one_transaction(session):
        made = allowances.market(session)
        session.get_one(Organisation, made.holder.representative_id).name = EVIL
    return made


def out(session: Session, market: allowances.Market, subject: PublicationSubject = E) -> Publication:
    with one_transaction(session):
        row = publications.propose(session, market.holder.phase_id, subject, actor=market.officer)
        publications.release(session, row.id, actor=market.approver)
    return row


def cells(data: bytes) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(data))
    return [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]


def test_nothing_is_shown_until_two_persons_have_said_so(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    def everything() -> str:
        found = [client.get(url) for url in PAGES]
        assert [answer.status_code for answer in found] == [404] * len(PAGES)
        return "".join(answer.text for answer in (*found, client.get("/public/"), client.get("/login")))

    session.rollback()
    assert "10,000" not in everything() and "公表している情報を見る" not in everything()
    with one_transaction(session):
        row = publications.propose(session, market.holder.phase_id, E, actor=market.officer)
    text = everything()
    assert market.holder.site_name not in text and "いま公表している情報はありません" in text
    with one_transaction(session):
        publications.release(session, row.id, actor=market.approver)
    assert "10,000" in client.get("/public/2/emissions/").text
    assert client.get("/public/2/allowances/").status_code == 404
    assert "公表している情報を見る" in client.get("/login").text
    with one_transaction(session):
        publications.end(session, row.id, "誤り", actor=market.approver)
    assert market.holder.site_name not in everything()


def lines(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_what_was_released_stays_what_it_was_until_it_is_replaced(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    out(session, market)
    with one_transaction(session):
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_461)
    for page, unknown in (("/public/2/emissions/", "未確定"), ("/public/2/emissions/csv", "1500,,")):
        text = client.get(page).text
        assert unknown in text and "7,461" not in text and "7461" not in text
    out(session, market)
    page = client.get("/public/2/emissions/").text
    assert "7,461" in page and "25.39%" in page and "未確定" not in page
    assert "最初の公表は2014年" in page and "に差替え" in page
    with one_transaction(session):
        row = session.scalars(select(Publication).where(Publication.state == "released")).one()
        publications.end(session, row.id, "誤り", actor=market.approver)
    # after an end nothing is replaced
    out(session, market)
    assert "最初の公表" not in client.get("/public/2/emissions/").text


def test_no_name_of_a_person_no_account_and_no_balance_goes_out(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    allowances.at("2014-05-01 09:00")
    with one_transaction(session):
        allowances.move(
            session, market.a, allowances.MovementKind.TRANSFER, 1_234, market.trader.account.code
        )
    allowances.at("2014-05-02 09:00")  # allowances are told as of the day before
    for subject in PublicationSubject:
        out(session, market, subject)
    contact = market.holder.contact
    private = [contact.name, contact.telephone, contact.mail, market.holder.account.code]
    private += [market.a.login_id, market.officer.name, market.approver.name]
    private += [
        market.trader.account.code,
        market.trader.label,
        "7,266",
        "7266",
    ]  # left of 8,500
    session.rollback()
    for url in ("/public/", *PAGES):
        data = client.get(url).data
        shown = str(cells(data)) if data.startswith(b"PK") else data.decode()
        assert [one for one in private if one in shown] == [], url
    assert "1,234" in client.get("/public/2/allowances/").text


def test_the_files_open_in_excel_and_hold_no_formula(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    out(session, market)
    answer = client.get("/public/2/emissions/csv")
    assert answer.data.startswith(b"\xef\xbb\xbf") and answer.mimetype == "text/csv"
    assert "filename*=UTF-8''%E7%AC%AC2%E6%9C%9F" in answer.headers["Content-Disposition"]
    head, line = lines(answer.data)
    assert head[2] == "基準年度排出量（t-CO2）"
    assert line == ["'" + EVIL, market.holder.site_name, "10000", "1500", "", ""]
    answer = client.get("/public/2/emissions/totals.csv")
    assert "%E5%90%88%E8%A8%88" in answer.headers["Content-Disposition"]
    assert lines(answer.data)[1:] == [["合計", "10000", "1500", "", ""]]
    rows = cells(client.get("/public/2/emissions/xlsx?lang=en").data)
    assert rows[0][2] == "Base-year emissions (t-CO2)"
    assert rows[1] == ["'" + EVIL, market.holder.site_name, 10_000, 1_500, *["Not yet determined"] * 2]
    page = client.get("/public/2/emissions/").text
    assert "&#34;http://x.example&#34;" in page


def test_a_file_holds_one_table_that_a_program_reads(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    """Totals and holders stand apart; figures are figures, the day is a date, what is unknown is empty."""
    allowances.at("2014-05-02 09:00")
    out(session, market, PublicationSubject.ALLOWANCES)
    head, *rows = lines(client.get("/public/2/allowances/csv").data)
    assert head == ["会社名", "事業所名", "目標遵守"] and len(rows) == 1
    head, *rows = lines(client.get("/public/2/allowances/totals.csv").data)
    assert head == ["数量の日", "項目", "排出枠", "数量", "単位"]
    assert {row[0] for row in rows} == {"2014-05-01"} and all(row[3].isdigit() for row in rows)
    assert ["2014-05-01", "発行された量", "第2期のJAA", "8500", "JAA"] in rows
    book = cells(client.get("/public/2/allowances/totals.xlsx?lang=en").data)
    assert book[1][3] == 8_500
    assert client.get("/public/2/allowances/totals.pdf").status_code == 404


def test_both_languages_by_the_address_alone(
    client: FlaskClient, session: Session, market: allowances.Market
) -> None:
    out(session, market)
    english = client.get("/public/2/emissions/?lang=en").text
    assert '<html lang="en">' in english and "Verified emissions" in english and "排出量" not in english
    assert '<html lang="ja">' in client.get("/public/2/emissions/").text


def test_a_reader_who_is_logged_in_is_nobody_here(
    app: Flask, session: Session, market: allowances.Market
) -> None:
    """No cookie is read or set: a cache can keep nothing of one reader for another."""
    out(session, market)
    clerk = Clerk(app, session, "officer")
    clerk.client.post("/no-such-page")
    for url in (
        "/public/",
        "/public/2/emissions/?lang=en",
        "/public/2/emissions/csv",
        "/public/9/emissions/",
    ):
        answer = clerk.client.get(url)
        assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers.get("Vary", "")
        assert "officer" not in answer.text and "ログアウト" not in answer.text
        kept = "no-store" if answer.status_code == 404 else "public, no-cache"
        assert answer.headers["Cache-Control"] == kept, url
    home = clerk.client.get("/admin/")
    assert home.status_code == 200 and home.headers["Cache-Control"] == "no-store"
    assert '<html lang="ja">' in home.text  # what was chosen on the public page stayed there


def test_a_cache_that_asks_again_is_told_nothing_changed(
    client: FlaskClient, session: Session, market: allowances.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = out(session, market)
    first = client.get("/public/2/emissions/xlsx").data
    with monkeypatch.context() as patch:  # a file is written once, whoever asks
        patch.delattr(web_public, "xlsx_file")
        assert client.get("/public/2/emissions/xlsx").data == first
    for url in ("/public/2/emissions/", "/public/2/emissions/csv"):
        tag = client.get(url).headers["ETag"]
        again = client.get(url, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b""), url
        assert client.get(f"{url}?lang=en", headers={"If-None-Match": tag}).status_code == 200
    with one_transaction(session):
        publications.end(session, row.id, "誤り", actor=market.approver)
    assert client.get("/public/2/emissions/csv", headers={"If-None-Match": tag}).status_code == 404


def test_what_is_not_there_is_not_found(client: FlaskClient) -> None:
    """Neither database is asked for a number that no phase can have."""
    for phase in (0, 2, 10**10, 2**53 - 1, 10**30):
        for rest in ("emissions/", "emissions/csv", "balances/", "emissions/pdf"):
            assert client.get(f"/public/{phase}/{rest}").status_code == 404, (phase, rest)
    assert client.post("/public/").status_code in (404, 405)


def test_every_line_of_totals_is_of_one_group_of_holders(app: Flask) -> None:
    """149,015 of fifty beside 91,841 of thirty-six would make a reduction that nobody made."""
    whole, half = EmissionsRow("甲", "一", 1_000, 100, 800), EmissionsRow("乙", "二", 500, 50, None)

    def totals(*rows: EmissionsRow) -> list[tuple[str, list[int | str]]]:
        content = {"rows": [{**asdict(one), "reduced": one.reduced} for one in rows]}
        with app.test_request_context("/?lang=ja"):
            return emissions_totals({**content, "sums": emissions_sums(rows)})

    assert totals(whole, half) == [
        ("合計（排出量が確定した1者）", [1_000, 100, 800, 200]),
        ("合計（全2者の確定した値）", [1_500, 150, "—", "—"]),
    ]
    assert totals(whole) == [("合計", [1_000, 100, 800, 200])]
    assert totals(half) == [("合計", [500, 50, "未確定", "未確定"])]


def test_a_table_that_ended_leads_to_what_is_public(client: FlaskClient) -> None:
    for lang, said in (("ja", "公表が終わっています"), ("en", "the publication has ended")):
        page = client.get(f"/public/2/emissions/?lang={lang}")
        assert page.status_code == 404 and said in page.text
        assert f'href="/public/?lang={lang}"' in page.text
    assert "公表が終わっています" not in client.get("/nowhere").text


def test_without_a_language_in_the_address_the_browsers_is_taken(client: FlaskClient) -> None:
    for asked, lang in (("en-GB,en;q=0.8", "en"), ("fr", "ja"), ("ja,en;q=0.5", "ja")):
        answer = client.get("/public/", headers={"Accept-Language": asked})
        assert f'<html lang="{lang}">' in answer.text
        assert "Accept-Language" in answer.headers["Vary"] and "Set-Cookie" not in answer.headers
    wanted = client.get("/public/?lang=ja", headers={"Accept-Language": "en"})
    assert '<html lang="ja">' in wanted.text
