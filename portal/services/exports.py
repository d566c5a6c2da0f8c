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
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from portal.clock import in_tokyo
from portal.services.sheet_file import write_sheet

#: what a spreadsheet program may take for the beginning of a formula, full-width forms included
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "−", "＠")
CHUNK = 64 * 1024
#: what a spreadsheet program reading a CSV would make a number or a date of: 0123, 1-2-3, 3/4, 1e5
_LOOKS_LIKE_A_FIGURE = re.compile(
    r"0[0-9]+|[0-9]{16,}|[0-9]+[eE][0-9]+|[0-9]{1,4}([-/])[0-9]{1,2}(?:\1[0-9]{1,4})?"
)
#: what the pattern above begins with; looked at first, since a file holds a million words
_DIGITS = frozenset("0123456789")
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
    if type(value) is str:  # nearly all of them
        return "'" + value if value.startswith(_FORMULA) and value != "−" else value
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
    if type(value) is str and value[:1] not in _DIGITS:
        return plain
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


_WORDS, _PLAIN, _GROUPED, _DAY, _MOMENT = "@", "General", "#,##0", "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
_FORMATS = (_WORDS, _PLAIN, _GROUPED, _DAY, _MOMENT)


def _sheet_value(value: Any, figure: bool) -> tuple[Any, str]:
    """(value, number format) of a cell: days and moments (Tokyo wall time) stay what they are."""
    if isinstance(value, datetime):
        return in_tokyo(value).replace(tzinfo=None), _MOMENT
    if isinstance(value, date):
        return value, _DAY
    plain: Any = plain_cell(value)
    if isinstance(plain, int | Decimal) and -_DIGITS_KEPT < plain < _DIGITS_KEPT:
        return plain, _GROUPED if figure else _PLAIN
    return (None, _PLAIN) if plain is None else (str(plain), _WORDS)


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
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = _SHEET_NAME.sub(" ", sheet_name)[:31]
    heads, rest = [str(title) for title in titles], iter(rows)
    first = list(islice(rest, _LOOKED_AT))
    for place, head in enumerate(heads):
        widest = max([_width(head) + 3, *(_width(row[place]) + 2 for row in first if place < len(row))])
        column = sheet.column_dimensions[get_column_letter(place + 1)]
        column.width = min(max(widest, _NARROWEST), _WIDEST)
        made: Any = sheet.cell(1, place + 1)
        made.value, made.number_format = _sheet_value(head, False)
        made.data_type = "s"  # text is never written as a formula
        made.font, made.fill, made.alignment = Font(bold=True), _HEAD, Alignment(vertical="center")
    sheet.freeze_panes = "A2"
    places = [place in figures for place in range(len(heads))]
    return write_sheet(
        book, chain(first, rest), lambda value, place: _sheet_value(value, places[place]), _FORMATS
    )
