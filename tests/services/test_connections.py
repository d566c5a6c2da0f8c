"""What the hot path takes for granted of its connections and of the driver."""

from __future__ import annotations

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlalchemy import Engine, make_url, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import OperationalError

from portal import extensions
from portal.services import movement_facts, movement_parties, posting


def test_the_statements_of_a_movement_are_short_enough_for_the_drivers_memory() -> None:
    """Longer ones it takes apart again at every run, which costs a transfer a twentieth."""
    for prepared in (
        movement_facts._FACTS,
        movement_facts._FACTS_TO_ACT,
        movement_parties._PARTIES,
        posting._WHOLE_ACT,
    ):
        assert len(prepared.text_for(psycopg.dialect())) <= MAX_CACHED_STATEMENT_LENGTH


def _closed_by_the_server(engine: Engine, other: Engine) -> None:
    """Put a connection into the pool that the server then closes."""
    with engine.connect() as connection:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
    with other.connect() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:it, 5000)"), {"it": number})


def test_a_connection_that_the_server_closed_while_idle_is_replaced(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if make_url(database_url).get_backend_name() == "sqlite":
        return  # its connections are files: nobody closes them
    engine, other = extensions.make_engine(database_url), extensions.make_engine(database_url)
    try:
        monkeypatch.setattr(extensions, "PING_AFTER", 0.0)
        _closed_by_the_server(engine, other)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        # the control: unasked, it is handed out as it is
        monkeypatch.setattr(extensions, "PING_AFTER", 60.0)
        _closed_by_the_server(engine, other)
        with pytest.raises(OperationalError), engine.connect() as connection:
            connection.scalar(text("SELECT 1"))
        # and whoever finds it dead has it replaced for all
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
    finally:
        engine.dispose()
        other.dispose()
