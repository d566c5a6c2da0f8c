"""The blank designated form, prefilled for one holder and period (domain §4)."""

from __future__ import annotations

import io

from openpyxl import Workbook
from openpyxl.styles import Alignment
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.workbook.properties import CalcProperties
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import blank_tables, form_pages
from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.factor_table import factor_rows
from portal.services.spreadsheets.form_types import PERIOD_NAMES, FormExpectation, FormIdentity
from portal.services.spreadsheets.layouts.layout import (
    ACTIVITY,
    BOUNDARY,
    COVER,
    FACTORS,
    FORM_ID,
    SHEETS,
    SOURCES,
    SUMMARY,
    CellSpec,
    Layout,
)
from portal.services.spreadsheets.layouts.versions import NEWEST

_Label = tuple[str, str]

_YEARS: _Label = ("対象年度", "Fiscal years")
_STEPS: tuple[_Label, ...] = (
    (
        "1　シート「排出源」に、排出源の名称と燃料・エネルギーの種類を入力します。",
        "1  On the sheet 排出源, enter each source and choose its fuel or energy.",
    ),
    (
        "2　シート「活動量」に、月ごとの使用量を入力します。使用がない月は0です。",
        "2  On the sheet 活動量, enter the amount of each month; 0 for a month without use.",
    ),
    (
        "3　「入力の確認」がすべてOKか確かめ、違う行は直すか、理由を書きます。",
        "3  See that every check says OK; mend the other rows, or give the reason.",
    ),
    (
        "4　シート「敷地境界」に、境界と除いた排出源を書きます。図面は添付書類です。",
        "4  On the sheet 敷地境界, describe the boundary. Drawings are attachments.",
    ),
    (
        "5　Excelブック（.xlsx）として保存し、ASSETシステムから登録します。",
        "5  Save as an Excel workbook (.xlsx) and register it in the ASSET System.",
    ),
)
#: a part of the header may not be longer than this, or a spreadsheet program drops it
_HEAD_PART = 60


def phase_text(phase: int) -> str:
    """How the cover names phase ``phase``."""
    return f"第{phase}期"


def cover_values(identity: FormIdentity, locale: str, layout: Layout = NEWEST) -> dict[str, str]:
    """Field of the cover → what stands in it, the fiscal years apart."""
    return {
        "form_id": FORM_ID,
        "version": layout.version,
        "phase": phase_text(identity.phase),
        "holder": identity.holder,
        "account": identity.account,
        "holder_name": identity.holder_name,
        "site_name": identity.site_name,
        "site_address": identity.site_address,
        "period": PERIOD_NAMES[identity.period][locale == "en"],
    }


def page_head(identity: FormIdentity) -> str:
    """What stands at the top of every printed page: whose form it is. ``&`` begins a code there."""
    parts = (identity.account, identity.holder_name[:_HEAD_PART], identity.site_name[:_HEAD_PART])
    return "　".join(parts).replace("&", "&&")


def build_form(expected: FormExpectation, *, locale: str = "ja", layout: Layout = NEWEST) -> bytes:
    """The prefilled form as the bytes of an .xlsx file.

    ``locale`` (``ja`` or ``en``) says which language leads; both are there, and the reader takes either.
    Its formulas have no saved results: a spreadsheet program writes them. Raises ``ValueError`` for an
    expectation that no form can hold (see :func:`.factor_table.factor_rows`).
    """
    rows = factor_rows(expected, layout)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = COVER
    sheets = {COVER: first} | {name: book.create_sheet(name) for name in SHEETS[1:]}
    identity = expected.identity
    page = blank_tables.Page(layout, identity.fiscal_years, locale, page_head(identity))
    _cover(sheets[COVER], identity, page)
    blank_tables.sources(sheets[SOURCES], rows, page)
    blank_tables.activity(sheets[ACTIVITY], page)
    blank_tables.factors(sheets[FACTORS], rows, page)
    blank_tables.summary(sheets[SUMMARY], page)
    _boundary(sheets[BOUNDARY], page)
    for name, target in _names(layout, len(identity.fiscal_years)).items():
        book.defined_names[name] = DefinedName(name, attr_text=target)
    book.security = WorkbookProtection(lockStructure=True)
    book.calculation = CalcProperties(fullCalcOnLoad=True)
    book.properties.creator = "ASSET"
    book.properties.title = "算定報告書"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _names(layout: Layout, years: int) -> dict[str, str]:
    """Every defined name of the form → the cell it names."""
    places = [(field.name, COVER, field.cell) for field in (*layout.cover, *layout.year_cells[:years])]
    places += [(spec.name, spec.sheet, spec.cell) for spec in layout.cells(years)]
    return {
        name: f"'{sheet}'!${cell.rstrip('0123456789')}${cell.lstrip('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}"
        for name, sheet, cell in places
        if name
    }


