"""Reads the rows of the form: the sources, and each source's months in each fiscal year."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from portal.services.spreadsheets.arithmetic import emissions
from portal.services.spreadsheets.cells import quantity_of, shown
from portal.services.spreadsheets.factor_table import FactorRow, factor_rows, fold, labels
from portal.services.spreadsheets.form_checks import Findings
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.form_types import FormExpectation, Note, SourceLine
from portal.services.spreadsheets.layouts.layout import ACTIVITY, NAME_LENGTH, SOURCES, Layout


@dataclass(frozen=True)
class _Source:
    name: str
    factor: FactorRow | None


def read_lines(
    sheets: FormSheets, layout: Layout, expected: FormExpectation, found: Findings
) -> list[SourceLine] | None:
    """Every source in every fiscal year with its emissions, or ``None`` when any row is wrong.

    What is wrong goes to ``found``, cell by cell; a row of which all twelve months are blank is one problem.
    """
    before = len(found.problems)
    if not _rows_in_place(sheets, layout, len(expected.identity.fiscal_years), found):
        return None
    known = labels(factor_rows(expected, layout))
    sources = [_source(sheets, layout, row, known, found) for row in range(layout.source_rows)]
    if not any(sources):
        cell = f"B{layout.sources.first}"
        found.add(SOURCES, cell, "no_source", "空欄", "1件以上の排出源")
    lines: list[SourceLine] = []
    for place, year in enumerate(expected.identity.fiscal_years):
        for number, source in enumerate(sources):
            row = layout.activity_row(place, number)
            activity = _activity(sheets, layout, row, source is not None, found)
            if source is None or source.factor is None:
                continue
            factor = source.factor.years[place]
            if factor is None:
                cell = f"C{layout.sources.first + number}"
                found.add(SOURCES, cell, "factor_not_for_year", source.factor.name_ja, str(year))
            elif activity is not None:
                amount = emissions(activity, factor)
                lines.append(SourceLine(year, row, source.name, factor.code, factor.unit, activity, amount))
    return lines if len(found.problems) == before else None


def _rows_in_place(sheets: FormSheets, layout: Layout, years: int, found: Findings) -> bool:
    """Whether the row numbers in column A stand where the form has them."""
    firsts = [(SOURCES, layout.sources.first)]
    firsts += [(ACTIVITY, layout.activity_row(year, 0)) for year in range(years)]
    moved: set[str] = set()
    for sheet, first in firsts:
        for number in range(layout.source_rows):
            cell = f"A{first + number}"
            if sheet not in moved and sheets.text(sheet, cell) != str(number + 1):
                moved.add(sheet)
                found.add(sheet, cell, "layout_changed", shown(sheets.value(sheet, cell)), str(number + 1))
    return not moved


def _source(
    sheets: FormSheets, layout: Layout, number: int, known: dict[str, FactorRow], found: Findings
) -> _Source | None:
    row = layout.sources.first + number
    name, label = sheets.text(SOURCES, f"B{row}"), sheets.text(SOURCES, f"C{row}")
    uncalculated = False
    for cell, text in ((f"B{row}", name), (f"C{row}", label)):
        if (name or label) and not text and sheets.is_formula(SOURCES, cell):
            uncalculated = True
            found.add(SOURCES, cell, "not_calculated", "計算結果のない数式", "数式の計算結果")
    if not name and not label:
        return None
    if uncalculated:
        return _Source(name, None)
    if not name:
        found.add(SOURCES, f"B{row}", "name_missing", "空欄", "排出源の名称")
    elif len(name) > NAME_LENGTH:
        found.add(SOURCES, f"B{row}", "name_too_long", shown(name), f"{NAME_LENGTH}字以内")
    if not label:
        found.add(SOURCES, f"C{row}", "factor_missing", "空欄", "一覧にある種類")
        return _Source(name, None)
    factor = known.get(fold(label))
    if factor is None:
        found.add(SOURCES, f"C{row}", "factor_unknown", shown(label), "一覧にある種類")
    elif label not in (factor.name_ja, factor.name_en):
        found.notes.append(Note(SOURCES, f"C{row}", shown(label), factor.name_ja, "read_as_factor"))
    return _Source(name, factor)


def _activity(sheets: FormSheets, layout: Layout, row: int, used: bool, found: Findings) -> Decimal | None:
    """The year's sum of a row, ``None`` when a month is wrong or the row is not ``used``."""
    total = Decimal(0)
    blanks: list[str] = []
    wrong = False
    for column in layout.months:
        cell = f"{column}{row}"
        value = sheets.value(ACTIVITY, cell)
        month = quantity_of(value, layout.bounds)
        if not used:
            if not month.blank:
                found.add(ACTIVITY, cell, "activity_without_source", month.found, "排出源のある行")
        elif month.blank:
            if value is None and sheets.is_formula(ACTIVITY, cell):
                wrong = True
                found.add(ACTIVITY, cell, "not_calculated", "計算結果のない数式", "数式の計算結果")
            else:
                blanks.append(cell)
        elif month.value is None:
            wrong = True
            found.add(ACTIVITY, cell, month.code, month.found, month.expected)
        else:
            total += month.value
            if month.as_text:
                used_value = f"{month.value:f}"
                found.notes.append(Note(ACTIVITY, cell, month.found, used_value, "read_as_number"))
    if len(blanks) == len(layout.months):
        found.add(
            ACTIVITY,
            f"{layout.months[0]}{row}:{layout.months[-1]}{row}",
            "month_blank",
            "空欄",
            "0以上の数値",
        )
    else:
        for cell in blanks:
            found.add(ACTIVITY, cell, "month_blank", "空欄", "0以上の数値")
    return None if blanks or wrong or not used else total
