"""The factor table of a form: one row for each factor of its years, three figures for each year."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from portal.services.spreadsheets.form_types import Factor, FormExpectation
from portal.services.spreadsheets.layouts.layout import Layout
from portal.services.spreadsheets.layouts.versions import NEWEST

#: Stands where a figure does not apply: a fuel's factor is calculated, an energy has no calorific value.
NOT_APPLICABLE = "—"


@dataclass(frozen=True)
class FactorRow:
    """One row of the sheet 排出係数: the factor in each fiscal year, ``None`` where a year lacks it."""

    row: int
    code: str
    name_ja: str
    name_en: str
    unit: str
    kind: str
    years: tuple[Factor | None, ...]


def factor_rows(expected: FormExpectation, layout: Layout = NEWEST) -> tuple[FactorRow, ...]:
    """The rows of ``layout``'s factor table in order of first appearance.

    Raises ``ValueError`` when a code changes its unit or kind between the years, when two codes share a
    name, when a year has no table, or when there are more factors than the form has rows.
    """
    by_year: list[dict[str, Factor]] = []
    first: dict[str, Factor] = {}
    for year in expected.identity.fiscal_years:
        if not expected.factors.get(year):
            raise ValueError(f"no factor table for fiscal year {year}")
        by_year.append({factor.code: factor for factor in expected.factors[year]})
        for factor in expected.factors[year]:
            known = first.setdefault(factor.code, factor)
            if (known.unit, known.kind) != (factor.unit, factor.kind):
                raise ValueError(
                    f"factor {factor.code} changes its unit or kind between the years of one form"
                )
    for names in ({fold(f.name_ja) for f in first.values()}, {fold(f.name_en) for f in first.values()}):
        if len(names) != len(first):
            raise ValueError("two factors share one name; a source could not choose between them")
    if len(first) > layout.factor_rows:
        raise ValueError(f"the form holds {layout.factor_rows} factors, not {len(first)}")
    return tuple(
        FactorRow(
            row=layout.factors.first + place,
            code=code,
            name_ja=factor.name_ja,
            name_en=factor.name_en,
            unit=factor.unit,
            kind=factor.kind,
            years=tuple(table.get(code) for table in by_year),
        )
        for place, (code, factor) in enumerate(first.items())
    )


def year_figures(factor: Factor | None) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """The three figures of a year as the table holds them: calorific, carbon, factor (energies only)."""
    if factor is None:
        return (None, None, None)
    if factor.kind == "fuel":
        return (factor.calorific, factor.carbon, None)
    return (None, None, factor.factor)


def fold(label: str) -> str:
    """``label`` without what two ways of typing the same name differ in: width, case, blanks."""
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())


def labels(rows: tuple[FactorRow, ...]) -> dict[str, FactorRow]:
    """Every folded way to name a factor (Japanese, English, code) → its row."""
    found: dict[str, FactorRow] = {}
    for row in rows:
        for label in (row.name_ja, row.name_en, row.code):
            found.setdefault(fold(label), row)
    return found
