"""Statements that are written once with SQLAlchemy and compiled once for each database.

SQLAlchemy looks a statement up by walking it each time it runs; for the long ones of a movement that
takes longer than PostgreSQL does. Their compiled text needs no walk. For hot paths only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Date, Dialect, Row, Select, TextClause, TextualSelect, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import cloned_traverse

#: how PostgreSQL's dialect types a value; a plain text takes two colons for its own
_CAST = re.compile(r"(?<!:):(\w+)::(\w+)")


class Compiled:
    """One statement, ready for either database.

    Values come as the driver gives them, but for days: enums are their texts, SQLite's booleans 0 and 1.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._texts: dict[str, TextClause | TextualSelect] = {}

    def run(self, session: Session, **values: Any) -> Sequence[Row[Any]]:
        """All rows for ``values``, in the session's transaction; what it holds unsaved is written first."""
        session.flush()
        connection = session.connection()
        prepared = self._texts.get(connection.dialect.name)
        if prepared is None:
            prepared = self._texts[connection.dialect.name] = self.text(connection.dialect)
        return connection.execute(prepared, values).all()

    def text(self, dialect: Dialect) -> TextClause | TextualSelect:
        """The statement's text for this database, with every constant written out."""

        def write_out(parameter: BindParameter[Any]) -> None:
            parameter.literal_execute, parameter.required = not parameter.required, False

        open_values = cloned_traverse(self._statement, {}, {"bindparam": write_out})
        named: Any = type(dialect)
        made = open_values.compile(
            dialect=named(paramstyle="named"), compile_kwargs={"render_postcompile": True}
        )
        plain = text(_CAST.sub(r"CAST(:\1 AS \2)", str(made)))
        days = {
            str(one.key): one.type for one in self._statement.selected_columns if isinstance(one.type, Date)
        }
        return plain.columns(**days) if days else plain
