"""Every list of the secretariat's room as a file: what it shows, as it shows it, and nothing that runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from openpyxl import Workbook, load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, create_app
from portal.admin.base import SecretariatView
from portal.extensions import db_session, make_engine, make_session, session_factory
from portal.models import (
    AccountAction,
    Event,
    ImportKind,
    Letter,
    LetterState,
    ParticipantKind,
    User,
)
from portal.permissions import Role
from portal.services import (
    account_life,
    company_changes,
    consent,
    contacts,
    imports,
    letter_printing,
    sealed,
)
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests import databases
from tests.admin.desk import Clerk
from tests.conftest import PASSWORD_SALT, SECRET_KEY
from tests.factories import allowances, numbers, registration, reports
from tests.factories.waiting_rows import waiting_rows

TAGS = re.compile(r"<[^>]+>")
ROW = re.compile(r'<tr>\s*(?:<td><input[^>]*></td>\s*)?<th scope="row">(.*?)</th>', re.DOTALL)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass
class House:
    app: Flask
    session: Session
    clerk: Clerk

    @property
    def views(self) -> list[SecretariatView]:
        found = self.app.extensions["admin"][0]._views
        return [view for view in found if isinstance(view, SecretariatView) and view.can_export]

    def listed(self, view: SecretariatView, query: str = "") -> list[str]:
        """The first cell of every row the list shows."""
        page = self.clerk.get(f"/admin/{view.endpoint}/?page=0&page_size=100{query}").text
        # above some lists stands another table
        return [words(cell) for cell in ROW.findall(page.partition("as-table--hover")[2])]

    def rows(self, view: SecretariatView, kind: str, query: str = "") -> list[list[Any]]:
        answer = self.clerk.client.get(f"/admin/{view.endpoint}/export/{kind}/?x=1{query}", buffered=True)
        assert answer.status_code == 200, (view.endpoint, answer.status_code)
        data = answer.data
        answer.close()
        if kind == "csv":
            assert data.startswith(b"\xef\xbb\xbf") and b"\r\n" in data, view.endpoint
            return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        sheet = load_workbook(io.BytesIO(data)).active
        assert sheet is not None
        return [[cell.value for cell in row] for row in sheet.iter_rows()]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(TAGS.sub(" ", html))).strip()


@pytest.fixture(scope="module")
def house(
    database_templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    numbers.start_over()
    folder = tmp_path_factory.mktemp("lists")
    url = databases.copy(database_templates.of("sqlite"), folder)
    engine = make_engine(url)
    with make_session(engine) as session:
        with one_transaction(session):
            market = allowances.market(session)
            registration.holder(session, account_name="=cmd|' /C calc'!A0", disclosure_consent=False)
            registration.trader(session, account_name="＠SUM(1)", contact_department="-1+1")
            allowances.move(
                session, market.a, allowances.MovementKind.TRANSFER, 100, market.trader.account.code
            )
            old = contacts.present(market.trader)
            new = contacts.ContactData(**{**vars(old), "telephone": "03-1111-2222"})
            contacts.apply_for_change(session, new, actor=market.trader.users[0])
            consent.change_own(session, False, actor=market.a)
            _desk_rows(session, market, registration.office(session, Role.OFFICER, "lister"))
        app = create_app(
            Settings(
                environment="test",
                secret_key=SECRET_KEY,
                password_salt=PASSWORD_SALT,
                database_url=url,
                instance=folder,
            )
        )
        reports.at("2015-06-15 10:00")
        yield House(app, session, Clerk(app, session, "lister"))
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)
    engine.dispose()


def _desk_rows(session: Session, market: allowances.Market, officer: User) -> None:
    """One row in each list of the office's own desk."""
    account_life.propose(
        session, market.trader.account.id, AccountAction.SUSPEND, "確認のため", actor=officer
    )
    paper = replace(
        company_changes.present(market.trader),
        representative_name="見本 花子",
        received_on=clock.today(),
        seal_received=True,
    )
    company_changes.record_change(session, ParticipantKind.TRADER, market.trader.id, paper, actor=officer)
    letter = session.scalars(select(Letter.id).where(Letter.state == LetterState.WAITING)).first()
    assert letter is not None
    letter_printing.start(session, [letter], sealed.public_of(sealed.new_private_key()), actor=officer)
    book = imports.blank_workbook(session, ImportKind.APPLICATIONS, actor=officer)
    imports.upload(session, ImportKind.APPLICATIONS, "申請.xlsx", book, actor=officer, limit_mb=10)
    waiting_rows(session, market, officer)


