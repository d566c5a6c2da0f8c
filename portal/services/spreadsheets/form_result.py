"""Checks the form's own total against the one recomputed from its rows (domain §4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from portal.services.spreadsheets.arithmetic import acceptable_totals, reported
from portal.services.spreadsheets.cells import is_error, quantity_of, shown
from portal.services.spreadsheets.form_checks import Findings
from portal.services.spreadsheets.form_errors import check_errors
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.form_texts import name_texts, texts_of, totals_without
from portal.services.spreadsheets.form_types import FormExpectation, SourceLine
from portal.services.spreadsheets.layouts.layout import RESULT_UNIT, SUMMARY, Bounds, Layout

#: what a spreadsheet program's binary arithmetic may be off by
_RELATIVE, _ABSOLUTE = Fraction(1, 10**9), Fraction(1, 10**6)


def check_result(
    sheets: FormSheets,
    layout: Layout,
    lines: Sequence[SourceLine] | None,
    expected: FormExpectation,
    found: Findings,
) -> None:
    """Compare the result cell with the sum of ``lines``; ``None`` when rows were wrong.

    A total that was not calculated, is an error or differs goes to ``found``, and so does every
    formula of the form that shows an error; what follows from a cell named already does not.
    """
    follows = check_errors(sheets, layout, expected, found)
    if not (follows and is_error(sheets.value(SUMMARY, layout.result.cell))):
        years = expected.identity.fiscal_years
        _check_total(sheets, layout.result.cell, lines, years, found, follows=follows)


def year_totals(lines: Sequence[SourceLine], years: Sequence[int]) -> list[Fraction]:
    """Each fiscal year's t-CO2 to full precision."""
    zero = Fraction(0)
    return [sum((line.emissions for line in lines if line.fiscal_year == year), zero) for year in years]


def check_figures(
    sheets: FormSheets,
    layout: Layout,
    lines: Sequence[SourceLine],
    fiscal_years: Sequence[int],
    found: Findings,
) -> None:
    """Every other figure that the form shows is the one that follows from its rows.

    Who reads the file reads these, not the result only: sums by source and year, the cover's figure.
    """
    figures = _figures(layout, lines, fiscal_years)
    for spec in layout.cells(len(fiscal_years)):
        if spec.role not in _CHECKED or not sheets.has(spec.sheet):
            continue
        wanted = figures.get((spec.role, spec.source, spec.year), frozenset())
        value = sheets.value(spec.sheet, spec.cell)
        if not _shows(value, wanted):
            expected = f"{float(min(wanted)):,.3f}" if wanted else "空欄"
            found.add(spec.sheet, spec.cell, "figure_differs", shown(value), expected)


#: roles of cells whose figures follow from the rows alone
_CHECKED = frozenset({"activity_sum", "emissions", "source_mean", "year_total", "mean", "cover_result"})
_Figures = dict[tuple[str, int, int], frozenset[Fraction]]


def _figures(layout: Layout, lines: Sequence[SourceLine], fiscal_years: Sequence[int]) -> _Figures:
    """Role, source and year of a cell → the figures it may show."""
    found: _Figures = {}
    by_source: dict[int, list[Fraction]] = defaultdict(list)
    totals = [Fraction(0)] * len(fiscal_years)
    for line in lines:
        year = fiscal_years.index(line.fiscal_year)
        source = line.row - layout.activity_row(year, 0)
        found["activity_sum", source, year] = frozenset({Fraction(line.activity)})
        found["emissions", source, year] = frozenset({line.emissions})
        by_source[source].append(line.emissions)
        totals[year] += line.emissions
    for source, parts in by_source.items():
        found["source_mean", source, -1] = frozenset({sum(parts, Fraction(0)) / len(fiscal_years)})
    for year, total in enumerate(totals):
        found["year_total", -1, year] = frozenset({total})
    found["mean", -1, -1] = frozenset({sum(totals, Fraction(0)) / len(totals)})
    found["cover_result", -1, -1] = frozenset(Fraction(one) for one in acceptable_totals(totals))
    return found


def _shows(value: object, wanted: frozenset[Fraction]) -> bool:
    """Whether a cell that shows ``value`` shows what it should; one never calculated shows nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    own = quantity_of(value, _ANY).value
    if own is None:
        return False
    near = (abs(Fraction(own) - one) <= max(_ABSOLUTE, one * _RELATIVE) for one in wanted or {Fraction(0)})
    return any(near)


#: any quantity that a form can calculate
_ANY = Bounds(Decimal(0), Decimal(10) ** 18, 400)


def _check_total(
    sheets: FormSheets,
    cell: str,
    lines: Sequence[SourceLine] | None,
    years: Sequence[int],
    found: Findings,
    *,
    follows: bool,
) -> None:
    sheet = SUMMARY
    value = sheets.value(sheet, cell)
    totals = year_totals(lines, years) if lines else None
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
    elif lines and totals is not None and own.value not in acceptable_totals(totals):
        # A number typed as text is read here but not summed by the form: name the cell that causes it.
        without = acceptable_totals(totals_without(lines, found, years))
        explained = bool(texts_of(found)) and own.value in without
        # the untouched formula reckoned with a factor that is named already: one cause, one problem
        explained |= follows and sheets.is_formula(sheet, cell)
        name_texts(sheets, found)
        if not explained:
            found.add(sheet, cell, "total_differs", f"{own.value:,f} {RESULT_UNIT}", wanted)
