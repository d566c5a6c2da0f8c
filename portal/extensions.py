"""Engine, session, babel, CSRF: unbound parts that the wiring binds to one application.

SQLite runs in WAL mode, ``synchronous=FULL``, foreign keys on, and every transaction begins
IMMEDIATE: pysqlite's own mode starts none on SELECT, and a race then loses units (stack.md).
PostgreSQL must keep what it acknowledged: fsync, full_page_writes and synchronous_commit on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_babel import Babel
from flask_wtf import CSRFProtect
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from portal import with_commit
from portal.settings import ROOT

MIGRATIONS = ROOT / "migrations"
SQLITE_BUSY_MS = 10_000
#: seconds; a connection that was used just now is taken without asking the server whether it is still there
PING_AFTER = 1.0


class DatabaseSession(scoped_session[Session]):
    """A scoped session that Flask-Admin and Flask-Security take for their own: they ask for ``session``."""

    @property
    def session(self) -> DatabaseSession:
        return self


session_factory = sessionmaker(expire_on_commit=True, autoflush=True)
db_session = DatabaseSession(session_factory)
babel = Babel()
csrf = CSRFProtect()


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for ``url`` with the settings the portal's promises rest on."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(url, parsed.database)
    engine = create_engine(
        url,
        pool_size=pool_size,
        hide_parameters=True,  # what people typed does not belong into logs
        max_overflow=5,
        connect_args={"options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s"},
    )
    _ping_the_idle(engine)
    with_commit.prepare(engine)
    return engine


def _ping_the_idle(engine: Engine) -> None:
    """Replace connections that the server has closed while they lay idle.

    As ``pool_pre_ping`` does, without its round trip before every transaction of a busy server.
    """

    @event.listens_for(engine, "checkin")
    def _on_checkin(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since < PING_AFTER:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _sqlite_engine(url: str, path: str | None) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA recursive_triggers=ON")  # what REPLACE removes asks its DELETE triggers
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        # a reader that says so does not stand in the writers' queue
        reading = connection.get_execution_options().get("portal_read_only", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def make_session(engine: Engine) -> Session:
    """A plain session on ``engine`` for the command line, the worker and tests."""
    return session_factory(bind=engine)


def _alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade_database(url: str, revision: str = "head") -> None:
    """Bring the schema at ``url`` to ``revision``."""
    command.upgrade(_alembic_config(url), revision)


def downgrade_database(url: str, revision: str = "base") -> None:
    """Take the schema at ``url`` back to ``revision``."""
    command.downgrade(_alembic_config(url), revision)


def schema_revisions(engine: Engine) -> tuple[str | None, str | None]:
    """(what the database is at, what the program needs)."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_alembic_config("sqlite://")).get_current_head()
