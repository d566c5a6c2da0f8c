"""Statements that are compiled once for each database and handed to its driver as they are. For hot paths.

For each run of a statement SQLAlchemy walks it to find its compiled text and reads the description of the
result; for the long statements of a movement that takes as long as the database does. These run in the
session's own transaction, and their errors come as SQLAlchemy's, so that whoever retries need not know.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Connection, Date, Dialect, Select
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import cloned_traverse

from portal import with_commit


class Prepared:
    """One statement. Values and columns are the driver's own, but for days: enums are their texts."""

    def __init__(
        self, columns: Sequence[str], text_for: Callable[[Dialect], str], days: Sequence[str] = ()
    ) -> None:
        self.columns, self.text_for = tuple(columns), text_for
        self._row, self._days = _row_of(columns), days
        self._texts: dict[str, str] = {}

    def run(self, session: Session, values: dict[str, Any]) -> list[Any]:
        """All rows for ``values``; what the session holds unsaved is written first."""
        session.flush()
        connection = session.connection()
        name = connection.dialect.name
        prepared = self._texts.get(name)
        if prepared is None:
            prepared = self._texts[name] = self.text_for(connection.dialect)
        rows = [self._row._make(row) for row in driver_rows(connection, prepared, values)]
        if self._days and name == "sqlite":
            rows = [self._with_days(row) for row in rows]
        return rows

    def run_last(self, session: Session, values: dict[str, Any]) -> None:
        """As :meth:`run`, with the COMMIT if that can be (:mod:`portal.with_commit`); no row is read."""
        session.flush()
        connection = session.connection()
        if not with_commit.keep(connection, self.text_for(connection.dialect), values):
            self.run(session, values)

    def _with_days(self, row: Any) -> Any:
        texts = {day: getattr(row, day) for day in self._days}
        return row._replace(**{day: text and date.fromisoformat(text) for day, text in texts.items()})


def compiled(statement: Select[*tuple[Any, ...]]) -> Prepared:
    """``statement`` with every constant written out; what has no value yet is given at each run."""
    columns = list(statement.selected_columns)

    def write_out(parameter: BindParameter[Any]) -> None:
        parameter.literal_execute, parameter.required = not parameter.required, False

    def text_for(dialect: Dialect) -> str:
        named: Any = type(dialect)
        style = "named" if dialect.name == "sqlite" else "pyformat"
        open_values = cloned_traverse(statement, {}, {"bindparam": write_out})
        made = open_values.compile(
            dialect=named(paramstyle=style), compile_kwargs={"render_postcompile": True}
        )
        return str(made)

    days = [str(one.key) for one in columns if isinstance(one.type, Date)]
    return Prepared([str(one.key) for one in columns], text_for, days)


def _row_of(columns: Sequence[str]) -> Any:
    made: Any = namedtuple  # its columns are known when the program runs only
    return made("Row", list(columns))


def driver_rows(connection: Connection, statement: str, values: dict[str, Any]) -> list[Any]:
    """What the database's driver answers to ``statement``; its errors as SQLAlchemy's."""
    dialect = connection.dialect
    with_commit.send(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
    except dialect.loaded_dbapi.Error as error:
        raise with_commit.told(connection, statement, error) from error
    finally:
        cursor.close()
