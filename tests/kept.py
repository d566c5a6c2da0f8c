"""What a worker of the tests keeps from one test to the next, as a process in production does for its life.

There an engine and an application are made once; here each test has its own, and would compile every
statement, template and address again. None of it holds data: the same input gives the same code.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from portal import create_app, extensions
from portal.services import list_files
from portal.settings import Settings

#: more than the portal has statements
STATEMENTS = 4000


def statements(patch: pytest.MonkeyPatch) -> None:
    """Let all engines of the portal in this process use one store of compiled statements."""
    store: LRUCache[Any, Any] = LRUCache(STATEMENTS)

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


class _Compiled(BytecodeCache):
    """Templates by their name and file, their words, and what the environment can do."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Any, name: str, filename: str | None, source: str) -> Bucket:
        abilities = sorted([*environment.extensions, *environment.filters, *environment.tests])
        bucket = Bucket(
            environment, f"{name}\n{filename}\n{'|'.join(abilities)}", self.get_source_checksum(source)
        )
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None  # it was compiled just now
        self._kept[bucket.key, bucket.checksum] = bucket.code


def templates(patch: pytest.MonkeyPatch) -> None:
    """Let all applications in this process use one store of compiled templates."""
    patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": _Compiled()})


def addresses(patch: pytest.MonkeyPatch) -> None:
    """Have the writer of an address compiled when one is first written: a test asks for few of hundreds."""
    compiled = Rule._compile_builder

    def later(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made: list[Callable[..., tuple[str, str]]] = []

        def build(self: Rule, **values: Any) -> tuple[str, str]:
            if not made:
                made.append(compiled(self, append_unknown))
            return made[0](self, **values)

        return build

    patch.setattr(Rule, "_compile_builder", later)


def modules() -> None:
    """Look for garbage among what the tests made only: what was imported stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@dataclass(frozen=True)
class _Application:
    """An application as it was made, with what :func:`application` puts back."""

    app: Flask
    config: dict[str, Any]
    globals: dict[str, Any]
    writer: list_files.Writer


_applications: dict[Settings, _Application] = {}


def application(settings: Settings, *, changed: bool) -> Flask:
    """The whole application on ``settings``: made once per worker, then pointed to the next test's database.

    As in production, where one application serves for months, nothing of it may depend on what was served
    before. ``changed``: the test put something of its own into the program, and gets an application of its
    own that nobody sees again.
    """
    from portal.wiring import point

    if changed:
        return create_app(settings)
    # the rest of the address is told to mails and letters only; whether it is https decides on the cookies
    scheme = settings.base_url.partition(":")[0]
    key = replace(settings, database_url="", instance=Path(), base_url=scheme)
    found = _applications.get(key)
    if found is None:
        app = create_app(settings)
        made = _Application(app, dict(app.config), dict(app.jinja_env.globals), list_files._writers[0])
        _applications[key] = made
        return app
    found.app.config.clear()
    found.app.config.update(found.config)
    found.app.jinja_env.globals.clear()
    found.app.jinja_env.globals.update(found.globals)
    list_files.provide(found.writer)
    point(found.app, settings)
    return found.app
