"""The blank designated form, prefilled for one holder and period (domain §4)."""

from __future__ import annotations

import io
from typing import Any

from openpyxl import Workbook
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.workbook.properties import CalcProperties
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.factor_table import NOT_APPLICABLE, FactorRow, factor_rows, year_figures
from portal.services.spreadsheets.form_types import PERIOD_NAMES, FormExpectation, FormIdentity
from portal.services.spreadsheets.layouts import v1

_Label = tuple[str, str]

_COVER_LABELS: dict[str, _Label] = {
    "form_id": ("様式番号", "Form"),
    "version": ("様式の版", "Form version"),
    "phase": ("期", "Phase"),
    "holder": ("目標保有者ID", "Holder ID"),
    "account": ("口座番号", "Account number"),
    "holder_name": ("代表事業者名", "Representative company"),
    "site_name": ("事業所名", "Site"),
    "site_address": ("事業所の所在地", "Address of the site"),
    "period": ("報告対象の期間", "Reporting period"),
}
_YEARS: _Label = ("対象年度", "Fiscal years")
_INPUT_HINT: _Label = ("黄色のセルに入力してください。", "Fill in the yellow cells.")
_NAME: _Label = ("排出源の名称", "Emission source")
_FACTOR: _Label = ("燃料・エネルギーの種類", "Fuel or energy")
_UNIT: _Label = ("単位", "Unit")
_CALORIFIC: _Label = ("単位発熱量（GJ/単位）", "Calorific value (GJ/unit)")
_CARBON: _Label = ("炭素排出係数（t-C/GJ）", "Carbon factor (t-C/GJ)")
_PER_UNIT: _Label = ("CO2排出係数（t-CO2/単位）", "CO2 factor (t-CO2/unit)")
_KINDS: dict[str, _Label] = {"fuel": ("燃料", "Fuel"), "energy": ("電気・熱", "Electricity, heat")}
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def phase_text(phase: int) -> str:
    """How the cover names phase ``phase``."""
    return f"第{phase}期"


def cover_values(identity: FormIdentity, locale: str) -> dict[str, str]:
    """Field of the cover → what stands in it, the fiscal years apart."""
    return {
        "form_id": v1.FORM_ID,
        "version": v1.VERSION,
        "phase": phase_text(identity.phase),
        "holder": identity.holder,
        "account": identity.account,
        "holder_name": identity.holder_name,
        "site_name": identity.site_name,
        "site_address": identity.site_address,
        "period": PERIOD_NAMES[identity.period][locale == "en"],
    }


