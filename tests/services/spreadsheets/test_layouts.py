"""Versions of the designated form are data: one reader gives every version the figure of plain fractions."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from portal.services.spreadsheets.calculation_form import peek_identity, read_form
from portal.services.spreadsheets.filled import Source, fill_form
from portal.services.spreadsheets.form_types import (
    Factor,
    FormExpectation,
    Period,
    expectation_from_dict,
    expectation_to_dict,
)
from portal.services.spreadsheets.jail import read_form_jailed
from portal.services.spreadsheets.layouts import versions
from portal.services.spreadsheets.layouts.layout import COVER, Layout
from portal.services.spreadsheets.layouts.versions import LAYOUTS, NEWEST
from tests.services.spreadsheets.samples import (
    FACTORS,
    FORMS,
    V1,
    YEARS,
    changed,
    expectation,
    months,
    with_number,
    with_text,
    worked_form,
    worked_sources,
)

#: cells and formulas of version 1, as it was handed out first
V1_DIGEST = "3ab1a8c99c5c18dc15521d8394f2e6c6be906929f4cfc0b074c6c82d2c15250a"


def digest(layout: Layout) -> str:
    """A fingerprint of every cell of the form and its formula, for one year and for three."""
    cells = [(s.sheet, s.cell, s.role, s.formula) for years in (1, 3) for s in layout.cells(years)]
    cells += [(COVER, field.cell, field.role, "") for field in layout.cover]
    return hashlib.sha256(repr(sorted(cells)).encode()).hexdigest()


def test_version_1_stays_as_it_was_handed_out() -> None:
    assert digest(V1) == V1_DIGEST


@pytest.mark.parametrize(("period", "locale"), [("base", "ja"), ("target", "ja"), ("adjustment", "en")])
@pytest.mark.parametrize(("version", "name"), [("1", "calculation"), ("2", "version2")])
def test_forms_of_every_version_saved_by_libreoffice_are_read(
    period: Period, locale: str, version: str, name: str
) -> None:
    data = Path(FORMS, f"{name}_{period}_{locale}_libreoffice.xlsx").read_bytes()
    reading = read_form(data, expectation(period))
    assert (reading.problems, reading.emissions, reading.form_version) == ((), 8937, version)
    assert {line.emissions for line in reading.lines} == {6600, Fraction("1795.2"), Fraction("541.926")}


@pytest.mark.parametrize("version", list(LAYOUTS))
def test_worked_example_is_8937_tonnes_in_every_version_also_in_the_jail(version: str) -> None:
    layout = LAYOUTS[version]
    reading = read_form_jailed(worked_form("target", layout), expectation())
    assert (reading.emissions, reading.form_version) == (8937, version)
    assert reading.result_cell == layout.result.cell


amounts = st.decimals(min_value=0, max_value=10**8, places=3, allow_nan=False, allow_infinity=False)


@st.composite
def filled_sources(draw: st.DrawFn) -> tuple[Period, list[Source]]:
    """A period and one to four sources with any amounts in every month of its years."""
    period: Period = draw(st.sampled_from(("base", "target")))
    kinds = draw(st.lists(st.sampled_from(FACTORS), min_size=1, max_size=4))
    return period, [
        (
            f"排出源{place}",
            factor.code,
            {year: draw(st.lists(amounts, min_size=12, max_size=12)) for year in YEARS[period]},
        )
        for place, factor in enumerate(kinds)
    ]


def plain(period: Period, sources: list[Source]) -> Fraction:
    """The mean of the years by the formula of the domain, with nothing of the portal's arithmetic."""
    known = {factor.code: factor for factor in FACTORS}
    total = Fraction(0)
    for _name, code, years in sources:
        factor = known[code]
        if factor.kind == "fuel":
            assert factor.calorific is not None and factor.carbon is not None
            each = Fraction(factor.calorific) * Fraction(factor.carbon) * 44 / 12
        else:
            assert factor.factor is not None
            each = Fraction(factor.factor)
        total += sum((Fraction(month) for year in years.values() for month in year), Fraction(0)) * each
    return total / len(YEARS[period])


