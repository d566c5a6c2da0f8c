"""The last statement of a transaction, sent together with its COMMIT (PostgreSQL).

Between the answer to a posting and the COMMIT the program would have to be asked once more, and all that
while it holds the head of the chain, for which every other posting waits. Sent together, the database goes
from one to the other by itself: with eight clients on two processors a third more transfers a second.

A statement that is kept is sent before whatever else its transaction still executes, at the latest with
the COMMIT; a rollback forgets it. Its failure fails the commit, and nothing of the transaction lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Engine, RootTransaction, event
from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True)
class _Kept:
    statement: str
    values: dict[str, Any]


#: engines whose commits send what was kept
_able: WeakSet[Engine] = WeakSet()
#: it goes with its transaction: nothing of one that was rolled back is left
_kept: WeakKeyDictionary[RootTransaction, _Kept] = WeakKeyDictionary()


def prepare(engine: Engine) -> None:
    """Let the commits of ``engine``, a PostgreSQL one, send what was kept for them."""

    @event.listens_for(engine, "before_cursor_execute")
    def _on_execute(connection: Connection, *_given: Any) -> None:
        send(connection)

    @event.listens_for(engine, "commit")
    def _on_commit(connection: Connection) -> None:
        kept = _taken(connection)
        if kept is not None:
            _run(connection, kept, commit=True)

    _able.add(engine)


def keep(connection: Connection, statement: str, values: dict[str, Any]) -> bool:
    """Keep ``statement`` for the COMMIT of the transaction of ``connection``; nobody reads its rows.

    What must hold of its outcome it has to see to itself: when it is answered, all is committed. ``False``
    if this connection's commits send nothing, so that it has to be executed now.
    """
    transaction = connection.get_transaction()
    if connection.engine not in _able or transaction is None or connection.in_nested_transaction():
        return False
    send(connection)
    _kept[transaction] = _Kept(statement, values)
    return True


def send(connection: Connection) -> None:
    """Execute now what was kept, if anything was. Raises what the database says, as SQLAlchemy does."""
    kept = _taken(connection)
    if kept is not None:
        _run(connection, kept, commit=False)


def _taken(connection: Connection) -> _Kept | None:
    transaction = connection.get_transaction() if _kept else None
    return _kept.pop(transaction, None) if transaction is not None else None


def _run(connection: Connection, kept: _Kept, *, commit: bool) -> None:
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            if not commit:
                cursor.execute(kept.statement, kept.values)
                return
            with driver.pipeline():
                cursor.execute(kept.statement, kept.values)
                cursor.execute("COMMIT")
    except connection.dialect.loaded_dbapi.Error as error:
        raise told(connection, kept.statement, error) from error
    except BaseException:
        # the server may be answering still, and nobody knows what: the connection goes to nobody else
        connection.invalidate()
        raise


def told(connection: Connection, statement: str, error: Any) -> DBAPIError:
    """What SQLAlchemy would raise for an error of the driver; a connection that broke is given up."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    broken = dialect.is_disconnect(error, driver, None) or _is_amid_answers(driver)
    if broken:
        connection.invalidate(error)
    # values stay out of the words: what people typed does not belong into logs
    made = DBAPIError.instance(
        statement,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=broken,
        dialect=dialect,
    )
    assert isinstance(made, DBAPIError)
    return made


def _is_amid_answers(driver: Any) -> bool:
    """Whether a psycopg connection could not leave its pipeline: what it reads next is somebody else's."""
    status = getattr(getattr(driver, "pgconn", None), "pipeline_status", None)
    return bool(status)
