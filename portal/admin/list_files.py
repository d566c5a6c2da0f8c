"""A long list's file: how far the worker is, then the button that fetches it (``services/list_files.py``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

from flask import Flask, abort, current_app, g, request, send_file
from flask_babel import force_locale

from portal.admin.door import SecretariatPage, page
from portal.admin.file_orders import MakesFiles
from portal.errors import NotAllowed, NotFound
from portal.extensions import db_session
from portal.models import User
from portal.permissions import Permission
from portal.services import list_files
from portal.services.file_names import disposition
from portal.services.list_files import Asked, ListFile, Made, Writer
from portal.services.snapshot import one_moment
from portal.web import actor


def _list(app: Flask, endpoint: str) -> MakesFiles:
    """The list that a file is of; ``NotFound`` if there is no such list any more."""
    for view in app.extensions["admin"][0]._views:
        if view.endpoint == endpoint and isinstance(view, MakesFiles):
            return view
    raise NotFound


def writer(app: Flask) -> Writer:
    """How the worker writes a list: as its page would, for the same login and in the same language."""

    def write(asked: Asked, login_id: int, tell: Callable[[int, int], None]) -> Made:
        view = _list(app, asked.view)
        address = f"{view.url}/export/{asked.file}/?{asked.query}"
        # no answer is made here: the request only tells the list what is asked, and who asks
        with app.test_request_context(address), force_locale(asked.locale):
            g.settings = app.extensions["portal_settings"]
            db_session.remove()
            one_moment(db_session())
            login = db_session.get(User, login_id)
            if login is None or not login.usable:
                raise NotAllowed
            g._login_user = login  # where flask-login keeps the reader of a request
            if not view.is_accessible() or not view.can_export:
                raise NotAllowed
            return view.made(asked.file, tell)

    return write


class ListFilePage(SecretariatPage):
    """ファイルにした一覧."""

    #: everybody in the room has some list; each file asks for the permission of its own
    permission_view = Permission.RECORD_VIEW

    def _file(self) -> tuple[ListFile, MakesFiles]:
        """The reader's own file that the address names, of a list that the reader may still see."""
        typed = request.args.get("id", "")
        if not (typed.isascii() and typed.isdigit() and len(typed) < 16):
            abort(404)
        file = list_files.find(db_session(), int(typed), actor=actor())
        view = _list(current_app, file.asked.view)
        if not view.is_accessible() or not view.can_export:
            raise NotAllowed
        return file, view

    @page("/", Permission.RECORD_VIEW)
    def index(self) -> Any:
        if "id" not in request.args:
            return self._all()
        file, view = self._file()
        return self.render("admin/list_file.html", file=file, list_name=view.name)

    def _all(self) -> str:
        """The reader's files: those being written and those that can be fetched."""
        shown = []
        for file in list_files.own(db_session(), actor=actor()):
            with suppress(NotFound):  # an upgrade may have taken a list away
                view = _list(current_app, file.asked.view)
                if view.is_accessible() and view.can_export:
                    shown.append((file, view.name))
        return str(self.render("admin/list_files.html", files=shown))

    @page("/progress/", Permission.RECORD_VIEW)
    def progress(self) -> Any:
        file, _view = self._file()
        return {"state": file.state.value, "done": file.done, "total": file.total}

    @page("/fetch/", Permission.RECORD_VIEW)
    def fetch(self) -> Any:
        file, _view = self._file()
        name, media_type, data = list_files.fetch(db_session(), file)
        answer = send_file(BytesIO(data), mimetype=media_type)
        answer.headers["Content-Disposition"] = disposition(name)
        return answer


def views() -> list[Any]:
    """The screens of this subject."""
    return [ListFilePage(endpoint="list_file", url="/admin/list-file")]
