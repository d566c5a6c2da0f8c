"""Version 2 of the designated form, as data.

More sources and factors; a defined name for every field that is read; a check and a note beside each
year's months, so that a blank or an odd month is seen before the form is uploaded; shares and means in
the result; who filled it in and the figure on the cover; the boundary in three parts.
"""

from __future__ import annotations

from dataclasses import replace

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
    ACTIVITY,
    BOUNDARY,
    COVER,
    RESULT_UNIT,
    SUMMARY,
    CellSpec,
    Column,
    Field,
    Layout,
    Table,
)

SOURCE_ROWS = 30
#: what a name may have while it is typed; the reader takes longer ones too
NAME_LENGTH = 48
_STRIDE = SOURCE_ROWS + 5
_FIRST_ACTIVITY = 9
_TOTAL, _MEAN, _RESULT = 38, 39, 40

#: what a year's months are checked for before the form is uploaded; nothing is refused for a peak
CHECK_GOOD = "OK"
CHECK_BLANK = "空欄あり Blank"
CHECK_TEXT = "文字あり Text"
CHECK_PEAK = "突出月あり Peak"
#: a month of more than so many average months is pointed out
PEAK = 5

_CHECK = (
    '=IF($C{row}="","",IF(COUNTBLANK(H{row}:S{row})>0,"'
    + CHECK_BLANK
    + '",IF(COUNT(H{row}:S{row})<12,"'
    + CHECK_TEXT
    + '",IF(MAX(H{row}:S{row})*12>'
    + str(PEAK)
    + '*SUM(H{row}:S{row}),"'
    + CHECK_PEAK
    + '","'
    + CHECK_GOOD
    + '"))))'
)
EVIDENCE = (
    ("購買伝票", "Invoice"),
    ("計量器", "Meter"),
    ("在庫の増減", "Stock change"),
    ("その他", "Other"),
)

_SOURCES = Table(
    8,
    (
        Column("number", "A", HEADINGS["number"], 7),
        Column("name", "B", HEADINGS["name"], 38, "text", length=NAME_LENGTH),
        Column("factor", "C", HEADINGS["factor"], 28, "choice"),
        Column("unit", "D", HEADINGS["unit"], 11, "formula_text", LOOKED_UP["unit"]),
        Column("evidence", "E", ("把握の方法", "How measured"), 20, "choice", options=EVIDENCE),
        Column("remark", "F", ("備考（計量点など）", "Remark (metering point)"), 40, "text", length=60),
    ),
)

_ACTIVITY = Table(
    _FIRST_ACTIVITY,
    (
        Column("number", "A", HEADINGS["number"], 5),
        Column("name", "B", HEADINGS["name"], 20, "formula_text", copied("B")),
        Column("factor", "C", HEADINGS["factor"], 15, "formula_text", copied("C")),
        *figure_columns(10.5),
        Column("unit", "G", HEADINGS["unit"], 7, "formula_text", LOOKED_UP["unit"]),
        *month_columns("HIJKLMNOPQRS", 9.5),
        Column(
            "activity_sum",
            "T",
            HEADINGS["activity_sum"],
            12,
            "formula_number",
            '=IF($C{row}="","",SUM(H{row}:S{row}))',
            "activity",
        ),
        Column("check", "U", ("入力の確認", "Check"), 13, "formula_text", _CHECK),
        Column("note", "V", ("増減の理由など", "Note"), 20, "text", length=NAME_LENGTH),
    ),
)

_NAMED = (
    Column("number", "A", HEADINGS["number"], 7),
    Column("name", "B", HEADINGS["name"], 36, "formula_text", "='活動量'!B{activity0}"),
    Column("factor", "C", HEADINGS["factor"], 26, "formula_text", "='活動量'!C{activity0}"),
)
_SHARE: tuple[str, str] = ("構成比", "Share")

