"""What a request may not carry at all, whatever page it is for."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from werkzeug.routing import IntegerConverter, Map


class RowNumber(IntegerConverter):
    """A row's number in an address: one that no row can have is an address that does not exist."""

    def __init__(self, map: Map, *given: Any, **more: Any) -> None:
        super().__init__(map, *given, **{"max": 2**53 - 1, **more})


def refuse_nul() -> None:
    """No text of people holds a NUL byte, and PostgreSQL keeps none."""
    typed = (request.path, *request.args.keys(), *request.args.values())
    if request.method == "POST":
        typed += (*request.form.keys(), *request.form.values())
        typed += tuple(file.filename or "" for file in request.files.values())
    if any("\0" in text for text in typed):
        abort(400)
