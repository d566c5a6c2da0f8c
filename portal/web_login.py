"""The door: log in, forced first change, idle time-out, fresh login for acts that move something.

Flask-Security keeps the session; who may enter is decided by ``services.logins.authenticate``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask import Flask, Response, current_app, flash, g, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import logout_user, user_logged_out
from flask_security import Security, user_authenticated
from flask_security.datastore import SQLAlchemySessionUserDatastore
from flask_security.forms import LoginForm as SecurityLoginForm
from wtforms import BooleanField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired

from portal import clock, web_refill
from portal.errors import Problem
from portal.extensions import db_session
from portal.models import User
from portal.permissions import Permission
from portal.services import logins
from portal.settings import Settings
from portal.web import actor, admin_blueprints, carry_out, permission_of, reader, texts
from portal.web_text import locale_name

#: what a login with an initial password may open before it has set its own
BEFORE_CHANGE = {"security.logout", "static", "account_password.first"}
#: what every page's foot leads to stays open: whoever cannot go on asks there
_FOOT = ("contents", "chapter", "picture", "contact", "privacy", "accessibility")
BEFORE_CHANGE |= {f"about.{page}" for page in _FOOT}
_DOOR = {"security.login", "security.logout"}
_SEEN, _FRESH = "seen", "fresh"


class NoRoles:
    """Flask-Security wants a role model; this portal has its own grant table (permissions.py)."""

    name = ""


class LoginForm(SecurityLoginForm):
    """Login ID and password; the answer never tells whether the login exists."""

    login_id = StringField(
        _l("ログインID"),
        validators=[DataRequired(_l("入力してください。"))],
        description=_l("例：AST1001A、AST1002T、VRF01-1"),
    )
    password = PasswordField(_l("パスワード"), validators=[DataRequired(_l("入力してください。"))])
    remember = BooleanField(default=False)
    submit = SubmitField(_l("ログインする"))
    # this portal's logins are IDs, not addresses
    email = None  # type: ignore[assignment]
    user: User | None = None
    requires_confirmation = False

    def validate(self, extra_validators: Any = None, **kwargs: Any) -> bool:
        # the fields' own checks only: who may enter is not Flask-Security's to say
        ways: Any = super(SecurityLoginForm, self)  # WTForms is untyped
        if not ways.validate(extra_validators):
            return False
        login_id, password = str(self.login_id.data or ""), str(self.password.data or "")
        address = request.remote_addr or "-"
        outcome = carry_out(lambda: logins.authenticate(db_session(), login_id, password, address))
        if outcome.problem is not None:
            self.form_errors = [*self.form_errors, *texts([outcome.problem])]
            return False
        self.user = outcome.user
        self.remember.data = False
        return True


def mark_fresh() -> None:
    """The reader has just proven who they are."""
    session[_FRESH] = clock.host_now().timestamp()


def is_fresh(settings: Settings) -> bool:
    """Whether the proof is younger than ``fresh_minutes``."""
    at = session.get(_FRESH)
    if at is None:
        return False
    age = clock.host_now() - datetime.fromtimestamp(float(at), UTC)
    return timedelta(0) <= age <= timedelta(minutes=settings.fresh_minutes)


def prove(password: str, field: str) -> Problem | None:
    """Ask the door whether this is the reader's password: counted and paused like a login.

    ``None``: it is, and the reader is fresh. Else PASSWORD_WRONG or LOGIN_PAUSED at ``field``.
    """
    address = request.remote_addr or "-"
    problem = carry_out(lambda: logins.prove(db_session(), password, address, actor=actor()))
    if problem is None:
        mark_fresh()
        return None
    return Problem(problem.refusal, field, problem.figures)


def install(app: Flask, settings: Settings) -> None:
    """Bind Flask-Security to the portal's logins."""
    app.config.update(
        SECURITY_PASSWORD_SALT=settings.password_salt,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 (the name of an algorithm)
        SECURITY_USER_IDENTITY_ATTRIBUTES=[
            {"login_id": {"mapper": lambda value: value, "case_insensitive": True}}
        ],
        SECURITY_REGISTERABLE=False,
        SECURITY_RECOVERABLE=False,
        SECURITY_CHANGEABLE=False,
        SECURITY_CONFIRMABLE=False,
        SECURITY_TRACKABLE=False,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_LOGIN_USER_TEMPLATE="security/login_user.html",
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_REDIRECT_ALLOW_SUBDOMAINS=False,
        SECURITY_ANONYMOUS_USER_DISABLED=False,
        SECURITY_JOIN_USER_ROLES=False,  # one role per login, in its own column
    )
    datastore = SQLAlchemySessionUserDatastore(cast(Any, db_session), User, cast(Any, NoRoles))
    Security(app, datastore, login_form=LoginForm)
    app.before_request(_still_here)
    user_authenticated.connect(_logged_in, app)
    user_logged_out.connect(_logged_out, app)


