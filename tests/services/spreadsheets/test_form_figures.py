"""Every figure a form shows is held against its rows, not the result alone."""

from __future__ import annotations

import pytest

from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.layouts.layout import Layout
from portal.services.spreadsheets.layouts.versions import NEWEST
from tests.services.spreadsheets.samples import V1, expectation, with_number, worked_form


@pytest.mark.parametrize(
    ("layout", "sheet", "cell", "expected"),
    [
        (V1, "活動量", "T9", "12,000,000.000"),
        (V1, "排出量集計", "F8", "6,600.000"),
        (V1, "排出量集計", "F28", "8,937.126"),
        (V1, "排出量集計", "F29", "8,937.126"),
        (V1, "排出量集計", "F20", "空欄"),
        (NEWEST, "表紙", "C13", "8,937.000"),
    ],
)
def test_a_figure_that_does_not_follow_from_the_rows_is_named_wherever_it_is_shown(
    layout: Layout, sheet: str, cell: str, expected: str
) -> None:
    """Whoever opens the file reads these cells: none of them may say anything else than the portal."""
    reading = read_form(with_number(worked_form("target", layout), sheet, cell, "1111"), expectation())
    assert [(p.sheet, p.cell, p.code, p.expected) for p in reading.problems] == [
        (sheet, cell, "figure_differs", expected)
    ]
