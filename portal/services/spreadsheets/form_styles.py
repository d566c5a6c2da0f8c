"""How the designated form looks: fonts, fills, borders, two-language labels, print settings."""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl.cell.cell import Cell
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.styles.colors import Color
from openpyxl.worksheet.header_footer import HeaderFooterItem
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

_FACE = "Yu Gothic"
_INK, _QUIET, _BLUE = "FF1A1A1A", "FF666666", "FF0017C1"

TITLE = Font(name=_FACE, size=16, bold=True, color=_INK)
TEXT = Font(name=_FACE, size=10, color=_INK)
STRONG = Font(name=_FACE, size=11, bold=True, color=_INK)
HELP = Font(name=_FACE, size=10, color=_INK)
SMALL = Font(name=_FACE, size=9, color=_INK)
SMALLEST = Font(name=_FACE, size=8, color=_INK)
QUIET = Font(name=_FACE, size=9, color=_QUIET)
RESULT = Font(name=_FACE, size=14, bold=True, color=_BLUE)

HEAD_FILL = PatternFill("solid", fgColor="FFE6E6E6")
INPUT_FILL = PatternFill("solid", fgColor="FFFFF8D6")
CALC_FILL = PatternFill("solid", fgColor="FFF7F7F7")
RESULT_FILL = PatternFill("solid", fgColor="FFE8F1FE")

_LINE = Side(style="thin", color="FFB3B3B3")
BOX = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
WRAP = Alignment(wrap_text=True, vertical="center")
CENTRE = Alignment(wrap_text=True, vertical="center", horizontal="center")
RIGHT = Alignment(vertical="center", horizontal="right")
#: a long figure or name gets smaller rather than cut, or shown as ####
SHRUNK = Alignment(vertical="center", horizontal="center", shrink_to_fit=True)
FIGURE = Alignment(vertical="center", horizontal="right", shrink_to_fit=True)
LEFT = Alignment(vertical="center", horizontal="left", wrap_text=True, indent=1)
TOP = Alignment(wrap_text=True, vertical="top")
UNLOCKED = Protection(locked=False)

FACTOR_FORMAT = "0.0#######"
#: how a figure of each shape is written
FORMATS: dict[str, str] = {
    "": "",
    "activity": "#,##0.0##",
    "factor": FACTOR_FORMAT,
    "emissions": "#,##0.000",
    "share": "0.0%",
    "whole": "#,##0",
}

Label = tuple[str, str]


def both(label: Label, locale: str) -> CellRichText:
    """A label in both languages: the reader's language first, the other small beneath."""
    first, second = label if locale != "en" else label[::-1]
    main = InlineFont(rFont=_FACE, sz=10, b=True, color=Color(rgb=_INK))
    small = InlineFont(rFont=_FACE, sz=8, color=Color(rgb=_QUIET))
    return CellRichText(TextBlock(main, first), TextBlock(small, "\n" + second))


def head(sheet: Worksheet, cell: str, label: Label, locale: str) -> None:
    """Write a table heading in both languages."""
    at: Cell = sheet[cell]
    at.value = both(label, locale)
    at.fill, at.border, at.alignment = HEAD_FILL, BOX, CENTRE


def fixed(sheet: Worksheet, cell: str, value: object, *, right: bool = False) -> Cell:
    """Write a value that the participant does not change."""
    at: Cell = sheet[cell]
    at.value = value  # type: ignore[assignment]
    if isinstance(value, str):
        at.data_type = "s"  # a name that begins with = is a name
    at.font, at.border = TEXT, BOX
    at.alignment = RIGHT if right else LEFT
    return at


def typed(sheet: Worksheet, cell: str, *, number_format: str = "") -> Cell:
    """Open a cell for the participant to fill in: unlocked and tinted."""
    at: Cell = sheet[cell]
    at.font, at.border, at.fill, at.protection = TEXT, BOX, INPUT_FILL, UNLOCKED
    at.alignment = FIGURE if number_format else LEFT
    if number_format:
        at.number_format = number_format
    return at


def calculated(sheet: Worksheet, cell: str, formula: str, *, number_format: str = "") -> Cell:
    """Write a formula: locked, greyed."""
    at: Cell = sheet[cell]
    at.value = formula
    at.font, at.border, at.fill = TEXT, BOX, CALC_FILL
    at.alignment = FIGURE if number_format else LEFT
    if number_format:
        at.number_format = number_format
    return at


def title(sheet: Worksheet, label: Label, hints: Sequence[Label], locale: str) -> None:
    """Write the sheet's heading in A1 and one line of help in A2."""
    sheet["A1"] = label[locale == "en"]
    sheet["A1"].font = TITLE
    sheet["A2"] = "  ".join(hint[locale == "en"] for hint in hints)
    sheet["A2"].font = QUIET
    sheet.row_dimensions[1].height = 26


def finish(
    sheet: Worksheet, widths: dict[str, float], *, freeze: str = "", rows: str = "", portrait: bool = False
) -> None:
    """Set column widths, protection and printing: A4 landscape, one page wide, headings repeated.

    With ``portrait`` the whole sheet goes upright onto one page.
    """
    for column, width in widths.items():
        sheet.column_dimensions[column].width = width
    if freeze:
        sheet.freeze_panes = freeze
    if rows:
        sheet.print_title_rows = rows
    sheet.sheet_view.showGridLines = False
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.formatRows = False
    sheet.page_setup.orientation = "portrait" if portrait else "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 1 if portrait else 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    if portrait:
        sheet.page_margins.top, sheet.page_margins.bottom = 0.5, 0.75
    footer = HeaderFooterItem()
    footer.center.text = "&A  &P / &N"
    sheet.oddFooter = footer
