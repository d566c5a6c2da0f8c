"""Lists as files: CSV row by row, Excel through a temporary file. No cell begins a formula (safety).

Nothing here knows the web: the rooms put what these functions give into their answers.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from markupsafe import Markup
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from portal.clock import in_tokyo

#: what a spreadsheet program may take for the beginning of a formula, full-width forms included
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "−", "＠")
CHUNK = 64 * 1024
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
    text = value.striptags() if isinstance(value, Markup) else str(value)
    return "'" + text if text.startswith(_FORMULA) and text != "−" else text


def csv_lines(titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV in portions, written while it travels; begins with a mark, so that Excel reads Japanese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([plain_cell(str(title)) for title in titles])
    for row in rows:
        writer.writerow([plain_cell(value) for value in row])
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


def xlsx_file(
    titles: Sequence[Any], rows: Iterable[Sequence[Any]], sheet_name: str = "一覧"
) -> tuple[IO[bytes], int]:
    """(temporary file at its beginning, its size): rows go to the disk as they come, not into memory.

    The file is gone when the caller closes it.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(sheet_name)

    def cell(value: Any) -> Any:
        plain: Any = plain_cell(value)
        made = WriteOnlyCell(sheet, value=plain)
        if made.data_type == "f":  # belt and braces: text is never written as a formula
            made.data_type = "s"
        return made

    sheet.append([cell(str(title)) for title in titles])
    for row in rows:
        sheet.append([cell(value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    book.save(file)
    size = file.tell()
    file.seek(0)
    return file, size