@pytest.fixture(autouse=True)
def stopped(running_clock: None) -> None:
    reports.at("2015-06-15 10:00")


def test_there_are_lists_with_rows(house: House) -> None:
    """Otherwise the tests below would be green because nothing is there."""
    empty = {view.endpoint for view in house.views if not house.listed(view)}
    assert empty == set()
    assert len(house.views) >= 15


def row_name(cell: str) -> str:
    """The first word of a row's first cell; a day as files write it."""
    day = re.match(r"(\d+)年(\d+)月(\d+)日", cell)
    return f"{day[1]}-{int(day[2]):02}-{int(day[3]):02}" if day else cell.split(" ")[0]


def test_a_file_has_the_columns_and_the_rows_of_its_list_in_its_order(house: House) -> None:
    for view in house.views:
        shown, table = house.listed(view), house.rows(view, "csv")
        heads = [words(str(title)) for _column, title in view._export_columns]
        with house.app.test_request_context():
            assert table[0] == [str(head) for head in heads], view.endpoint
        assert len(table) - 1 == len(shown), view.endpoint
        if not view.column_export_list:
            assert [c for c, _title in view._export_columns] == [c for c, _title in view._list_columns]
        first = [re.sub(r"\s+", "", "".join(row[:3])).lstrip("'") for row in table[1:]]
        for cell, text in zip(shown, first, strict=True):
            # the list may write more into its first cell; its first word is the row's name
            assert row_name(cell) in text, (view.endpoint, cell, text)


def test_no_column_that_the_list_fills_is_empty_in_the_file(house: House) -> None:
    for view in house.views:
        table = house.rows(view, "csv")
        page = house.clerk.get(f"/admin/{view.endpoint}/?page=0&page_size=100").text
        for place, (column, title) in enumerate(view._export_columns):
            cells = re.findall(
                rf'<td[^>]*data-head="{re.escape(str(title))}"[^>]*>(.*?)</td>', page, re.DOTALL
            )
            if any(words(cell) not in ("", "—") for cell in cells):
                assert any(row[place] for row in table[1:]), (view.endpoint, column)


def test_both_kinds_of_file_say_the_same_and_nothing_in_them_runs(house: House) -> None:
    for view in house.views:
        table, sheet = house.rows(view, "csv"), house.rows(view, "xlsx")
        assert len(table) == len(sheet), view.endpoint
        for line, cells in zip(table, sheet, strict=True):
            assert [as_csv(value) for value in cells] == [text.removeprefix("'") for text in line], (
                view.endpoint
            )
            assert not [text for text in line if text.startswith(FORMULA)], view.endpoint
            assert not [text for text in cells if isinstance(text, str) and text.startswith(FORMULA)]


def as_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M" if (value.hour, value.minute) != (0, 0) else "%Y-%m-%d")
    return str(value).removeprefix("'")


