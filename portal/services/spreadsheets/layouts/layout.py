"""What a version of the designated form is: a value, from which blank, filled form and reader are made.

A version is data (domain §4, "The designated form (decided)"): sheets, columns, single cells with
their defined names, kinds, units, bounds and formulas. No version has code of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Literal

FORM_ID = "ASSET-CALC"

COVER = "表紙"
SOURCES = "排出源"
ACTIVITY = "活動量"
FACTORS = "排出係数"
SUMMARY = "排出量集計"
BOUNDARY = "敷地境界"
SHEETS = (COVER, SOURCES, ACTIVITY, FACTORS, SUMMARY, BOUNDARY)

#: April first: the fiscal year
MONTHS = (4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3)
RESULT_UNIT = "t-CO2"
NAME_LENGTH = 100

Label = tuple[str, str]
Kind = Literal["fixed", "text", "choice", "quantity", "formula_text", "formula_number"]
#: how a number is written: the reader does not ask, the blank form does
Shape = Literal["", "activity", "factor", "emissions", "share", "whole"]

TYPED: tuple[Kind, ...] = ("text", "choice", "quantity")


@dataclass(frozen=True)
class Bounds:
    """What a typed-in quantity may be: ``least`` ≤ quantity < ``below``, at most so many decimals."""

    least: Decimal
    below: Decimal
    decimals: int


ACTIVITY_BOUNDS = Bounds(Decimal(0), Decimal(10) ** 12, 3)


@dataclass(frozen=True)
class CellSpec:
    """One cell that is typed in or calculated.

    ``role`` names what it holds; ``source`` is the source's number from 0, ``year`` the fiscal
    year's place from 0, ``month`` the month's place from 0 (April); ``formula`` begins with ``=``;
    ``name`` is its defined name, where it has one; ``unit`` the unit of its figure, where it is fixed.
    """

    sheet: str
    cell: str
    role: str
    kind: Kind
    source: int = -1
    year: int = -1
    month: int = -1
    formula: str = ""
    shape: Shape = ""
    unit: str = ""
    name: str = ""
    label: Label = ("", "")
    options: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Field:
    """A prefilled cell of the cover that the reader compares. ``name`` is its defined name."""

    role: str
    cell: str
    label: Label = ("", "")
    name: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table; ``at`` is its letter, ``width`` in characters.

    ``formula`` may name its own ``{row}``, the source's row on 排出源 ``{source}``, its row on 活動量 in
    the column's year ``{activity}`` (``{activity0}`` in the first), and the columns of the factor table
    ``{label_list}``, ``{unit_list}``, ``{calorific_list}``, ``{carbon_list}``, ``{per_unit_list}``.
    """

    role: str
    at: str
    label: Label
    width: float
    kind: Kind = "fixed"
    formula: str = ""
    shape: Shape = ""
    unit: str = ""
    year: int = -1
    month: int = -1
    options: tuple[Label, ...] = ()
    #: how many characters may be typed: what its cell shows and prints; 0 for no limit of its own
    length: int = 0


@dataclass(frozen=True)
class Table:
    """A table of sources or factors: its first row (the heading stands above) and its columns."""

    first: int
    columns: tuple[Column, ...]

    def at(self, role: str) -> str:
        """The letter of the column with ``role``."""
        return next(column.at for column in self.columns if column.role == role)


