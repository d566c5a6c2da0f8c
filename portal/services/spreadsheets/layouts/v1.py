"""Version 1 of the designated form, as data: handed out until version 2 came, and read like it."""

from __future__ import annotations

from portal.services.spreadsheets.layouts.common import (
    FUELS,
    HEADINGS,
    LOOKED_UP,
    copied,
    cover,
    emissions_of,
    figure_columns,
    month_columns,
)
from portal.services.spreadsheets.layouts.layout import (
    BOUNDARY,
    CellSpec,
    Column,
    Field,
    Layout,
    Table,
)

_SOURCES = Table(
    8,
    (
        Column("number", "A", HEADINGS["number"], 7),
        Column("name", "B", HEADINGS["name"], 40, "text"),
        Column("factor", "C", HEADINGS["factor"], 28, "choice"),
        Column("unit", "D", HEADINGS["unit"], 12, "formula_text", LOOKED_UP["unit"]),
        Column("remark", "E", HEADINGS["remark"], 44, "text"),
    ),
)

_ACTIVITY = Table(
    9,
    (
        Column("number", "A", HEADINGS["number"], 6),
        Column("name", "B", HEADINGS["name"], 24, "formula_text", copied("B")),
        Column("factor", "C", HEADINGS["factor"], 20, "formula_text", copied("C")),
        *figure_columns(12),
        Column("unit", "G", HEADINGS["unit"], 9, "formula_text", LOOKED_UP["unit"]),
        *month_columns("HIJKLMNOPQRS", 12),
        Column(
            "activity_sum",
            "T",
            HEADINGS["activity_sum"],
            15,
            "formula_number",
            '=IF($C{row}="","",SUM(H{row}:S{row}))',
            "activity",
        ),
    ),
)

_NAMED = (
    Column("number", "A", HEADINGS["number"], 7),
    Column("name", "B", HEADINGS["name"], 36, "formula_text", "='活動量'!B{activity0}"),
    Column("factor", "C", HEADINGS["factor"], 26, "formula_text", "='活動量'!C{activity0}"),
)

_ONE_YEAR = Table(
    8,
    (
        *_NAMED,
        Column(
            "activity_sum",
            "D",
            HEADINGS["year_activity"],
            22,
            "formula_number",
            "='活動量'!T{activity0}",
            "activity",
            year=0,
        ),
        Column("unit", "E", HEADINGS["unit"], 22, "formula_text", "='活動量'!G{activity0}", year=0),
        emissions_of(0, "F", 24),
    ),
)


def _several(columns: str) -> Table:
    return Table(8, (*_NAMED, *(emissions_of(year, at, 22) for year, at in enumerate(columns))))


_BOUNDARY_NOTES = CellSpec(BOUNDARY, "A5", "boundary", "text", label=("敷地境界の説明", "Boundary notes"))

LAYOUT = Layout(
    version="1",
    source_rows=20,
    factor_rows=30,
    cover=cover(named=False),
    year_cells=(Field("year", "C12"), Field("year", "D12"), Field("year", "E12")),
    sources=_SOURCES,
    activity=_ACTIVITY,
    stride=25,
    factors=Table(8, FUELS),
    factor_years=(("F", "G", "H"), ("I", "J", "K"), ("L", "M", "N")),
    summary={1: _ONE_YEAR, 2: _several("DE"), 3: _several("DEF")},
    total_row=28,
    mean_row=29,
    result=Field("result", "F30", name="emissions_total"),
    singles=dict.fromkeys((1, 2, 3), (_BOUNDARY_NOTES,)),
)
