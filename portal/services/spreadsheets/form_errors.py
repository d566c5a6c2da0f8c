"""Formulas that show an error: the cell that causes it is named, what only follows from it is left out.

A kind that the form's own list does not hold makes some twenty of its formulas #N/A; whoever is told to
mend each of them never finds the one cell that was filled in wrongly.
"""

from __future__ import annotations

import re

from portal.services.spreadsheets.cells import is_error, shown
from portal.services.spreadsheets.factor_table import FactorRow, factor_rows, fold, labels
from portal.services.spreadsheets.form_checks import Findings
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.form_types import FormExpectation
from portal.services.spreadsheets.layouts.layout import ACTIVITY, FACTORS, SOURCES, CellSpec, Layout

#: problems of a source's cells, or of its factor's, that make the form's formulas of that source errors
_CAUSES = frozenset(
    {"factor_missing", "factor_unknown", "factor_not_for_year", "factor_altered", "formula_error"}
)
_ROW = re.compile(r"[A-Z]+([0-9]+)")


def check_errors(sheets: FormSheets, layout: Layout, expected: FormExpectation, found: Findings) -> bool:
    """Add every formula that shows an error and is not the consequence of a cell named already.

    Returns whether the total's own error is such a consequence.
    """
    errors = [
        spec
        for spec in layout.cells(len(expected.identity.fiscal_years))
        if spec.formula
        and spec.role != "result"
        and sheets.has(spec.sheet)
        and is_error(sheets.value(spec.sheet, spec.cell))
    ]
    if not sheets.has(SOURCES):
        return bool(errors)
    known = labels(factor_rows(expected, layout))
    causes = _named(sheets, layout, known, found)
    for source in sorted({spec.source for spec in errors if spec.source >= 0} - causes):
        if _not_listed(sheets, layout, source, known, found):
            causes.add(source)
    for spec in errors:
        if not _follows(spec, causes):
            value = sheets.value(spec.sheet, spec.cell)
            found.add(spec.sheet, spec.cell, "formula_error", shown(value), "数式の計算結果")
    return bool(causes)


def _follows(spec: CellSpec, causes: set[int]) -> bool:
    """Whether a formula reckons with a source of ``causes``: its own row, every sum, every share."""
    return spec.source in causes or (bool(causes) and (spec.source < 0 or spec.role == "share"))


def _named(sheets: FormSheets, layout: Layout, known: dict[str, FactorRow], found: Findings) -> set[int]:
    """The sources (from 0) of which a cell, or the row of their kind in the factor table, is named."""
    causes: set[int] = set()
    factors: set[int] = set()
    for problem in found.problems:
        place = _ROW.match(problem.cell)
        if place is None or problem.code not in _CAUSES:
            continue
        row = int(place.group(1))
        if problem.sheet == SOURCES:
            causes.add(row - layout.sources.first)
        elif problem.sheet == ACTIVITY:
            causes.add((row - layout.activity.first) % layout.stride)
        elif problem.sheet == FACTORS:
            factors.add(row)
    for source in range(layout.source_rows if factors else 0):
        factor = known.get(fold(_label(sheets, layout, source)))
        if factor is not None and factor.row in factors:
            causes.add(source)
    return causes


def _label(sheets: FormSheets, layout: Layout, source: int) -> str:
    at = layout.sources.at("factor")
    return sheets.text(SOURCES, f"{at}{layout.sources.first + source}")


def _not_listed(
    sheets: FormSheets, layout: Layout, source: int, known: dict[str, FactorRow], found: Findings
) -> bool:
    """Name a kind that the portal knows, but under a name that this form's own list does not hold."""
    label = _label(sheets, layout, source)
    factor = known.get(fold(label))
    if factor is None or not sheets.has(FACTORS):
        return False
    listed = sheets.text(FACTORS, f"{layout.factors.at('label')}{factor.row}")
    if not listed or listed.casefold() == label.casefold():
        return False
    cell = f"{layout.sources.at('factor')}{layout.sources.first + source}"
    found.notes = [note for note in found.notes if (note.sheet, note.cell) != (SOURCES, cell)]
    found.add(SOURCES, cell, "factor_not_listed", shown(label), listed)
    return True