_ONE_YEAR = Table(
    8,
    (
        *_NAMED,
        Column(
            "activity_sum",
            "D",
            HEADINGS["year_activity"],
            20,
            "formula_number",
            "='活動量'!T{activity0}",
            "activity",
            year=0,
        ),
        Column("unit", "E", HEADINGS["unit"], 14, "formula_text", "='活動量'!G{activity0}", year=0),
        emissions_of(0, "F", 24),
        Column(
            "share",
            "G",
            _SHARE,
            12,
            "formula_number",
            '=IF(\'活動量\'!$C{activity0}="","",IF(F${mean}=0,0,F{row}/F${mean}))',
            "share",
        ),
    ),
)


def _several(columns: str, mean_at: str, share_at: str) -> Table:
    """The result of several years: each year, the mean of each source, its share."""
    years = len(columns)
    mean = f'=IF(\'活動量\'!$C{{activity0}}="","",SUM({columns[0]}{{row}}:{columns[-1]}{{row}})/{years})'
    used = "'活動量'!$C{activity0}=\"\""
    share = f'=IF({used},"",IF(F${{mean}}=0,0,{mean_at}{{row}}/F${{mean}}))'
    label = (f"{years}か年度の平均（t-CO2）", f"Mean of {years} years (t-CO2)")
    return Table(
        8,
        (
            *_NAMED,
            *(emissions_of(year, at, 20) for year, at in enumerate(columns)),
            Column("source_mean", mean_at, label, 20, "formula_number", mean, "emissions", RESULT_UNIT),
            Column("share", share_at, _SHARE, 12, "formula_number", share, "share"),
        ),
    )


def _attention(years: int) -> str:
    """How many rows of 活動量 the form's own check points at."""
    blocks = []
    for year in range(years):
        first = _FIRST_ACTIVITY + _STRIDE * year
        area = f"'{ACTIVITY}'!$U${first}:$U${first + SOURCE_ROWS - 1}"
        blocks.append(f'SUMPRODUCT(({area}<>"")*({area}<>"{CHECK_GOOD}"))')
    return "=" + "+".join(blocks)


_OWN: tuple[CellSpec, ...] = (
    CellSpec(COVER, "C15", "prepared_by", "text", name="prepared_by", label=("作成者", "Prepared by")),
    CellSpec(COVER, "C16", "prepared_on", "text", name="prepared_on", label=("作成日", "Prepared on")),
    CellSpec(
        BOUNDARY, "A5", "boundary", "text", name="boundary_notes", label=("敷地境界の説明", "Site boundary")
    ),
    CellSpec(
        BOUNDARY,
        "A8",
        "left_out",
        "text",
        name="boundary_left_out",
        label=("算定から除いた排出源と理由", "Sources left out, and why"),
    ),
    CellSpec(
        BOUNDARY,
        "A11",
        "changes",
        "text",
        name="boundary_changes",
        label=("前回の報告から変わったこと", "Changes since the last report"),
    ),
)
_REPORTED = CellSpec(
    COVER,
    "C13",
    "cover_result",
    "formula_number",
    formula=f"='{SUMMARY}'!F{_RESULT}",
    shape="whole",
    unit=RESULT_UNIT,
    label=("報告する排出量（t-CO2）", "Emissions to report (t-CO2)"),
)
_TO_CHECK = CellSpec(
    COVER, "C14", "attention", "formula_number", shape="whole", label=("確認が必要な行の数", "Rows to check")
)

LAYOUT = Layout(
    version="2",
    source_rows=SOURCE_ROWS,
    factor_rows=40,
    cover=cover(named=True),
    year_cells=tuple(
        Field("year", f"{at}12", name=f"fiscal_year_{place}") for place, at in enumerate("CDE", 1)
    ),
    sources=_SOURCES,
    activity=_ACTIVITY,
    stride=_STRIDE,
    factors=Table(8, FUELS),
    factor_years=(("F", "G", "H"), ("I", "J", "K"), ("L", "M", "N")),
    summary={1: _ONE_YEAR, 2: _several("DE", "G", "H"), 3: _several("DEF", "G", "H")},
    total_row=_TOTAL,
    mean_row=_MEAN,
    result=Field("result", f"F{_RESULT}", name="emissions_total"),
    singles={years: (_REPORTED, replace(_TO_CHECK, formula=_attention(years)), *_OWN) for years in (1, 2, 3)},
    guided=True,
)
