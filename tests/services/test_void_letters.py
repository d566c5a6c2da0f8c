"""A request for a correction that nobody needs any more never leaves the house (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.models import Event, Letter, LetterKind, LetterState, RegistrationApplication, User
from portal.services import letter_printing, letters, registration
from portal.services.audit import EventTag
from portal.services.registration_data import data_of
from tests.factories import registration as make

Settle = Callable[[Session, RegistrationApplication, User], object]


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def correct(session: Session, row: RegistrationApplication, actor: User) -> object:
    data = replace(data_of(row), contact_department="環境部")
    return registration.change_application(session, row.id, data, actor=actor)


def reject(session: Session, row: RegistrationApplication, actor: User) -> object:
    return registration.reject(session, row.id, "対象外", actor=actor)


def withdraw(session: Session, row: RegistrationApplication, actor: User) -> object:
    return registration.withdraw(session, row.id, "取下書", actor=actor)


def asked(session: Session, officer: User) -> tuple[RegistrationApplication, Letter]:
    row = registration.record_application(session, make.trader_data(), actor=officer)
    return row, registration.ask_correction(session, row.id, "押印がない", actor=officer)


@pytest.mark.parametrize("settle", [correct, reject, withdraw])
def test_what_settles_an_application_voids_its_waiting_request(session: Session, settle: Settle) -> None:
    officer = make.office(session)
    row, letter = asked(session, officer)
    _other, untouched = asked(session, officer)
    settle(session, row, officer)
    session.flush()
    assert letter.state is LetterState.VOID
    assert letter.id not in letter_printing.waiting_ids(session)
    assert untouched.state is LetterState.WAITING
    event = session.scalars(select(Event).where(Event.tag == EventTag.LETTER_VOIDED)).one()
    assert (event.subject_id, event.actor_id) == (letter.id, officer.id)
    assert event.reason


@pytest.mark.parametrize("settle", [correct, reject, withdraw])
def test_what_was_printed_stays(session: Session, settle: Settle) -> None:
    officer = make.office(session)
    row, letter = asked(session, officer)
    letters.print_letter(session, letter.id, actor=officer)
    settle(session, row, officer)
    assert letter.state is LetterState.PRINTED


def test_acceptance_voids_what_an_older_program_left_waiting(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.trader_data(), actor=officer)
    left = letters.make_correction(session, row, "押印がない", actor=officer)
    accepted = registration.accept(session, row.id, actor=officer, distinct=True)
    assert (left.state, accepted.letter.state) == (LetterState.VOID, LetterState.WAITING)
    assert accepted.letter.kind is LetterKind.COMPLETION


def test_a_letter_is_voided_by_hand_with_a_reason_only_while_it_waits(session: Session) -> None:
    officer = make.office(session)
    _row, letter = asked(session, officer)
    with pytest.raises(PortalError) as caught:
        letters.void(session, letter.id, " ", actor=officer)
    assert caught.value.refusal is Refusal.REASON_NEEDED
    letters.void(session, letter.id, "電話で済んだ", actor=officer)
    session.flush()
    for act in (
        lambda: letters.print_letter(session, letter.id, actor=officer),
        lambda: letters.void(session, letter.id, "もう一度", actor=officer),
    ):
        with pytest.raises(PortalError) as caught:
            act()
        assert caught.value.refusal is Refusal.WRONG_STATE
