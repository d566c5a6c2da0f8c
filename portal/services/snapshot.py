"""Reading many rows as of one moment, without standing in the writers' way."""

from __future__ import annotations

from sqlalchemy.orm import Session


def one_moment(session: Session) -> None:
    """Let everything ``session`` reads from here to the end of its transaction be of one moment.

    Call it before the first query: the moment is that of the first one. Nothing can be written in that
    transaction on PostgreSQL; on SQLite it does not take the writers' lock. Neither waits for a writer.
    """
    if session.get_bind().dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    else:
        options = {"portal_read_only": True}
    session.connection(execution_options=options)
