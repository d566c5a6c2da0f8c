"""Lists as downloads; what stands in the files is ``services/exports.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, stream_with_context

from portal.services.exports import CHUNK, XLSX, csv_lines, xlsx_file


def _disposition(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def csv_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV download that is written while it travels."""
    response = Response(stream_with_context(csv_lines(titles, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = _disposition(name)
    return response


def xlsx_response(name: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """An Excel download; rows go to a temporary file as they come, not into memory."""
    file, size = xlsx_file(titles, rows)
    response = Response(iter(lambda: file.read(CHUNK), b""), mimetype=XLSX)
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = _disposition(name)
    return response