def test_a_sheet_is_ready_to_work_with(house: House) -> None:
    for view in house.views:
        answer = house.clerk.client.get(f"/admin/{view.endpoint}/export/xlsx/", buffered=True)
        book = load_workbook(io.BytesIO(answer.data))
        disposition = answer.headers["Content-Disposition"]
        answer.close()
        sheet = book.active
        assert sheet is not None
        assert sheet.freeze_panes == "A2", view.endpoint
        assert sheet.auto_filter.ref == sheet.dimensions, view.endpoint
        assert all(8 <= d.width <= 48 for d in sheet.column_dimensions.values()), view.endpoint
        cells = [cell for row in sheet.iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type == "f"], view.endpoint
        assert all(cell.number_format == "@" for cell in cells if isinstance(cell.value, str))
        with house.app.test_request_context():
            title = str(view.name)
        assert sheet.title == title[:31]
        plain = re.search(
            r'filename="([A-Za-z][A-Za-z0-9_.-]*\.xlsx)"; filename\*=UTF-8\'\'(.+)$', disposition
        )
        assert plain is not None and unquote(plain[2]) == f"{title}_20150615.xlsx", disposition


def test_the_head_and_the_words_follow_the_reader(house: House) -> None:
    view = next(view for view in house.views if view.endpoint == "directory")
    japanese = house.rows(view, "csv")[0]
    english = house.rows(view, "csv", "&lang=en")
    house.clerk.get("/admin/?lang=ja")
    assert japanese[0] == "会社名" and english[0][0] == "Company"
    assert {row[-1] for row in english[1:]} == {"Agreed", "Not agreed"}


def test_a_search_or_filter_narrows_the_file_like_the_list(house: House) -> None:
    queries = {
        "holder": "&search=つばめ",
        "trader": "&search=コハル",
        "directory": "&flt0_0=0",
        "account": "&search=AST1001",
        "event": "&search=lister",
        "mail": "&search=%25",
        "contact_change": "&search=こはる",
        "application": "&search=ツバメ",
    }
    for view in house.views:
        query = queries.get(view.endpoint, "&search=そのようなものはない")
        shown = house.listed(view, query)
        assert len(house.rows(view, "csv", query)) - 1 == len(shown), view.endpoint
        if view.endpoint in queries and view.endpoint not in ("mail", "event"):
            assert 0 < len(shown) < 100, view.endpoint
        elif view.column_searchable_list and view.endpoint != "event":
            assert shown == [], view.endpoint


def test_too_many_rows_are_refused_with_words(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    view = next(view for view in house.views if view.endpoint == "mail")
    monkeypatch.setattr(view, "export_max_rows", 3)
    answer = house.clerk.get("/admin/mail/export/csv/")
    assert "3件を超えるため、ファイルにできません" in answer.text


def test_taking_the_directory_out_is_an_event(house: House) -> None:
    view = next(view for view in house.views if view.endpoint == "directory")
    rows = house.rows(view, "xlsx", "&flt3_3=1")
    house.session.rollback()
    query = select(Event).where(Event.tag == EventTag.DIRECTORY_EXPORTED.value).order_by(Event.id.desc())
    event = house.session.scalars(query).first()
    assert event is not None
    assert event.facts == {"count": len(rows) - 1, "chosen": {"listed": "1"}}
    # as the participants see it: who agreed, and nobody else
    assert {row[-1] for row in rows[1:]} == {"同意する"}


def test_a_workbook_made_elsewhere_would_be_told_apart() -> None:
    """A negative control: a formula is seen as one."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "=1+1"
    assert sheet["A1"].data_type == "f"


def test_a_search_with_every_filter_left_open_says_nothing(house: House) -> None:
    """The form sends every filter; one left open is no mistake, a wrong one is told once."""
    for view in ("application", "holder", "letter"):
        page = house.clerk.get(f"/admin/{view}/").text
        names = re.findall(r'name="(flt[^"]+)"', page)
        assert names, view
        left_open = house.clerk.get(f"/admin/{view}/?search=&" + "&".join(f"{name}=" for name in names)).text
        assert "使えない値" not in left_open, view
        wrong = house.clerk.get(f"/admin/{view}/?{names[0]}=nothing-like-it").text
        assert wrong.count("使えない値") == 1, view
