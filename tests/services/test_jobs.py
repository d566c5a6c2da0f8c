"""Background work among several workers: queued once, finished by who holds it, given up in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import Job, JobState, LoginAttempts
from portal.services import jobs, logins
from portal.services.transaction import one_transaction, run


class Killed(BaseException):
    """The worker's process ends."""


@pytest.fixture(autouse=True)
def in_2015(at: Callable[[str], datetime]) -> None:
    at("2015-10-15 09:00")


def opener(engine: Engine) -> Callable[[], Session]:
    return lambda: make_session(engine)


def queue(engine: Engine, kind: str) -> None:
    with make_session(engine) as session, one_transaction(session):
        jobs.enqueue(session, kind)


def only(engine: Engine) -> Job:
    with make_session(engine) as session:
        return session.scalars(select(Job)).one()


def test_two_workers_that_begin_a_day_together_queue_its_work_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs.HANDLERS, "daily", lambda work: {})
    start = threading.Barrier(4)
    ids: list[int] = []
    broken: list[Exception] = []

    def begin() -> None:
        with make_session(engine) as session:
            start.wait()
            try:
                for day in range(20):
                    ids.append(run(session, lambda: jobs.enqueue(session, "daily", once_key=f"d:{day}").id))  # noqa: B023
            except Exception as error:
                broken.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert (len(ids), len(set(ids))) == (80, 20)
    with make_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 20


@pytest.mark.parametrize("ending", ["done", "broken", "progress"])
def test_a_worker_that_lost_its_lease_writes_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def second(work: jobs.Work) -> dict[str, object]:
        seen.append(only(engine).leased_until)
        clock.step(jobs.LEASE)
        return {"by": "second"}

    def first(work: jobs.Work) -> dict[str, object]:
        monkeypatch.setitem(jobs.HANDLERS, "slow", slow_second)
        clock.step(jobs.LEASE)
        assert jobs.run_one(opener(engine)) == "slow"
        if ending == "broken":
            raise RuntimeError
        if ending == "progress":
            work.progress(1, 2)
        return {"by": "first"}

    def slow_second(work: jobs.Work) -> dict[str, object]:
        # the first one ends while the second has the work
        late = jobs.Work(work.job_id, {}, work.open_session, work.claim - 1)
        if ending == "done":
            jobs._finish(late, state=JobState.DONE, last_error=None, result={"by": "first"})
        elif ending == "broken":
            jobs._try_again(late, "no")
        else:
            with pytest.raises(jobs.LeaseLost):
                late.progress(1, 2)
        assert only(engine).state is JobState.RUNNING
        return second(work)

    seen: list[datetime | None] = []
    monkeypatch.setitem(jobs.HANDLERS, "slow", first)
    queue(engine, "slow")
    jobs.run_one(opener(engine))
    job = only(engine)
    assert (job.state, job.result, job.attempts, job.total) == (JobState.DONE, {"by": "second"}, 2, None)
    assert seen == [clock.now()]


def test_work_that_kills_its_worker_has_failed_in_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = []

    def deadly(work: jobs.Work) -> dict[str, object]:
        claims.append(work.claim)
        raise Killed

    monkeypatch.setitem(jobs.HANDLERS, "deadly", deadly)
    queue(engine, "deadly")
    for _ in range(jobs.LAST_TRY):
        with pytest.raises(Killed):
            jobs.run_one(opener(engine))
        assert jobs.run_one(opener(engine)) is None  # its lease still stands
        clock.step(jobs.LEASE)
    assert jobs.run_one(opener(engine)) is None
    job = only(engine)
    assert claims == [1, 2, 3, 4, 5]
    assert (job.state, job.leased_until, job.finished_at) == (JobState.FAILED, None, clock.now())
    assert job.last_error == "the worker ended during this work, 5 times"


def test_counters_of_failed_logins_are_dropped_each_night(engine: Engine) -> None:
    with make_session(engine) as session, one_transaction(session):
        logins.authenticate(session, "nobody", "wrong", "192.0.2.1")
    clock.step(timedelta(days=2))
    with make_session(engine) as session:
        run(session, lambda: jobs.schedule(session))
    while jobs.run_one(opener(engine)):
        pass
    with make_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(LoginAttempts)) == 0
        job = session.scalars(select(Job).where(Job.kind == "forget_old_attempts")).one()
    assert (job.state, job.result) == (JobState.DONE, {"forgotten": 3})
