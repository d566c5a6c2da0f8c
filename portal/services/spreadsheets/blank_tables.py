"""The tables of the blank form: sources, monthly activity, factors, result (domain §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import form_pages
from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.factor_table import NOT_APPLICABLE, FactorRow, year_figures
from portal.services.spreadsheets.layouts.common import HEADINGS
from portal.services.spreadsheets.layouts.layout import (
    ACTIVITY,
    FACTORS,
    SOURCES,
    SUMMARY,
    TYPED,
    CellSpec,
    Column,
    Layout,
    Table,
)
from portal.services.spreadsheets.layouts.v2 import CHECK_GOOD

_Label = tuple[str, str]

INPUT_HINT: _Label = ("黄色のセルに入力してください。", "Fill in the yellow cells.")
_KINDS: dict[str, _Label] = {"fuel": ("燃料", "Fuel"), "energy": ("電気・熱", "Electricity, heat")}
#: heights of rows: two lines of small print, three of the smallest, two of plain text
_SMALL, _SMALLEST, _PLAIN = 26, 28, 28
#: so many factors go onto one printed page
_FACTORS_A_PAGE = 18
#: a month still to fill in, and a row the form's check points at
_MISSING_FILL = PatternFill("solid", bgColor="FFFFE0B2")


@dataclass(frozen=True)
class Page:
    """What every sheet of one form shares; ``head`` stands at the top of its printed pages."""

    layout: Layout
    years: tuple[int, ...]
    locale: str
    head: str

    @property
    def english(self) -> bool:
        """Whether English leads."""
        return self.locale == "en"

    def specs(self, sheet: str) -> list[CellSpec]:
        """The typed-in and calculated cells of ``sheet``."""
        return [spec for spec in self.layout.cells(len(self.years)) if spec.sheet == sheet]

    def year_name(self, place: int) -> str:
        """What fiscal year number ``place`` is called."""
        return (f"{self.years[place]}年度", f"Fiscal year {self.years[place]}")[self.english]


def write(sheet: Worksheet, spec: CellSpec) -> None:
    """Write one cell of the form: open for typing, or its formula."""
    if spec.kind in TYPED:
        cell = look.typed(sheet, spec.cell, number_format=look.FORMATS[spec.shape])
    else:
        cell = look.calculated(sheet, spec.cell, spec.formula, number_format=look.FORMATS[spec.shape])
        if spec.role in ("unit", "check"):
            cell.alignment = look.SHRUNK
    if not spec.shape and spec.source >= 0:
        cell.font = look.SMALLEST if spec.sheet == ACTIVITY else look.SMALL


def _heads(sheet: Worksheet, table: Table, row: int, height: float, page: Page) -> None:
    for column in table.columns:
        label = column.label
        if column.role == "emissions":
            year = page.years[column.year]
            label = (f"{year}年度（t-CO2）", f"Fiscal year {year} (t-CO2)")
        if column.role == "other" and page.english:
            label = HEADINGS["other_en"]  # the column holds the language that does not lead
        look.head(sheet, f"{column.at}{row}", label, page.locale)
    sheet.row_dimensions[row].height = height


def _widths(table: Table) -> dict[str, float]:
    return {column.at: column.width for column in table.columns}


def _area(table: Table, last: int) -> str:
    return f"A1:{table.columns[-1].at}{last}"


def _refusal(page: Page, title: _Label, error: _Label) -> dict[str, Any]:
    """What a spreadsheet program says when something else is typed."""
    return {
        "allow_blank": True,
        "showErrorMessage": True,
        "errorTitle": title[page.english],
        "error": error[page.english],
    }


def _short(page: Page, length: int) -> DataValidation:
    says = (f"{length}字以内で入力してください。", f"Keep it to {length} characters.")
    refusal = _refusal(page, ("文字数", "Length"), says)
    return DataValidation(type="textLength", operator="lessThanOrEqual", formula1=str(length), **refusal)


def sources(sheet: Worksheet, rows: tuple[FactorRow, ...], page: Page) -> None:
    """排出源: what is emitted from; the kinds come from the factor table's list."""
    layout, table = page.layout, page.layout.sources
    hint = ("種類は一覧から選びます。", "Choose the kind from the list.")
    form_pages.heading(sheet, ("排出源", "Emission sources"), (INPUT_HINT, hint), page.locale)
    _legend(sheet, "BCD", page)
    _heads(sheet, table, table.first - 1, 32, page)
    for spec in page.specs(SOURCES):
        write(sheet, spec)
        look.fixed(sheet, f"A{table.first + spec.source}", spec.source + 1, right=True)
        sheet.row_dimensions[table.first + spec.source].height = _SMALL
    last = table.first + layout.source_rows - 1
    kinds = layout.factors.at("label")
    listed = f"'{FACTORS}'!${kinds}${layout.factors.first}:${kinds}${layout.factors.first + len(rows) - 1}"
    for column in table.columns:
        _validate(sheet, column, [f"{column.at}{table.first}:{column.at}{last}"], listed, page)
    form_pages.finish(
        sheet,
        _widths(table),
        area=_area(table, last),
        head=page.head,
        freeze=f"A{table.first}",
        rows=f"{table.first - 1}:{table.first - 1}",
    )


