"""Bulk imports: read and judged as a whole, carried out as a whole or not at all (domain §3)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal, Refused, Stale
from portal.extensions import make_session
from portal.models import (
    Event,
    ImportKind,
    ImportRow,
    ImportState,
    Job,
    JobState,
    MailMessage,
    NumberSeries,
    RegistrationApplication,
    User,
)
from portal.permissions import Role
from portal.services import import_jobs, imports, jobs, registration, registration_batch
from portal.services.audit import EventTag
from portal.services.spreadsheets import jail
from portal.services.spreadsheets.import_table import read_table
from portal.services.transaction import one_transaction, run
from tests.factories import imports as make
from tests.factories import registration as people


@dataclass
class Desk:
    """An office that imports."""

    session: Session
    engine: Engine
    officer_id: int

    @property
    def officer(self) -> User:
        return self.session.get_one(User, self.officer_id)

    def send(self, data: bytes) -> int:
        return make.send(self.session, data, actor=self.officer)

    def read(self, data: bytes) -> int:
        sent = self.send(data)
        self.work()
        return sent

    def work(self) -> None:
        self.session.rollback()  # what the test reads must not stand in the writers' queue
        make.work(self.engine)

    def start(self, import_id: int, **more: Any) -> None:
        run(self.session, lambda: imports.start(self.session, import_id, actor=self.officer, **more))

    def state(self, import_id: int) -> ImportState:
        found = make.state_of(self.session, import_id).state
        self.session.rollback()
        return found

    def count(self, model: type[Any], *conditions: Any) -> int:
        self.session.rollback()
        return int(self.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0)


@pytest.fixture
def desk(engine: Engine, session: Session, at: Callable[[str], datetime]) -> Desk:
    at("2013-10-01 09:00")
    with one_transaction(session):
        people.phase(session)
        officer = people.office(session)
    return Desk(session, engine, officer.id)


@pytest.fixture(scope="session")
def thousand() -> bytes:
    """The file of a thousand applications, made once."""
    return make.workbook([make.plain_holder(n) for n in range(1, 1001)])


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are read in this process: the jail has tests of its own, and the thousand rows use it."""
    if "thousand" not in request.fixturenames:
        monkeypatch.setattr(import_jobs, "read_table_jailed", read_table)


def few(*numbers: int, **changes: Any) -> bytes:
    return make.workbook([make.plain_holder(n) for n in numbers], {0: changes})


