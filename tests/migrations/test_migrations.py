"""The migrations make what the models say, on both databases, up and down, and lose nothing on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from migrations.chain_triggers import CHAIN_GUARDS
from migrations.head_triggers import HEAD_GUARDS, UNFINISHED
from migrations.issue_triggers import ISSUE_GUARDS
from migrations.key_triggers import CHANGING, KEYS
from migrations.posting_triggers import POSTING_GUARDS
from migrations.record_triggers import RECORD_GUARDS, RECORDS
from portal.extensions import (
    downgrade_database,
    make_engine,
    make_session,
    schema_revisions,
    upgrade_database,
)
from portal.models import Base, MovementKind
from portal.services import issuance, ledger_proof
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import allowances

FIRST = "20261123_1_people"
BEFORE_LEDGER = "20261123_3_reports"
BEFORE_GUARDS = "20261126_2_reporting"
APPEND_ONLY = (
    "event",
    "ledger_entry",
    "ledger_transaction",
    "registration_version",
    "participant_note",
    "transfer_total",
    "record_seal",
)
#: what keeps the states of accounts, by database
ACCOUNT_GUARDS = {
    "sqlite": (
        "ledger_entry_account_state",
        "holding_of_closed_insert",
        "holding_of_closed_update",
        "account_closed_empty",
    ),
    "postgresql": ("ledger_entry_account_state", "holding_of_closed", "account_closed_empty"),
}
MOMENT = "2015-10-15 00:00:00+00:00"
EVENT = (
    "INSERT INTO event (at, tag, subject_type, subject_id, facts)"
    f" VALUES ('{MOMENT}', 'user_created', 'user', 1, '{{}}')"
)
PHASE = (
    "INSERT INTO phase (number, installation_year, target_year, adjustment_year, reporting_year,"
    " base_first_year, base_last_year, created_at, version)"
    f" VALUES (2, 2013, 2014, 2015, 2016, 2010, 2012, '{MOMENT}', 1)"
)


@pytest.fixture
def bare(empty_database_url: str) -> Iterator[Engine]:
    """An engine on a database without a table."""
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def go(engine: Engine, revision: str, *, down: bool = False) -> None:
    """Migrate while nobody is connected."""
    engine.dispose()
    (downgrade_database if down else upgrade_database)(url_of(engine), revision)


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def plain(condition: str | None) -> str:
    return re.sub(r"\s+", " ", condition or "").strip()


def rules(connection: Connection) -> dict[str, Any]:
    """What a table promises, by name: checks with their words, keys, indexes with their conditions."""
    found: dict[str, Any] = {}
    look = inspect(connection)
    for table in look.get_table_names():
        if table in ("alembic_version", UNFINISHED):
            continue
        for check in look.get_check_constraints(table):
            found[f"{table}: check {check['name']}"] = plain(check["sqltext"])
        for key in look.get_foreign_keys(table):
            target = (key["constrained_columns"], key["referred_table"], key["referred_columns"])
            found[f"{table}: reference {key['name']}"] = target
        for unique in look.get_unique_constraints(table):
            found[f"{table}: unique {unique['name']}"] = sorted(unique["column_names"])
        for index in look.get_indexes(table):
            where = index.get("dialect_options", {}).get(f"{connection.dialect.name}_where")
            told = (index["column_names"], bool(index["unique"]), plain(str(where)))
            found[f"{table}: index {index['name']}"] = told
    return found


def triggers(engine: Engine) -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    return {str(name) for (name,) in rows(engine, query[engine.dialect.name])}


def expected_triggers(engine: Engine) -> set[str]:
    acts = ("no_update", "no_delete") if engine.dialect.name == "sqlite" else ("append_only", "no_truncate")
    growing = {f"{table}_{act}" for table in (*APPEND_ONLY, *RECORDS) for act in acts}
    if engine.dialect.name == "sqlite":
        growing |= {f"{table}_row_kept_insert" for table in (*KEYS, UNFINISHED)}
        growing |= {f"{table}_row_kept_update" for table in CHANGING}
        growing.add("record_seal_row_kept_insert")
    guards = (ACCOUNT_GUARDS, POSTING_GUARDS, CHAIN_GUARDS, ISSUE_GUARDS, RECORD_GUARDS, HEAD_GUARDS)
    return growing.union(*(one[engine.dialect.name] for one in guards))


def test_the_program_needs_what_the_migrations_make(engine: Engine) -> None:
    current, needed = schema_revisions(engine)
    assert current == needed is not None


def test_nothing_differs_from_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        opts = {"compare_type": True, "include_name": lambda name, *_of: name != UNFINISHED}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, Base.metadata) == []


def test_every_rule_of_the_models_is_in_the_database(
    engine: Engine, database_kind: str, tmp_path: Path
) -> None:
    """Alembic's comparison does not look at checks and conditions; this one does, by name and words."""
    other = databases.empty(database_kind, tmp_path)
    made = make_engine(other)
    try:
        Base.metadata.create_all(made)
        with made.connect() as wanted, engine.connect() as migrated:
            expected, found = rules(wanted), rules(migrated)
    finally:
        made.dispose()
        if database_kind == "postgresql":
            databases.drop(other)
    assert sum(": check " in name for name in expected) > 50
    assert {name: (rule, found.get(name)) for name, rule in expected.items() if found.get(name) != rule} == {}
    assert set(found) - set(expected) == set()