def _validate(sheet: Worksheet, column: Column, cells: list[str], listed: str, page: Page) -> None:
    if column.kind == "choice":
        options = [" / ".join(option[:: -1 if page.english else 1]) for option in column.options]
        refusal = _refusal(page, ("種類", "Kind"), ("一覧から選んでください。", "Choose from the list."))
        rule = DataValidation(
            type="list", formula1='"' + ",".join(options) + '"' if options else listed, **refusal
        )
    elif column.length:
        rule = _short(page, column.length)
    else:
        return
    for one in cells:
        rule.add(one)
    sheet.add_data_validation(rule)


def _legend(sheet: Worksheet, columns: str, page: Page) -> None:
    if page.layout.guided:
        form_pages.legend(sheet, columns, 5, page.locale)


def activity(sheet: Worksheet, page: Page) -> None:
    """活動量: the months of each source, a block of rows for each fiscal year."""
    layout, table = page.layout, page.layout.activity
    hint = ("使用がない月は0を入力してください。小数点以下は3桁までです。",
            "Enter 0 for a month without use, and at most three decimals.")  # fmt: skip
    form_pages.heading(sheet, ("活動量", "Monthly activity"), (INPUT_HINT, hint), page.locale)
    _legend(sheet, "BCD", page)
    if layout.guided:
        sheet.merge_cells("D5:F5")  # the columns of figures are too narrow for its words
    number = _number(page)
    last = 0
    for place in range(len(page.years)):
        top = layout.activity_row(place, 0)
        last = top + layout.source_rows - 1
        sheet[f"A{top - 2}"] = page.year_name(place)
        sheet[f"A{top - 2}"].font = look.STRONG
        _heads(sheet, table, top - 1, 84, page)
        if place:
            sheet.row_breaks.append(Break(id=top - 3))
        number.add(f"{layout.months[0]}{top}:{layout.months[-1]}{last}")
        if layout.guided:
            _point_out(sheet, table, top, last, layout)
    sheet.add_data_validation(number)
    for column in table.columns:
        cells = [_block(column.at, layout, place) for place in range(len(page.years))]
        _validate(sheet, column, cells, "", page)
    for spec in page.specs(ACTIVITY):
        write(sheet, spec)
        row = layout.activity_row(spec.year, spec.source)
        look.fixed(sheet, f"A{row}", spec.source + 1, right=True)
        sheet.row_dimensions[row].height = _SMALLEST
    form_pages.finish(
        sheet,
        _widths(table),
        area=_area(table, last),
        head=page.head,
        freeze="D3",
        rows="1:2",
        one_page=False,
    )


def _block(column: str, layout: Layout, year: int) -> str:
    """The cells of ``column`` in the block of year number ``year``."""
    first = layout.activity_row(year, 0)
    return f"{column}{first}:{column}{first + layout.source_rows - 1}"


def _number(page: Page) -> DataValidation:
    bounds = page.layout.bounds
    most = bounds.below - 1
    says = ("0以上の数値を入力してください。", "Enter a number of 0 or more.")
    refusal = _refusal(page, ("数値", "Number"), says)
    if not page.layout.guided:
        return DataValidation(type="decimal", operator="greaterThanOrEqual", formula1="0", **refusal)
    return DataValidation(
        type="decimal",
        operator="between",
        formula1=f"{bounds.least:f}",
        formula2=f"{most:f}",
        showInputMessage=True,
        promptTitle=("使用量", "Amount used")[page.english],
        prompt=("単位はG列です。使用がない月は0です。", "The unit is in column G. 0 if nothing was used.")[
            page.english
        ],
        **refusal,
    )


