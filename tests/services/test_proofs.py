"""Whoever is logged in proves it again, and colleagues behind one address do not lock each other out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal
from portal.models import Event, LoginAttempts, User
from portal.services import logins
from portal.services.audit import EventTag
from tests.factories import registration as make

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def proof(session: Session, user: User, password: str, address: str = HOME) -> Refusal | None:
    found = logins.prove(session, password, address, actor=user)
    return found.refusal if found is not None else None


def login(session: Session, login_id: str, password: str, address: str = HOME) -> Refusal | None:
    found = logins.authenticate(session, login_id, password, address).problem
    return found.refusal if found is not None else None


def test_a_paused_address_does_not_stop_who_is_known_there(session: Session) -> None:
    known, stranger = make.office(session), make.office(session)
    assert login(session, known.login_id, make.PASSWORD) is None
    for number in range(10):
        assert login(session, f"guess{number}", "wrong") is Refusal.LOGIN_FAILED
    assert login(session, known.login_id, make.PASSWORD) is None
    assert login(session, stranger.login_id, make.PASSWORD) is Refusal.LOGIN_PAUSED


def test_wrong_proofs_pause_their_login_and_nobody_else_there(session: Session) -> None:
    user, colleague = make.office(session), make.office(session)
    assert login(session, user.login_id, make.PASSWORD) is None
    for _ in range(10):
        assert proof(session, user, "wrong") is Refusal.PASSWORD_WRONG
    assert proof(session, user, make.PASSWORD) is Refusal.LOGIN_PAUSED
    assert login(session, colleague.login_id, make.PASSWORD) is None
    clock.step(timedelta(minutes=1))
    assert proof(session, user, make.PASSWORD) is None


def test_guesses_of_a_stolen_session_are_counted_wherever_it_goes(session: Session) -> None:
    user = make.office(session)
    for number in range(10):
        assert proof(session, user, "wrong", f"203.0.113.{number}") is Refusal.PASSWORD_WRONG
    assert proof(session, user, make.PASSWORD, ELSEWHERE) is Refusal.LOGIN_PAUSED


def test_a_proof_is_no_login(session: Session) -> None:
    user = make.office(session)
    assert login(session, user.login_id, make.PASSWORD) is None
    entered = clock.now()
    clock.step(timedelta(minutes=20))
    assert proof(session, user, "wrong") is Refusal.PASSWORD_WRONG
    assert proof(session, user, make.PASSWORD) is None
    assert user.last_login_at == entered
    tags = session.scalars(select(Event.tag).where(Event.subject_id == user.id, Event.at > entered))
    assert list(tags) == [EventTag.LOGIN_FAILED]
    assert session.scalars(select(LoginAttempts.failures).where(LoginAttempts.failures > 0)).all() == []


def test_a_disabled_login_proves_nothing(session: Session) -> None:
    user = make.office(session)
    user.active = False
    assert proof(session, user, make.PASSWORD) is Refusal.PASSWORD_WRONG
