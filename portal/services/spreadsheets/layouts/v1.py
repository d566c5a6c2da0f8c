"""Version 1 of the designated form, as data (domain §4, "The designated form (decided)").

Every cell that is calculated, filled in or checked is named here once; the blank form, the filled
form and the reader all go by this list. A later version is another module beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

FORM_ID = "ASSET-CALC"
VERSION = "1"

COVER = "表紙"
SOURCES = "排出源"
ACTIVITY = "活動量"
FACTORS = "排出係数"
SUMMARY = "排出量集計"
BOUNDARY = "敷地境界"
SHEETS = (COVER, SOURCES, ACTIVITY, FACTORS, SUMMARY, BOUNDARY)

#: Cover: field → cell. The fiscal years follow in ``YEAR_CELLS``.
COVER_CELLS = {
    "form_id": "C3",
    "version": "C4",
    "phase": "C5",
    "holder": "C6",
    "account": "C7",
    "holder_name": "C8",
    "site_name": "C9",
    "site_address": "C10",
    "period": "C11",
}
YEAR_CELLS = ("C12", "D12", "E12")

#: How many emission sources a form holds, and how many rows its factor table.
SOURCE_ROWS = 20
FACTOR_ROWS = 30

SOURCE_FIRST = 8
FACTOR_FIRST = 8
SUMMARY_FIRST = 8
BOUNDARY_CELL = "A5"

#: The activity sheet holds one block of rows for each fiscal year.
BLOCK_FIRST = 9
BLOCK_STRIDE = 25
UNIT_COLUMN = "G"
MONTH_COLUMNS = tuple("HIJKLMNOPQRS")
MONTHS = (4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3)

TOTAL_ROW = 28
MEAN_ROW = 29
RESULT_CELL = "F30"
RESULT_UNIT = "t-CO2"

#: Bounds of what is typed in: 0 ≤ activity < 10^12, at most three decimals.
ACTIVITY_BELOW = Decimal(10) ** 12
ACTIVITY_DECIMALS = 3
NAME_LENGTH = 100

#: Factor table: the columns that every year shares, and the three columns of each year.
FACTOR_CODE, FACTOR_LABEL, FACTOR_OTHER, FACTOR_UNIT, FACTOR_KIND = "A", "B", "C", "D", "E"
FACTOR_YEAR_COLUMNS = (("F", "G", "H"), ("I", "J", "K"), ("L", "M", "N"))

Kind = Literal["text", "choice", "quantity", "formula_text", "formula_number"]

_LAST_FACTOR = FACTOR_FIRST + FACTOR_ROWS - 1
FACTOR_LIST = f"'{FACTORS}'!$B${FACTOR_FIRST}:$B${_LAST_FACTOR}"
_MATCH = f"MATCH({{key}},{FACTOR_LIST},0)"


@dataclass(frozen=True)
class CellSpec:
    """One cell that is typed in or calculated.

    ``role`` names what it holds; ``source`` is the source's number from 0, ``year`` the fiscal
    year's place from 0, ``month`` the month's place from 0 (April); ``formula`` begins with ``=``.
    """

    sheet: str
    cell: str
    role: str
    kind: Kind
    source: int = -1
    year: int = -1
    month: int = -1
    formula: str = ""


def activity_row(year: int, source: int) -> int:
    """The row on 活動量 of source number ``source`` in the block of year number ``year`` (both from 0)."""
    return BLOCK_FIRST + BLOCK_STRIDE * year + source


def year_columns(years: int) -> tuple[str, ...]:
    """The columns of 排出量集計 that hold the emissions of each of ``years`` fiscal years."""
    return ("F",) if years == 1 else ("D", "E", "F")[:years]


def _lookup(column: str, key: str) -> str:
    table = f"'{FACTORS}'!${column}${FACTOR_FIRST}:${column}${_LAST_FACTOR}"
    return f'=IF({key}="","",INDEX({table},{_MATCH.format(key=key)}))'


def _source_cells() -> Iterator[CellSpec]:
    for source in range(SOURCE_ROWS):
        row = SOURCE_FIRST + source
        yield CellSpec(SOURCES, f"B{row}", "name", "text", source)
        yield CellSpec(SOURCES, f"C{row}", "factor", "choice", source)
        yield CellSpec(
            SOURCES, f"D{row}", "unit", "formula_text", source, formula=_lookup(FACTOR_UNIT, f"$C{row}")
        )
        yield CellSpec(SOURCES, f"E{row}", "remark", "text", source)


def _activity_cells(year: int) -> Iterator[CellSpec]:
    for source in range(SOURCE_ROWS):
        row, from_row = activity_row(year, source), SOURCE_FIRST + source

        def copied(column: str, at: int = from_row) -> str:
            return f"=IF('{SOURCES}'!{column}{at}=\"\",\"\",'{SOURCES}'!{column}{at})"

        yield CellSpec(ACTIVITY, f"B{row}", "name", "formula_text", source, year, formula=copied("B"))
        yield CellSpec(ACTIVITY, f"C{row}", "factor", "formula_text", source, year, formula=copied("C"))
        for column, from_column, role in zip(
            "DEF", FACTOR_YEAR_COLUMNS[year], ("calorific", "carbon", "per_unit"), strict=True
        ):
            formula = _lookup(from_column, f"$C{row}")
            yield CellSpec(ACTIVITY, f"{column}{row}", role, "formula_number", source, year, formula=formula)
        unit = _lookup(FACTOR_UNIT, f"$C{row}")
        yield CellSpec(ACTIVITY, f"{UNIT_COLUMN}{row}", "unit", "formula_text", source, year, formula=unit)
        for month, column in enumerate(MONTH_COLUMNS):
            yield CellSpec(ACTIVITY, f"{column}{row}", "activity", "quantity", source, year, month)
        total = f'=IF($C{row}="","",SUM({MONTH_COLUMNS[0]}{row}:{MONTH_COLUMNS[-1]}{row}))'
        yield CellSpec(ACTIVITY, f"T{row}", "activity_sum", "formula_number", source, year, formula=total)


def _summary_cells(years: int) -> Iterator[CellSpec]:
    columns = year_columns(years)
    for source in range(SOURCE_ROWS):
        row, first = SUMMARY_FIRST + source, activity_row(0, source)
        for column, role in (("B", "name"), ("C", "factor")):
            yield CellSpec(
                SUMMARY,
                f"{column}{row}",
                role,
                "formula_text",
                source,
                formula=f"='{ACTIVITY}'!{column}{first}",
            )
        if years == 1:
            for column, origin, role, kind in (
                ("D", "T", "activity_sum", "formula_number"),
                ("E", UNIT_COLUMN, "unit", "formula_text"),
            ):
                yield CellSpec(
                    SUMMARY,
                    f"{column}{row}",
                    role,
                    "formula_number" if kind == "formula_number" else "formula_text",
                    source,
                    0,
                    formula=f"='{ACTIVITY}'!{origin}{first}",
                )
        for year, column in enumerate(columns):
            at = activity_row(year, source)
            formula = f"=IF('{ACTIVITY}'!$C{at}=\"\",\"\",'{ACTIVITY}'!$T{at}*'{ACTIVITY}'!$F{at})"
            yield CellSpec(
                SUMMARY, f"{column}{row}", "emissions", "formula_number", source, year, formula=formula
            )
    last = SUMMARY_FIRST + SOURCE_ROWS - 1
    for year, column in enumerate(columns):
        total = f"=SUM({column}{SUMMARY_FIRST}:{column}{last})"
        yield CellSpec(
            SUMMARY, f"{column}{TOTAL_ROW}", "year_total", "formula_number", year=year, formula=total
        )
    mean = f"=SUM({columns[0]}{TOTAL_ROW}:{columns[-1]}{TOTAL_ROW})/{years}"
    yield CellSpec(SUMMARY, f"F{MEAN_ROW}", "mean", "formula_number", formula=mean)
    # A spreadsheet adds in binary: 8,937 may come out as 8,936.9999999. Rounding to six places first
    # takes that noise away and nothing else.
    result = f"=ROUNDDOWN(ROUND(F{MEAN_ROW},6),0)"
    yield CellSpec(SUMMARY, RESULT_CELL, "result", "formula_number", formula=result)


@cache
def cell_specs(years: int) -> tuple[CellSpec, ...]:
    """Every typed-in and every calculated cell of a form for ``years`` fiscal years (1 to 3).

    Raises ``ValueError`` for another number of years.
    """
    if not 1 <= years <= len(FACTOR_YEAR_COLUMNS):
        raise ValueError(f"a form holds one to three fiscal years, not {years}")
    cells = list(_source_cells())
    for year in range(years):
        cells.extend(_activity_cells(year))
    cells.extend(_summary_cells(years))
    return tuple(cells)
