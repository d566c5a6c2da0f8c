"""What factories make again and again is made through the services once, then written as it was written.

The first call on a database in some state is carried out, and every row it writes is kept as the
statement that wrote it. The same call on a database in the same state writes those statements once
more, in their order and in the caller's transaction: constraints and triggers judge them as before.
A database in another state is another call, and a call that cannot be told from its values is carried out.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.orm import Session

from portal import clock, with_commit
from portal.models import Base
from portal.services import compiled, letter_words, mail
from tests.factories import numbers

P = ParamSpec("P")
R = TypeVar("R")
#: how many calls are remembered; the files of letters and forms in them are kept elsewhere too
MOST = 300
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


#: what the present test changed in the program
patches: pytest.MonkeyPatch | None = None


class _Untold(Exception):
    """A value that does not say what it is."""


@dataclass
class _Tape:
    """One call: its statements, and what was left behind."""

    writes: list[tuple[str, Any, bool]]
    made: Any
    next_number: int
    stopped: datetime | None


_tapes: OrderedDict[Any, _Tape] = OrderedDict()
_recording: list[str] = []


def replayed(make: Callable[Concatenate[Session, P], R]) -> Callable[Concatenate[Session, P], R]:
    """A factory ``(session, …)`` of rows that is played again where it may be."""

    @wraps(make)
    def played(session: Session, /, *args: P.args, **options: P.kwargs) -> R:
        if _recording:  # a part of a greater one
            return make(session, *args, **options)
        session.flush()
        try:
            asked = (make.__module__, make.__name__, _told(args), _told(options))
        except _Untold:
            numbers.remember(None)
            return make(session, *args, **options)
        key = (asked, numbers.made, numbers.peek(), clock._fixed, _addresses(), _patched(), _state(session))
        tape = _tapes.get(key)
        if tape is not None:
            _tapes.move_to_end(key)
            found: R = _play(session, tape)
        else:
            found = _record(session, key, lambda: make(session, *args, **options))
        numbers.remember(asked)
        return found

    return played


def _record(session: Session, key: Any, work: Callable[[], R]) -> R:
    writes: list[tuple[str, Any, bool]] = []
    with _overheard(session.connection(), writes) as whole:
        made = work()
        session.flush()
    if whole[0] and clock._fixed is not None:  # what a running clock wrote grows old
        _tapes[key] = _Tape(writes, _named(made), numbers.peek(), clock._fixed)
        if len(_tapes) > MOST:
            _tapes.popitem(last=False)
    return made


@contextmanager
def _overheard(connection: Connection, writes: list[tuple[str, Any, bool]]) -> Iterator[list[bool]]:
    """Collect what is written; the answer says whether that is all that happened."""
    whole = [True]

    def write(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            # many rows in one statement are told as many too, but their values are one tuple
            writes.append((statement, copy.copy(values), many and isinstance(values, list)))

    def broken(*_: Any) -> None:
        whole[0] = False

    driver_rows = compiled.driver_rows

    def straight(connection: Connection, statement: str, values: dict[str, Any]) -> list[Any]:
        # a movement is handed to the driver itself, past the events above; its number is given out before
        if "INSERT INTO" in statement or "nextval(" in statement:
            writes.append((statement, copy.copy(values), False))
        return driver_rows(connection, statement, values)

    heard = [("before_cursor_execute", write)]
    heard += [(name, broken) for name in ("commit", "rollback", "rollback_savepoint")]
    for name, hear in heard:
        event.listen(connection, name, hear)
    _recording.append("")
    kept = with_commit.keep
    compiled.driver_rows, with_commit.keep = straight, lambda *_given: False  # nothing is left for later
    try:
        yield whole
    finally:
        compiled.driver_rows, with_commit.keep = driver_rows, kept
        _recording.pop()
        for name, hear in heard:
            event.remove(connection, name, hear)


def _play(session: Session, tape: _Tape) -> Any:
    cursor = session.connection().connection.cursor()
    for statement, values, many in tape.writes:
        (cursor.executemany if many else cursor.execute)(statement, values)
    cursor.close()
    session.expire_all()
    numbers.go_on(tape.next_number)
    clock.set_time(tape.stopped)
    return _fetched(session, tape.made)


def _state(session: Session) -> tuple[Any, ...]:
    """How many rows every table ever had: whatever is done leaves an event at least."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        query = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
    else:
        parts = (f"SELECT '{name}', max(rowid) FROM \"{name}\"" for name in sorted(Base.metadata.tables))
        query = " UNION ALL ".join(parts)
    return connection.dialect.name, *(tuple(row) for row in connection.execute(text(query)))


def _addresses() -> tuple[Any, ...]:
    """What mails and letters name of the settings."""
    return mail.letterhead(), letter_words._office


class _Same:
    """A thing in a key: equal to itself only, or to a plain value like it."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same):
            return False
        plain = isinstance(self.thing, (str, int)) and type(self.thing) is type(other.thing)
        return self.thing is other.thing or (plain and self.thing == other.thing)

    def __hash__(self) -> int:
        return hash(type(self.thing))


def _patched() -> tuple[Any, ...]:
    """What the test put in whose place."""
    if patches is None:
        return ()
    attributes = [(_Same(one), name, _Same(getattr(one, name, None))) for one, name, _ in patches._setattr]
    items = [(_Same(one), name, _Same(one.get(name))) for one, name, _ in patches._setitem]
    return *attributes, *items


def _told(value: Any) -> Any:
    """A value as part of a key. Raises ``_Untold``."""
    if value is None or isinstance(value, (bool, int, str, bytes, date, Enum)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(_told(one) for one in value)
    if isinstance(value, dict):
        return tuple((name, _told(value[name])) for name in sorted(value))
    if isinstance(value, Base):
        return type(value).__name__, inspect(value).identity
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, *(_told(getattr(value, one.name)) for one in fields(value))
    raise _Untold


@dataclass(frozen=True)
class _Row:
    model: type[Base]
    identity: Any


def _named(made: Any) -> Any:
    """What a factory answered, with rows told by their keys."""
    if isinstance(made, Base):
        return _Row(type(made), inspect(made).identity)
    if is_dataclass(made) and not isinstance(made, type):
        return type(made), {one.name: _named(getattr(made, one.name)) for one in fields(made)}
    assert made is None or isinstance(made, (int, str)), made
    return made


def _fetched(session: Session, named: Any) -> Any:
    if isinstance(named, _Row):
        return session.get_one(named.model, named.identity)
    if isinstance(named, tuple):
        return named[0](**{name: _fetched(session, value) for name, value in named[1].items()})
    return named
