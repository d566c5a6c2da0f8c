"""Gives a refused form back with its problems marked: red cells, each with a comment that says what to do.

A sheet in front lists them. The marks also show in black and white, over colours that the form's own rules
give, and their comments are printed after the sheets.

The input has to have passed the pre-scan; in the web process call
:func:`portal.services.spreadsheets.jail.mark_jailed`.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Border, PatternFill, Side
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.form_types import Problem
from portal.services.spreadsheets.mark_list import drop_list, write_list

_AUTHORS = {"ja": "ASSETシステム", "en": "ASSET System"}
_RED_TONE = "FFFFC7CE"
_RED = PatternFill("solid", fgColor=_RED_TONE)
_LINE = Side(style="mediumDashed", color="FFC00000")
#: seen in print without colours, too
_FRAME = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
#: a rule that always holds, and is known again
_ALWAYS = 'N("ASSET")=0'
_RANGE = re.compile(r"([A-Z]{1,3}[1-9][0-9]{0,3})(?::([A-Z]{1,3}[1-9][0-9]{0,3}))?")


class Mark(NamedTuple):
    """A cell or range to be marked, and what its comment says."""

    sheet: str
    cell: str
    text: str


def mark_problems(data: bytes, problems: Sequence[Problem], *, locale: str = "ja") -> bytes:
    """The workbook in ``data`` with the cell of each problem marked and commented in ``locale``.

    A sheet in front lists every problem, also one without a cell or on a sheet that is not there. Marks of
    an earlier time are taken off first. Raises whatever openpyxl raises for a workbook it cannot read.
    """
    book = _opened(data)
    _mark_all(book, (Mark(one.sheet, one.cell, one.message(locale)) for one in problems), locale)
    if problems:
        write_list(book, problems, locale)
    return _saved(book)


def mark_cells(data: bytes, marks: Iterable[Mark], locale: str = "ja") -> bytes:
    """The workbook in ``data`` with each mark's cells marked, the first of them commented."""
    book = _opened(data)
    _mark_all(book, marks, locale)
    return _saved(book)


def _mark_all(book: Workbook, marks: Iterable[Mark], locale: str) -> None:
    areas: dict[str, list[str]] = {}
    for mark in marks:
        area = _mark(book, mark, locale)
        if area:
            areas.setdefault(mark.sheet, []).append(area)
    for name, marked in areas.items():
        _over_rules(book[name], marked)


def _opened(data: bytes) -> Workbook:
    """The workbook without the marks of an earlier time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(io.BytesIO(data), rich_text=True, keep_links=False)
    drop_list(book)
    _unmark(book)
    return book


def _mark(book: Workbook, mark: Mark, locale: str) -> str:
    """Mark one area; gives it, or nothing where it is not there."""
    place = _RANGE.fullmatch(mark.cell)
    if place is None or mark.sheet not in book.sheetnames:
        return ""
    sheet = book[mark.sheet]
    if not isinstance(sheet, Worksheet):
        return ""
    first = sheet[place.group(1)]
    area = f"{place.group(1)}:{place.group(2) or place.group(1)}"
    for row in sheet[area]:
        for cell in row:
            cell.fill, cell.border = _RED, _FRAME
    if isinstance(first, MergedCell):
        # only the first cell of a merged area can be commented
        merged = next(each for each in sheet.merged_cells.ranges if first.coordinate in each)
        first = sheet.cell(merged.min_row, merged.min_col)
        first.fill, first.border = _RED, _FRAME
    # on paper a comment is seen only where the sheet prints it
    sheet.page_setup.cellComments = "atEnd"
    if isinstance(first, Cell):
        earlier = f"{first.comment.text}\n\n" if first.comment else ""
        first.comment = Comment(earlier + mark.text, _AUTHORS[locale], height=120, width=320)
    return area


def _over_rules(sheet: Worksheet, areas: Sequence[str]) -> None:
    """Show the marks where a rule of the form's own gives a cell a colour."""
    others = list(sheet.conditional_formatting)
    ruled = [range_ for one in others for range_ in one.sqref.ranges]
    over = [area for area in areas if any(not CellRange(area).isdisjoint(one) for one in ruled)]
    if not over:
        return
    rule_of: Any = FormulaRule  # openpyxl does not type it
    rule = rule_of(formula=[_ALWAYS], fill=PatternFill("solid", bgColor=_RED_TONE), stopIfTrue=True)
    rule.priority = 1
    for one in others:
        del sheet.conditional_formatting[one.sqref]
    # first in the file, too: some programs go by that
    sheet.conditional_formatting.add(" ".join(dict.fromkeys(over)), rule)
    for one in others:
        for kept in one.rules:
            kept.priority += 1
            sheet.conditional_formatting.add(str(one.sqref), kept)


class _Writer(ExcelWriter):
    """openpyxl's writer, which puts each sheet into a file first; the jailed reader may write none."""

    def write_worksheet(self, ws: Any) -> None:
        """Write one sheet into the archive, through memory."""
        this: Any = self
        ws._drawing = SpreadsheetDrawing()
        ws._drawing.charts = ws._charts
        ws._drawing.images = ws._images
        writer: Any = WorksheetWriter(ws, out=io.BytesIO())
        writer.write()
        ws._rels = writer._rels
        this._archive.writestr(ws.path[1:], writer.read())
        this.manifest.append(ws)


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    _Writer(book, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)).save()
    return out.getvalue()


def _unmark(book: Workbook) -> None:
    for sheet in book.worksheets:
        for one in list(sheet.conditional_formatting):
            if any(rule.formula == [_ALWAYS] for rule in one.rules):
                del sheet.conditional_formatting[one.sqref]
        # the cells that are there: a row of its own far below would make all between them
        for cell in list(sheet._cells.values()):
            if not isinstance(cell, Cell):
                continue
            if cell.comment is not None and cell.comment.author in _AUTHORS.values():
                cell.comment = None
            if cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb == _RED_TONE:
                # in a protected form of ours what is filled in is unlocked, and tinted
                tinted = sheet.protection.sheet and not cell.protection.locked
                cell.fill = look.INPUT_FILL if tinted else PatternFill()
                if cell.border.left is not None and cell.border.left.style == _LINE.style:
                    cell.border = look.BOX
