"""Nothing typed is lost when a login ends: the form that came too late is put back after the next login.

When a session ends, the browser keeps who it was, the token its open pages carry, and a new private key. A
form that comes from such a page, with its token, is sealed for that key (``services.kept_forms``) and
shown again to the same login in the same browser. It is only shown: whoever typed it sends it once more.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, current_app, g, render_template, request, session
from flask_wtf.csrf import validate_csrf
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms.validators import ValidationError

from portal.errors import PortalError
from portal.extensions import db_session
from portal.models import User
from portal.services import kept_forms, sealed
from portal.services.kept_forms import TypedForm
from portal.web import carry_out, reader
from portal.web_filling import TOKEN, fill

#: the argument of an address that says which kept form belongs on its page
ARGUMENT = "kept"
#: fields that hold passwords, wherever they stand; a test compares them with the forms
SECRET = frozenset({"password", "current", "new", "repeat"})
#: fields that nobody types
_SILENT = frozenset({TOKEN, "version", "versions", "key"})
#: where the layout leaves room for the sentence
MARK = Markup("<!-- what was put back -->")
_WHO, _LEFT, _KEY = "who", "left", "kept_forms"


def logged_in(user: User) -> None:
    """A session begins: if it is the login that ended here, its open pages are good again, or else void."""
    left = session.pop(_LEFT, None)
    session[_WHO] = user.id
    if left is not None and left != user.id:
        session.pop(TOKEN, None)
        session.pop(_KEY, None)


def ended() -> dict[str, object]:
    """What of the session outlives its end, for :func:`after`; nothing if its login is not known."""
    who, token = session.get(_WHO), session.get(TOKEN)
    if who is None or token is None:
        return {}
    key = session.get(_KEY) or b64encode(sealed.new_private_key()).decode()
    return {_LEFT: who, TOKEN: token, _KEY: key}


def left_behind() -> bool:
    """Whether a session ended in this browser without anybody having logged in since."""
    return _LEFT in session


def keep() -> tuple[str | None, bool]:
    """(the page to come back to, whether what this request sent is kept for it).

    Kept is only what came from a page of the login that ended, with that page's token.
    """
    page = page_of_request()
    typed = _typed(page)
    if page is None or typed is None or not left_behind():
        return page, False
    try:
        validate_csrf(request.form.get(TOKEN))
    except ValidationError:
        return page, False
    who, key = int(session[_LEFT]), b64decode(session[_KEY])
    try:
        kept = carry_out(
            lambda: kept_forms.keep(db_session(), typed, key, actor=db_session.get_one(User, who))
        )
    except PortalError:
        return page, False  # the database is busy; the login goes on without
    if kept is None:
        return page, False
    return f"{page}{'&' if '?' in page else '?'}{urlencode({ARGUMENT: kept})}", True


def page_of_request() -> str | None:
    """The page to come back to: this address if it can be opened, else the page its form stood on."""
    asked, routes = urlsplit(request.referrer or ""), current_app.create_url_adapter(request)
    if request.method == "GET" or (routes is not None and routes.test(request.path, method="GET")):
        return _address(request.path, request.args)
    if routes is not None and asked.netloc == request.host and routes.test(asked.path, method="GET"):
        return _without(f"{asked.path}?{asked.query}" if asked.query else asked.path)
    return None


def page_asked_for() -> str | None:
    """The page of this portal that a log-in's address leads to; ``None`` for anything else."""
    page, routes = request.args.get("next", ""), current_app.create_url_adapter(request)
    if not page.startswith("/") or page.startswith("//") or "\\" in page or routes is None:
        return None
    return page if routes.test(urlsplit(page).path, method="GET") else None


def _address(path: str, arguments: MultiDict[str, str]) -> str:
    rest = [(name, value) for name, value in arguments.items(multi=True) if name != ARGUMENT]
    return f"{path}?{urlencode(rest)}" if rest else path


def _without(address: str) -> str:
    path, _mark, query = address.partition("?")
    rest = "&".join(one for one in query.split("&") if one and not one.startswith(f"{ARGUMENT}="))
    return f"{path}?{rest}" if rest else path


def _typed(page: str | None) -> TypedForm | None:
    """What this request sent, without what must not be kept; ``None`` if nobody typed anything."""
    if page is None or request.method != "POST":
        return None
    pairs = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != TOKEN and name not in SECRET and "password" not in name.lower()
    ]
    if not any(value.strip() and name not in _SILENT for name, value in pairs):
        return None
    files = any(file.filename for file in request.files.values())
    return TypedForm(urlsplit(page).path, request.path, tuple(pairs), files)


def shown() -> MultiDict[str, str]:
    """The fields that this page is to show again; most pages need not ask."""
    typed: TypedForm | None = g.get("typed_form")
    return MultiDict(list(typed.fields) if typed is not None else [])


def look() -> None:
    """Before a page: find what was kept for it, if its address says so."""
    number, key, user = request.args.get(ARGUMENT, ""), session.get(_KEY), reader()
    if request.method != "GET" or user is None or not key:
        return
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        return
    typed = kept_forms.find(db_session(), int(number), b64decode(key), actor=user)
    if typed is not None and typed.page == request.path:
        g.typed_form = typed


def put_back(response: Response) -> Response:
    """After a page: its form with what was typed, a sentence that nothing was sent, what found no place."""
    typed: TypedForm | None = g.get("typed_form")
    if typed is None or response.status_code != 200 or response.mimetype != "text/html":
        return response
    filled = fill(response.get_data(as_text=True), request.path, typed.action, typed.fields)
    left = [value for name, value in filled.left if name not in _SILENT and _written(value)]
    said = render_template("layout/put_back.html", found=filled.found, left=left, files=typed.files)
    response.set_data(filled.page.replace(MARK, said, 1))
    return response


def _written(value: str) -> bool:
    """Whether somebody wrote this, and not a button or a choice."""
    return bool(value.strip()) and (len(value) > 20 or not value.isascii())


def install(app: Flask) -> None:
    """Give every page the way back; after the door, which says who reads."""
    app.before_request(look)
    app.after_request(put_back)
    app.jinja_env.globals["put_back_here"] = lambda: MARK if "typed_form" in g else ""
