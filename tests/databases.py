"""Fresh databases for tests: a migrated template per worker, copied for each test that wants one.

A database of its own per test, never a transaction that is rolled back: what is tested here commits,
locks, retries and runs in several processes.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import threading
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

KINDS = ("sqlite", "postgresql")
_one_at_a_time = threading.Lock()
POSTGRES_URL_NAME = "PORTAL_TEST_POSTGRES_URL"


class ServerMissing(Exception):
    """No PostgreSQL was given to the tests."""

    def __init__(self) -> None:
        super().__init__(f"{POSTGRES_URL_NAME} is not set: run `make test`, or give a server's address in it")


def postgres_server() -> URL:
    """The server the tests may make databases on."""
    given = os.environ.get(POSTGRES_URL_NAME)
    if not given:
        raise ServerMissing
    return make_url(given)


@cache
def _administration(server: URL, _process: int) -> Connection:
    """The connection of this process over which databases come and go; open until the process ends."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    connection = engine.connect()
    atexit.register(connection.close)
    return connection


def _administer(statement: str) -> None:
    with _one_at_a_time:
        _administration(postgres_server(), os.getpid()).execute(text(statement))


def _version() -> tuple[int, ...]:
    return tuple(
        int(one) for one in _administration(postgres_server(), os.getpid()).dialect.server_version_info or ()
    )


def drop(url: str) -> None:
    """Remove a PostgreSQL database, whoever is still connected to it."""
    _administer(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


def empty(kind: str, folder: Path) -> str:
    """The address of a new database without a table. A PostgreSQL one is the caller's to :func:`drop`."""
    name = f"portal_test_{secrets.token_hex(6)}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    server = postgres_server()
    _administer(f'CREATE DATABASE "{name}" TEMPLATE template0')
    return server.set(database=name).render_as_string(hide_password=False)


def copy(template: str, folder: Path) -> str:
    """The address of a new database with everything the template holds. Nobody may be connected to that."""
    source = make_url(template)
    name = f"portal_test_{secrets.token_hex(6)}"
    if source.get_backend_name() == "sqlite":
        return f"sqlite:///{shutil.copyfile(str(source.database), folder / f'{name}.db')}"
    # copying the files takes a quarter of the time that logging them does; 15 and later can choose
    strategy = " STRATEGY FILE_COPY" if _version() >= (15,) else ""
    _administer(f'CREATE DATABASE "{name}" TEMPLATE "{source.database}"{strategy}')
    return source.set(database=name).render_as_string(hide_password=False)


class Templates:
    """The migrated templates of one worker, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, str] = {}

    def of(self, kind: str) -> str:
        """The address of the migrated, otherwise empty database of ``kind`` (:data:`KINDS`)."""
        if kind not in self._made:
            from portal.extensions import upgrade_database

            url = empty(kind, self._folder)
            self._made[kind] = url
            upgrade_database(url)
        return self._made[kind]

    def remove(self) -> None:
        """Drop what a server keeps; files go with their folder."""
        for kind, url in self._made.items():
            if kind == "postgresql":
                drop(url)
