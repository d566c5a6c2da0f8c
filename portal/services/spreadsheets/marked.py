"""Gives a refused form back with its problems marked: red cells, each with a comment that says what to do.

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
from openpyxl.styles import PatternFill
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.form_types import Problem

_AUTHORS = {"ja": "ASSETシステム", "en": "ASSET System"}
_RED = PatternFill("solid", fgColor="FFFFC7CE")
_RANGE = re.compile(r"([A-Z]{1,3}[1-9][0-9]{0,3})(?::([A-Z]{1,3}[1-9][0-9]{0,3}))?")


class Mark(NamedTuple):
    """A cell or range to be marked, and what its comment says."""

    sheet: str
    cell: str
    text: str


def mark_problems(data: bytes, problems: Sequence[Problem], *, locale: str = "ja") -> bytes:
    """The workbook in ``data`` with the cell of each problem filled red and commented in ``locale``.

    Marks of an earlier time are taken off first. A problem without a cell, or on a sheet that is not
    there, is skipped. Raises whatever openpyxl raises for a workbook it cannot read.
    """
    return mark_cells(data, (Mark(one.sheet, one.cell, one.message(locale)) for one in problems), locale)


def mark_cells(data: bytes, marks: Iterable[Mark], locale: str = "ja") -> bytes:
    """The workbook in ``data`` with each mark's cells filled red, the first commented in ``locale``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(io.BytesIO(data), rich_text=True, keep_links=False)
    _unmark(book)
    for mark in marks:
        place = _RANGE.fullmatch(mark.cell)
        if place is None or mark.sheet not in book.sheetnames:
            continue
        sheet = book[mark.sheet]
        if not isinstance(sheet, Worksheet):
            continue
        first = sheet[place.group(1)]
        for row in sheet[f"{place.group(1)}:{place.group(2) or place.group(1)}"]:
            for cell in row:
                cell.fill = _RED
        if isinstance(first, MergedCell):
            # only the first cell of a merged area can be commented
            area = next(each for each in sheet.merged_cells.ranges if first.coordinate in each)
            first = sheet.cell(area.min_row, area.min_col)
            first.fill = _RED
        if isinstance(first, Cell):
            earlier = f"{first.comment.text}\n\n" if first.comment else ""
            first.comment = Comment(earlier + mark.text, _AUTHORS[locale], height=120, width=320)
    return _saved(book)


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
        # the cells that are there: a row of its own far below would make all between them
        for cell in list(sheet._cells.values()):
            if not isinstance(cell, Cell):
                continue
            if cell.comment is not None and cell.comment.author in _AUTHORS.values():
                cell.comment = None
            if cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb == "FFFFC7CE":
                # in a protected form of ours what is filled in is unlocked, and tinted
                tinted = sheet.protection.sheet and not cell.protection.locked
                cell.fill = look.INPUT_FILL if tinted else PatternFill()
