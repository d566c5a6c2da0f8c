"""The blank workbooks for bulk import: headings in both languages, notes, choices, an example sheet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.layouts import imports as layout
from portal.services.spreadsheets.layouts.imports import Column, Label, Layout

_HINT: Label = (
    f"{layout.FIRST_ROW}行目から、1件を1行に記入してください。見出しの行は変えないでください。"
    f"例は、シート「{layout.EXAMPLE}」にあります。",
    f"One row for each, from row {layout.FIRST_ROW} on. Leave the headings as they are. "
    "An example stands on the last sheet.",
)
_LAST = layout.FIRST_ROW + layout.MOST_ROWS - 1


def build(kind: str, *, phases: Sequence[int] = (), filled: Iterable[Sequence[str]] = ()) -> bytes:
    """The workbook for an import of ``applications`` or ``targets`` as .xlsx.

    ``phases`` are offered in the column of phases; ``filled`` are rows of the first sheet, in its order.
    """
    book = Workbook()
    sheets = layout.layouts_of(kind)
    for number, one in enumerate(sheets):
        sheet = _active(book) if number == 0 else book.create_sheet()
        _sheet(sheet, one, phases)
    first = book[sheets[0].sheet]
    for row, values in enumerate(filled, layout.FIRST_ROW):
        for at, value in enumerate(values, 1):
            _words(first, row, at, value)
    _example(book.create_sheet(layout.EXAMPLE), sheets)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _active(book: Workbook) -> Worksheet:
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    return sheet


def _sheet(sheet: Worksheet, one: Layout, phases: Sequence[int]) -> None:
    sheet.title = one.sheet
    look.title(sheet, (f"{one.title[0]}　/　{one.title[1]}", ""), (_HINT,), "ja")
    sheet["A2"] = "　".join(_HINT)
    _heads(sheet, one, layout.HEAD_ROW)
    for at, column in enumerate(one.columns, 1):
        letters = get_column_letter(at)
        note = sheet.cell(layout.NOTE_ROW, at, f"{column.note[0]}\n{column.note[1]}")
        note.font, note.alignment, note.border, note.fill = look.QUIET, look.TOP, look.BOX, look.CALC_FILL
        width = sheet.column_dimensions[letters]
        width.width = column.width
        # a style of the column, not of thousands of cells: what is pasted or typed below takes it
        width.number_format = {"date": "yyyy/m/d", "number": "#,##0"}.get(column.kind, "@")
        width.alignment = Alignment(vertical="top")
        offered = tuple(f"第{n}期" for n in phases) if column.field == "phase" else column.offered
        if offered:
            _offer(sheet, letters, offered)
    sheet.row_dimensions[layout.HEAD_ROW].height = 34
    sheet.row_dimensions[layout.NOTE_ROW].height = 44
    sheet.freeze_panes = f"A{layout.FIRST_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 8
    sheet.print_title_rows = f"{layout.HEAD_ROW}:{layout.HEAD_ROW}"


def _heads(sheet: Worksheet, one: Layout, row: int) -> None:
    for at, column in enumerate(one.columns, 1):
        look.head(sheet, f"{get_column_letter(at)}{row}", column.label, "ja")


def _offer(sheet: Worksheet, letters: str, words: Sequence[str]) -> None:
    choice = DataValidation("list", formula1=f'"{",".join(words)}"', allow_blank=True)
    choice.errorTitle, choice.error = "一覧から選んでください", "／".join(words)
    sheet.add_data_validation(choice)
    choice.add(f"{letters}{layout.FIRST_ROW}:{letters}{_LAST}")


def _words(sheet: Worksheet, row: int, at: int, value: str) -> None:
    """A text, never a formula, whatever a company is called."""
    cell = sheet.cell(row, at)
    cell.value = value
    cell.data_type = "s"
    cell.number_format = "@"


def _example(sheet: Worksheet, sheets: Sequence[Layout]) -> None:
    sheet["A1"] = f"{layout.EXAMPLE}　/　Example"
    sheet["A1"].font = look.TITLE
    row = 3
    for one in sheets:
        sheet.cell(row, 1, one.sheet).font = look.STRONG
        _heads(sheet, one, row + 1)
        sheet.row_dimensions[row + 1].height = 34
        for at, column in enumerate(one.columns, 1):
            _example_cell(sheet, row + 2, at, column)
        row += 4
    for at in range(1, 1 + max(len(one.columns) for one in sheets)):
        sheet.column_dimensions[get_column_letter(at)].width = 22
    sheet.protection.sheet = True


def _example_cell(sheet: Worksheet, row: int, at: int, column: Column) -> None:
    _words(sheet, row, at, column.example)
    cell = sheet.cell(row, at)
    cell.font, cell.border, cell.alignment = look.TEXT, look.BOX, look.WRAP
