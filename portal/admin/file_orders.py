"""What leaves as a file: at once while it is short, through the worker when it is long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, request

from portal.admin.door import ClosedDoor
from portal.errors import Refused
from portal.extensions import db_session
from portal.services import list_files
from portal.services.list_files import Made
from portal.web import actor, carry_out, texts
from portal.web_text import locale_name


class MakesFiles(ClosedDoor):
    """A screen whose rows become files. Mix in before Flask-Admin's class."""

    can_export: Any = True
    #: beyond these rows the worker writes the file
    export_at_once = 2_000
    # Flask-Admin's own, named for who knows no more of the screen than this
    name: Any
    url: Any
    endpoint: Any
    get_url: Any
    render: Any

    def list_address(self, **changes: Any) -> str:
        """The page that shows the rows of the request."""
        raise NotImplementedError(f"{type(self).__name__}.list_address")

    def export_address(self, kind: str) -> str:
        """The address of the rows of the request as a file."""
        raise NotImplementedError(f"{type(self).__name__}.export_address")

    def made(self, export_type: str, tell: Callable[[int, int], None]) -> Made:
        """The file that the request asks for, for the worker; ``tell`` hears how many rows are written."""
        raise NotImplementedError(f"{type(self).__name__}.made")

    def _no_file(self, why: str) -> Any:
        flash(why, "error")
        return redirect(self.list_address())

    def _order(self, export_type: str, count: int) -> Any:
        """Let the worker write the file; an address that was only opened asks first."""
        if request.method != "POST":
            return self.render("admin/list_file_ask.html", count=count, file=export_type)
        asked = list_files.Asked(
            str(self.endpoint),
            export_type,
            urlsplit(self.export_address(export_type)).query,
            locale_name(),
            self.list_address(),
        )
        try:
            file_id = carry_out(lambda: list_files.order(db_session(), asked, actor=actor()))
        except Refused as refused:
            return self._no_file(texts(refused.problems)[0])
        return redirect(self.get_url("list_file.index", id=file_id))
