"""A sheet of many rows: openpyxl makes the workbook around it, the rows are written by hand.

openpyxl makes an object of every cell; for a hundred thousand rows that takes most of a minute. The
workbook is saved with its head only, and the rows go between the two halves of its sheet as they come.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import IO, Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

_PART = "xl/worksheets/sheet1.xml"
_END = b"</sheetData>"
#: true of the head only; without it a reader looks at the rows themselves
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
#: what XML cannot hold
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: Excel holds no more in a cell
_LONGEST = 32_767
#: rows between two portions to the disk
_PORTION = 200

#: value → (what stands in the cell, its number format); ``None`` leaves the cell out
Shape = Callable[[Any, int], tuple[str | int | Decimal | date | datetime | None, str]]

_day_number = lru_cache(maxsize=4_096)(to_excel)


def write_sheet(
    book: Workbook, rows: Iterable[Sequence[Any]], shape: Shape, formats: Iterable[str]
) -> tuple[IO[bytes], int]:
    """(temporary file at its beginning, its size): ``book`` with ``rows`` under the head of its only sheet.

    ``shape`` is asked for every value and its place in the row, ``formats`` are all number formats
    it may answer. The file is gone when the caller closes it.
    """
    sheet = book.worksheets[0]
    width = sheet.max_column
    styles = {form: _style(sheet, form) for form in formats}
    letters = [get_column_letter(place + 1) for place in range(width)]
    head, _foot = _halves(book)
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        number = sheet.max_row
        with whole.open(_PART, "w", force_zip64=True) as part:
            part.write(_DIMENSION.sub(b"", head))
            lines: list[str] = []
            for row in rows:
                number += 1
                cells = [_cell(f"{letters[n]}{number}", *shape(row[n], n), styles) for n in range(len(row))]
                lines.append(f'<row r="{number}">{"".join(cells)}</row>')
                if len(lines) == _PORTION:
                    part.write("".join(lines).encode())
                    lines.clear()
            part.write("".join(lines).encode())
            sheet.auto_filter.ref = f"A1:{letters[-1]}{number}"
            _head, foot = _halves(book)
            part.write(foot)
        _copy_others(book, whole)
    size = file.tell()
    file.seek(0)
    return file, size


def _style(sheet: Any, form: str) -> int:
    """The number under which the workbook keeps a number format."""
    cell = WriteOnlyCell(sheet)
    cell.number_format = form
    return int(cell.style_id)


def _saved(book: Workbook) -> zipfile.ZipFile:
    data = io.BytesIO()
    book.save(data)
    return zipfile.ZipFile(data)


def _halves(book: Workbook) -> tuple[bytes, bytes]:
    with _saved(book) as parts:
        before, end, after = parts.read(_PART).partition(_END)
    return before, end + after


def _copy_others(book: Workbook, whole: zipfile.ZipFile) -> None:
    with _saved(book) as parts:
        for name in parts.namelist():
            if name != _PART:
                whole.writestr(name, parts.read(name))


def _cell(place: str, value: Any, form: str, styles: dict[str, int]) -> str:
    if value is None:
        return ""
    style = styles[form]
    if isinstance(value, str):
        text = escape(_NOT_XML.sub("", value[:_LONGEST]))
        kept = ' xml:space="preserve"' if text != text.strip() else ""
        # words are words for good: never a formula, never a figure
        return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{kept}>{text}</t></is></c>'
    figure = _day_number(value) if isinstance(value, date) else value
    return (
        f'<c r="{place}" s="{style}"><v>{figure:f}</v></c>'
        if isinstance(figure, Decimal)
        else (f'<c r="{place}" s="{style}"><v>{figure}</v></c>')
    )
