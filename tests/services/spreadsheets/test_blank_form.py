"""The form that is handed out, the filled one made without a spreadsheet program, and the marked one."""

from __future__ import annotations

import dataclasses
import io
import time
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles.colors import Color

from portal.services.spreadsheets import problems as texts
from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.cells import quantity_of
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import FormExpectation, Period
from portal.services.spreadsheets.jail import mark_jailed
from portal.services.spreadsheets.layouts.layout import (
    ACTIVITY,
    SHEETS,
    SOURCES,
    TYPED,
    Layout,
)
from portal.services.spreadsheets.layouts.versions import LAYOUTS, NEWEST
from portal.services.spreadsheets.marked import mark_problems
from tests.services.spreadsheets.samples import (
    FACTORS,
    FORMS,
    V1,
    YEARS,
    expectation,
    months,
    with_text,
    worked_form,
    worked_sources,
)

PERIODS: tuple[Period, ...] = ("base", "target", "adjustment")


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(("layout", "locale"), [(V1, "ja"), (NEWEST, "ja"), (NEWEST, "en")])
def test_only_the_cells_to_fill_in_are_unlocked(period: Period, layout: Layout, locale: str) -> None:
    book = load_workbook(io.BytesIO(build_form(expectation(period), locale=locale, layout=layout)))
    assert tuple(book.sheetnames) == SHEETS
    open_cells = {
        (sheet.title, cell.coordinate)
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell, Cell) and not cell.protection.locked
    }
    specs = layout.cells(len(YEARS[period]))
    assert open_cells == {(spec.sheet, spec.cell) for spec in specs if spec.kind in TYPED}
    for sheet in book:
        assert sheet.protection.sheet
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, sheet.title != ACTIVITY)
        assert sheet.oddFooter and sheet.oddHeader
        assert sheet.print_area and sheet.oddFooter.center.text == "&A  &P / &N"
        assert sheet.oddHeader.left.text == "AST-1001　株式会社アセット不動産　アセット第一ビル"
    for spec in specs:
        assert (book[spec.sheet][spec.cell].data_type == "f") == bool(spec.formula), spec


def test_choices_come_from_the_factor_table_and_numbers_are_bounded() -> None:
    book = load_workbook(io.BytesIO(build_form(expectation("base"))))
    name, choice, evidence, _remark = book[SOURCES].data_validations.dataValidation
    assert (name.type, name.formula1) == ("textLength", "48")
    assert (choice.type, choice.formula1) == ("list", "'排出係数'!$B$8:$B$17")
    assert evidence.formula1.startswith('"購買伝票 / Invoice,')
    number, _note = book[ACTIVITY].data_validations.dataValidation
    assert (number.type, number.operator) == ("decimal", "between")
    assert (number.formula1, number.formula2) == ("0", "999999999999")
    assert str(number.sqref).split() == ["H9:S38", "H44:S73", "H79:S108"]


@pytest.mark.parametrize("period", ["base", "target"])
@pytest.mark.parametrize(("version", "name"), [("1", "calculation"), ("2", "version2")])
def test_saved_results_of_the_filled_form_are_those_that_libreoffice_calculates(
    period: Period, version: str, name: str
) -> None:
    kept = Path(FORMS, f"{name}_{period}_ja_libreoffice.xlsx")
    layout = LAYOUTS[version]
    theirs = load_workbook(kept, data_only=True)
    ours = load_workbook(io.BytesIO(worked_form(period, layout)), data_only=True)
    for spec in layout.cells(len(YEARS[period])):
        one, other = (book[spec.sheet][spec.cell].value for book in (ours, theirs))
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            assert one == pytest.approx(other, rel=1e-12), spec
        else:
            assert (one or None) == (other or None), spec


def test_filled_form_can_carry_a_wrong_total_and_is_made_fast() -> None:
    wrong = fill_form(expectation(), worked_sources(), wrong_total=9000)
    assert [p.found for p in read_form(wrong, expectation()).problems] == ["9,000 t-CO2"]
    begun = time.process_time()
    for number in range(20):
        fill_form(expectation(holder=f"AST{1001 + number}"), worked_sources())
    assert (time.process_time() - begun) / 20 < 0.1


def test_filled_form_in_english_and_with_awkward_names_is_read() -> None:
    sources = [('A & B <boiler> "1"', "city_gas", {2014: months("12.5")})]
    reading = read_form(fill_form(expectation(), sources, locale="en"), expectation())
    assert reading.ok, reading.problems
    assert reading.lines[0].name == 'A & B <boiler> "1"'