def build_form(expected: FormExpectation, *, locale: str = "ja") -> bytes:
    """The prefilled form as the bytes of an .xlsx file.

    ``locale`` (``ja`` or ``en``) says which language leads; both are there, and the reader takes either.
    Its formulas have no saved results: a spreadsheet program writes them. Raises ``ValueError`` for an
    expectation that no form can hold (see :func:`.factor_table.factor_rows`).
    """
    rows = factor_rows(expected)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = v1.COVER
    sheets = {v1.COVER: first} | {name: book.create_sheet(name) for name in v1.SHEETS[1:]}
    years = expected.identity.fiscal_years
    _cover(sheets[v1.COVER], expected.identity, locale)
    _sources(sheets[v1.SOURCES], rows, locale)
    _activity(sheets[v1.ACTIVITY], years, locale)
    _factors(sheets[v1.FACTORS], rows, years, locale)
    _summary(sheets[v1.SUMMARY], years, locale)
    _boundary(sheets[v1.BOUNDARY], locale)
    for name, sheet, cell in (
        ("form_id", v1.COVER, v1.COVER_CELLS["form_id"]),
        ("form_version", v1.COVER, v1.COVER_CELLS["version"]),
        ("emissions_total", v1.SUMMARY, v1.RESULT_CELL),
    ):
        target = f"'{sheet}'!${cell[0]}${cell[1:]}"
        book.defined_names[name] = DefinedName(name, attr_text=target)
    book.security = WorkbookProtection(lockStructure=True)
    book.calculation = CalcProperties(fullCalcOnLoad=True)
    book.properties.creator = "ASSET"
    book.properties.title = "算定報告書"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cover(sheet: Worksheet, identity: FormIdentity, locale: str) -> None:
    hint = ("この様式はポータルが作成しました。", "The portal made this form.")
    look.title(sheet, ("算定報告書", "Calculation report"), (hint, _INPUT_HINT), locale)
    values = cover_values(identity, locale)
    for field, cell in v1.COVER_CELLS.items():
        look.head(sheet, f"B{cell[1:]}", _COVER_LABELS[field], locale)
        look.fixed(sheet, cell, values[field])
        # Text, so that a spreadsheet program does not turn an identifier into a number.
        sheet[cell].number_format = "@"
        sheet.merge_cells(f"{cell}:E{cell[1:]}")
        sheet.row_dimensions[int(cell[1:])].height = 30
    row = v1.YEAR_CELLS[0][1:]
    look.head(sheet, f"B{row}", _YEARS, locale)
    for cell, year in zip(v1.YEAR_CELLS, identity.fiscal_years, strict=False):
        look.fixed(sheet, cell, year)
    sheet.row_dimensions[int(row)].height = 30
    look.finish(sheet, {"A": 3, "B": 26, "C": 24, "D": 24, "E": 24})


def _sources(sheet: Worksheet, rows: tuple[FactorRow, ...], locale: str) -> None:
    hint = ("種類は一覧から選びます。", "Choose the kind from the list.")
    look.title(sheet, ("排出源", "Emission sources"), (_INPUT_HINT, hint), locale)
    top = v1.SOURCE_FIRST - 1
    remark = ("備考", "Remark")
    for column, label in zip("ABCDE", (("番号", "No."), _NAME, _FACTOR, _UNIT, remark), strict=True):
        look.head(sheet, f"{column}{top}", label, locale)
    sheet.row_dimensions[top].height = 30
    for spec in v1.cell_specs(1):
        if spec.sheet != v1.SOURCES:
            continue
        if spec.formula:
            look.calculated(sheet, spec.cell, spec.formula)
        else:
            look.typed(sheet, spec.cell)
        look.fixed(sheet, f"A{v1.SOURCE_FIRST + spec.source}", spec.source + 1, right=True)
    last = v1.FACTOR_FIRST + len(rows) - 1
    choice = DataValidation(
        type="list",
        formula1=f"'{v1.FACTORS}'!${v1.FACTOR_LABEL}${v1.FACTOR_FIRST}:${v1.FACTOR_LABEL}${last}",
        allow_blank=True,
        showErrorMessage=True,
        errorTitle=("種類", "Kind")[locale == "en"],
        error=("一覧から選んでください。", "Choose from the list.")[locale == "en"],
    )
    choice.add(f"C{v1.SOURCE_FIRST}:C{v1.SOURCE_FIRST + v1.SOURCE_ROWS - 1}")
    sheet.add_data_validation(choice)
    look.finish(sheet, {"A": 7, "B": 40, "C": 28, "D": 12, "E": 44}, freeze=f"A{v1.SOURCE_FIRST}")


