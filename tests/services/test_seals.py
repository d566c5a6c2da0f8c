"""Seals over history: what is changed past the guards is named by table and night, ordinary work never is."""

from __future__ import annotations

import hashlib
import json
import time
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import Base, BookCheck, Event, Job, MovementKind, ParticipantKind, RecordSeal
from portal.services import jobs, notes, seals
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.factories.forgery import unguarded
from tests.migrations.test_migrations import APPEND_ONLY, RECORDS

#: history that is proven otherwise (``SHAPES`` says how)
PROVEN_OTHERWISE = {"ledger_entry", "ledger_transaction", "transfer_total", "record_seal"}
POSTGRESQL_ONLY = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


def night(engine: Engine, number: int) -> tuple[dict[str, Any], str | None]:
    """What the night's work leaves, and what it found wrong."""
    with make_session(engine) as session, one_transaction(session):
        jobs.enqueue(session, "seal_history", once_key=f"night {number}")
    assert jobs.run_one(lambda: make_session(engine)) == "seal_history"
    with make_session(engine) as session:
        job = session.scalars(select(Job).where(Job.once_key == f"night {number}")).one()
        return dict(job.result or {}), job.last_error


def happened(**facts: Any) -> Event:
    return Event(at=clock.now(), tag="user_created", subject_type="user", subject_id=1, facts=facts)


def line(*values: Any) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def test_every_table_of_history_is_sealed_with_all_its_columns() -> None:
    assert set(seals.SHAPES) == {*APPEND_ONLY, *RECORDS, seals.POSTINGS} - PROVEN_OTHERWISE
    for table, shapes in seals.SHAPES.items():
        newest = {one.partition(":")[0] for one in shapes[-1].split()}
        if table == seals.POSTINGS:
            posting = {one for one in newest if "." not in one} | {"canonical"}  # that is what ``hash`` is of
            assert posting == set(Base.metadata.tables["ledger_transaction"].columns.keys())
            newest = {one.removeprefix("m.") for one in newest if "." in one}
        assert newest == set(Base.metadata.tables[table].columns.keys()), "a new column wants a new shape"


