"""Checks the form's own total against the one recomputed from its rows (domain §4)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from portal.services.spreadsheets.arithmetic import acceptable_totals, reported
from portal.services.spreadsheets.cells import is_error, quantity_of, shown
from portal.services.spreadsheets.form_checks import Findings
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.layouts.layout import RESULT_UNIT, SUMMARY, Layout


def check_result(
    sheets: FormSheets, layout: Layout, totals: list[Fraction] | None, years: int, found: Findings
) -> str:
    """Compare the result cell with the years' ``totals`` (t-CO2, exact); ``None`` when rows were wrong.

    A total that was not calculated, is an error or differs goes to ``found``, and so does every
    formula of the form that shows an error. Gives the result's cell.
    """
    cell = sheets.place(SUMMARY, layout.result)
    for spec in layout.cells(years):
        if spec.formula and spec.role != "result" and sheets.has(spec.sheet):
            value = sheets.value(spec.sheet, spec.cell)
            if is_error(value):
                found.add(spec.sheet, spec.cell, "formula_error", shown(value), "数式の計算結果")
    _check_total(sheets, cell, totals, found)
    return cell


def _check_total(sheets: FormSheets, cell: str, totals: list[Fraction] | None, found: Findings) -> None:
    sheet = SUMMARY
    value = sheets.value(sheet, cell)
    wanted = f"{reported(totals):,} {RESULT_UNIT}" if totals else "数式の計算結果"
    if value is None:
        if sheets.is_formula(sheet, cell):
            found.add(sheet, cell, "total_not_calculated", "計算結果のない数式", "数式の計算結果")
        else:
            found.add(sheet, cell, "total_missing", "空欄", wanted)
        return
    if is_error(value):
        found.add(sheet, cell, "formula_error", shown(value), wanted)
        return
    own = quantity_of(value)
    if own.value is None:
        found.add(sheet, cell, "total_missing", own.found, wanted)
    elif totals is not None and own.value not in {Decimal(total) for total in acceptable_totals(totals)}:
        # A number typed as text is read here but not summed by the form: name the cell that causes it.
        for note in found.notes:
            if note.code == "read_as_number":
                found.add(note.sheet, note.cell, "number_as_text", note.found, note.used)
        found.add(sheet, cell, "total_differs", f"{own.value:,f} {RESULT_UNIT}", wanted)
