"""Lists as downloads; what stands in the files is ``services/exports.py``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Any
from urllib.parse import quote

from flask import Response

from portal.services.documents import CSV
from portal.services.exports import CHUNK, XLSX, csv_file, xlsx_file


def disposition(name: str) -> str:
    """The header that names a download: in its own script, and in ASCII for what cannot read that."""
    stem, dot, ending = unicodedata.normalize("NFKC", name).rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", stem).strip("_.-")
    if not re.match(r"[A-Za-z]", plain):
        plain = f"list_{plain}".rstrip("_")
    return f"attachment; filename=\"{plain}{dot}{ending}\"; filename*=UTF-8''{quote(name, safe='')}"


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