def test_down_leaves_nothing_and_up_makes_it_again(bare: Engine) -> None:
    go(bare, "head")
    with bare.connect() as connection:
        first = rules(connection)
    assert triggers(bare) == expected_triggers(bare)
    go(bare, "base", down=True)
    assert inspect(bare).get_table_names() == ["alembic_version"]
    assert triggers(bare) == set()
    go(bare, "head")
    with bare.connect() as connection:
        assert rules(connection) == first
    assert triggers(bare) == expected_triggers(bare)


def test_what_was_entered_outlives_the_way_up_down_and_up(bare: Engine) -> None:
    phase = "SELECT number, target_year, base_first_year FROM phase"
    go(bare, FIRST)
    run(bare, PHASE)
    go(bare, "head")
    assert rows(bare, phase) == [(2, 2014, 2010)]
    run(bare, EVENT)
    run(bare, "INSERT INTO unit_class (unit_type, phase_id) SELECT 'JAA', id FROM phase")
    go(bare, BEFORE_LEDGER, down=True)
    assert rows(bare, phase) == [(2, 2014, 2010)]
    go(bare, "head")
    assert rows(bare, phase) == [(2, 2014, 2010)]
    accounts = rows(bare, "SELECT id, kind FROM account ORDER BY id")
    assert accounts == [(1, "issuance"), (2, "retirement"), (101, "cancellation"), (201, "offset")]
    assert rows(bare, "SELECT last_number, last_hash FROM ledger_head") == [(0, "")]
    assert rows(bare, "SELECT unit_type FROM unit_class") == [("jVER",)]


@pytest.mark.parametrize("statement", ["UPDATE event SET tag = 'x'", "DELETE FROM event", "TRUNCATE event"])
def test_a_migrated_database_refuses_to_forget(engine: Engine, statement: str) -> None:
    run(engine, EVENT)
    if statement.startswith("TRUNCATE") and engine.dialect.name == "sqlite":
        statement = "DELETE FROM event"  # SQLite has no other word for it
    with pytest.raises(DatabaseError, match="append_only"):
        run(engine, statement)
    assert rows(engine, "SELECT tag FROM event") == [("user_created",)]


def test_postings_outlive_the_way_down_and_up_and_are_guarded_again(bare: Engine) -> None:
    go(bare, "head")
    with make_session(bare) as session, one_transaction(session):
        market = allowances.market(session)
        allowances.move(session, market.a, MovementKind.RETIRE, 800)
        issuance.propose_correction(session, 2, "誤り", key="undo", actor=market.officer)
    kept = "SELECT id, kind, state, quantity FROM movement ORDER BY id"
    before, chain = rows(bare, kept), rows(bare, "SELECT id, hash FROM ledger_transaction ORDER BY id")
    go(bare, BEFORE_GUARDS, down=True)
    kind = bare.dialect.name
    assert not triggers(bare) & {*POSTING_GUARDS[kind], *CHAIN_GUARDS[kind]}
    assert rows(bare, kept) == before
    go(bare, "head")
    assert triggers(bare) == expected_triggers(bare)
    assert rows(bare, "SELECT id, hash FROM ledger_transaction ORDER BY id") == chain
    with pytest.raises(DatabaseError, match="movement_decided"):
        run(bare, "UPDATE movement SET quantity = 1 WHERE state = 'executed'")
    with make_session(bare) as session:
        assert ledger_proof.verify(session).ok
