"""SQLite refuses to let one row be replaced by another (safety 9): every table that has a guard, each key.

Tables, keys and the rows tried with come from the database's own catalogue, so that none can be forgotten.
Tried on a connection of nobody's, on which foreign keys, checks and recursive triggers are off.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from tests import databases

Row = dict[str, object]
#: the columns of a partial key's condition, each with the last value that it names
_AMONG = re.compile(r"(\w+) (?:=|IN) \(?(?:'\w+', )*'(\w+)'")
#: what no other guard of the tables has anything against
PLAIN = {"kind": "transfer", "state": "proposed", "head": 0}


@dataclass
class Table:
    """A guarded table as the catalogue describes it, with rows as good as any."""

    name: str
    types: dict[str, str]
    number: str  # the column that is the row's number, or the number nobody sees
    keys: list[tuple[list[str], Row]] = field(default_factory=list)  # unique columns, and where they hold

    def row(self, fresh: Iterator[int], **given: object) -> Row:
        made: Row = {}
        for column, kind in self.types.items():
            one = next(fresh)
            plain = "2015-10-15 00:00:00.000000" if kind == "DATETIME" else "{}" if kind == "JSON" else one
            made[column] = PLAIN.get(column, f"w{one}" if kind.startswith("VARCHAR") else plain)
        return {self.number: next(fresh), **made, **given}

    def insert(self, row: Row, how: str = "INSERT", after: str = "") -> tuple[str, tuple[object, ...]]:
        marks = ", ".join("?" for _ in row)
        return f"{how} INTO {self.name} ({', '.join(row)}) VALUES ({marks}) {after}", (*row.values(),)

    def update(self, changes: Row, number: object) -> tuple[str, tuple[object, ...]]:
        words = ", ".join(f"{column} = ?" for column in changes)
        where = f"WHERE {self.number} = ?"
        return f"UPDATE OR REPLACE {self.name} SET {words} {where}", (*changes.values(), number)


def tables(connection: sqlite3.Connection) -> list[Table]:
    """Every table that has a trigger."""
    names = connection.execute(
        "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    found = []
    for (name,) in sorted(names):
        columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
        own = [column[1] for column in columns if column[5]]
        table = Table(name, {one[1]: one[2] for one in columns}, own[0] if len(own) == 1 else "rowid")
        for _place, index, unique, _origin, _partial in connection.execute(f"PRAGMA index_list({name})"):
            if unique:
                parts = [part[2] for part in connection.execute(f"PRAGMA index_info({index})")]
                sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
                table.keys.append((parts, dict(_AMONG.findall(sql[0] or ""))))
        found.append(table)
    return found


def again(table: Table, kept: Row, fresh: Iterator[int]) -> list[Row]:
    """Other rows, each with one of the keys of ``kept``."""
    keys: list[tuple[list[str], Row]] = [([table.number], {}), *table.keys]
    return [table.row(fresh, **{one: kept[one] for one in (*columns, *among)}) for columns, among in keys]


def tries(
    table: Table, kept: Row, other: Row, fresh: Iterator[int]
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Statements that would remove ``kept``, or write it over, if nothing asked before."""
    for new in again(table, kept, fresh):
        yield table.insert(new, "INSERT OR REPLACE")
        yield table.insert(new, "REPLACE")
        changed = list(table.types)[-1]
        yield table.insert(new, after=f"ON CONFLICT DO UPDATE SET {changed} = excluded.{changed}")
        same = {column: value for column, value in new.items() if kept[column] == value}
        yield table.update(same, other[table.number])
    for name in ("rowid", "_rowid_", "oid"):
        yield table.update({name: kept[table.number]}, other[table.number])


@pytest.fixture
def nobodys(database_templates: databases.Templates, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A migrated database on a connection without any of the portal's settings."""
    path = databases.copy(database_templates.of("sqlite"), tmp_path).removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("PRAGMA synchronous=OFF")
        yield connection


def filled(connection: sqlite3.Connection, fresh: Iterator[int]) -> list[tuple[Table, Row, Row]]:
    """For each guarded table and key a row that holds it and another, written while no trigger stands."""
    guarded = tables(connection)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _sql in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    found = []
    for table in guarded:
        for among in ({}, *(among for _columns, among in table.keys if among)):
            kept, other = table.row(fresh, **among), table.row(fresh)
            for row in (kept, other):
                connection.execute(*table.insert(row))
            found.append((table, kept, other))
    for _name, sql in triggers:
        connection.execute(sql)
    return found


def refused(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> str:
    """What the database says against it; nothing if it would do it, which does not last."""
    connection.execute("BEGIN")
    try:
        connection.execute(statement, values)
    except sqlite3.IntegrityError as error:
        return str(error)
    finally:
        connection.execute("ROLLBACK")
    return ""


def lost(
    connection: sqlite3.Connection, rows: list[tuple[Table, Row, Row]], fresh: Iterator[int]
) -> set[str]:
    """The tables of which a row can be removed or written over."""
    found = set()
    for table, kept, other in rows:
        words, stands = f"SELECT * FROM {table.name} WHERE rowid = ?", (kept[table.number],)
        before = connection.execute(words, stands).fetchall()
        assert len(before) == 1
        for statement, values in tries(table, kept, other, fresh):
            connection.execute("BEGIN")
            with suppress(sqlite3.IntegrityError):
                connection.execute(statement, values)
            if connection.execute(words, stands).fetchall() != before:
                found.add(table.name)
            connection.execute("ROLLBACK")
    return found


def test_no_row_of_a_guarded_table_is_replaced_by_another(nobodys: sqlite3.Connection) -> None:
    fresh = count(1000)
    rows = filled(nobodys, fresh)
    guarded = {table.name for table, _kept, _other in rows}
    assert lost(nobodys, rows, fresh) == set()
    pressed = [table.insert(new) for table, kept, _other in rows for new in again(table, kept, fresh)]
    told = [refused(nobodys, *one) for one in pressed]
    # without these guards each table loses rows, and whoever looks for a key's name has found it before
    for table in guarded:
        for act in ("insert", "update"):
            nobodys.execute(f"DROP TRIGGER IF EXISTS {table}_row_kept_{act}")
    # the head of the chain has guards of its own, and of what waits for it all rows are alike
    assert lost(nobodys, rows, fresh) == guarded - {"ledger_head", "ledger_unfinished"}
    for one, says in zip(pressed, told, strict=True):
        by_key = refused(nobodys, *one)
        assert by_key in says or not by_key.startswith("UNIQUE"), (by_key, says)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_on_the_portals_connections_what_replace_removes_asks_as_well(engine: Engine) -> None:
    """The second bolt: there a DELETE trigger is asked also by REPLACE."""
    columns = "id, at, tag, subject_type, subject_id, facts"
    row = f"INTO event ({columns}) VALUES (1, '2015-10-15', 'x', 'x', 1, '{{}}')"
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER event_row_kept_insert"))
        connection.execute(text(f"INSERT {row}"))
        with pytest.raises(IntegrityError, match="event refuses delete"):
            connection.execute(text(f"REPLACE {row}"))
