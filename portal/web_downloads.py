"""Every file that is handed out names itself in its own script and in ASCII (``services/file_names.py``).

Lists go out as downloads; what stands in them is ``services/exports.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Any

from flask import Flask, Response
from werkzeug.http import parse_options_header

from portal.services.documents import CSV
from portal.services.exports import CHUNK, XLSX, csv_file, xlsx_file
from portal.services.file_names import disposition


def _named(response: Response) -> Response:
    """Give a file that ``send_file`` hands out both names; a list has them already."""
    given = response.headers.get("Content-Disposition", "")
    value, options = parse_options_header(given)
    name = options.get("filename")
    if value == "attachment" and name and given != disposition(name):
        plain = disposition(name, kind="file").partition("; filename*")[0]
        response.headers["Content-Disposition"] = (
            plain + "; filename*" + disposition(name).partition("; filename*")[2]
        )
    return response


def install(app: Flask) -> None:
    """Name every file that ``app`` hands out."""
    app.after_request(_named)


def _portions(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while portion := file.read(CHUNK):
            yield portion


def download(name: str, media_type: str, file: IO[bytes], size: int) -> Response:
    """A written file as a download: its rows lie in a temporary file, written before the reading ended."""
    response = Response(_portions(file), mimetype=media_type)
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = disposition(name)
    return response


def table_file(
    name: str,
    ending: str,
    titles: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    sheet_name: str,
    figures: Collection[int] = (),
) -> Response:
    """Rows as ``name.csv`` or ``name.xlsx``; ``figures`` are the places of the columns of figures."""
    if ending == "csv":
        return download(f"{name}.csv", CSV, *csv_file(titles, rows))
    return download(f"{name}.xlsx", XLSX, *xlsx_file(titles, rows, sheet_name, figures))