def _cover(sheet: Worksheet, identity: FormIdentity, page: blank_tables.Page) -> None:
    hint = ("この様式はASSETシステムが作成しました。", "The ASSET System made this form.")
    title = ("算定報告書", "Calculation report")
    form_pages.heading(sheet, title, (hint, blank_tables.INPUT_HINT), page.locale, lines=1)
    values = cover_values(identity, page.locale, page.layout)
    for field in page.layout.cover:
        row = _row(sheet, field.cell, field.label, page)
        look.fixed(sheet, field.cell, values[field.role])
        # Text, so that a spreadsheet program does not turn an identifier into a number.
        sheet[field.cell].number_format = "@"
        sheet.merge_cells(f"{field.cell}:E{row}")
    cells = [field.cell for field in page.layout.year_cells]
    _row(sheet, cells[0], _YEARS, page)
    for cell, year in zip(cells, identity.fiscal_years, strict=False):
        look.fixed(sheet, cell, year)
    last = int(cells[0][1:])
    for spec in page.specs(COVER):
        last = _row(sheet, spec.cell, spec.label, page)
        blank_tables.write(sheet, spec)
        if spec.formula:
            sheet[spec.cell].font = look.RESULT
            sheet[spec.cell].alignment = look.LEFT
        sheet.merge_cells(f"{spec.cell}:E{last}")
    if page.layout.guided:
        form_pages.legend(sheet, "CDE", last + 2, page.locale)
        last = _steps(sheet, last + 4, page.english)
    widths = {"A": 3.0, "B": 28.0, "C": 26.0, "D": 26.0, "E": 26.0}
    form_pages.finish(sheet, widths, area=f"A1:E{last}", head=page.head)


def _row(sheet: Worksheet, cell: str, label: _Label, page: blank_tables.Page) -> int:
    row = int(cell[1:])
    look.head(sheet, f"B{row}", label, page.locale)
    sheet.row_dimensions[row].height = 30
    return row


def _steps(sheet: Worksheet, row: int, english: bool) -> int:
    """How the form is filled in, in both languages; gives the last row."""
    for step in _STEPS:
        for text, font in ((step[english], look.HELP), (step[not english], look.QUIET)):
            sheet[f"B{row}"] = text
            sheet[f"B{row}"].font = font
            sheet[f"B{row}"].alignment = Alignment(vertical="center")
            sheet.row_dimensions[row].height = 15
            row += 1
    return row - 1


def _boundary(sheet: Worksheet, page: blank_tables.Page) -> None:
    hint = ("敷地境界の考え方、除いた排出源などを書いてください。図面は添付書類として登録してください。",
            "Describe the boundary and what was left out. Register drawings as attachments.")  # fmt: skip
    form_pages.heading(sheet, ("敷地境界", "Site boundary"), (hint,), page.locale)
    specs: list[CellSpec] = page.specs(BOUNDARY)
    last = 1
    for spec in specs:
        last = int(spec.cell[1:])
        look.head(sheet, f"A{last - 1}", spec.label, page.locale)
        sheet.row_dimensions[last - 1].height = 30
        look.typed(sheet, spec.cell).alignment = look.TOP
        sheet.row_dimensions[last].height = 280 / len(specs)
    form_pages.finish(sheet, {"A": 100}, area=f"A1:A{last}", head=page.head)
