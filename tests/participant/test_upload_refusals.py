"""The upload page itself: hostile files, notes of what was put right, the workbook back with its marks."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import EmissionsReport, Period
from portal.services import report_forms
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import FormExpectation
from portal.services.transaction import one_transaction
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words
from tests.services.spreadsheets.hostile import every_file
from tests.services.spreadsheets.hostile_forms import sources_for
from tests.services.spreadsheets.samples import with_text

PAGE = "/reports/target/upload"
#: refused as a whole, before a cell was looked at: there is nothing to mark
UNOPENED = frozenset(
    {"not_xlsx", "old_excel", "encrypted", "macros", "external_links", "active_content", "package_bomb"}
    | {"package_broken", "package_names", "xml_entities", "xml_encoding", "too_much_content"}
    | {"cell_out_of_range", "strict_format", "empty_file", "too_large"}
)


@pytest.fixture
def reader(app: Flask, session: Session) -> Visitor:
    """Login A of a holder whose target-year report may be registered."""
    with one_transaction(session):
        made = make.scheme(session)
        login = made.a.login_id
    make.at(make.WHEN[Period.TARGET])
    return Visitor(app, login)


@pytest.fixture
def expected(reader: Visitor, session: Session) -> FormExpectation:
    """What the reader's form has to say."""
    report = next(r for r in session.query(EmissionsReport) if r.period is Period.TARGET)
    expected = report_forms.expectation(session, report)
    session.rollback()
    return expected


@pytest.fixture
def good(expected: FormExpectation) -> bytes:
    """The reader's form, filled in with the worked example."""
    return fill_form(expected, sources_for(expected))


def upload(reader: Visitor, page: TestResponse, data: bytes, query: str = "") -> TestResponse:
    sent = {**values(page), "file": (io.BytesIO(data), "算定報告書.xlsx")}
    return reader.client.post(PAGE + query, data=sent)


def test_hostile_and_wrong_files_at_the_door_are_refused_and_given_back_marked(
    reader: Visitor, good: bytes, expected: FormExpectation, database_kind: str
) -> None:
    """Every eighteenth of them, other ones on each database; what opens comes back marked at its cell."""
    page = reader.get(PAGE)
    faults: dict[str, str] = {}
    begin = 4 if database_kind == "sqlite" else 13
    for name, (data, code) in list(every_file(good, expected).items())[begin::18]:
        if len(data) > 400_000:
            continue  # the tests' own client leaves a file of its own open
        answer = upload(reader, page, data)
        address = re.search(r'href="(/reports/marked/\d+)"', answer.text)
        if answer.status_code != 422:
            faults[name] = str(answer.status_code)
        elif (address is None) != (code in UNOPENED):
            faults[name] = f"{code}: marked copy {address and address.group()}"
        elif address is not None:
            faults.update(_marked(name, code, reader.get(address.group(1)).data))
    assert not faults


def _marked(name: str, code: str, data: bytes) -> dict[str, str]:
    book = load_workbook(io.BytesIO(data))
    comments = [cell.comment for sheet in book.worksheets for cell in sheet._cells.values() if cell.comment]
    return {} if comments or code == "sheet_missing" else {name: f"{code}: no cell is marked"}


def test_what_was_put_right_is_told_in_both_languages_when_it_is_taken_and_when_it_is_refused(
    reader: Visitor, good: bytes
) -> None:
    put_right = with_text(good, "活動量", "H9", " １，０００，０００ ")
    put_right = with_text(put_right, "排出源", "C9", " 都市 ガス")
    refused = upload(reader, reader.get(PAGE), with_text(put_right, "活動量", "H10", "約66"))
    assert refused.status_code == 422
    text = words(refused)
    assert "読み取るときに整えたところ" in text
    assert "「１，０００，０００」を1000000と読み取りました。" in text
    taken = upload(reader, reader.get(PAGE), put_right)
    assert taken.status_code == 302, words(taken)
    text = words(reader.get("/reports/target"))
    assert "活動量H9「１，０００，０００」を1000000と読み取りました。" in text
    assert "「都市 ガス」を「都市ガス」と読み取りました。" in text
    english = words(reader.get("/reports/target?lang=en"))
    assert "Put right while reading" in english
    assert "“１，０００，０００” was read as 1000000." in english


def test_a_form_in_order_has_no_notes(reader: Visitor, good: bytes) -> None:
    assert upload(reader, reader.get(PAGE), good).status_code == 302
    assert "読み取るときに整えたところ" not in words(reader.get("/reports/target"))
