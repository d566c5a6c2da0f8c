"""The first sheet of a marked workbook: everything that is wrong, each with a link to its cell.

It is there for whoever opens or prints the file; the reader of forms does not look at it.
"""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.form_types import Problem

#: what the sheet is called: Japanese, English
TITLES = ("直すところ", "To mend")
_SAYS = (
    "シートとセルの文字を押すと、その場所に移ります。このシートは、消さずに登録しても読み取りに影響しません。",
    "The sheet and cell are links. You may leave this sheet in the file: it is not read.",
)
_HEADS = (
    ("番号", "No."),
    ("シート・セル", "Sheet and cell"),
    ("見つかった値", "Found"),
    ("正しい値", "Expected"),
    ("直し方", "How to mend it"),
)
_WIDTHS = (7, 24, 26, 26, 76)
_FIRST = 5
_LINK = Font(name="Yu Gothic", size=10, color="FF0017C1", underline="single")
_TOP = Alignment(wrap_text=True, vertical="top")


def write_list(book: Workbook, problems: Sequence[Problem], locale: str) -> None:
    """Put the sheet in front of ``book``, so that it opens there. An earlier one must be gone."""
    english = locale == "en"
    sheet = book.create_sheet(TITLES[english], 0)
    assert isinstance(sheet, Worksheet)
    sheet["A1"], sheet["A1"].font = TITLES[english], look.TITLE
    sheet["A2"], sheet["A2"].font = _SAYS[english], look.QUIET
    for column, (head, width) in enumerate(zip(_HEADS, _WIDTHS, strict=True), 1):
        cell = sheet.cell(_FIRST - 1, column)
        cell.value, cell.font, cell.fill, cell.border = head[english], look.STRONG, look.HEAD_FILL, look.BOX
        sheet.column_dimensions[get_column_letter(column)].width = width
    for number, problem in enumerate(problems, 1):
        _line(book, sheet, number, problem, locale)
    sheet.print_title_rows = f"{_FIRST - 1}:{_FIRST - 1}"
    sheet.freeze_panes = f"A{_FIRST}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    for other in book.worksheets:
        # two selected sheets would be filled in together
        other.sheet_view.tabSelected = False
    book.active = 0


def _line(book: Workbook, sheet: Worksheet, number: int, problem: Problem, locale: str) -> None:
    whole = "the whole file" if locale == "en" else "ファイル全体"
    place = f"{problem.sheet} {problem.cell}".strip() or whole
    values: tuple[str, ...] = (
        place,
        problem.shown_found(locale),
        problem.shown_expected(locale),
        problem.message(locale),
    )
    row = _FIRST + number - 1
    sheet.cell(row, 1).value = number
    for column, value in enumerate(values, 2):
        cell = sheet.cell(row, column)
        # what was found may begin like a formula
        cell.value, cell.data_type = "".join(sign for sign in value if sign.isprintable()), "s"
    for column in range(1, 2 + len(values)):
        cell = sheet.cell(row, column)
        cell.font, cell.border, cell.alignment = look.TEXT, look.BOX, _TOP
    if problem.sheet in book.sheetnames:
        first = problem.cell.partition(":")[0] or "A1"
        at = sheet.cell(row, 2)
        quoted = problem.sheet.replace("'", "''")
        at.hyperlink = Hyperlink(ref=at.coordinate, location=f"'{quoted}'!{first}")
        at.font = _LINK


def drop_list(book: Workbook) -> None:
    """Take the sheet of an earlier time off."""
    for name in TITLES:
        if name in book.sheetnames and book[name]["A1"].value == name and len(book.sheetnames) > 1:
            book.remove(book[name])
