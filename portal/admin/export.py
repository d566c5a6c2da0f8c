"""Lists as downloads; what stands in the files is ``services/exports.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any
from urllib.parse import quote

from flask import Response

from portal.services.exports import CHUNK, XLSX, csv_file, xlsx_file


def _disposition(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _portions(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while portion := file.read(CHUNK):
            yield portion


def csv_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV download."""
    return _download(name, "text/csv", *csv_file(titles, rows))


def xlsx_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """An Excel download."""
    return _download(name, XLSX, *xlsx_file(titles, rows))


def _download(name: str, media_type: str, file: IO[bytes], size: int) -> Response:
    """Rows go to a temporary file as they come, not into memory, and before the request's reading ends."""
    response = Response(_portions(file), mimetype=media_type)
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = _disposition(name)
    return response
