"""A sheet of the calculation report as a page: its heading, what its colours mean, how it is printed."""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl.styles import PatternFill
from openpyxl.worksheet.header_footer import HeaderFooterItem
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets.form_styles import (
    BOX,
    CALC_FILL,
    HEAD_FILL,
    HELP,
    INPUT_FILL,
    QUIET,
    SHRUNK,
    TITLE,
    Label,
)

#: what each colour of the form means
LEGEND: tuple[tuple[PatternFill, Label], ...] = (
    (INPUT_FILL, ("入力する", "Fill in")),
    (CALC_FILL, ("自動で計算", "Calculated")),
    (HEAD_FILL, ("見出し", "Heading")),
)


def heading(sheet: Worksheet, label: Label, hints: Sequence[Label], locale: str, *, lines: int = 2) -> None:
    """Write the sheet's heading in A1 and its help beneath, each in both languages."""
    first, second = label if locale != "en" else label[::-1]
    sheet["A1"] = f"{first}　{second}"
    sheet["A1"].font = TITLE
    sheet.row_dimensions[1].height = 26
    english = locale == "en"
    said = ["  ".join(hint[place] for hint in hints) for place in (english, not english)]
    if lines == 1:
        said = ["　".join(said)]
    for row, (text, font) in enumerate(zip(said, (HELP, QUIET), strict=False), 2):
        sheet[f"A{row}"] = text
        sheet[f"A{row}"].font = font


def legend(sheet: Worksheet, columns: Sequence[str], row: int, locale: str) -> None:
    """Three small cells that say what each colour means."""
    for column, (fill, label) in zip(columns, LEGEND, strict=True):
        cell = sheet[f"{column}{row}"]
        cell.value = " / ".join(label if locale != "en" else label[::-1])
        cell.font, cell.fill, cell.border, cell.alignment = QUIET, fill, BOX, SHRUNK


def finish(
    sheet: Worksheet,
    widths: dict[str, float],
    *,
    area: str,
    head: str,
    freeze: str = "",
    rows: str = "",
    portrait: bool = False,
    one_page: bool = True,
) -> None:
    """Set column widths, protection and printing.

    A4 landscape, one page wide, headings (``rows``) repeated, ``area`` printed, ``head`` (whose form it is)
    at the top and sheet and page at the foot; ``one_page`` puts all of it onto one page. With ``portrait``
    the sheet goes upright.
    """
    for column, width in widths.items():
        sheet.column_dimensions[column].width = width
    if freeze:
        sheet.freeze_panes = freeze
    if rows:
        sheet.print_title_rows = rows
    sheet.print_area = area
    sheet.sheet_view.showGridLines = False
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.formatRows = False
    sheet.page_setup.orientation = "portrait" if portrait else "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 1 if one_page else 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.page_margins.top, sheet.page_margins.bottom = 0.7, 0.6
    sheet.page_margins.header = sheet.page_margins.footer = 0.3
    header, footer = HeaderFooterItem(), HeaderFooterItem()
    header.left.text = head
    footer.center.text = "&A  &P / &N"
    sheet.oddHeader, sheet.oddFooter = header, footer
