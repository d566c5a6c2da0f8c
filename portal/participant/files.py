"""What participants upload and download: one way in, one way out, for every file of a report."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, TypeVar

from flask import Response, request, send_file
from wtforms import FileField, IntegerField
from wtforms.validators import Optional
from wtforms.widgets import HiddenInput

from portal.extensions import db_session
from portal.participant import pages
from portal.permissions import Permission
from portal.services import report_files
from portal.web import actor, carry_out, requires
from portal.web_forms import KeyField, PageForm


class Versioned(Protocol):
    """A row or a view of one, with the version a page shows."""

    @property
    def version(self) -> int: ...


R = TypeVar("R", bound=Versioned)


class RowForm(PageForm):
    """An act on a report: the page carries the version it showed."""

    version = IntegerField(widget=HiddenInput(), validators=[Optional()])

    @property
    def shown(self) -> int:
        """The version the page showed; none is as old as can be."""
        return int(self.version.data or 0)


class KeyForm(RowForm):
    """An act that makes something: a second press gives the first answer."""

    key = KeyField()

    @property
    def once(self) -> str:
        """The key; kept over a refused round."""
        return str(self.key.data or "")


def again(form: RowForm, row: R) -> R:
    """``row``, which the page shows again: from here on ``form`` speaks of its present version."""
    form.version.data = row.version
    form.version.raw_data = None  # what was sent would be written again
    return row


def uploaded(field: FileField) -> tuple[str, bytes]:
    """(name, bytes) of what was chosen; nothing chosen is an empty file."""
    storage = field.data
    if storage is None or isinstance(storage, str):
        return "", b""
    return str(storage.filename or ""), bytes(storage.read())


def handed_out(found: tuple[str, str, bytes]) -> Response:
    """A file as the browser saves it: never shown in the page, whatever it holds."""
    name, media_type, data = found
    return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)


def _open(source: str, file_id: int) -> Any:
    # a browser that asks for the head of a file gets none of it
    read = request.method != "HEAD"
    found = carry_out(lambda: report_files.open_file(db_session(), source, file_id, actor=actor(), read=read))
    return handed_out(found)


@pages.get("/reports/files/<source>/<int:file_id>")
@requires(Permission.REPORT_OWN_VIEW)
def report_file(source: str, file_id: int) -> Any:
    """A file of one's own report: calculation report, attachment, verification report, review document."""
    return _open(source, file_id)


@pages.get("/verification/files/<source>/<int:file_id>")
@requires(Permission.REPORT_ASSIGNED_VIEW)
def verification_file(source: str, file_id: int) -> Any:
    """A file of a report that is assigned to the reader."""
    return _open(source, file_id)
