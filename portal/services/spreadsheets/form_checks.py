"""Checks of the cover and the factor table: is this the form that was handed out?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from portal.services.spreadsheets.arithmetic import per_unit
from portal.services.spreadsheets.blank import phase_text
from portal.services.spreadsheets.cells import is_error, shown
from portal.services.spreadsheets.factor_table import factor_rows, year_figures
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.form_types import (
    PERIOD_NAMES,
    Factor,
    FormExpectation,
    FormIdentity,
    Note,
    Problem,
)
from portal.services.spreadsheets.layouts.layout import COVER, FACTORS, SUMMARY, Field, Layout


@dataclass
class Findings:
    """What the reader has found so far."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, sheet: str, cell: str, code: str, found: str, expected: str, detail: str = "") -> None:
        """Record that ``cell`` holds ``found`` where ``expected`` belongs."""
        self.problems.append(Problem(sheet, cell, found, expected, code, detail))

    def cover(self, sheets: FormSheets, field: Field, code: str, expected: str, detail: str = "") -> None:
        """Record that the cover's ``field`` does not say ``expected``."""
        self.add(COVER, field.cell, code, shown(sheets.value(COVER, field.cell)), expected, detail)


def check_cover(sheets: FormSheets, layout: Layout, identity: FormIdentity, found: Findings) -> None:
    """Compare the cover, of a form of ``layout``, with ``identity``.

    Of another holder's form nothing more is told of the holder, of another period's nothing of its years:
    that is the same fault again.
    """

    def says(name: str) -> str:
        return sheets.text(COVER, layout.field(name).cell)

    years = _span(identity.fiscal_years)
    if says("phase") != (phase := phase_text(identity.phase)):
        found.cover(sheets, layout.field("phase"), "phase_wrong", phase)
    if says("period") not in PERIOD_NAMES[identity.period]:
        name = PERIOD_NAMES[identity.period][0]
        found.cover(sheets, layout.field("period"), "period_wrong", name, years)
    elif not found.problems:
        _check_years(sheets, layout, identity.fiscal_years, years, found)
    if says("holder") != identity.holder:
        found.cover(sheets, layout.field("holder"), "holder_wrong", identity.holder)
        return
    if says("account") != identity.account:
        found.cover(sheets, layout.field("account"), "account_wrong", identity.account)
    for name in ("holder_name", "site_name", "site_address"):
        registered: str = getattr(identity, name)
        if says(name) != registered.strip():
            cell = layout.field(name).cell
            found.notes.append(Note(COVER, cell, shown(says(name)), registered, "name_differs"))


def _span(years: tuple[int, ...]) -> str:
    return str(years[0]) if len(years) == 1 else f"{years[0]}～{years[-1]}"


def _check_years(
    sheets: FormSheets, layout: Layout, years: tuple[int, ...], span: str, found: Findings
) -> None:
    """The first fiscal year that the cover names otherwise: the others are the same fault."""
    for place, one in enumerate(layout.year_cells):
        wanted = str(years[place]) if place < len(years) else ""
        if sheets.text(COVER, one.cell) != wanted:
            shown_year = shown(sheets.value(COVER, one.cell))
            found.add(COVER, one.cell, "year_wrong", shown_year, wanted or "空欄", span)
            return


def check_names(sheets: FormSheets, layout: Layout, found: Findings) -> None:
    """Every defined name of the form leads to its cell: what it is said to hold, it holds there."""
    fields = [(COVER, one) for one in (*layout.cover, *layout.year_cells)]
    for sheet, one in (*fields, (SUMMARY, layout.result)):
        points = sheets.misplaced(sheet, one)
        if points:
            found.add(sheet, one.cell, "layout_changed", f"{one.name}: {points}", one.cell)


def check_factors(sheets: FormSheets, layout: Layout, expected: FormExpectation, found: Findings) -> None:
    """Compare the factor table with that of ``expected``: any other code, unit or figure is a problem."""
    rows = factor_rows(expected, layout)
    table = layout.factors
    for row in rows:
        for column, wanted in ((table.at("code"), row.code), (table.at("unit"), row.unit)):
            cell = f"{column}{row.row}"
            if sheets.text(FACTORS, cell) != wanted.strip():
                found.add(FACTORS, cell, "factor_altered", shown(sheets.value(FACTORS, cell)), wanted)
        for place, factor in enumerate(row.years):
            columns = layout.factor_years[place]
            same = True
            for column, figure in zip(columns, year_figures(factor), strict=True):
                if figure is not None:
                    same &= _check_figure(sheets, f"{column}{row.row}", figure, found)
            if same and factor is not None and factor.kind == "fuel":
                # of altered figures the product differs as well: that is told once
                _check_product(sheets, f"{columns[2]}{row.row}", factor, found)
    for extra in range(table.first + len(rows), layout.last_factor + 1):
        for column in (table.at("code"), table.at("label")):
            value = sheets.value(FACTORS, f"{column}{extra}")
            if value is not None:
                found.add(FACTORS, f"{column}{extra}", "factor_altered", shown(value), "空欄")


def check_superseded(sheets: FormSheets, layout: Layout, expected: FormExpectation, found: Findings) -> None:
    """One problem for a form with the factors of an earlier table, exactly as it was handed out."""
    now = Findings()
    check_factors(sheets, layout, expected, now)
    if not now.problems:
        return
    for changed, tables in expected.earlier:
        then = Findings()
        try:
            check_factors(sheets, layout, replace(expected, factors=tables), then)
        except ValueError:
            continue  # tables of several years that never stood in one form together
        if not then.problems:
            first = now.problems[0]
            found.add(FACTORS, first.cell, "factors_superseded", first.found, first.expected, changed)
            return


def _check_figure(sheets: FormSheets, cell: str, figure: Decimal, found: Findings) -> bool:
    """Whether the cell holds the figure of the table; if not, it is recorded."""
    value = sheets.value(FACTORS, cell)
    same = (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (Decimal(repr(value)) == figure or float(value) == float(figure))
    )
    if not same:
        found.add(FACTORS, cell, "factor_altered", shown(value), f"{figure:f}")
    return same


def _check_product(sheets: FormSheets, cell: str, factor: Factor, found: Findings) -> None:
    """A fuel's t-CO2 per unit is calculated in the form; its result must be that of the form's formula."""
    value = sheets.value(FACTORS, cell)
    exact = float(per_unit(factor))
    if value is None and sheets.is_formula(FACTORS, cell):
        return  # the result cell says once that nothing was calculated
    if is_error(value):
        found.add(FACTORS, cell, "formula_error", shown(value), "数式の計算結果")
    elif not isinstance(value, (int, float)) or abs(float(value) - exact) > abs(exact) * 1e-9:
        found.add(FACTORS, cell, "factor_altered", shown(value), f"{exact:.10g}")
