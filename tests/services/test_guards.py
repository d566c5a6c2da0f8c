"""The portal knows whether the database's guards stand, and names those that do not (safety 9)."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from portal.services import guards
from portal.services.guard_list import GUARDS

ROLE = "session_replication_role"


def guard_of_events(engine: Engine) -> tuple[str, str]:
    """What keeps the events from being deleted: its name, and the statement that takes it away."""
    if engine.dialect.name == "sqlite":
        return "event_no_delete", "DROP TRIGGER event_no_delete"
    return "event_append_only", "DROP TRIGGER event_append_only ON event"


def told(connection: Connection, *statements: str) -> list[str]:
    """What is told after ``statements``, which do not last."""
    with connection.begin():
        try:
            for statement in statements:
                connection.execute(text(statement))
            return guards.problems(connection)
        finally:
            connection.get_transaction().rollback()  # type: ignore[union-attr]


def test_the_list_is_what_the_migrations_leave(engine: Engine) -> None:
    """If not: ``python -m tools.guards`` writes it anew."""
    with engine.connect() as connection:
        stand = guards.standing(connection)
        found = {name: (one.table, one.digest) for name, one in stand.items()}
        assert found == GUARDS[engine.dialect.name]
        assert all(one.fires for one in stand.values())
        assert guards.problems(connection) == []


def test_what_is_gone_or_does_not_fire_is_named(engine: Engine) -> None:
    name, drop = guard_of_events(engine)
    other = "guards that are not as the migrations made them: "
    with engine.connect() as connection:
        assert told(connection, drop) == [f"guards that are missing: {name} on event"]
        if engine.dialect.name == "sqlite":
            tame = f"CREATE TRIGGER {name} BEFORE DELETE ON event BEGIN SELECT 1; END"
            assert told(connection, drop, tame) == [f"{other}{name} on event"]
            elsewhere = tame.replace("ON event", "ON holding")
            assert told(connection, drop, elsewhere) == [f"guards that are missing: {name} on event"]
            return
        rarely = (
            f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON event FOR EACH ROW WHEN (OLD.id < 0)"
            " EXECUTE FUNCTION portal_append_only()"
        )
        assert told(connection, drop, rarely) == [f"{other}{name} on event"]
        tame = (
            "CREATE OR REPLACE FUNCTION portal_movement_decided() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NEW; END $$"
        )
        assert told(connection, tame) == [f"{other}movement_decided on movement"]
        for how in ("DISABLE", "ENABLE REPLICA"):
            silent = told(connection, f"ALTER TABLE event {how} TRIGGER {name}")
            assert silent == [f"guards that are disabled: {name} on event"]
        assert told(connection, f"ALTER TABLE event ENABLE ALWAYS TRIGGER {name}") == []
        every = told(connection, "ALTER TABLE holding DISABLE TRIGGER ALL")
        assert every == [
            "guards that are disabled: holding_of_closed on holding",
            "foreign keys that are disabled: of holding",
        ]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_database_on_which_no_trigger_fires_is_named(engine: Engine) -> None:
    here = engine.url.database
    with engine.connect() as connection:
        assert told(connection, f"SET LOCAL {ROLE} = replica") == [f"{ROLE} is replica: no guard fires"]
        for what in (f'DATABASE "{here}"', f'ROLE CURRENT_USER IN DATABASE "{here}"'):
            assert told(connection, f"ALTER {what} SET {ROLE} = replica") == [
                f"{ROLE}=replica is set for the next connections: no guard fires then"
            ]
        assert told(connection, f'ALTER DATABASE "{here}" SET {ROLE} = origin') == []
