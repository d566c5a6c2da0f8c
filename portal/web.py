"""What every page shares: its permission, the way an act is carried out, error pages, the frame."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from wtforms import Form

from portal import clock
from portal.errors import InUse, NotAllowed, NotFound, PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.models import User
from portal.permissions import SECRETARIAT, Permission, Role, may
from portal.services import installation, users
from portal.services.transaction import begin_reading, give_up, is_busy, run
from portal.settings import Settings
from portal.web_forms import said_at
from portal.web_intake import RowNumber, refuse_nul, too_large, widen
from portal.web_text import label, locale_name, note_language

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger(__name__)

#: endpoints of parts that are not ours, and what they ask for
FOREIGN = {
    "static": Permission.PUBLIC,
    "security.login": Permission.PUBLIC,
    "security.logout": Permission.SIGNED_IN,
}


def requires(permission: Permission) -> Callable[[F], F]:
    """Name the permission a view asks for. A view that names none answers 404 to everybody."""

    def wrap(view: F) -> F:
        view.portal_permission = permission  # type: ignore[attr-defined]
        return view

    return wrap


def permission_of(app: Flask, endpoint: str) -> Permission | None:
    """What ``endpoint`` asks for; ``None``: it names nothing and is closed.

    Screens of the secretariat's room answer themselves (``ClosedDoor.permission_of``).
    """
    if endpoint in FOREIGN:
        return FOREIGN[endpoint]
    return getattr(app.view_functions.get(endpoint), "portal_permission", None)


def reader() -> User | None:
    """Whoever is logged in."""
    user = cast(Any, current_user)
    return cast(User, user._get_current_object()) if user.is_authenticated else None


def actor() -> User:
    """Whoever is logged in; pages behind the door have somebody."""
    user = reader()
    if user is None:
        abort(401)
    return user


def allowed(permission: Permission) -> bool:
    """Whether the reader of this request holds ``permission``."""
    user = reader()
    return user is not None and may(user.role, permission)


def admin_blueprints(app: Flask) -> frozenset[str]:
    """The blueprints of Flask-Admin's views: they have a door of their own (``ClosedDoor``)."""
    return cast(frozenset[str], app.extensions.get("portal_admin_blueprints", frozenset()))


def guard() -> Response | None:
    """The door before every view: it names a permission and the reader holds it, or it stays shut.

    Whoever lacks the permission is told 404: another room's pages do not exist, and login B is not
    even told that allowance pages do (domain §2).
    """
    endpoint = request.endpoint
    if endpoint is None or endpoint.split(".")[0] in admin_blueprints(current_app):
        return None
    permission = permission_of(current_app, endpoint)
    if permission is None:
        abort(404)
    user = reader()
    if may(user.role if user is not None else None, permission):
        return None
    if user is None:
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return cast(Response, redirect(url_for("security.login", next=target)))
    abort(404)


def carry_out(work: Callable[[], T]) -> T:
    """Do a service call in one transaction; a refusal leaves the database as it was and is raised.

    Either way the page that follows only reads.
    """
    user = reader()
    if user is not None:
        db_session.expire(user)
    try:
        return run(db_session(), work)
    finally:
        # an act that is done stays done, whatever the database says to the page that follows
        with suppress(DBAPIError):
            begin_reading(db_session())


def show_problems(error: PortalError, form: Form | None = None) -> None:
    """Write each reason next to its field; what belongs to no field becomes a banner."""
    loose: list[str] = []
    for problem in error.problems:
        target = form._fields.get(problem.field) if form is not None and problem.field else None
        if target is None:
            loose.append(problem.text(locale_name()))
        else:
            target.errors = [*target.errors, said_at(problem, target, locale_name())]
    for text in loose:
        flash(text, "bad")


def texts(problems: Iterable[Problem]) -> list[str]:
    """The sentences of ``problems`` in the reader's language."""
    return [problem.text(locale_name()) for problem in problems]


@dataclass(frozen=True)
class NavItem:
    """A link of the navigation, with the number of things that wait behind it."""

    label: str
    url: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True)
class NavGroup:
    """A group of links; participants' navigation has one without a name."""

    label: str | None
    items: list[NavItem] = field(default_factory=list)


@dataclass(frozen=True)
class Viewer:
    """Whoever reads, as the head of the page names them."""

    name: str
    login_id: str
    role_label: str
    affiliation: str
    room: str


@dataclass(frozen=True)
class Demonstration:
    """The banner of a demonstration."""

    now: datetime
    clock_url: str | None


Navigation = Callable[[User], list[NavGroup]]
_navigation: dict[str, Navigation] = {}


def register_navigation(room: str, build: Navigation) -> None:
    """A room says how its navigation looks; the frame asks for it on every page."""
    _navigation[room] = build


def room_of(user: User) -> str:
    return "admin" if user.role in SECRETARIAT else "participant"


def home_url(user: User | None) -> str:
    """Where the reader's own home is."""
    if user is None:
        return url_for("security.login")
    return url_for("admin.index") if user.role in SECRETARIAT else url_for("participant.home")


def _affiliation(user: User) -> str:
    if user.holder is not None:
        # login B sees no account: it is not B's affair (domain §2)
        if user.role is Role.HOLDER_B:
            return user.holder.label
        return f"{user.holder.account.code}　{user.holder.label}"
    if user.trader is not None:
        return f"{user.trader.account.code}　{user.trader.label}"
    if user.verifier is not None:
        return user.verifier.label
    return ""


