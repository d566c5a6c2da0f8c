"""The designated form: its figure, and every way to be refused, with sheet, cell, found and expected."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.calculation_form import FormReading, peek_identity, read_form
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import Period, expectation_from_dict, expectation_to_dict
from portal.services.spreadsheets.jail import peek_jailed, read_form_jailed
from tests.services.spreadsheets.samples import (
    FORMS,
    YEARS,
    changed,
    expectation,
    months,
    with_cell,
    with_number,
    with_text,
    without,
    worked_form,
    worked_sources,
)


def problems_of(data: bytes, period: Period = "target") -> list[tuple[str, str, str]]:
    return [(p.sheet, p.cell, p.code) for p in read_form(data, expectation(period)).problems]


def test_worked_example_of_the_domain_is_8937_tonnes() -> None:
    reading = read_form(worked_form(), expectation())
    assert reading.problems == ()
    assert reading.emissions == 8937
    assert reading.yearly == ((2014, Fraction(8937126, 1000)),)
    assert [line.emissions for line in reading.lines] == [6600, Fraction("1795.2"), Fraction("541.926")]
    assert (reading.holder, reading.period, reading.result_cell) == ("AST1001", "target", "F30")


@pytest.mark.parametrize(("period", "locale"), [("base", "ja"), ("target", "ja"), ("adjustment", "en")])
def test_form_saved_by_libreoffice_gives_the_same_figure(period: Period, locale: str) -> None:
    data = Path(FORMS, f"calculation_{period}_{locale}_libreoffice.xlsx").read_bytes()
    reading = read_form_jailed(data, expectation(period))
    assert reading.problems == ()
    assert reading.emissions == 8937
    assert reading == read_form(data, expectation(period))


def test_base_year_is_the_average_of_three_years_cut_down_once() -> None:
    steam = [100, 110, 121]
    amounts = {year: months(str(gj)) for year, gj in zip(YEARS["base"], steam, strict=True)}
    data = fill_form(expectation("base"), [("蒸気", "industrial_steam", amounts)])
    reading = read_form(data, expectation("base"))
    assert reading.yearly == ((2010, Fraction(6)), (2011, Fraction("6.6")), (2012, Fraction("7.26")))
    assert reading.emissions == 6


def test_total_is_cut_down_never_rounded() -> None:
    sources = [("電気", "electricity", {2014: months("3634545.4", last="0.05")})]
    reading = read_form(fill_form(expectation(), sources), expectation())
    assert reading.yearly[0][1] == Fraction("1998.9999975")
    assert reading.emissions == 1998


def test_figure_a_hair_below_a_whole_tonne_is_not_held_against_the_form() -> None:
    """ROUND(…, 6) in the form may go up where the exact figure does not; the exact figure is reported."""
    sources = [("重油", "a_heavy_oil", {2014: months("0.369", last="0")})]
    exact = read_form(fill_form(expectation(), sources), expectation())
    assert exact.emissions == 0
    sources = [("電気", "electricity", {2014: months("1818181.818")})]
    data = fill_form(expectation(), sources, wrong_total=1000)
    reading = read_form(data, expectation())
    assert reading.yearly[0][1] == Fraction("999.9999999")
    assert reading.problems == ()
    assert reading.emissions == 999


def test_blank_form_was_never_calculated_and_has_no_source() -> None:
    assert problems_of(build_form(expectation())) == [
        ("排出源", "B8", "no_source"),
        ("排出量集計", "F40", "total_not_calculated"),
    ]


def test_form_filled_but_never_opened_in_a_spreadsheet_program_is_told_so() -> None:
    formula = "<f>ROUNDDOWN(ROUND(F29,6),0)</f><v></v>"
    reading = read_form(with_cell(worked_form(), "排出量集計", "F30", formula), expectation())
    assert [p.code for p in reading.problems] == ["total_not_calculated"]
    assert "表計算ソフトで開いて保存してください" in reading.problems[0].message("ja")


def _rename(xml: str) -> str:
    return xml.replace('name="活動量"', 'name="活動量2"')


#: What was changed → (the change, sheet, cell, code, found, expected)
WRONG: dict[str, tuple[Callable[[bytes], bytes], str, str, str, str, str]] = {
    "form id": (
        lambda d: with_text(d, "表紙", "C3", "OTHER"),
        "表紙",
        "C3",
        "form_id_wrong",
        "OTHER",
        "ASSET-CALC",
    ),
    "version": (lambda d: with_text(d, "表紙", "C4", "0"), "表紙", "C4", "version_wrong", "0", "2"),
    "phase": (lambda d: with_text(d, "表紙", "C5", "第1期"), "表紙", "C5", "phase_wrong", "第1期", "第2期"),
    "holder": (
        lambda d: with_text(d, "表紙", "C6", "AST1010"),
        "表紙",
        "C6",
        "holder_wrong",
        "AST1010",
        "AST1001",
    ),
    "account": (
        lambda d: with_text(d, "表紙", "C7", "AST-1010"),
        "表紙",
        "C7",
        "account_wrong",
        "AST-1010",
        "AST-1001",
    ),
    "period": (
        lambda d: with_text(d, "表紙", "C11", "基準年度"),
        "表紙",
        "C11",
        "period_wrong",
        "基準年度",
        "削減目標年度",
    ),
    "year": (lambda d: with_number(d, "表紙", "C12", "2013"), "表紙", "C12", "year_wrong", "2013", "2014"),
    "sheet renamed": (
        lambda d: changed(d, "xl/workbook.xml", _rename),
        "活動量",
        "",
        "sheet_missing",
        "シートなし",
        "様式のシート",
    ),
    "factor": (
        lambda d: with_number(d, "排出係数", "H15", "0.000505"),
        "排出係数",
        "H15",
        "factor_altered",
        "0.000505",
        "0.000550",
    ),
    "calorific value": (
        lambda d: with_number(d, "排出係数", "F10", "3.91"),
        "排出係数",
        "F10",
        "factor_altered",
        "3.91",
        "39.1",
    ),
    "unit of a factor": (
        lambda d: with_text(d, "排出係数", "D15", "MWh"),
        "排出係数",
        "D15",
        "factor_altered",
        "MWh",
        "kWh",
    ),
    "text in a month": (
        lambda d: with_text(d, "活動量", "H10", "12.4千m3"),
        "活動量",
        "H10",
        "not_a_number",
        "12.4千m3",
        "数値",
    ),
    "logical value": (
        lambda d: with_cell(d, "活動量", "H10", "<v>1</v>", kind="b"),
        "活動量",
        "H10",
        "not_a_number",
        "真偽値",
        "数値",
    ),
    "negative": (
        lambda d: with_number(d, "活動量", "H10", "-5"),
        "活動量",
        "H10",
        "number_negative",
        "-5",
        "0以上の数値",
    ),
    "decimals": (
        lambda d: with_number(d, "活動量", "H10", "1.2345"),
        "活動量",
        "H10",
        "too_many_decimals",
        "1.2345",
        "小数第3位",
    ),
    "astronomic": (
        lambda d: with_number(d, "活動量", "H10", "1e13"),
        "活動量",
        "H10",
        "number_too_large",
        "10000000000000",
        "1,000,000,000,000未満",
    ),
    "blank month": (
        lambda d: without(d, "活動量", "K11"),
        "活動量",
        "K11",
        "month_blank",
        "空欄",
        "0以上の数値",
    ),
    "formula never calculated": (
        lambda d: with_cell(d, "活動量", "K11", "<f>1+1</f>"),
        "活動量",
        "K11",
        "not_calculated",
        "計算結果のない数式",
        "数式の計算結果",
    ),
    "formula error": (
        lambda d: with_cell(d, "活動量", "K11", "<f>#REF!</f><v>#REF!</v>", kind="e"),
        "活動量",
        "K11",
        "formula_error",
        "#REF!",
        "0以上の数値",
    ),
    "unused row": (
        lambda d: with_number(d, "活動量", "H20", "7"),
        "活動量",
        "H20",
        "activity_without_source",
        "7",
        "排出源のある行",
    ),
    "no name": (lambda d: without(d, "排出源", "B9"), "排出源", "B9", "name_missing", "空欄", "排出源の名称"),
    "no kind": (
        lambda d: without(d, "排出源", "C9"),
        "排出源",
        "C9",
        "factor_missing",
        "空欄",
        "一覧にある種類",
    ),
    "unknown kind": (
        lambda d: with_text(d, "排出源", "C9", "石炭"),
        "排出源",
        "C9",
        "factor_unknown",
        "石炭",
        "一覧にある種類",
    ),
    "row moved": (
        lambda d: with_number(d, "活動量", "A12", "9"),
        "活動量",
        "A12",
        "layout_changed",
        "9",
        "4",
    ),
    "total error": (
        lambda d: with_cell(d, "排出量集計", "F30", "<f>#REF!</f><v>#REF!</v>", kind="e"),
        "排出量集計",
        "F30",
        "formula_error",
        "#REF!",
        "8,937 t-CO2",
    ),
    "total emptied": (
        lambda d: without(d, "排出量集計", "F30"),
        "排出量集計",
        "F30",
        "total_missing",
        "空欄",
        "8,937 t-CO2",
    ),
    "total typed over": (
        lambda d: with_number(d, "排出量集計", "F30", "7412"),
        "排出量集計",
        "F30",
        "total_differs",
        "7,412 t-CO2",
        "8,937 t-CO2",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_form_is_refused_with_sheet_cell_found_and_expected(name: str) -> None:
    change, sheet, cell, code, found, wanted = WRONG[name]
    reading = read_form(change(worked_form()), expectation())
    assert not reading.ok
    assert reading.emissions is None
    said = [(p.sheet, p.cell, p.code, p.found, p.expected) for p in reading.problems]
    assert (sheet, cell, code, found, wanted) in said
    for problem in reading.problems:
        assert problem.message("ja") != problem.message("en")
        assert "{" not in problem.message("ja") + problem.message("en")


def test_all_problems_are_named_at_once_in_the_order_of_the_sheets() -> None:
    data = with_text(worked_form(), "表紙", "C7", "AST-1010")
    data = with_text(data, "活動量", "H10", "12.4千m3")
    data = without(data, "活動量", "K11")
    data = with_number(data, "排出係数", "H15", "0.000505")
    assert [(sheet, cell) for sheet, cell, _ in problems_of(data)] == [
        ("表紙", "C7"),
        ("活動量", "H10"),
        ("活動量", "K11"),
        ("排出係数", "H15"),
    ]


_OTHERS: tuple[Period, ...] = ("adjustment", "base")


def test_problems_of_a_sheet_are_named_line_by_line_and_from_left_to_right() -> None:
    data = worked_form()
    for cell in ("K11", "H11", "S10", "J10"):
        data = with_text(data, "活動量", cell, "不明")
    found = [(sheet, cell) for sheet, cell, _ in problems_of(data) if sheet == "活動量"]
    assert found == [("活動量", cell) for cell in ("J10", "S10", "H11", "K11")]


def test_an_altered_factor_is_told_once_not_for_what_is_calculated_from_it() -> None:
    """A spreadsheet program recalculates the product; only who altered that alone is told of it."""
    data = with_number(worked_form(), "排出係数", "F10", "40.0")
    both = with_number(data, "排出係数", "H10", "2.772")
    assert problems_of(both) == [("排出係数", "F10", "factor_altered")]
    alone = with_number(worked_form(), "排出係数", "H10", "2.772")
    assert problems_of(alone) == [("排出係数", "H10", "factor_altered")]


def test_another_holders_or_periods_form_is_refused() -> None:
    other = fill_form(expectation(holder="AST1002"), worked_sources())
    assert {code for _, _, code in problems_of(other)} == {"holder_wrong"}
    for period in _OTHERS:
        assert {code for _, _, code in problems_of(worked_form(period))} == {"period_wrong"}


def test_row_without_any_month_is_one_problem_not_twelve() -> None:
    data = worked_form()
    for column in "HIJKLMNOPQRS":
        data = without(data, "活動量", f"{column}11")
    assert problems_of(data)[0] == ("活動量", "H11:S11", "month_blank")
    assert len([1 for _, _, code in problems_of(data) if code == "month_blank"]) == 1


def test_full_width_figures_are_read_and_noted_and_the_cell_named_when_the_form_left_them_out() -> None:
    data = with_text(worked_form(), "活動量", "H9", " １，０００，０００ ")
    reading = read_form(data, expectation())
    assert reading.ok, reading.problems
    assert reading.emissions == 8937
    assert [(n.cell, n.used, n.code) for n in reading.notes] == [("H9", "1000000", "read_as_number")]
    left_out = with_number(data, "排出量集計", "F30", "8387")
    assert problems_of(left_out) == [("活動量", "H9", "number_as_text")]


def test_binary_noise_of_a_formula_in_a_month_is_not_too_many_decimals() -> None:
    sources = [("重油", "a_heavy_oil", {2014: [Decimal("0.3")] + [Decimal(0)] * 11})]
    data = with_number(fill_form(expectation(), sources), "活動量", "H9", "0.30000000000000004")
    assert read_form(data, expectation()).lines[0].activity == Decimal("0.3")


def test_a_renamed_company_is_a_note_not_a_refusal() -> None:
    reading = read_form(with_text(worked_form(), "表紙", "C8", "株式会社旧社名"), expectation())
    assert reading.ok
    assert [note.code for note in reading.notes] == ["name_differs"]


def test_reading_and_expectation_survive_json() -> None:
    for data in (worked_form(), build_form(expectation())):
        reading = read_form(data, expectation())
        assert FormReading.from_json(reading.to_json()) == reading
    assert expectation_from_dict(expectation_to_dict(expectation("base"))) == expectation("base")


def test_peek_tells_whose_form_it_is() -> None:
    for period in YEARS:
        reading = peek_jailed(worked_form(period))
        assert (reading.ok, reading.holder, reading.period) == (True, "AST1001", period)
    assert not peek_identity(with_text(worked_form(), "表紙", "C3", "OTHER")).ok


def test_a_renamed_sheet_is_missing_and_the_others_are_still_checked() -> None:
    data = changed(worked_form(), "xl/workbook.xml", lambda xml: xml.replace('name="排出源"', 'name="x"'))
    assert ("排出源", "", "sheet_missing") in problems_of(data)


def test_readings_that_a_japanese_spreadsheet_program_adds_to_words_are_not_read_as_words() -> None:
    phonetic = '<is><t>電気</t><rPh sb="0" eb="2"><t>デンキ</t></rPh><phoneticPr fontId="1"/></is>'
    data = with_cell(worked_form(), "排出源", "C8", phonetic, kind="inlineStr")
    assert read_form(data, expectation()).emissions == 8937
