"""What a request may not carry at all, whatever page it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, request
from werkzeug.routing import IntegerConverter, Map

#: pages that take several files at once → how many of the largest they take together
_SEVERAL = {"application.attach_view": 5}


#: a body up to so many largest files reaches the application, which refuses it with a page of its own;
#: what is larger still the server cuts off with a bare line
_ANSWERED = 10


def most_carried(upload_limit_mb: int) -> int:
    """How many bytes the server takes in for the application to judge."""
    return (max(_ANSWERED, *_SEVERAL.values()) * upload_limit_mb + 1) * 1024 * 1024


def widen(upload_limit_mb: int, trusted: Callable[[], bool]) -> None:
    """Let a page that takes several files take them; only from somebody who may open it."""
    files = _SEVERAL.get(request.endpoint or "")
    if files and trusted():
        request.max_content_length = (files * upload_limit_mb + 1) * 1024 * 1024


def too_large() -> dict[str, Any]:
    """For the page of a refused request: how many MB its page takes, and that page, if it can be opened."""
    rule = request.url_rule
    back = request.path if rule is not None and "GET" in (rule.methods or ()) else None
    return {"limit": (request.max_content_length or 0) // (1024 * 1024) - 1, "back": back}


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
    # an address to go on to stands in a header, which holds no line break
    if any(letter < " " for letter in request.args.get("next", "")):
        abort(400)
