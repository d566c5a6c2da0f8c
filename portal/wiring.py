"""Putting the web application together; nothing else happens here."""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import (
    admin,
    participant,
    web,
    web_about,
    web_account,
    web_breaks,
    web_downloads,
    web_handout,
    web_login,
    web_public,
    web_refill,
    web_spoken,
    web_text,
)
from portal.extensions import csrf, db_session, make_engine, session_factory
from portal.services import installation, letter_words, mail, selfcheck, virus_scan
from portal.settings import ROOT, Settings, SettingsError, read_settings

_CATALOGUES = ROOT / "portal" / "translations"
#: the catalogues of the English texts, one for each subject: whatever lies there is read
DOMAINS = tuple(sorted(path.stem for path in _CATALOGUES.glob("en/LC_MESSAGES/*.po")))


def make_app(settings: Settings | None = None) -> Flask:
    """The application on ``settings`` (without them the environment is read)."""
    settings = settings or read_settings()
    app = Flask("portal", root_path=str(ROOT / "portal"), template_folder=str(ROOT / "templates"))
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-portal" if settings.secure_cookies else "portal",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=(settings.upload_limit_mb + 1) * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,
        BABEL_DEFAULT_LOCALE="ja",
        BABEL_DEFAULT_TIMEZONE="Asia/Tokyo",
        BABEL_DOMAIN=";".join(DOMAINS),
        BABEL_TRANSLATION_DIRECTORIES=";".join([str(_CATALOGUES)] * len(DOMAINS)),
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    point(app, settings)
    Babel(app, locale_selector=web.choose_locale)
    web.install(app)
    web_login.install(app, settings)
    web.shut(app)
    web_refill.install(app)
    csrf.init_app(app)  # after frame and time-out: its refusal is a page, and a late act leads back
    web_text.install(app)
    web_breaks.install(app)
    web_spoken.install(app)
    web_about.install(app)
    web_account.install(app)
    web_handout.install(app)
    web_downloads.install(app)
    web_public.install(app)
    participant.install(app)
    admin.install(app)
    return app


def point(app: Flask, settings: Settings) -> None:
    """Have the application and this process work with the database, the addresses and limits of ``settings``.

    What :func:`make_app` writes into ``app.config`` (keys, cookies, size of a form, proxies) stays.
    """
    app.extensions["portal_settings"] = settings
    _refuse_unsafe(settings, bind_database(settings))
    installation.forget()
    mail.configure(settings)
    letter_words.configure(settings)
    virus_scan.configure(settings)


def _refuse_unsafe(settings: Settings, engine: Engine) -> None:
    """In production the database must keep what it acknowledged, guards in place, whatever serves it."""
    if not settings.production:
        return
    wrong = selfcheck.unsafe(engine)
    if wrong:
        raise SettingsError([f"database: {one}" for one in wrong])


def bind_database(settings: Settings) -> Engine:
    """Point this process's sessions to the configured database."""
    db_session.remove()
    engine = make_engine(settings.database_url)
    session_factory.configure(bind=engine)
    return engine