@pytest.mark.parametrize("version", list(LAYOUTS))
@settings(max_examples=8, deadline=None)
@given(made=filled_sources())
def test_reader_finds_what_was_filled_in_whatever_the_version(
    version: str, made: tuple[Period, list[Source]]
) -> None:
    period, sources = made
    reading = read_form(fill_form(expectation(period), sources, layout=LAYOUTS[version]), expectation(period))
    assert reading.problems == ()
    assert reading.emissions == floor(plain(period, sources))
    assert sum((line.emissions for line in reading.lines), Fraction(0)) == plain(period, sources) * len(
        YEARS[period]
    )


def test_a_version_that_has_ended_and_one_that_never_was_are_refused_naming_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = dataclasses.replace(V1, accepted_until=date(2015, 3, 31))
    monkeypatch.setitem(versions.LAYOUTS, "1", ended)
    assert versions.accepted(date(2015, 3, 31)) == ("1", "2")
    assert versions.accepted(date(2015, 4, 1)) == ("2",)
    expected = dataclasses.replace(expectation(), versions=versions.accepted(date(2015, 4, 1)))
    (problem,) = read_form(worked_form(), expected).problems
    assert (problem.cell, problem.code, problem.found, problem.expected) == ("C4", "version_wrong", "1", "2")
    assert read_form(worked_form("target", NEWEST), expected).ok
    assert expectation_from_dict(expectation_to_dict(expected)) == expected
    other = with_text(worked_form("target", NEWEST), "表紙", "C4", "3")
    assert [p.code for p in read_form(other, expectation()).problems] == ["version_wrong"]
    assert [p.code for p in peek_identity(other).problems] == ["version_wrong"]


def test_a_form_too_small_for_the_factors_of_today_is_told_to_take_the_newest() -> None:
    free = tuple(
        Factor(f"free_{place}", f"その他{place}", f"Other {place}", "t", "energy", None, None, Decimal("0.1"))
        for place in range(V1.factor_rows)
    )
    wide = FormExpectation(expectation().identity, {2014: (*FACTORS, *free)})
    assert [p.code for p in read_form(worked_form(), wide).problems] == ["version_wrong"]
    newest = fill_form(wide, [("その他", "free_3", {2014: months("120")})])
    assert read_form(newest, wide).emissions == 12


def test_the_names_of_a_form_lead_to_its_cells_and_to_nothing_else() -> None:
    """A name moved elsewhere would let the printed cell say one thing and the reader find another."""
    data = worked_form("target", NEWEST)
    names = set(load_workbook(io.BytesIO(data)).defined_names)
    assert {"form_version", "holder_id", "fiscal_year_1", "emissions_total", "boundary_notes"} <= names
    for whose, cell in (("'表紙'!$C$6", "C6"), ("'表紙'!$C$12", "C12"), ("'排出量集計'!$F$40", "F40")):
        for elsewhere in ("'表紙'!$C$7", "'活動量'!$A$1:$B$9", "#REF!"):
            moved = changed(data, "xl/workbook.xml", lambda xml, to=elsewhere: xml.replace(whose, to))  # noqa: B023
            told = [(p.cell, p.code) for p in read_form(moved, expectation()).problems]
            assert (cell, "layout_changed") in told, (whose, elsewhere)
    # a program that drops all names leaves the cells where they are
    dropped = changed(
        data,
        "xl/workbook.xml",
        lambda xml: re.sub(r"<definedNames>.*</definedNames>", "", xml, flags=re.DOTALL),
    )
    assert dropped != data and read_form(dropped, expectation()).emissions == 8937


def test_the_form_points_at_a_month_that_stands_out_before_it_is_uploaded() -> None:
    odd = [Decimal(1)] * 11 + [Decimal(1000)]
    data = fill_form(expectation(), [("電気", "electricity", {2014: odd}), *worked_sources()])
    book = load_workbook(io.BytesIO(data), data_only=True)
    assert [book["活動量"][f"U{row}"].value for row in (9, 10)] == ["突出月あり Peak", "OK"]
    assert (book["表紙"]["C13"].value, book["表紙"]["C14"].value) == (8937, 1)
    assert read_form(data, expectation()).ok


def test_a_wrong_total_is_named_in_the_cell_of_its_version() -> None:
    wrong = with_number(worked_form("base", NEWEST), "排出量集計", "F40", "9000")
    (problem,) = read_form(wrong, expectation("base")).problems
    assert (problem.cell, problem.code) == ("F40", "total_differs")