def _point_out(sheet: Worksheet, table: Table, top: int, last: int, layout: Layout) -> None:
    """Colour a month that is still blank in a row with a source, and a check that is not good."""
    first = layout.months[0]
    rule: Any = FormulaRule  # openpyxl does not type it
    blank = rule(formula=[f'AND($C{top}<>"",{first}{top}="")'], fill=_MISSING_FILL)
    sheet.conditional_formatting.add(f"{first}{top}:{layout.months[-1]}{last}", blank)
    check = table.at("check")
    odd = rule(formula=[f'AND({check}{top}<>"",{check}{top}<>"{CHECK_GOOD}")'], fill=_MISSING_FILL)
    sheet.conditional_formatting.add(f"{check}{top}:{check}{last}", odd)


def factors(sheet: Worksheet, rows: tuple[FactorRow, ...], page: Page) -> None:
    """排出係数: the table in force of each fiscal year; nothing of it may be changed."""
    layout, table = page.layout, page.layout.factors
    hint = ("この表は変更できません。", "This table must not be changed.")
    form_pages.heading(sheet, ("排出係数", "Emission factors"), (hint,), page.locale)
    top = table.first - 1
    _heads(sheet, table, top, 48, page)
    for place in range(len(page.years)):
        columns = layout.factor_years[place]
        sheet[f"{columns[0]}{top - 1}"] = page.year_name(place)
        sheet[f"{columns[0]}{top - 1}"].font = look.STRONG
        for column, role in zip(columns, ("calorific", "carbon", "per_unit"), strict=True):
            look.head(sheet, f"{column}{top}", HEADINGS[role], page.locale)
    for row in rows:
        _factor(sheet, row, page)
    widths = _widths(table) | {at: 14.0 for columns in layout.factor_years for at in columns}
    form_pages.finish(
        sheet,
        widths,
        area=f"A1:{layout.factor_years[len(page.years) - 1][-1]}{rows[-1].row}",
        head=page.head,
        freeze=f"C{table.first}",
        rows=f"{top}:{top}",
        one_page=len(rows) <= _FACTORS_A_PAGE,
    )


def _factor(sheet: Worksheet, row: FactorRow, page: Page) -> None:
    sheet.row_dimensions[row.row].height = _PLAIN
    names = (row.name_en, row.name_ja) if page.english else (row.name_ja, row.name_en)
    kind = _KINDS[row.kind]
    both = " / ".join(kind[::-1] if page.english else kind) if page.layout.guided else kind[page.english]
    for column, text in zip("ABCDE", (row.code, *names, row.unit, both), strict=True):
        look.fixed(sheet, f"{column}{row.row}", text)
    for place, factor in enumerate(row.years):
        columns = page.layout.factor_years[place]
        for column, figure in zip(columns, year_figures(factor), strict=True):
            shown = NOT_APPLICABLE if figure is None else figure
            cell = look.fixed(sheet, f"{column}{row.row}", shown, right=True)
            cell.number_format = look.FACTOR_FORMAT
        if factor is not None and factor.kind == "fuel":
            product = sheet[f"{columns[2]}{row.row}"]
            product.value = f"={columns[0]}{row.row}*{columns[1]}{row.row}*44/12"


def summary(sheet: Worksheet, page: Page) -> None:
    """排出量集計: each source's emissions, the years' totals, their mean, the figure to report."""
    layout, years = page.layout, len(page.years)
    table = layout.summary[years]
    hint = ("自動で計算されます。", "Calculated by the form.")
    form_pages.heading(sheet, ("排出量集計", "Emissions"), (hint,), page.locale)
    _heads(sheet, table, table.first - 1, 32, page)
    for spec in page.specs(SUMMARY):
        write(sheet, spec)
        if spec.source >= 0:
            look.fixed(sheet, f"A{table.first + spec.source}", spec.source + 1, right=True)
            sheet.row_dimensions[table.first + spec.source].height = _SMALL
    mean = (f"{years}か年度の平均", f"Mean of the {years} years") if years > 1 else ("合計", "Total")
    result = (
        "報告する排出量（t-CO2、1トン未満切捨て）",
        "Emissions to report (t-CO2, cut down to whole tonnes)",
    )
    last = int(layout.result.cell[1:])
    total = ("年度の合計", "Total of the year")
    for row, label in ((layout.total_row, total), (layout.mean_row, mean), (last, result)):
        look.head(sheet, f"B{row}", label, page.locale)
        sheet.merge_cells(f"B{row}:C{row}")
        sheet.row_dimensions[row].height = 32
    final = sheet[layout.result.cell]
    final.font, final.fill = look.RESULT, look.RESULT_FILL
    form_pages.finish(
        sheet,
        _widths(table),
        area=_area(table, last),
        head=page.head,
        freeze=f"A{table.first}",
        rows=f"{table.first - 1}:{table.first - 1}",
    )
