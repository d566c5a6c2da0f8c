"""What an import leaves behind: counts and numbers stay, personal data go (safety)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import (
    Document,
    DocumentContent,
    Event,
    Import,
    ImportRow,
    ImportState,
    RegistrationApplication,
    User,
)
from portal.services import documents, import_retention, imports, jobs, kept_files
from portal.services.transaction import one_transaction, run
from tests.factories import imports as make
from tests.factories import registration as people

NAME = "みほん第1工業"


@pytest.fixture
def officer_id(session: Session, at: Callable[[str], datetime]) -> int:
    at("2013-10-01 09:00")
    with one_transaction(session):
        people.phase(session)
        return people.office(session).id


def read(engine: Engine, session: Session, officer_id: int, **changes: object) -> int:
    data = make.workbook([make.plain_holder(1)], {0: changes})
    sent = make.send(session, data, actor=session.get_one(User, officer_id))
    session.rollback()
    make.work(engine)
    return sent


def night(session: Session) -> None:
    run(session, lambda: jobs.schedule(session))
    while jobs.run_one(lambda: make_session(session.get_bind())) is not None:  # type: ignore[arg-type]
        pass


def left_of(session: Session, import_id: int) -> str:
    """All that is kept of the rows' and the file's contents."""
    session.expire_all()
    rows = session.scalars(select(ImportRow).where(ImportRow.import_id == import_id)).all()
    said = [[one.label, one.values, one.problems, one.similar] for one in rows]
    return json.dumps([said, session.get_one(Import, import_id).problems], ensure_ascii=False)


def files(session: Session) -> int:
    return int(session.scalar(select(func.count()).select_from(Document)) or 0)


def test_what_is_discarded_is_thrown_away_at_once(engine: Engine, session: Session, officer_id: int) -> None:
    sent = read(engine, session, officer_id, mail_a="nobody")
    assert NAME in left_of(session, sent) and files(session) == 2  # with the marked copy
    session.rollback()
    run(session, lambda: imports.discard(session, sent, actor=session.get_one(User, officer_id)))
    assert NAME not in left_of(session, sent)
    assert session.scalars(select(DocumentContent)).all() == []
    row = session.get_one(Import, sent)
    assert (row.rows_total, row.rows_bad, row.document, row.marked) == (1, 1, None, None)
    assert row.file_name and row.cleared_at is not None


def test_what_ended_is_thrown_away_after_thirty_days(
    engine: Engine, session: Session, officer_id: int
) -> None:
    refused = read(engine, session, officer_id, mail_a="nobody")
    done = read(engine, session, officer_id)
    run(session, lambda: imports.start(session, done, actor=session.get_one(User, officer_id)))
    make.work(engine)
    waiting = read(engine, session, officer_id, account_name="別の口座", site_name="別の工場")
    clock.step(import_retention.KEPT - timedelta(hours=1))
    night(session)
    assert all(NAME in left_of(session, one) for one in (refused, done, waiting))
    clock.step(timedelta(days=1))
    night(session)
    assert [NAME in left_of(session, one) for one in (refused, done, waiting)] == [False, False, True]
    assert session.get_one(Import, done).state is ImportState.DONE
    (line,) = imports.rows(session, done)
    assert line.number == session.scalars(select(RegistrationApplication.number)).one()
    tags = session.scalars(select(Event.tag).where(Event.subject_type == "import")).all()
    assert tags.count("import_cleared") == 2
    before = session.get_one(Import, done).cleared_at
    clock.step(timedelta(days=1))
    night(session)
    session.expire_all()
    assert session.get_one(Import, done).cleared_at == before


def test_bytes_that_another_stores_at_that_moment_stay_and_both_succeed(
    engine: Engine, session: Session, officer_id: int
) -> None:
    with one_transaction(session):
        mine = documents.store(session, "a.xlsx", b"same", documents.XLSX, actor=None).id
    failed: list[BaseException] = []

    def throw_away() -> None:
        with make_session(engine) as other:
            try:
                run(other, lambda: kept_files.delete_document(other, other.get_one(Document, mine)))
            except BaseException as error:  # told below, in the test's own thread
                failed.append(error)

    thread = threading.Thread(target=throw_away)
    with one_transaction(session):
        kept = documents.store(session, "b.xlsx", b"same", documents.XLSX, actor=None)
        thread.start()
        thread.join(0.5)
        kept_id = kept.id
    thread.join()
    assert failed == []
    session.expire_all()
    assert session.get(Document, mine) is None
    assert documents.read(session, session.get_one(Document, kept_id)) == b"same"