def test_a_thousand_applications_come_in_whole_or_not_at_all(
    desk: Desk, thousand: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = desk.read(thousand)
    row = make.state_of(desk.session, sent)
    assert (row.state, row.rows_total, row.rows_bad) == (ImportState.READY, 1000, 0)
    assert desk.count(RegistrationApplication) == 0

    # the 700th breaks: nothing is left of the 699 before it, and nobody's number is used up
    real, broken = registration.application_row, Counter[str]()

    def breaking(number: str, *args: Any, **kwargs: Any) -> RegistrationApplication:
        broken[number] += 1
        if number == "R2-0700":
            raise RuntimeError("planted")
        return real(number, *args, **kwargs)

    monkeypatch.setattr(registration_batch, "application_row", breaking)
    desk.start(sent)
    desk.work()
    assert len(broken) == 700
    assert desk.state(sent) is ImportState.RUNNING
    assert desk.count(RegistrationApplication) == 0
    assert desk.count(NumberSeries, NumberSeries.name == "application:R2") == 0
    assert desk.count(Event, Event.tag == EventTag.APPLICATION_RECORDED.value) == 0

    monkeypatch.setattr(registration_batch, "application_row", real)
    clock.step(timedelta(hours=1))  # the worker tries it again after its pause
    with asked(desk.engine) as selects:
        desk.work()
    assert selects[0] < 60, "a query per row"
    assert desk.state(sent) is ImportState.DONE
    made = list(desk.session.scalars(select(RegistrationApplication).order_by(RegistrationApplication.id)))
    assert [one.number for one in made] == [f"R2-{n:04d}" for n in range(1, 1001)]
    assert len(made[2].joint_companies) == 1
    kept = desk.session.scalars(select(ImportRow.made_id).order_by(ImportRow.position)).all()
    assert kept == [one.id for one in made]
    assert desk.count(Event, Event.tag == EventTag.APPLICATION_RECORDED.value) == 1000


@contextmanager
def asked(engine: Engine) -> Iterator[list[int]]:
    """How many SELECTs an engine sends meanwhile."""
    count = [0]

    def seen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        count[0] += statement.startswith("SELECT")

    event.listen(engine, "before_cursor_execute", seen)
    yield count
    event.remove(engine, "before_cursor_execute", seen)


def test_an_import_makes_what_the_desk_makes(desk: Desk) -> None:
    sent = desk.read(make.workbook([make.plain_holder(3), make.plain_trader(1), make.plain_verifier(1)]))
    desk.start(sent)
    desk.work()
    made = desk.session.scalars(select(RegistrationApplication).order_by(RegistrationApplication.id)).all()
    assert [one.number for one in made] == ["R2-0001", "RT-0001", "RV-0001"]
    said = registration.data_of(made[0])
    with one_transaction(desk.session):
        typed = registration.record_application(desk.session, said, actor=desk.officer)
        assert typed.number == "R2-0002"
        columns = RegistrationApplication.__table__.columns.keys()
        differs = {name for name in columns if getattr(typed, name) != getattr(made[0], name)}
        assert differs <= {"id", "number", "search_key", "created_at"}
    facts = [
        one.facts["after"]
        for one in desk.session.scalars(
            select(Event).where(Event.tag == EventTag.APPLICATION_RECORDED.value).order_by(Event.id)
        )
    ]
    assert facts[0] == facts[3]
    told = desk.session.execute(
        select(MailMessage.recipient, MailMessage.recipient_name).where(
            MailMessage.kind == "application_received"
        )
    ).all()
    assert told[:3] == [(one.mail_a, one.contact_name) for one in made] and len(told) == 4
    assert (made[0].seal_received, made[0].consent_received) == (False, True)


def test_papers_that_the_file_does_not_speak_of_have_not_arrived(desk: Desk) -> None:
    sent = desk.read(few(2, seal_received="", consent_received=""))
    desk.start(sent)
    desk.work()
    made = desk.session.scalars(select(RegistrationApplication)).one()
    assert (made.seal_received, made.consent_received) == (False, False)


def test_a_file_with_one_bad_row_makes_nothing_and_is_given_back_marked(desk: Desk) -> None:
    sent = desk.read(few(1, 2, 3, mail_a="nobody", company_kana="カナ"))
    row = make.state_of(desk.session, sent)
    assert (row.state, row.rows_total, row.rows_bad) == (ImportState.REFUSED, 3, 1)
    (line,) = imports.rows(desk.session, sent, only="bad")
    assert [(one.code, one.cell) for one in line.problems] == [
        ("KANA_NOT_HIRAGANA", f"{make.letters('company_kana')}5"),
        ("MAIL_FORM", f"{make.letters('mail_a')}5"),
    ]
    name, _type, data = imports.open_marked(desk.session, sent, actor=desk.officer)
    assert (name, data[:2]) == ("印付き_みほん.xlsx", b"PK")
    with pytest.raises(Refused) as refused:
        desk.start(sent)
    assert refused.value.refusal is Refusal.IMPORT_HAS_PROBLEMS
    assert desk.count(RegistrationApplication) == 0


def test_work_done_twice_is_done_once(desk: Desk) -> None:
    """A worker that dies between the commit and its word that it is done is followed by another."""
    sent = desk.send(few(1, 2))

    def again() -> dict[str, Any]:
        job = desk.session.scalars(select(Job).order_by(Job.id.desc())).first()
        assert job is not None
        work = jobs.Work(job.id, dict(job.payload), lambda: make_session(desk.engine), job.attempts)
        handler = jobs.HANDLERS[job.kind]
        desk.session.rollback()
        return handler(work)

    desk.work()
    assert again() == {}
    desk.start(sent)
    desk.work()
    assert again() == {"made": 0}
    assert desk.count(RegistrationApplication) == 2
    assert desk.count(ImportRow) == 2
    assert desk.count(MailMessage, MailMessage.kind == "import_ended") == 1


def test_a_worker_that_lost_its_lease_keeps_nothing_and_the_next_one_reads_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = desk.send(few(1, 2))
    real = jail.read_table_jailed

    def late(*args: Any) -> Any:
        clock.step(jobs.LEASE * 2)  # another worker takes it meanwhile, and finishes it
        monkeypatch.setattr(import_jobs, "read_table_jailed", real)
        desk.work()
        assert desk.state(sent) is ImportState.READY
        return real(*args)

    monkeypatch.setattr(import_jobs, "read_table_jailed", late)
    desk.work()
    assert desk.state(sent) is ImportState.READY
    assert desk.count(ImportRow) == 2


def test_two_who_press_at_once_start_it_once(desk: Desk) -> None:
    sent = desk.read(few(1, 2))
    version = make.state_of(desk.session, sent).version
    desk.session.rollback()
    gate, said = threading.Barrier(2), list[str]()

    def press() -> None:
        with make_session(desk.engine) as session:
            officer = session.get_one(User, desk.officer_id)
            session.rollback()
            gate.wait()
            try:
                run(session, lambda: imports.start(session, sent, actor=officer, version=version))
                said.append("started")
            except PortalError as refused:
                said.append(type(refused).__name__)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["Stale", "started"]
    desk.work()
    assert desk.count(RegistrationApplication) == 2


def test_a_second_press_of_the_same_page_does_nothing_more_and_an_older_page_is_told(desk: Desk) -> None:
    sent = desk.read(few(1))
    version = make.state_of(desk.session, sent).version
    desk.start(sent, version=version, key="k")
    desk.start(sent, version=version, key="k")
    assert desk.count(Job, Job.kind == import_jobs.CARRY_OUT) == 1
    with pytest.raises(Stale):
        desk.start(sent, version=version, key="other")


def test_what_was_registered_since_the_preview_stops_the_whole_import(desk: Desk) -> None:
    sent, other = desk.read(few(1, 2)), desk.read(few(2, 3))
    desk.start(other)
    desk.work()
    with one_transaction(desk.session):
        starter = people.office(desk.session)
    run(desk.session, lambda: imports.start(desk.session, sent, actor=starter))
    desk.work()
    row = make.state_of(desk.session, sent)
    assert row.state is ImportState.FAILED
    assert [one.code for one in imports.findings(row)] == [Refusal.IMPORT_OVERTAKEN.name]
    # whoever started it is told, and of which file
    last = desk.session.scalars(select(MailMessage).order_by(MailMessage.id.desc())).first()
    assert last is not None and last.recipient == starter.email
    assert row.document is not None
    assert "取り込めませんでした" in last.body and row.document.name in last.body
    assert desk.count(RegistrationApplication) == 2
    series = desk.session.scalars(select(NumberSeries).where(NumberSeries.name == "application:R2")).one()
    assert series.next == 3


def test_work_that_always_breaks_ends_and_says_that_nothing_was_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(import_jobs, "read_table_jailed", broken)
    sent = desk.send(few(1))
    for _ in range(jobs.LAST_TRY):
        desk.work()
        clock.step(timedelta(hours=3))
    row = make.state_of(desk.session, sent)
    assert row.state is ImportState.REFUSED
    assert [one.code for one in imports.findings(row)] == ["gave_up"]


@pytest.mark.parametrize("started", [False, True])
def test_an_import_whose_worker_never_came_back_can_be_put_aside(desk: Desk, started: bool) -> None:
    sent = desk.read(few(1)) if started else desk.send(few(1))
    if started:
        desk.start(sent)
    with one_transaction(desk.session):
        row = make.state_of(desk.session, sent)
        assert not imports.is_stuck(row)
        with pytest.raises(Refused):
            imports.discard(desk.session, sent, actor=desk.officer)
        assert row.job is not None
        row.job.state = JobState.FAILED
    run(desk.session, lambda: imports.discard(desk.session, sent, actor=desk.officer))
    assert desk.state(sent) is ImportState.DISCARDED


def test_whoever_sent_it_is_told_how_it_ended_in_their_language(desk: Desk) -> None:
    desk.officer.locale = "en"
    desk.session.commit()
    sent = desk.read(few(1))
    desk.start(sent)
    desk.work()
    desk.read(few(9, mail_a="nobody"))
    bodies = desk.session.scalars(select(MailMessage.body).where(MailMessage.kind == "import_ended")).all()
    assert ["1 row was imported" in body for body in bodies] == [True, False]
    assert "there are problems" in bodies[1]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.HOLDER_A])
