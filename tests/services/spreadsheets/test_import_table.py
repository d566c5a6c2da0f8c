"""The workbooks of bulk imports: handed out, filled, read in the jail, given back marked."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import pytest
from openpyxl import load_workbook

from portal.services.spreadsheets import import_blank
from portal.services.spreadsheets.import_table import Table, read_table, table_of
from portal.services.spreadsheets.import_words import TEXTS, Finding
from portal.services.spreadsheets.jail import mark_table_jailed, read_table_jailed
from portal.services.spreadsheets.layouts import imports as layout
from portal.services.spreadsheets.marked import Mark
from tests.factories import imports as make
from tests.files.imports.make_imports import KEPT, as_typed
from tests.services.spreadsheets.hostile import hostile_files
from tests.services.spreadsheets.samples import changed

HOSTILE = hostile_files()
#: one of each way to do harm; what each of them is stands in ``hostile.py``
CHOSEN = (
    *("pdf", "encrypted", "old xls", "zip bomb", "huge total", "path upwards", "macro part"),
    *("external link", "embedded object", "entities", "utf-16 part", "far cell", "merged bomb"),
)


def codes(table: Table) -> list[str]:
    return [one.code for one in table.findings]


def changed_sheet(change: Any, data: bytes | None = None) -> Table:
    """What is read of a good workbook after ``change`` was done to its first sheet."""
    book = load_workbook(io.BytesIO(data or make.workbook([make.plain_holder(1)])), rich_text=True)
    change(book[layout.applications()[0].sheet])
    return read_table(make.saved(book), "applications")


@pytest.mark.parametrize("kind", ["applications", "targets"])
def test_a_blank_workbook_has_every_column_and_no_row(kind: str) -> None:
    table = read_table(import_blank.build(kind, phases=(1, 2)), kind)
    assert (table.rows, table.findings) == ([], [])
    assert {sheet: list(columns) for sheet, columns in table.columns.items()} == {
        one.sheet: [column.field for column in one.columns] for one in layout.layouts_of(kind)
    }


def test_a_blank_workbook_offers_its_choices_and_explains_each_column_in_both_languages() -> None:
    book = load_workbook(io.BytesIO(import_blank.build("applications", phases=(1, 2))))
    for one in layout.applications():
        sheet = book[one.sheet]
        offered = {rule.formula1 for rule in sheet.data_validations.dataValidation}
        assert {f'"{",".join(column.offered)}"' for column in one.columns if column.choices} <= offered
        for at, column in enumerate(one.columns, 1):
            assert [sheet.cell(layout.HEAD_ROW, at).value, sheet.cell(layout.NOTE_ROW, at).value] == [
                "\n".join(column.label),
                "\n".join(column.note),
            ]
    assert '"第1期,第2期"' in {r.formula1 for r in book["目標保有者"].data_validations.dataValidation}
    assert book.sheetnames[-1] == layout.EXAMPLE


def test_a_company_called_like_a_formula_stays_a_text() -> None:
    data = import_blank.build("targets", filled=[("AST-1001", "=1+1", "工場", "")])
    assert read_table(data, "targets").rows[0].values["company_name"] == "=1+1"


@pytest.mark.parametrize("writer", ["openpyxl", "libreoffice"])
def test_a_workbook_of_every_kind_is_read_whoever_saved_it(writer: str) -> None:
    table = read_table_jailed(as_typed() if writer == "openpyxl" else KEPT.read_bytes(), "applications")
    assert table.findings == []
    assert [(row.sheet, row.number, row.findings) for row in table.rows] == [
        ("目標保有者", 5, []),
        ("目標保有者", 6, []),
        ("取引参加者", 5, []),
        ("検証機関", 5, []),
    ]
    first, second, _trader, verifier = table.rows
    assert [row.values["received_on"] for row in table.rows] == ["2013-09-02"] * 4
    assert first.values["joint_companies-0-name"] == "みほんリース3株式会社"
    assert (second.values["site_kind"], second.values["disclosure_consent"]) == ("workplace", "yes")
    assert verifier.values["company_name"] == "一般財団法人みほん第1検証協会"


def test_a_table_survives_its_way_out_of_the_child() -> None:
    table = read_table(make.workbook([make.plain_holder(1)], {0: {"received_on": "きのう"}}), "applications")
    assert table_of(table.as_json()) == table


@pytest.mark.parametrize(
    ("field", "typed", "code"),
    [
        ("company_name", "=A1&B1", "formula"),
        ("company_kana", "#REF!", "formula_error"),
        ("contact_telephone", datetime(2013, 9, 2), "date_for_text"),
        ("received_on", "きのう", "date_shape"),
        ("received_on", "2013/2/30", "date_shape"),
        ("received_on", 41519, "date_shape"),
        ("site_kind", "倉庫", "choice"),
        ("other_scheme", 7, "choice"),
        ("seal_received", "たぶん", "choice"),
    ],
)
def test_what_cannot_be_read_is_named_at_its_cell(field: str, typed: Any, code: str) -> None:
    table = read_table(make.workbook([make.plain_holder(1)], {0: {field: typed}}), "applications")
    (row,) = table.rows
    found = [(one.code, one.sheet, one.cell) for one in row.findings]
    assert found == [(code, "目標保有者", f"{make.letters(field)}5")]
    assert field not in row.values
    assert row.findings[0].message("ja") != row.findings[0].message("en")


@pytest.mark.parametrize(
    ("typed", "day"),
    [("2013-9-2", "2013-09-02"), ("2013年9月2日", "2013-09-02"), ("２０１３／９／２", "2013-09-02")],
)
def test_dates_are_understood_as_people_write_them(typed: str, day: str) -> None:
    table = read_table(make.workbook([make.plain_holder(1)], {0: {"received_on": typed}}), "applications")
    assert table.rows[0].values["received_on"] == day


def test_columns_may_stand_in_another_order_but_none_may_be_missing_unknown_or_twice() -> None:
    def swap(sheet: Any) -> None:
        for row in (layout.HEAD_ROW, layout.FIRST_ROW):
            one, other = sheet.cell(row, 5), sheet.cell(row, 6)
            one.value, other.value = other.value, one.value

    assert changed_sheet(swap).rows[0].values["company_name"] == "みほん第1工業株式会社"

    def rename(sheet: Any) -> None:
        sheet.cell(layout.HEAD_ROW, 5).value = "会社"
        sheet.cell(layout.HEAD_ROW, 6).value = sheet.cell(layout.HEAD_ROW, 7).value

    table = changed_sheet(rename)
    assert sorted(codes(table)) == ["column_missing", "column_missing", "column_twice", "column_unknown"]
    assert {one.cell for one in table.findings} == {"", "E3", "G3"}


def test_a_value_beside_the_columns_is_not_passed_over() -> None:
    def beside(sheet: Any) -> None:
        sheet.cell(layout.FIRST_ROW, 60, "メモ")

    (row,) = changed_sheet(beside).rows
    assert [(one.code, one.cell) for one in row.findings] == [("beside_columns", "BH5")]


def test_blank_rows_are_passed_over_and_keep_the_others_numbers() -> None:
    table = changed_sheet(lambda sheet: sheet.insert_rows(layout.FIRST_ROW, 3))
    assert [row.number for row in table.rows] == [8]


def test_a_workbook_without_headings_or_of_another_kind_is_named() -> None:
    assert codes(changed_sheet(lambda sheet: sheet.delete_rows(layout.HEAD_ROW))) != []
    assert codes(changed_sheet(lambda sheet: sheet.delete_rows(1, 4)))[0] in (
        "head_missing",
        "column_unknown",
    )
    assert codes(read_table(make.of_targets([]), "applications")) == ["not_an_import"]


@pytest.mark.parametrize("name", CHOSEN)
def test_a_hostile_file_is_refused_by_its_reason(name: str) -> None:
    data, code = HOSTILE[name]
    table = read_table_jailed(data, "applications")
    assert (codes(table), table.rows) == ([code], [])
    assert table.findings[0].message("ja") != table.findings[0].message("en")


def test_what_is_larger_than_any_import_is_refused_and_a_child_without_time_too() -> None:
    good = make.workbook([make.plain_holder(1)])
    many = "".join(f'<row r="{n}"><c r="A{n}"/></row>' for n in range(100, 4_100))
    far = changed(
        good, "xl/worksheets/sheet1.xml", lambda xml: xml.replace("</sheetData>", many + "</sheetData>")
    )
    assert codes(read_table_jailed(far, "applications")) == ["cell_out_of_range"]
    assert codes(read_table_jailed(good, "applications", seconds=0)) == ["reader_timeout"]


def test_the_same_workbook_comes_back_with_its_cells_marked_and_can_be_sent_again() -> None:
    data = make.workbook([make.plain_holder(1)], {0: {"mail_a": "nobody"}})
    cell = f"{make.letters('mail_a')}5"
    marked = mark_table_jailed(
        data, [Mark("目標保有者", cell, "直してください"), Mark("目標保有者", cell, "もう1つ")]
    )
    assert marked is not None
    sheet = load_workbook(io.BytesIO(marked))["目標保有者"]
    assert sheet[cell].comment is not None and sheet[cell].comment.text == "直してください\n\nもう1つ"
    assert sheet[cell].fill.fgColor.rgb == "FFFFC7CE"
    assert read_table(marked, "applications").rows == read_table(data, "applications").rows
    again = mark_table_jailed(marked, [])
    assert again is not None
    clean = load_workbook(io.BytesIO(again))["目標保有者"][cell]
    assert clean.comment is None and clean.fill.fill_type is None


@pytest.mark.parametrize("code", TEXTS)
def test_every_finding_has_its_text_in_both_languages(code: str) -> None:
    figures = {"row": 3, "place": "R2-0001", "other_sheet": "目標保有者", "other_row": 6}
    one = Finding(code, "目標保有者", "B5", found="x", expected="y", figures=figures)
    assert one.message("ja") and one.message("en") and one.message("ja") != one.message("en")
