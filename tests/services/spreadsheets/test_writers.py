"""One form as five programs save it: equal figures; without the results of its formulas it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.services.spreadsheets.form_types import FormReading
from portal.services.spreadsheets.jail import mark_jailed, read_form_jailed
from tests.services.spreadsheets.samples import expectation, worked_form

#: made by ``tests/files/writers/make_writers.py``, which says how
FILES = Path("tests/files/writers")
WHOLE = (
    *("openpyxl", "xlsxwriter", "libreoffice", "exceljs", "xlsx"),
    *("exceljs_then_libreoffice", "xlsx_then_libreoffice"),
)


def read(writer: str) -> FormReading:
    return read_form_jailed((FILES / f"{writer}.xlsx").read_bytes(), expectation())


@pytest.mark.parametrize("writer", WHOLE)
def test_a_form_is_read_alike_whichever_program_saved_it(writer: str) -> None:
    own = read_form_jailed(worked_form(), expectation())
    reading = read(writer)
    assert reading.problems == ()
    assert (reading.emissions, reading.yearly, reading.lines) == (8937, own.yearly, own.lines)


@pytest.mark.parametrize("writer", ["openpyxl", "exceljs", "xlsx"])
def test_a_program_that_leaves_formulas_without_results_is_told_to_calculate(writer: str) -> None:
    reading = read(f"{writer}_uncalculated")
    assert [problem.code for problem in reading.problems] == ["total_not_calculated"]
    marked = mark_jailed((FILES / f"{writer}_uncalculated.xlsx").read_bytes(), reading.problems)
    assert marked is not None, "and has its file back with the cell marked"


def test_every_kept_file_is_asked_for() -> None:
    kept = {path.stem for path in FILES.glob("*.xlsx")}
    assert kept == {*WHOLE, *(f"{writer}_uncalculated" for writer in ("openpyxl", "exceljs", "xlsx"))}
