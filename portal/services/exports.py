"""Lists as files: CSV row by row, Excel through a temporary file. No cell begins a formula (safety).

Nothing here knows the web: the rooms put what these functions give into their answers.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any

from markupsafe import Markup
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from portal.clock import in_tokyo

#: what a spreadsheet program may take for the beginning of a formula, full-width forms included
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "−", "＠")
CHUNK = 64 * 1024
#: what a spreadsheet program reading a CSV would make a number or a date of: 0123, 1-2-3, 3/4, 1e5
_LOOKS_LIKE_A_FIGURE = re.compile(
    r"0[0-9]+|[0-9]{16,}|[0-9]+[eE][0-9]+|[0-9]{1,4}([-/])[0-9]{1,2}(?:\1[0-9]{1,4})?"
)
#: Excel keeps no more digits than these
_DIGITS_KEPT = 10**15
#: rows looked at before the first is written, to know how wide the columns are
_LOOKED_AT = 200
_NARROWEST, _WIDEST = 8, 48
_HEAD = PatternFill("solid", fgColor="FFF2F2F2")
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def plain_cell(value: Any) -> str | int | Decimal | None:
    """One value as it may stand in a file: figures stay figures, words never begin a formula.

    Moments become Tokyo wall time, markup loses its tags.
    """
    if value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool)):
        return value
    if isinstance(value, datetime):
        return in_tokyo(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value.striptags() if isinstance(value, Markup) else value)
    return "'" + text if text.startswith(_FORMULA) and text != "−" else text


def csv_cell(value: Any) -> str | int | Decimal | None:
    """One value for a CSV: words that Excel would make a figure or a date of get a mark, and stay words."""
    plain = plain_cell(value)
    word = isinstance(value, str) and isinstance(plain, str)
    return f"'{plain}" if word and _LOOKS_LIKE_A_FIGURE.fullmatch(str(plain)) else plain


def csv_lines(titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV in portions, written while it travels; begins with a mark, so that Excel reads Japanese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([csv_cell(str(title)) for title in titles])
    for row in rows:
        writer.writerow([csv_cell(value) for value in row])
        if buffer.tell() > CHUNK:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def csv_file(titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> tuple[IO[bytes], int]:
    """(temporary file at its beginning, its size) of :func:`csv_lines`; gone when the caller closes it.

    Rows that come from a session must be read while the request lives: what is written later, while
    the answer travels, would begin a transaction of its own that nobody ends.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    for portion in csv_lines(titles, rows):
        file.write(portion.encode())
    size = file.tell()
    file.seek(0)
    return file, size


def _sheet_value(value: Any, figure: bool) -> tuple[Any, str]:
    """(value, number format) of a cell: days and moments (Tokyo wall time) stay what they are."""
    if isinstance(value, datetime):
        return in_tokyo(value).replace(tzinfo=None), "yyyy-mm-dd hh:mm"
    if isinstance(value, date):
        return value, "yyyy-mm-dd"
    plain: Any = plain_cell(value)
    if isinstance(plain, int | Decimal) and -_DIGITS_KEPT < plain < _DIGITS_KEPT:
        return plain, "#,##0" if figure else "General"
    return (None, "General") if plain is None else (ILLEGAL_CHARACTERS_RE.sub("", str(plain)), "@")


def _width(value: Any) -> int:
    """How many half-width characters a value takes; of several lines the longest."""
    shown = "0000-00-00 00:00" if isinstance(value, datetime) else str("" if value is None else value)
    lines = shown.splitlines() or [""]
    return max(sum(2 if unicodedata.east_asian_width(c) in "FWA" else 1 for c in line) for line in lines)


def xlsx_file(
    titles: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    sheet_name: str = "一覧",
    figures: Collection[int] = (),
) -> tuple[IO[bytes], int]:
    """(temporary file at its beginning, its size): rows go to the disk as they come, not into memory.

    The head stays in view and filters; ``figures`` are the places of columns with thousands separators.
    The file is gone when the caller closes it.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_SHEET_NAME.sub(" ", sheet_name)[:31])
    heads, rest = [str(title) for title in titles], iter(rows)
    first = list(islice(rest, _LOOKED_AT))
    for place, head in enumerate(heads):
        widest = max([_width(head) + 3, *(_width(row[place]) + 2 for row in first if place < len(row))])
        column = sheet.column_dimensions[get_column_letter(place + 1)]
        column.width = min(max(widest, _NARROWEST), _WIDEST)
    sheet.freeze_panes = "A2"

    def cell(value: Any, figure: bool) -> Any:
        plain, form = _sheet_value(value, figure)
        made = WriteOnlyCell(sheet, value=plain)
        if made.data_type == "f":  # belt and braces: text is never written as a formula
            made.data_type = "s"
        made.number_format = form
        return made

    def head_cell(head: str) -> Any:
        made = cell(head, False)
        made.font, made.fill, made.alignment = Font(bold=True), _HEAD, Alignment(vertical="center")
        return made

    sheet.append([head_cell(head) for head in heads])
    count = 1
    for row in chain(first, rest):
        sheet.append([cell(value, place in figures) for place, value in enumerate(row)])
        count += 1
    if heads:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(heads))}{count}"
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    book.save(file)
    size = file.tell()
    file.seek(0)
    return file, size