def _activity(sheet: Worksheet, years: tuple[int, ...], locale: str) -> None:
    hint = ("使用がない月は0を入力してください。小数点以下は3桁までです。",
            "Enter 0 for a month without use, and at most three decimals.")  # fmt: skip
    look.title(sheet, ("活動量", "Monthly activity"), (_INPUT_HINT, hint), locale)
    months: list[_Label] = [(f"{month}月", _MONTH_NAMES[month - 1]) for month in v1.MONTHS]
    labels = [
        ("番号", "No."),
        _NAME,
        _FACTOR,
        _CALORIFIC,
        _CARBON,
        _PER_UNIT,
        _UNIT,
        *months,
        ("年間計", "Year"),
    ]
    number = DataValidation(
        type="decimal",
        operator="greaterThanOrEqual",
        formula1="0",
        allow_blank=True,
        showErrorMessage=True,
        errorTitle=("数値", "Number")[locale == "en"],
        error=("0以上の数値を入力してください。", "Enter a number of 0 or more.")[locale == "en"],
    )
    for place, year in enumerate(years):
        top = v1.activity_row(place, 0)
        sheet[f"A{top - 2}"] = (f"{year}年度", f"Fiscal year {year}")[locale == "en"]
        sheet[f"A{top - 2}"].font = look.STRONG
        for column, label in zip("ABCDEFGHIJKLMNOPQRST", labels, strict=True):
            look.head(sheet, f"{column}{top - 1}", label, locale)
        sheet.row_dimensions[top - 1].height = 62
        bottom = top + v1.SOURCE_ROWS - 1
        if place:
            sheet.row_breaks.append(Break(id=top - 3))
        number.add(f"{v1.MONTH_COLUMNS[0]}{top}:{v1.MONTH_COLUMNS[-1]}{bottom}")
    sheet.add_data_validation(number)
    formats = {"calorific": look.FACTOR_FORMAT, "carbon": look.FACTOR_FORMAT, "per_unit": look.FACTOR_FORMAT}
    for spec in v1.cell_specs(len(years)):
        if spec.sheet != v1.ACTIVITY:
            continue
        if not spec.formula:
            look.typed(sheet, spec.cell, number_format=look.ACTIVITY_FORMAT)
            continue
        number_format = look.ACTIVITY_FORMAT if spec.role == "activity_sum" else formats.get(spec.role, "")
        look.calculated(sheet, spec.cell, spec.formula, number_format=number_format)
        row = v1.activity_row(spec.year, spec.source)
        look.fixed(sheet, f"A{row}", spec.source + 1, right=True)
    widths = {"A": 6.0, "B": 24.0, "C": 20.0, "D": 12.0, "E": 12.0, "F": 13.0, "G": 9.0, "T": 15.0}
    look.finish(sheet, widths | dict.fromkeys(v1.MONTH_COLUMNS, 12.0), freeze="D3", rows="1:2")


def _factors(sheet: Worksheet, rows: tuple[FactorRow, ...], years: tuple[int, ...], locale: str) -> None:
    hint = ("この表は変更できません。", "This table must not be changed.")
    look.title(sheet, ("排出係数", "Emission factors"), (hint,), locale)
    top = v1.FACTOR_FIRST - 1
    english = locale == "en"
    other = ("英語名", "Name in Japanese")
    labels = (("記号", "Code"), _FACTOR, other, _UNIT, ("区分", "Group"))
    for column, label in zip("ABCDE", labels, strict=True):
        look.head(sheet, f"{column}{top}", label, locale)
    for place, year in enumerate(years):
        columns = v1.FACTOR_YEAR_COLUMNS[place]
        sheet[f"{columns[0]}{top - 1}"] = (f"{year}年度", f"Fiscal year {year}")[english]
        sheet[f"{columns[0]}{top - 1}"].font = look.STRONG
        for column, label in zip(columns, (_CALORIFIC, _CARBON, _PER_UNIT), strict=True):
            look.head(sheet, f"{column}{top}", label, locale)
    sheet.row_dimensions[top].height = 48
    for row in rows:
        names = (row.name_en, row.name_ja) if english else (row.name_ja, row.name_en)
        texts = (row.code, *names, row.unit, _KINDS[row.kind][english])
        for column, text in zip("ABCDE", texts, strict=True):
            look.fixed(sheet, f"{column}{row.row}", text)
        for place, factor in enumerate(row.years):
            columns = v1.FACTOR_YEAR_COLUMNS[place]
            figures: list[Any] = list(year_figures(factor))
            if factor is not None and factor.kind == "fuel":
                figures[2] = f"={columns[0]}{row.row}*{columns[1]}{row.row}*44/12"
            for column, figure in zip(columns, figures, strict=True):
                cell = look.fixed(
                    sheet, f"{column}{row.row}", NOT_APPLICABLE if figure is None else figure, right=True
                )
                cell.number_format = look.FACTOR_FORMAT
    widths = {"A": 16.0, "B": 26.0, "C": 30.0, "D": 12.0, "E": 16.0}
    look.finish(sheet, widths | dict.fromkeys("FGHIJKLMN", 14.0), freeze=f"C{v1.FACTOR_FIRST}")