def test_a_seal_is_of_the_same_bytes_on_both_databases_and_in_an_old_shape(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.at("2015-10-15 03:00")
    with one_transaction(session):
        session.add(happened(b=[1.5, None, True, 2**53], a="みほん\u3000<é>"))
        none = {"transactions": 0, "entries": 0, "last_number": 0}
        session.add(BookCheck(ok=True, started_at=clock.now(), finished_at=clock.now(), **none))
    assert night(engine, 1) == ({"seals": 2, "skipped": []}, None)
    at = "2015-10-14T18:00:00.000000+00:00"
    facts = {"a": "みほん\u3000<é>", "b": [1.5, None, True, 2**53]}
    known = {
        "event": line(1, at, "user_created", None, "user", 1, None, None, facts),
        "book_check": line(1, True, None, 0, 0, 0, at, at, None),
    }
    made = {one.table_name: one.hash for one in session.scalars(select(RecordSeal))}
    for table, row in known.items():
        assert made.pop(table) == hashlib.sha256(line(table, 1, "") + row + line(1, 1, at)).hexdigest()
    assert made == {}
    session.rollback()
    later = {**seals.SHAPES, "event": (*seals.SHAPES["event"], "id tag")}
    monkeypatch.setattr(seals, "SHAPES", later)
    with one_transaction(session):
        session.add(happened())
    assert [night(engine, number)[1] for number in (2, 3)] == [None, None]
    query = select(RecordSeal.shape).where(RecordSeal.table_name == "event").order_by(RecordSeal.id)
    assert session.scalars(query).all() == [1, 2]


FORGERIES = (
    (
        "UPDATE event SET actor_id = coalesce(actor_id, 0) + 1 WHERE id = 3",
        "event 1–{event} is not what was sealed in the night",
    ),
    ("UPDATE event SET facts = '{{}}' WHERE id = 4", "event 1–{event} is not"),
    ("UPDATE event SET at = '2001-01-01 00:00:00' WHERE id = 4", "event 1–{event} is not"),
    ("DELETE FROM event WHERE id = 2", "{event} rows then, {less} now"),
    ("UPDATE participant_note SET text = 'x'", "participant_note 1–1 is not"),
    ("UPDATE registration_version SET valid_from = '2001-01-01 00:00:00'", "registration_version 1–"),
    ("UPDATE movement SET note = 'x' WHERE id = 1", "movement T-000001–T-000001 is not"),
    ("UPDATE movement SET proposed_by_id = {a} WHERE id = 1", "movement T-000001–T-000001 is not"),
    ("UPDATE movement SET voluntary = true WHERE id = 2", "movement T-000002–T-000002 is not"),
    ("UPDATE record_seal SET up_to = up_to - 1 WHERE table_name = 'event'", "event 1–"),
    ("DELETE FROM record_seal WHERE table_name = 'movement' AND up_to = 1", "movement T-000001–T-000002"),
    ("UPDATE record_seal SET shape = 7 WHERE table_name = 'event'", "has a shape that is none"),
)


def found(connection: Connection) -> list[str]:
    with Session(bind=connection, join_transaction_mode="control_fully") as session:
        return [one for table in seals.SHAPES for one in seals.check(session, table).wrong]  # and undo


def test_what_is_changed_past_the_guards_is_named_and_ordinary_work_is_not(
    engine: Engine, session: Session, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_transaction(session):
        market = make.market(session)
        notes.write(session, ParticipantKind.HOLDER, market.holder.id, "覚え", actor=market.officer)
    a, target = market.a.id, market.trader.account.code
    events = session.scalars(select(func.max(Event.id))).one()
    session.rollback()
    assert night(engine, 1) == ({"seals": 4, "skipped": []}, None)
    assert night(engine, 2) == ({"seals": 0, "skipped": []}, None)
    with one_transaction(session):
        make.move(session, market.a, MovementKind.TRANSFER, 100, target)
    monkeypatch.setattr(seals, "PORTION", 2)
    assert night(engine, 3) == ({"seals": 2, "skipped": []}, None)
    for refused in ("UPDATE record_seal SET rows = 1", "DELETE FROM record_seal"):
        with pytest.raises(DatabaseError, match="append_only"), one_transaction(session):
            session.execute(text(refused))
    engine.dispose()
    forger = unguarded(database_url)
    try:
        with forger.begin() as connection:
            if connection.dialect.name == "postgresql":
                for table in ("participant_note", "registration_version", "record_seal"):
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        with forger.connect() as connection:
            assert found(connection) == []
        for statement, wanted in FORGERIES:
            with forger.connect() as connection:
                assert connection.execute(text(statement.format(a=a))).rowcount > 0
                said = found(connection)
                assert any(wanted.format(event=events, less=events - 1) in one for one in said), said
        with forger.begin() as connection:
            connection.execute(text("UPDATE event SET reason = 'x' WHERE id = 3"))
            connection.execute(text("UPDATE movement SET note = 'x' WHERE id = 2"))
    finally:
        forger.dispose()
    for number in (4, 5):  # what is new is sealed all the same, and the difference stays
        told = night(engine, number)[1] or ""
        assert f"event 1–{events} is not what was sealed in the night of " in told
        assert "; movement T-000002–T-000002 is not" in told


@POSTGRESQL_ONLY
def test_a_number_whose_transaction_is_open_is_never_passed_over(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = make_session(engine), make_session(engine)
    with slow, quick:
        for one in (slow, quick):
            one.add(happened())
            one.flush()
        quick.commit()
        monkeypatch.setattr(seals, "PATIENCE", 20)
        assert night(engine, 1) == ({"seals": 0, "skipped": ["event"]}, None)
        monkeypatch.setattr(seals, "PATIENCE", 5_000)
        waiting = Thread(target=night, args=(engine, 2))
        waiting.start()
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'")
        ends = time.monotonic() + 10
        while not quick.scalar(query) and time.monotonic() < ends:
            quick.rollback()
            time.sleep(0.01)
        slow.commit()
        waiting.join()
        quick.rollback()
        assert quick.scalars(select(RecordSeal.rows)).all() == [2]
    assert night(engine, 3) == ({"seals": 0, "skipped": []}, None)