def test_who_may_not_record_may_not_import(desk: Desk, role: Role) -> None:
    sent = desk.read(few(1))
    with one_transaction(desk.session):
        other = (
            people.office(desk.session, Role.VIEWER)
            if role is Role.VIEWER
            else next(user for user in people.holder(desk.session).users if user.role is role)
        )
        acts: tuple[Callable[[], Any], ...] = (
            lambda: make.send(desk.session, few(2), actor=other),
            lambda: imports.start(desk.session, sent, actor=other),
            lambda: imports.discard(desk.session, sent, actor=other),
            lambda: imports.blank_workbook(desk.session, ImportKind.APPLICATIONS, actor=other),
        )
        for act in acts[1:]:
            with pytest.raises(NotAllowed):
                act()
    with pytest.raises(NotAllowed):
        acts[0]()


def test_a_starter_who_lost_the_right_meanwhile_makes_nothing(desk: Desk) -> None:
    sent = desk.read(few(1))
    desk.start(sent)
    desk.officer.active = False
    desk.session.commit()
    desk.work()
    row = make.state_of(desk.session, sent)
    assert row.state is ImportState.FAILED
    assert [one.code for one in imports.findings(row)] == [Refusal.NOT_ALLOWED.name]
    assert desk.count(RegistrationApplication) == 0