def _summary(sheet: Worksheet, years: tuple[int, ...], locale: str) -> None:
    hint = ("自動で計算されます。", "Calculated by the form.")
    look.title(sheet, ("排出量集計", "Emissions"), (hint,), locale)
    top = v1.SUMMARY_FIRST - 1
    per_year: list[_Label] = [(f"{year}年度（t-CO2）", f"Fiscal year {year} (t-CO2)") for year in years]
    middle = [("年間活動量", "Activity of the year"), _UNIT, *per_year] if len(years) == 1 else per_year
    for column, label in zip("ABCDEF", (("番号", "No."), _NAME, _FACTOR, *middle), strict=False):
        look.head(sheet, f"{column}{top}", label, locale)
    sheet.row_dimensions[top].height = 32
    formats = {
        "activity_sum": look.ACTIVITY_FORMAT,
        "result": look.RESULT_FORMAT,
        "name": "",
        "factor": "",
        "unit": "",
    }
    for spec in v1.cell_specs(len(years)):
        if spec.sheet != v1.SUMMARY:
            continue
        number_format = formats.get(spec.role, look.EMISSIONS_FORMAT)
        look.calculated(sheet, spec.cell, spec.formula, number_format=number_format)
        if spec.source >= 0:
            look.fixed(sheet, f"A{v1.SUMMARY_FIRST + spec.source}", spec.source + 1, right=True)
    mean = ("3か年度の平均", "Mean of the years") if len(years) > 1 else ("合計", "Total")
    result = (
        "報告する排出量（t-CO2、1トン未満切捨て）",
        "Emissions to report (t-CO2, cut down to whole tonnes)",
    )
    rows = (
        (v1.TOTAL_ROW, ("年度の合計", "Total of the year")),
        (v1.MEAN_ROW, mean),
        (int(v1.RESULT_CELL[1:]), result),
    )
    for row, label in rows:
        look.head(sheet, f"B{row}", label, locale)
        sheet.merge_cells(f"B{row}:C{row}")
        sheet.row_dimensions[row].height = 32
    final = sheet[v1.RESULT_CELL]
    final.font, final.fill = look.RESULT, look.RESULT_FILL
    look.finish(sheet, {"A": 7, "B": 36, "C": 26, "D": 22, "E": 22, "F": 24}, freeze=f"A{v1.SUMMARY_FIRST}")


def _boundary(sheet: Worksheet, locale: str) -> None:
    hint = ("敷地境界の考え方、除いた排出源などを書いてください。図面は添付書類として登録してください。",
            "Describe the boundary and what was left out. Register drawings as attachments.")  # fmt: skip
    look.title(sheet, ("敷地境界", "Site boundary"), (hint,), locale)
    look.head(sheet, f"A{int(v1.BOUNDARY_CELL[1:]) - 1}", ("敷地境界の説明", "Boundary notes"), locale)
    sheet.row_dimensions[int(v1.BOUNDARY_CELL[1:]) - 1].height = 30
    cell = look.typed(sheet, v1.BOUNDARY_CELL)
    cell.alignment = look.TOP
    sheet.row_dimensions[int(v1.BOUNDARY_CELL[1:])].height = 280
    look.finish(sheet, {"A": 110})