def _viewer(user: User) -> Viewer:
    return Viewer(user.name, user.login_id, label(Role(user.role)), _affiliation(user), room_of(user))


def language_url(locale: str) -> str:
    """This page in the other language."""
    values = {**request.args.to_dict(flat=False), "lang": [locale]}
    if request.endpoint is None or request.method != "GET":
        return (
            url_for("security.login", lang=locale)
            if reader() is None
            else f"{home_url(reader())}?lang={locale}"
        )
    return f"{request.path}?{urlencode(values, doseq=True)}"


def frame() -> dict[str, Any]:
    """What the layout needs on every page."""
    user = None if getattr(g, "frame_closed", False) else reader()
    settings = cast(Settings, g.settings)
    demonstration = None
    if installation.is_demonstration():
        may_set = user is not None and may(user.role, Permission.TARGET_PROPOSE)
        url = url_for("demo_clock.index") if may_set else None
        demonstration = Demonstration(clock.now(), url)
    return {
        "locale": locale_name(),
        "viewer": _viewer(user) if user is not None and not user.must_change_password else None,
        "nav": _nav(user),
        "demonstration": demonstration,
        "language_url": language_url,
        "logout_url": url_for("security.logout"),
        "home_url": home_url(user),
        "csp_nonce": g.csp_nonce,
        "office_phone": settings.office_phone,
        "office_mail": settings.office_mail,
        "printed_at": clock.now(),
        "may": allowed,
        "Permission": Permission,
    }


def _nav(user: User | None) -> list[NavGroup]:
    if user is None or user.must_change_password:
        return []
    if "nav" not in g:
        build = _navigation.get(room_of(user))
        g.nav = build(user) if build is not None else []
    return cast(list[NavGroup], g.nav)


def choose_locale() -> str:
    """?lang=, or what was chosen before, or the login's (without one: the browser's) language; Japanese."""
    note_language()
    kept = session.get("lang")
    if kept in ("ja", "en"):
        return str(kept)
    if getattr(g, "frame_closed", False):  # nobody's page: public, or a fault
        return request.accept_languages.best_match(("ja", "en"), "ja")
    return user.locale if (user := reader()) is not None else "ja"


def remember_language() -> None:
    """Who switches the language while logged in gets mails in it too."""
    chosen, user = request.args.get("lang"), reader()
    if request.method != "GET" or chosen not in ("ja", "en") or user is None or user.locale == chosen:
        return
    try:
        carry_out(lambda: users.set_locale(db_session(), chosen, actor=actor()))
    except PortalError:
        log.info("the language of a login was not kept: the database is busy")


def secure_headers(response: Response) -> Response:
    """Strict policy on every answer; pages are never kept by a cache, but for what everybody may read."""
    nonce = getattr(g, "csp_nonce", "")
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if g.get("may_be_kept"):
        response.headers["Cache-Control"] = "public, no-cache"
    elif request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    if cast(Settings, g.settings).secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def _page(status: int, error: Exception | None = None, **more: Any) -> tuple[str, int]:
    if status >= 500:
        give_up(db_session())  # perhaps the database is not there at all
    else:
        begin_reading(db_session())
    reference = f"E-{clock.today():%Y%m%d}-{secrets.token_hex(3).upper()}"
    if status >= 500:
        log.error("%s %s %s", reference, request.method, request.path, exc_info=error)
        g.frame_closed = True
    return render_template(f"errors/{status}.html", reference=reference, **more), status


def _portal_error(error: PortalError) -> Any:
    if isinstance(error, NotFound):
        return _page(404)
    if isinstance(error, NotAllowed):
        return _page(403)
    if isinstance(error, InUse):
        return _page(429)
    if any(problem.refusal is Refusal.NOT_FOUND for problem in error.problems):
        return _page(404)
    return _page(409, problems=texts(error.problems))


def _database_error(error: DBAPIError) -> Any:
    return _page(429, error) if is_busy(error) else _page(500, error)


def _http_error(error: HTTPException) -> Any:
    if error.code in (301, 302, 303, 307, 308) or error.response is not None:
        return error.get_response()
    status = error.code or 500
    if status == 401:
        return redirect(url_for("security.login"))
    if status == 413:
        return _page(413, error, **too_large())
    known = (400, 403, 404, 405, 409, 429, 500)
    return _page({405: 404}.get(status, status) if status in known else 400 if status < 500 else 500, error)


def install(app: Flask) -> None:
    """Give an application the shared ways: door, frame, headers, error pages."""

    app.url_map.converters["int"] = RowNumber

    @app.before_request
    def _begin() -> None:
        g.settings = settings = cast(Settings, app.extensions["portal_settings"])
        g.csp_nonce = secrets.token_urlsafe(16)
        # whoever writes does so through carry_out, which begins anew
        begin_reading(db_session())
        widen(settings.upload_limit_mb, lambda: allowed(Permission.REGISTRATION_EDIT))
        refuse_nul()
        note_language()
        installation.show_time(db_session())

    app.context_processor(frame)
    app.after_request(secure_headers)
    app.register_error_handler(PortalError, _portal_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(CSRFError, lambda error: _page(400, error))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, lambda error: _page(500, error))

    @app.teardown_appcontext
    def _end(_error: BaseException | None) -> None:
        db_session.remove()


def shut(app: Flask) -> None:
    """The door itself, after whoever comes was asked whether the login still stands (``web_login``)."""
    app.before_request(guard)
    app.before_request(remember_language)


def done(sentence: str) -> None:
    """Tell on the next page what was done."""
    flash(sentence, "good")