@dataclass(frozen=True)
class Layout:
    """One version of the form.

    ``accepted_until`` is the last day on which it is read, ``None`` for no end. 活動量 holds one block of
    rows for each fiscal year, ``stride`` rows apart. ``singles`` are the cells that stand alone, by the
    number of fiscal years; their formulas are complete.
    """

    version: str
    source_rows: int
    factor_rows: int
    cover: tuple[Field, ...]
    year_cells: tuple[Field, ...]
    sources: Table
    activity: Table
    stride: int
    factors: Table
    #: the three columns (calorific, carbon, per_unit) of each fiscal year on 排出係数
    factor_years: tuple[tuple[str, str, str], ...]
    #: 排出量集計 by the number of fiscal years
    summary: Mapping[int, Table]
    total_row: int
    mean_row: int
    result: Field
    singles: Mapping[int, tuple[CellSpec, ...]]
    #: whether the cover has instructions and the tables a legend of colours
    guided: bool = False
    bounds: Bounds = ACTIVITY_BOUNDS
    accepted_until: date | None = None

    def __hash__(self) -> int:
        return hash(self.version)

    def field(self, role: str) -> Field:
        """The cover's field ``role``."""
        return next(field for field in self.cover if field.role == role)

    def activity_row(self, year: int, source: int) -> int:
        """The row on 活動量 of source number ``source`` in the block of year number ``year`` (from 0)."""
        return self.activity.first + self.stride * year + source

    @property
    def months(self) -> tuple[str, ...]:
        """The letters of the twelve months on 活動量, April first."""
        return tuple(column.at for column in self.activity.columns if column.kind == "quantity")

    @property
    def last_factor(self) -> int:
        """The last row of the factor table."""
        return self.factors.first + self.factor_rows - 1

    def factor_range(self, column: str) -> str:
        """A column of the factor table, as a formula names it."""
        return f"'{FACTORS}'!${column}${self.factors.first}:${column}${self.last_factor}"

    def cells(self, years: int) -> tuple[CellSpec, ...]:
        """Every typed-in and every calculated cell of a form for ``years`` fiscal years (1 to 3).

        Raises ``ValueError`` for another number of years.
        """
        return _cells(self, years)


@cache
def _cells(layout: Layout, years: int) -> tuple[CellSpec, ...]:
    if years not in layout.summary:
        raise ValueError(f"a form holds one year or three, not {years}")
    cells = list(_rows(layout, SOURCES, layout.sources, -1))
    for year in range(years):
        cells.extend(_rows(layout, ACTIVITY, layout.activity, year))
    cells.extend(_rows(layout, SUMMARY, layout.summary[years], -1))
    cells.extend(_totals(layout, years))
    cells.extend(layout.singles[years])
    return tuple(cells)


def _rows(layout: Layout, sheet: str, table: Table, year: int) -> Iterator[CellSpec]:
    for source in range(layout.source_rows):
        row = layout.activity_row(year, source) if year >= 0 else table.first + source
        for column in table.columns:
            if column.kind == "fixed":
                continue
            own_year = year if year >= 0 else column.year
            yield CellSpec(
                sheet,
                f"{column.at}{row}",
                column.role,
                column.kind,
                source,
                own_year,
                column.month,
                _formula(layout, column.formula, row, source, own_year),
                column.shape,
                column.unit,
                options=column.options,
            )


def _formula(layout: Layout, template: str, row: int, source: int, year: int) -> str:
    if not template:
        return ""
    figures = layout.factor_years[max(year, 0)]
    lists = dict(zip(("calorific_list", "carbon_list", "per_unit_list"), figures, strict=True))
    lists |= {"label_list": layout.factors.at("label"), "unit_list": layout.factors.at("unit")}
    return template.format(
        row=row,
        source=layout.sources.first + source,
        activity=layout.activity_row(max(year, 0), source),
        activity0=layout.activity_row(0, source),
        total=layout.total_row,
        mean=layout.mean_row,
        **{name: layout.factor_range(column) for name, column in lists.items()},
    )


def _totals(layout: Layout, years: int) -> Iterator[CellSpec]:
    """The total of each year, their mean, and the result: whole t-CO2, cut down."""
    first = layout.summary[years].first
    last = first + layout.source_rows - 1
    yearly = CellSpec(SUMMARY, "", "year_total", "formula_number", shape="emissions", unit=RESULT_UNIT)
    columns = [column for column in layout.summary[years].columns if column.role == "emissions"]
    for column in columns:
        total = f"=SUM({column.at}{first}:{column.at}{last})"
        yield replace(yearly, cell=f"{column.at}{layout.total_row}", year=column.year, formula=total)
    at = layout.result.cell.rstrip("0123456789")
    ends = columns[0].at, columns[-1].at
    mean = f"=SUM({ends[0]}{layout.total_row}:{ends[1]}{layout.total_row})/{years}"
    yield replace(yearly, cell=f"{at}{layout.mean_row}", role="mean", formula=mean)
    # A spreadsheet adds in binary: 8,937 may come out as 8,936.9999999. Rounding to six places first
    # takes that noise away and nothing else.
    result = f"=ROUNDDOWN(ROUND({at}{layout.mean_row},6),0)"
    yield replace(
        yearly,
        cell=layout.result.cell,
        role="result",
        formula=result,
        shape="whole",
        name=layout.result.name,
    )
