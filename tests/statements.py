"""SQL written once in a worker: in production one engine lives as long as the process, here one per test.

SQLAlchemy keeps what it compiled by engine and dialect, so every test would begin with nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from portal import extensions

#: more than the portal has statements
MOST = 4000


def remember(patch: pytest.MonkeyPatch) -> None:
    """Let all engines of the portal in this process use one store of compiled statements."""
    store: LRUCache[Any, Any] = LRUCache(MOST)

    def made(*args: Any, **options: Any) -> Engine:
        engine = create_engine(*args, **options)
        engine.update_execution_options(compiled_cache=store)
        return engine

    patch.setattr(extensions, "create_engine", made)
    # the portal asks one SQLite and one server, each always in the same way: what was written for one
    # engine is what would be written for the next
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch.setattr(dialect, "__eq__", lambda self, other: type(self) is type(other), raising=False)
        patch.setattr(dialect, "__hash__", lambda self: hash(type(self)), raising=False)
