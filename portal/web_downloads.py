"""Every file that is handed out names itself in its own script and in ASCII (``services/file_names.py``)."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.http import parse_options_header

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
