"""The door: log in, forced first change, idle time-out, fresh login for acts that move something.

Flask-Security keeps the session; who may enter is decided by ``services.users.authenticate``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask import Flask, Response, flash, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import logout_user, user_logged_out
from flask_security import Security, user_authenticated
from flask_security.datastore import SQLAlchemySessionUserDatastore
from flask_security.forms import Form as SecurityForm
from wtforms import BooleanField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired

from portal import clock
from portal.errors import PortalError
from portal.extensions import db_session
from portal.models import User
from portal.services import users
from portal.services.audit import EventTag, record
from portal.settings import Settings
from portal.web import carry_out, home_url, reader, texts

#: what a login with an initial password may open before it has set its own
BEFORE_CHANGE = {"security.logout", "static", "account_password.first"}
_SEEN, _FRESH = "seen", "fresh"


class NoRoles:
    """Flask-Security wants a role model; this portal has its own grant table (permissions.py)."""

    name = ""


class LoginForm(SecurityForm):
    """Login ID and password; the answer never tells whether the login exists."""

    login_id = StringField(
        _l("ログインID"),
        validators=[DataRequired(_l("入力してください。"))],
        description=_l("例：AST1001A、AST1002T、VRF01-1"),
    )
    password = PasswordField(_l("パスワード"), validators=[DataRequired(_l("入力してください。"))])
    remember = BooleanField(default=False)
    submit = SubmitField(_l("ログインする"))
    user: User | None = None

    def validate(self, **kwargs: Any) -> bool:
        if not super().validate(**kwargs):
            return False
        login_id, password = str(self.login_id.data or ""), str(self.password.data or "")
        address = request.remote_addr or "-"
        settings_free = users.Attempt(login_id=login_id, address=address)
        try:
            self.user = carry_out(lambda: users.authenticate(db_session(), settings_free, password))
        except PortalError as error:
            carry_out(lambda: users.count_failure(db_session(), settings_free, error))
            self.form_errors = texts(error.problems)
            return False
        self.remember.data = False
        return True


def host_time() -> datetime:
    return clock.host_now()


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
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_ANONYMOUS_USER_DISABLED=False,
    )
    datastore = SQLAlchemySessionUserDatastore(cast(Any, db_session), User, cast(Any, NoRoles))
    Security(app, datastore, login_form=LoginForm)
    app.before_request(lambda: _still_here(settings))
    user_authenticated.connect(_logged_in, app)
    user_logged_out.connect(_logged_out, app)


def _logged_in(_app: Flask, user: User, **_more: Any) -> None:
    mark_fresh()
    session[_SEEN] = clock.host_now().timestamp()
    session.permanent = False


def _logged_out(_app: Flask, user: Any = None, **_more: Any) -> None:
    if isinstance(user, User) or getattr(user, "id", None) is not None:
        user_id = int(user.id)

        def note() -> None:
            row = db_session.get(User, user_id)
            if row is not None:
                record(db_session(), EventTag.LOGGED_OUT, row, actor=row)

        carry_out(note)


def _still_here(settings: Settings) -> Response | None:
    """Idle too long: log out with a word. Initial password: to the page that sets an own one."""
    if request.endpoint == "static":
        return None
    user = reader()
    if user is None:
        return None
    now, seen = clock.host_now(), session.get(_SEEN)
    idle = now - datetime.fromtimestamp(float(seen), UTC) if seen is not None else timedelta(0)
    if idle > timedelta(minutes=settings.idle_minutes):
        logout_user()
        session.clear()
        flash(_("しばらく操作がなかったため、ログアウトしました。もう一度ログインしてください。"), "warn")
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return cast(Response, redirect(url_for("security.login", next=target)))
    session[_SEEN] = now.timestamp()
    if user.must_change_password and request.endpoint not in BEFORE_CHANGE:
        return cast(Response, redirect(url_for("account_password.first")))
    return None


def after_login_url() -> str:
    return home_url(reader())
