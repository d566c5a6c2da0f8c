"""What everybody may read: the tables that two persons of the office have released. No login, no session.

These pages know no session at all: no cookie is read or set on them, so nobody's name, message or language
can stand in an answer that a cache keeps. The language is part of the address, or else the browser's.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, Request, Response, abort, g, make_response, render_template, request
from flask import send_file as answer_file
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Publication, PublicationSubject
from portal.permissions import Permission
from portal.services import publications
from portal.services.documents import CSV
from portal.services.exports import XLSX, csv_file, xlsx_file
from portal.services.once import content_hash
from portal.services.phases import MOST_PHASES
from portal.web import requires
from portal.web_tables import publication_name, sheet_of, shown
from portal.web_text import locale_name

PREFIX = "/public"
#: of a released table's file: what the browser is told it is
_FILES = {"csv": CSV, "xlsx": XLSX, "totals.csv": CSV, "totals.xlsx": XLSX}

#: files that were written, by what they are made of; the oldest go
_KEPT: dict[str, bytes] = {}
MOST_KEPT = 64

#: a phase in an address; a number that no phase can have is an address that does not exist
_PHASE = f"<int(max={MOST_PHASES}):phase>"

pages = Blueprint("public_tables", __name__, url_prefix=PREFIX)


class NoSessionInPublic(SecureCookieSessionInterface):
    """The usual sessions, but under :data:`PREFIX` there is none: nothing is read from a cookie or kept."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self._is_public(request):
            return SecureCookieSession()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not self._is_public(request):
            super().save_session(app, session, response)

    @staticmethod
    def _is_public(asked: Request) -> bool:
        return asked.path == PREFIX or asked.path.startswith(f"{PREFIX}/")


def _subject(word: str) -> PublicationSubject:
    return PublicationSubject(word) if word in list(PublicationSubject) else abort(404)


def _released(phase: int, word: str) -> Publication:
    return publications.released_one(db_session(), phase, _subject(word))


def _kept(html: str) -> Response:
    """A page that a cache may keep, but must ask about each time: what was ended is gone at once."""
    answer = make_response(html)
    g.may_be_kept = True
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@pages.before_request
def _nobody() -> None:
    """Whoever shows who they are by another way than a session is nobody here either."""
    g.frame_closed = True


@pages.after_request
def _by_language(answer: Response) -> Response:
    """Without a language in its address a page is in the browser's: a cache must know."""
    answer.vary.add("Accept-Language")
    return answer


@pages.get("/")
@requires(Permission.PUBLIC)
def index() -> Response:
    """Everything that is released, by phase."""
    found = publications.released(db_session())
    phases: dict[int, list[Publication]] = {}
    for one in found:
        phases.setdefault(one.phase.number, []).append(one)
    return _kept(render_template("public/index.html", phases=phases))


@pages.get(f"/{_PHASE}/<subject>/")
@requires(Permission.PUBLIC)
def show(phase: int, subject: str) -> Response:
    """One released table."""
    row = _released(phase, subject)
    return _kept(
        render_template(
            "public/show.html",
            publication=row,
            shown=shown(row.content),
            name=publication_name(phase, row.subject),
            first=publications.first_release(db_session(), row),
        )
    )


@pages.get(f"/{_PHASE}/<subject>/<file>")
@requires(Permission.PUBLIC)
def table_file(phase: int, subject: str, file: str) -> Any:
    """The same table holder by holder, or its totals, as CSV or Excel: one table a file."""
    if file not in _FILES:
        abort(404)
    row = _released(phase, subject)
    etag = f"{row.id}-{row.version}-{locale_name()}-{file}"
    g.may_be_kept = True
    if request.if_none_match.contains(etag):
        # nothing is written anew for whoever has it already
        answer = Response(status=304)
        answer.set_etag(etag)
        return answer
    name = publication_name(phase, row.subject) + (f"_{_('合計')}" if file.startswith("totals.") else "")
    return answer_file(
        BytesIO(_made(row, file, name)),
        mimetype=_FILES[file],
        as_attachment=True,
        download_name=re.sub(r"[\s:：]+", "_", name) + f".{file.rpartition('.')[2]}",
        etag=etag,
        last_modified=row.released_at,
        max_age=0,
    )


def _made(row: Publication, file: str, name: str) -> bytes:
    """A file of a released table: written once for each language, as long as this process lives.

    What is released never changes; its fingerprint says which it is.
    """
    key = content_hash({"content": row.content, "file": file, "name": name, "locale": locale_name()})
    found = _KEPT.get(key)
    if found is None:
        kind = file.rpartition(".")[2]
        sheet = sheet_of(row.content, totals=file.startswith("totals."), words=kind != "csv")
        if kind == "csv":
            made, _size = csv_file(sheet.titles, sheet.rows)
        else:
            made, _size = xlsx_file(sheet.titles, sheet.rows, name, sheet.figures)
        with made:
            found = made.read()
        _KEPT[key] = found
        for old in list(_KEPT)[:-MOST_KEPT]:
            _KEPT.pop(old, None)
    return found


def install(app: Flask) -> None:
    """Hang the pages on ``app``; the login page asks whether there is anything to read."""
    app.session_interface = NoSessionInPublic()
    app.register_blueprint(pages)
    app.jinja_env.globals["anything_released"] = lambda: publications.anything_released(db_session())