def _logged_in(_app: Flask, user: User, **_more: Any) -> None:
    web_refill.logged_in(user)
    mark_fresh()
    session[_SEEN] = clock.host_now().timestamp()
    session.permanent = False


def _logged_out(_app: Flask, user: Any = None, **_more: Any) -> None:
    if getattr(user, "id", None) is not None:
        user_id = int(user.id)
        carry_out(lambda: logins.log_out(db_session(), actor=db_session.get_one(User, user_id)))
    _forget_session()


def _forget_session() -> None:
    """Nothing that was kept for a login outlives it (the key of a sealed PDF), but for the language."""
    language = session.get("lang")
    session.clear()
    if language is not None:
        session["lang"] = language


def _forget_for_now() -> None:
    """The session ends by itself: the same login finds its unsent forms again (``web_refill``)."""
    kept, language = web_refill.ended(), session.get("lang")
    if reader() is not None:
        logout_user()
    session.clear()
    session.update(kept)
    if language is not None:
        session["lang"] = language


def _to_login(why: str = "") -> Response:
    """To the log-in, and from there back to where the reader was, with what was typed.

    One notice says ``why`` the login ended, and what became of what was sent.
    """
    page, kept = web_refill.page_of_request(), False
    if request.method not in ("GET", "HEAD"):
        page, kept = web_refill.keep()
        what = (
            _(
                "いま送った内容は、実行されていません。ログインすると元の画面に戻り、入力していた内容をもう一度表示します（1時間以内）。"
            )
            if kept
            else _("いま送った内容は、実行されていません。ログインすると、元の画面に戻ります。")
        )
        flash(_in_one(why, what), "warn")
    elif why:
        flash(_in_one(why, _("もう一度ログインしてください。")), "warn")
    return cast(Response, redirect(url_for("security.login", next=page)))


def _in_one(*sentences: str) -> str:
    """Whole sentences one after the other, as the reader's language sets them."""
    return ("" if locale_name() == "ja" else " ").join(one for one in sentences if one)


def _ended_elsewhere() -> Response | None:
    """The session was ended from outside (a lock, a new password): say so, and lead back after the login."""
    _forget_for_now()
    why = _("ログインが終わりました。パスワードやログインIDの状態が変わったためです。")
    if request.method in ("GET", "HEAD") or request.endpoint in _DOOR:
        flash(_in_one(why, _("もう一度ログインしてください。")), "warn")
        return None
    return _to_login(why)


def _ask_to_log_in() -> None:
    """A stranger at an address behind the login, perhaps one whose cookie is gone: the login page says why.

    The door itself leads there (``web.guard``). Said once, however many addresses are tried meanwhile.
    """
    said = _(
        "この画面を開くには、ログインが必要です。ログインが終わっているときは、もう一度ログインしてください。"
    )
    if not _waiting_words():  # why the login ended may wait there already
        flash(said, "info")


def _waiting_words() -> list[str]:
    """The sentences that wait for the next page."""
    return [text for _category, text in session.get("_flashes", [])]


def _behind_a_login() -> bool:
    """Whether the address that is asked for is open to no stranger."""
    endpoint = request.endpoint
    if endpoint is None:
        return False
    if endpoint.split(".")[0] in admin_blueprints(current_app):
        return True
    return permission_of(current_app, endpoint) not in (None, Permission.PUBLIC)


def _still_here() -> Response | None:
    """Idle too long: log out with a word. Initial password: to the page that sets an own one."""
    if request.endpoint == "static":
        return None
    user = reader()
    if user is None:
        if "_user_id" in session:
            return _ended_elsewhere()
        # another page of this browser ended the login: what came too late is told so, and where it was
        behind = web_refill.left_behind() or _behind_a_login()
        late = behind and request.method == "POST" and request.endpoint not in _DOOR
        if late:
            return _to_login(
                _("ログインが終わっていました。時間がたったか、別の画面でログアウトしたためです。")
            )
        if behind and request.method == "GET" and request.endpoint not in _DOOR:
            _ask_to_log_in()
        return None
    if not user.usable:
        # locking ends the sessions themselves; this is the second bolt
        return _ended_elsewhere() or _to_login()
    now, seen = clock.host_now(), session.get(_SEEN)
    idle = now - datetime.fromtimestamp(float(seen), UTC) if seen is not None else timedelta(0)
    if idle > timedelta(minutes=g.settings.idle_minutes):
        _forget_for_now()
        why = _("しばらく操作がなかったため、ログアウトしました。")
        if request.endpoint in _DOOR:
            flash(_in_one(why, _("もう一度ログインしてください。")), "warn")
            return cast(Response, redirect(url_for("security.login")))
        return _to_login(why)
    session[_SEEN] = now.timestamp()
    if request.endpoint == "security.login" and (page := web_refill.page_asked_for()) is not None:
        # logged in meanwhile, in another tab of this browser
        return cast(Response, redirect(page))
    if user.must_change_password and request.endpoint not in BEFORE_CHANGE:
        return cast(Response, redirect(url_for("account_password.first")))
    return None
