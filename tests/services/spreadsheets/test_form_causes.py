"""One cause, one message: what only follows from a wrong cell is not told again (domain §4)."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import expectation_from_dict, expectation_to_dict
from portal.services.spreadsheets.layouts.layout import Layout
from portal.services.spreadsheets.layouts.versions import NEWEST
from tests.services.spreadsheets.samples import (
    FACTORS,
    SHEET_PARTS,
    V1,
    changed,
    expectation,
    with_cell,
    with_number,
    with_text,
    worked_form,
    worked_sources,
)


def with_errors(data: bytes, layout: Layout) -> bytes:
    """``data`` as a spreadsheet program saves it whose first source has a kind that its list lacks."""
    wrong: dict[str, set[str]] = {}
    for spec in layout.cells(1):
        if spec.formula and spec.role not in ("name", "factor") and spec.source in (0, -1):
            wrong.setdefault(spec.sheet, set()).add(spec.cell)
    for sheet, cells in wrong.items():
        data = changed(data, SHEET_PARTS[sheet], partial(_errors, cells))
    return data


def _errors(cells: set[str], xml: str) -> str:
    def put(match: re.Match[str]) -> str:
        if match.group(1) not in cells:
            return match.group()
        attributes = re.sub(r' t="[^"]*"', "", match.group(2))
        return f'<c r="{match.group(1)}"{attributes} t="e">{match.group(3)}<v>#N/A</v></c>'

    cell = r'<c r="([A-Z]+[0-9]+)"((?: [a-z]+="[^"]*")*) ?>(<f>[^<]*</f>)(?:<v>[^<]*</v>|<v ?/>)?</c>'
    return re.sub(cell, put, xml)


def told(data: bytes, expected: object = None) -> list[tuple[str, str, str]]:
    reading = read_form(data, expected or expectation())  # type: ignore[arg-type]
    return [(problem.sheet, problem.cell, problem.code) for problem in reading.problems]


@pytest.mark.parametrize("layout", [V1, NEWEST], ids=["v1", "v2"])
def test_a_kind_that_is_not_in_the_list_is_named_once_and_its_errors_are_left_out(layout: Layout) -> None:
    data = with_errors(with_text(worked_form(layout=layout), "排出源", "C8", "石炭"), layout)
    assert told(data) == [("排出源", "C8", "factor_unknown")]


def test_an_english_form_filled_with_japanese_kinds_is_told_what_to_choose() -> None:
    data = fill_form(expectation(), worked_sources(), locale="en")
    data = with_errors(with_text(data, "排出源", "C8", "電気"), NEWEST)
    problems = read_form(data, expectation()).problems
    assert [(p.cell, p.code, p.found, p.expected) for p in problems] == [
        ("C8", "factor_not_listed", "電気", "Electricity")
    ]
    assert "「Electricity」を選び直してください" in problems[0].message("ja")


def test_a_broken_formula_of_another_source_is_still_named() -> None:
    data = with_errors(with_text(worked_form(), "排出源", "C8", "石炭"), V1)
    data = changed(
        data,
        SHEET_PARTS["活動量"],
        lambda xml: re.sub(r'(<c r="T10"[^>]*?)>(<f>.*?</f>)<v>[^<]*</v>', r'\1 t="e">\2<v>#REF!</v>', xml),
    )
    assert told(data) == [("排出源", "C8", "factor_unknown"), ("活動量", "T10", "formula_error")]


def test_a_number_typed_as_text_is_told_once_with_its_blanks() -> None:
    data = with_text(worked_form(), "活動量", "H9", " 1000000 ")
    data = with_number(data, "排出量集計", "F30", "8387")
    reading = read_form(data, expectation())
    assert [(p.cell, p.code, p.found, p.expected) for p in reading.problems] == [
        ("H9", "number_as_text", '" 1000000 "', "1000000")
    ]
    assert not reading.notes
    # a total that the text does not explain is told besides
    tampered = with_number(data, "排出量集計", "F30", "7000")
    assert told(tampered) == [("活動量", "H9", "number_as_text"), ("排出量集計", "F30", "total_differs")]


def test_a_small_number_typed_as_text_is_told_at_its_cell_not_at_the_sums_that_leave_it_out() -> None:
    data = with_text(worked_form(), "活動量", "H9", "1000000")
    data = with_number(data, "活動量", "T9", "11000000")
    assert told(data) == [("活動量", "H9", "number_as_text")]


def test_another_holders_form_is_one_line_and_says_whose_it_is() -> None:
    other = fill_form(expectation(holder="AST1002"), worked_sources())
    reading = read_form(with_text(other, "表紙", "C8", "株式会社よそ"), expectation())
    assert [(p.cell, p.code) for p in reading.problems] == [("C6", "holder_wrong")]
    assert "ほかの目標保有者（AST1002）の様式です。" in reading.problems[0].message("ja")
    assert not reading.notes


def test_another_periods_form_is_one_line_and_says_which_form_is_needed() -> None:
    problems = read_form(worked_form("base"), expectation()).problems
    assert [(p.cell, p.code) for p in problems] == [("C11", "period_wrong")]
    assert "（基準年度）の様式です。削減目標年度（2014年度）の様式" in problems[0].message("ja")
    assert "(FY2014)" in problems[0].message("en")
    problems = read_form(worked_form(), expectation(years=(2013,))).problems
    assert [(p.cell, p.code) for p in problems] == [("C12", "year_wrong")]


def test_a_form_with_the_factors_of_an_earlier_table_is_one_line_that_says_since_when() -> None:
    now = tuple(replace(f, factor=Decimal("0.000551")) if f.code == "electricity" else f for f in FACTORS)
    expected = replace(expectation(), factors={2014: now}, earlier=(("2015-10-15", {2014: FACTORS}),))
    assert expectation_from_dict(expectation_to_dict(expected)) == expected
    data = worked_form(layout=NEWEST)
    problems = read_form(data, expected).problems
    assert [(p.sheet, p.cell, p.code, p.expected) for p in problems] == [
        ("排出係数", "H15", "factors_superseded", "0.000551")
    ]
    assert "2015年10月15日に排出係数が変わりました" in problems[0].message("ja")
    assert "15 Oct 2015" in problems[0].message("en")
    # a figure that no table ever held is an alteration still
    assert ("排出係数", "H15", "factor_altered") in told(
        with_number(data, "排出係数", "H15", "0.0005"), expected
    )


def test_an_altered_factor_is_told_once_though_the_form_reckoned_with_it() -> None:
    """Saved by a spreadsheet program the total follows the altered factor; its formula is untouched."""
    data = with_number(worked_form(), "排出係数", "H15", "0.0005")
    kept = with_cell(data, "排出量集計", "F30", "<f>ROUNDDOWN(SUM(F8:F27),0)</f><v>8000</v>")
    assert told(kept) == [("排出係数", "H15", "factor_altered")]
    # a total written over the formula is no consequence
    typed = with_number(data, "排出量集計", "F30", "8000")
    assert told(typed) == [("排出係数", "H15", "factor_altered"), ("排出量集計", "F30", "total_differs")]