def test_filling_refuses_what_the_form_cannot_hold() -> None:
    with pytest.raises(ValueError, match="30 sources"):
        fill_form(expectation(), worked_sources() * 11)
    with pytest.raises(ValueError, match="no factor coal"):
        fill_form(expectation(), [("石炭", "coal", {2014: months("1")})])


def test_factor_tables_that_no_form_can_hold_are_refused() -> None:
    identity = expectation("base").identity
    other_unit = (dataclasses.replace(FACTORS[0], unit="l"), *FACTORS[1:])
    with pytest.raises(ValueError, match="unit or kind"):
        build_form(FormExpectation(identity, {2010: FACTORS, 2011: FACTORS, 2012: other_unit}))
    with pytest.raises(ValueError, match="no factor table for fiscal year 2012"):
        build_form(FormExpectation(identity, {2010: FACTORS, 2011: FACTORS}))


def test_factors_of_each_year_count_for_that_year() -> None:
    cheaper = tuple(
        dataclasses.replace(f, factor=Decimal("0.000500")) if f.code == "electricity" else f for f in FACTORS
    )
    expected = FormExpectation(
        expectation("base").identity, {2010: FACTORS, 2011: cheaper, 2012: FACTORS[:-3]}
    )
    amounts = {2010: months("12000"), 2011: months("12000"), 2012: months("0")}
    with pytest.raises(ValueError, match="no factor electricity"):
        fill_form(expected, [("電気", "electricity", amounts)])
    whole = FormExpectation(expected.identity, {**expected.factors, 2012: FACTORS})
    reading = read_form(fill_form(whole, [("電気", "electricity", amounts)]), whole)
    assert [float(total) for _, total in reading.yearly] == [6.6, 6.0, 0.0]
    assert reading.emissions == 4
    lacking = read_form(fill_form(whole, [("電気", "electricity", amounts)]), expected)
    assert ("C8", "factor_not_for_year") in [(p.cell, p.code) for p in lacking.problems]


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_marked_form_shows_each_problem_at_its_cell_and_loses_the_marks_when_mended(locale: str) -> None:
    wrong = with_text(worked_form(), "活動量", "H10", "12.4千m3")
    problems = read_form(wrong, expectation()).problems
    marked = mark_jailed(wrong, problems, locale=locale)
    assert marked is not None
    cell = load_workbook(io.BytesIO(marked))["活動量"]["H10"]
    assert isinstance(cell.fill.fgColor, Color)
    assert cell.fill.fgColor.rgb == "FFFFC7CE"
    assert cell.comment is not None
    assert cell.comment.text == problems[0].message(locale)
    again = load_workbook(io.BytesIO(mark_problems(marked, [])))["活動量"]["H10"]
    assert again.comment is None
    assert again.fill.fgColor.rgb == "FFFFF8D6"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("１２，３４５．５", "12345.5"),
        (" 3 ", "3"),
        ("1 200", "1200"),
        ("1,234,567", "1234567"),
        (12.5, "12.5"),
        ("0", "0"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        ("＋5", "5"),
    ],
)
def test_harmless_ways_to_write_a_number_are_read(typed: object, read: str) -> None:
    assert quantity_of(typed).value == Decimal(read)


@pytest.mark.parametrize(
    "typed",
    [
        "12.4千m3",
        "1,2",
        "1,23,456",
        "1e3",
        "①",
        "１２−３",
        "0x10",
        "٣",
        "NaN",
        "Infinity",
        True,
        float("inf"),
        "=1+1",
        "-",
    ],
)
def test_what_is_not_a_number_is_refused(typed: object) -> None:
    assert quantity_of(typed).code == "not_a_number"


def test_decimals_beyond_what_arithmetic_would_keep_are_still_counted() -> None:
    assert quantity_of("1." + "0" * 40 + "1").code == "too_many_decimals"
    assert quantity_of("1." + "0" * 40).value == 1


def test_every_text_stands_in_both_languages_and_names_its_figures_alike() -> None:
    for code, (ja, en) in texts.TEXTS.items():
        assert ja and en and ja != en, code
        assert not any("\u3040" <= letter <= "\u30ff" for letter in en), code
        for locale in ("ja", "en"):
            said = texts.message(code, locale, sheet="s", cell="c", found="{f}", expected="{e}")
            assert "{found}" not in said and "{expected}" not in said
