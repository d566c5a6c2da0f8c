"""Checks of the cover and the factor table: is this the form that was handed out?"""

from __future__ import annotations

from dataclasses import dataclass, field
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
from portal.services.spreadsheets.layouts import v1


@dataclass
class Findings:
    """What the reader has found so far."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, sheet: str, cell: str, code: str, found: str, expected: str) -> None:
        """Record that ``cell`` holds ``found`` where ``expected`` belongs."""
        self.problems.append(Problem(sheet, cell, found, expected, code))

    def cover(self, sheets: FormSheets, name: str, code: str, expected: str) -> None:
        """Record that the cover's field ``name`` does not say ``expected``."""
        cell = v1.COVER_CELLS[name]
        self.add(v1.COVER, cell, code, shown(sheets.value(v1.COVER, cell)), expected)


def check_cover(sheets: FormSheets, identity: FormIdentity, found: Findings) -> bool:
    """Compare the cover with ``identity``. Returns whether form and version are right."""

    def says(name: str) -> str:
        return sheets.text(v1.COVER, v1.COVER_CELLS[name])

    if says("form_id") != v1.FORM_ID:
        found.cover(sheets, "form_id", "form_id_wrong", v1.FORM_ID)
        return False
    if says("version") != v1.VERSION:
        found.cover(sheets, "version", "version_wrong", v1.VERSION)
        return False
    for name, wanted, code in (
        ("phase", phase_text(identity.phase), "phase_wrong"),
        ("holder", identity.holder, "holder_wrong"),
        ("account", identity.account, "account_wrong"),
    ):
        if says(name) != wanted:
            found.cover(sheets, name, code, wanted)
    if says("period") not in PERIOD_NAMES[identity.period]:
        found.cover(sheets, "period", "period_wrong", PERIOD_NAMES[identity.period][0])
    for place, cell in enumerate(v1.YEAR_CELLS):
        wanted = str(identity.fiscal_years[place]) if place < len(identity.fiscal_years) else ""
        if sheets.text(v1.COVER, cell) != wanted:
            found_text = shown(sheets.value(v1.COVER, cell))
            found.add(v1.COVER, cell, "year_wrong", found_text, wanted or "空欄")
    for name in ("holder_name", "site_name", "site_address"):
        registered: str = getattr(identity, name)
        if says(name) != registered.strip():
            cell = v1.COVER_CELLS[name]
            found.notes.append(Note(v1.COVER, cell, shown(says(name)), registered, "name_differs"))
    return True


def check_factors(sheets: FormSheets, expected: FormExpectation, found: Findings) -> None:
    """Compare the factor table with that of ``expected``: any other code, unit or figure is a problem."""
    rows = factor_rows(expected)
    for row in rows:
        for column, wanted in ((v1.FACTOR_CODE, row.code), (v1.FACTOR_UNIT, row.unit)):
            cell = f"{column}{row.row}"
            if sheets.text(v1.FACTORS, cell) != wanted.strip():
                found.add(v1.FACTORS, cell, "factor_altered", shown(sheets.value(v1.FACTORS, cell)), wanted)
        for place, factor in enumerate(row.years):
            columns = v1.FACTOR_YEAR_COLUMNS[place]
            for column, figure in zip(columns, year_figures(factor), strict=True):
                if figure is not None:
                    _check_figure(sheets, f"{column}{row.row}", figure, found)
            if factor is not None and factor.kind == "fuel":
                _check_product(sheets, f"{columns[2]}{row.row}", factor, found)
    for extra in range(v1.FACTOR_FIRST + len(rows), v1.FACTOR_FIRST + v1.FACTOR_ROWS):
        for column in (v1.FACTOR_CODE, v1.FACTOR_LABEL):
            value = sheets.value(v1.FACTORS, f"{column}{extra}")
            if value is not None:
                found.add(v1.FACTORS, f"{column}{extra}", "factor_altered", shown(value), "空欄")


def _check_figure(sheets: FormSheets, cell: str, figure: Decimal, found: Findings) -> None:
    value = sheets.value(v1.FACTORS, cell)
    same = (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (Decimal(repr(value)) == figure or float(value) == float(figure))
    )
    if not same:
        found.add(v1.FACTORS, cell, "factor_altered", shown(value), f"{figure:f}")


def _check_product(sheets: FormSheets, cell: str, factor: Factor, found: Findings) -> None:
    """A fuel's t-CO2 per unit is calculated in the form; its result must be that of the form's formula."""
    value = sheets.value(v1.FACTORS, cell)
    exact = float(per_unit(factor))
    if value is None and sheets.is_formula(v1.FACTORS, cell):
        return  # the result cell says once that nothing was calculated
    if is_error(value):
        found.add(v1.FACTORS, cell, "formula_error", shown(value), "数式の計算結果")
    elif not isinstance(value, (int, float)) or abs(float(value) - exact) > abs(exact) * 1e-9:
        found.add(v1.FACTORS, cell, "factor_altered", shown(value), f"{exact:.10g}")
