"""The marked workbook: a list in front, marks that also show in print and over the form's own rules."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook

from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.layouts.versions import NEWEST
from portal.services.spreadsheets.marked import mark_problems
from portal.services.spreadsheets.prescan import scan
from tests.services.spreadsheets.samples import changed, expectation, with_text, without, worked_form


def wrong() -> bytes:
    """A form with a blank month, which the form's own rule colours, and a figure that begins a formula."""
    return with_text(without(worked_form(layout=NEWEST), "活動量", "K10"), "活動量", "H9", "=1+1 kWh")


@pytest.mark.parametrize(("locale", "title"), [("ja", "直すところ"), ("en", "To mend")])
def test_the_marked_workbook_opens_on_a_list_of_every_fault_with_links(locale: str, title: str) -> None:
    problems = read_form(wrong(), expectation()).problems
    book = load_workbook(io.BytesIO(mark_problems(wrong(), problems, locale=locale)))
    assert book.sheetnames[0] == title
    assert book.active is book[title]
    assert [sheet.title for sheet in book.worksheets if sheet.sheet_view.tabSelected] in ([title], [])
    rows = [[cell.value for cell in row] for row in book[title]["A5:E6"]]
    assert [row[1] for row in rows] == ["活動量 H9", "活動量 K10"]
    assert rows[0][2] == "=1+1 kWh"
    assert book[title]["C5"].data_type == "s"
    assert [row[4] for row in rows] == [problem.message(locale) for problem in problems]
    assert book[title]["B6"].hyperlink.location == "'活動量'!K10"


def test_marks_show_in_print_and_over_the_forms_own_colours() -> None:
    problems = read_form(wrong(), expectation()).problems
    sheet = load_workbook(io.BytesIO(mark_problems(wrong(), problems)))["活動量"]
    assert sheet["K10"].border.left.style == "mediumDashed"
    assert sheet.page_setup.cellComments == "atEnd"
    rules = {str(one.sqref): one.rules[0] for one in sheet.conditional_formatting}
    (ours,) = (at for at in rules if "K10" in at.split())
    assert next(iter(rules)) == ours  # some programs go by the order, others by the priority
    assert rules[ours].stopIfTrue
    assert rules[ours].priority < min(rule.priority for at, rule in rules.items() if at != ours)


def test_a_missing_sheet_is_named_in_the_list() -> None:
    data = changed(worked_form(), "xl/workbook.xml", lambda xml: xml.replace('name="活動量"', 'name="x"'))
    problems = read_form(data, expectation()).problems
    listed = load_workbook(io.BytesIO(mark_problems(data, problems)))["直すところ"]
    place = next(row[1] for row in listed["A5:E30"] if row[1].value == "活動量")
    assert place.hyperlink is None


def test_a_marked_workbook_that_was_mended_is_read_and_its_marks_come_off() -> None:
    marked = mark_problems(wrong(), read_form(wrong(), expectation()).problems)
    assert not scan(marked)
    again = read_form(marked, expectation())
    assert [problem.cell for problem in again.problems if problem.sheet == "活動量"] == ["H9", "K10"]
    twice = load_workbook(io.BytesIO(mark_problems(mark_problems(marked, again.problems), [])))
    assert twice.sheetnames == load_workbook(io.BytesIO(wrong())).sheetnames
    clean = load_workbook(io.BytesIO(wrong()))["活動量"]
    kept = twice["活動量"]
    assert kept["K10"].border.left.style == clean["K10"].border.left.style
    assert {str(one.sqref) for one in kept.conditional_formatting} == {
        str(one.sqref) for one in clean.conditional_formatting
    }
