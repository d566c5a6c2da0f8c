"""Lists as files: CSV row by row, Excel through a temporary file. No cell begins a formula (safety)."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Response, stream_with_context
from markupsafe import Markup
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from portal.clock import in_tokyo

#: what a spreadsheet program may take for the beginning of a formula, full-width forms included
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "−", "＠")
_CHUNK = 64 * 1024
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


def _disposition(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def csv_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV download that is written while it travels; UTF-8 with a mark, so that Excel reads Japanese."""

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        buffer.write("\ufeff")
        writer.writerow([plain_cell(str(title)) for title in titles])
        for row in rows:
            writer.writerow([plain_cell(value) for value in row])
            if buffer.tell() > _CHUNK:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    response = Response(stream_with_context(lines()), mimetype="text/csv")
    response.headers["Content-Disposition"] = _disposition(name)
    return response


def xlsx_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """An Excel download; rows go to a temporary file as they come, not into memory."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("一覧")

    def cell(value: Any) -> Any:
        plain: Any = plain_cell(value)
        made = WriteOnlyCell(sheet, value=plain)
        if made.data_type == "f":  # belt and braces: text is never written as a formula
            made.data_type = "s"
        return made

    sheet.append([cell(str(title)) for title in titles])
    for row in rows:
        sheet.append([cell(value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the response has been sent)
    book.save(file)
    size = file.tell()
    file.seek(0)
    response = Response(iter(lambda: file.read(_CHUNK), b""), mimetype=XLSX)
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = _disposition(name)
    return response
