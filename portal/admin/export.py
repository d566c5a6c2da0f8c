"""Lists as downloads; what stands in the files is ``services/exports.py``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Any

from flask import Response

from portal.services.documents import CSV
from portal.services.exports import CHUNK, XLSX, csv_file, xlsx_file
from portal.services.file_names import disposition


def _portions(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while portion := file.read(CHUNK):
            yield portion


def csv_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV download."""
    return download(name, CSV, *csv_file(titles, rows))


def xlsx_response(
    name: str,
    titles: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    sheet_name: str = "",
    figures: Collection[int] = (),
) -> Response:
    """An Excel download; ``figures`` are the places of the columns of figures."""
    return download(name, XLSX, *xlsx_file(titles, rows, sheet_name or name.rsplit("_", 1)[0], figures))


def download(name: str, media_type: str, file: IO[bytes], size: int) -> Response:
    """A written file as a download: its rows lie in a temporary file, written before the reading ended."""
    response = Response(_portions(file), mimetype=media_type)
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = disposition(name)
    return response
