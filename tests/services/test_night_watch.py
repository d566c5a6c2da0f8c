"""What failed in the night, and books that nobody compares: on the office's home, and once by mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.admin import home
from portal.extensions import make_session
from portal.models import Event, Job, JobState, MailMessage, User
from portal.permissions import Role
from portal.services import book_checks, jobs, night_watch, worker
from portal.services.audit import EventTag
from portal.services.mail import MailKind
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.participant.visitor import Visitor

assert worker.BRING_WORK  # it knows all that comes round each night


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        return make.market(session)


def opener(engine: Engine) -> Callable[[], Session]:
    return lambda: make_session(engine)


def ended(session: Session, kind: str, state: JobState, day: int) -> Job:
    """A piece of the night's work that has ended."""
    with one_transaction(session):
        job = jobs.enqueue(session, kind, once_key=f"{kind}:{day}")
        job.state, job.finished_at = state, clock.now()
        job.last_error = "T-000003 is missing" if state is JobState.FAILED else None
    return job


def mails(session: Session, kind: MailKind) -> list[str]:
    session.rollback()
    return list(session.scalars(select(MailMessage.body).where(MailMessage.kind == kind.value)))


def test_every_work_of_the_night_has_its_name() -> None:
    assert set(night_watch.NAMES) == set(home.NIGHT_WORK) == set(jobs.NIGHTLY)


def test_work_that_failed_stands_until_it_succeeds_and_is_mailed_once(
    engine: Engine, session: Session, market: make.Market
) -> None:
    ended(session, "freeze_compliance", JobState.DONE, 1)
    assert night_watch.trouble(session).failed == ()
    session.rollback()
    assert night_watch.tell(opener(engine)) == 0
    failed = ended(session, "freeze_compliance", JobState.FAILED, 2)
    assert [one.id for one in night_watch.trouble(session).failed] == [failed.id]
    session.rollback()
    assert [night_watch.tell(opener(engine)) for _ in range(3)] == [1, 0, 0]
    told = mails(session, MailKind.NIGHT_WORK_FAILED)
    session.rollback()
    decide = [User.role == Role.APPROVER, User.active.is_(True)]
    assert len(told) == session.scalar(select(func.count()).select_from(User).where(*decide))
    assert told and all("T-000003 is missing" in body for body in told)
    tags = session.scalars(select(Event.tag).where(Event.subject_type == "job")).all()
    assert tags == [EventTag.NIGHT_WORK_FAILED.value]
    ended(session, "freeze_compliance", JobState.FAILED, 3)  # another night: another mail
    assert night_watch.tell(opener(engine)) == 1
    ended(session, "freeze_compliance", JobState.DONE, 4)
    assert night_watch.trouble(session).failed == ()


def test_a_comparison_older_than_two_days_is_told_once(
    engine: Engine, session: Session, market: make.Market
) -> None:
    def compare() -> None:
        with one_transaction(session):
            jobs.enqueue(session, book_checks.KIND)
        assert jobs.run_one(opener(engine)) == book_checks.KIND

    compare()
    clock.step(timedelta(days=2))
    assert night_watch.trouble(session).compared_at is None
    clock.step(timedelta(seconds=1))
    assert night_watch.trouble(session).compared_at is not None
    session.rollback()
    assert [night_watch.tell(opener(engine)) for _ in range(2)] == [1, 0]
    (first, *_rest) = mails(session, MailKind.BOOKS_NOT_COMPARED)
    assert "2014年4月8日（火）" in first
    compare()
    assert night_watch.trouble(session).compared_at is None


def test_books_that_disagree_are_told_by_their_own_mail_only(
    engine: Engine, session: Session, market: make.Market
) -> None:
    with one_transaction(session):
        jobs.enqueue(session, book_checks.KIND)
        row = market.holder.account
        session.connection().exec_driver_sql(
            f"UPDATE holding SET quantity = quantity + 1 WHERE account_id = {row.id}"
        )
    assert jobs.run_one(opener(engine)) == book_checks.KIND
    assert night_watch.trouble(session).failed == ()
    session.rollback()
    assert night_watch.tell(opener(engine)) == 0
    assert mails(session, MailKind.BOOKS_DISAGREED)


def test_the_office_reads_it_on_its_home(app: Flask, session: Session, market: make.Market) -> None:
    login = market.officer.login_id
    ended(session, "ledger_verify", JobState.FAILED, 1)
    page = Visitor(app, login).client.get("/admin/").get_data(as_text=True)
    assert "夜間の処理が失敗しています" in page and "台帳の検証" in page and "T-000003 is missing" in page
    ended(session, "ledger_verify", JobState.DONE, 2)
    assert "夜間の処理が失敗しています" not in Visitor(app, login).client.get("/admin/").get_data(
        as_text=True
    )
    assert market.officer.role is Role.OFFICER
