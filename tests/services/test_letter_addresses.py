"""A letter that came back: the office corrects where it goes, until its reader can do so (domain §3)."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal, Stale
from portal.models import (
    Event,
    Holder,
    Letter,
    LetterState,
    MailMessage,
    RegistrationVersion,
    User,
)
from portal.permissions import Role
from portal.services import contacts, letter_addresses, letters, records, registration, verifiers
from portal.services.audit import EventTag
from portal.services.contacts import ContactData
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.services.test_races import at_once

DAY = date(2013, 10, 8)
WHY: dict[str, Any] = {"learnt_by": "telephone", "reason": "10月8日に担当者へ電話して確かめた。"}


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def come_back(session: Session, letter: Letter, officer: User) -> Letter:
    letters.print_letter(session, letter.id, actor=officer)
    letters.mark_posted(session, letter.id, DAY, actor=officer)
    return letters.mark_returned(session, letter.id, DAY, actor=officer)


def registered(session: Session, letter: Letter) -> ContactData:
    return letter_addresses.addressee_of(session, letter).data


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\u200b", "")


def mails(session: Session, since: int = 0) -> list[tuple[str, str]]:
    rows = session.scalars(select(MailMessage).where(MailMessage.id > since).order_by(MailMessage.id))
    return [(row.kind, row.recipient) for row in rows]


def last_mail(session: Session) -> int:
    session.flush()
    return max((row for row in session.scalars(select(MailMessage.id))), default=0)


def refused(act: Callable[[], Any]) -> list[tuple[Refusal, str | None]]:
    with pytest.raises(PortalError) as caught:
        act()
    return [(one.refusal, one.field) for one in caught.value.problems]


@pytest.mark.parametrize("kind", ["holder", "trader", "verifier"])
def test_before_the_first_login_the_letter_goes_to_the_corrected_address(session: Session, kind: str) -> None:
    officer = make.office(session)
    data = {"holder": make.holder_data, "trader": make.trader_data, "verifier": make.verifier_data}[kind]
    made = make.accepted(session, data(session) if kind == "holder" else data(), actor=officer)  # type: ignore[operator]
    letter = come_back(session, made.letter, officer)
    old = registered(session, letter)
    new = replace(old, postal_code="〒060－0001", address="北海道みほん市みほん1-2-3", department="環境部")
    mail = last_mail(session)
    letter_addresses.correct(session, letter.id, new, **WHY, actor=officer, version=letter.version)
    assert letter.state is LetterState.RETURNED
    assert made.participant.contact.postal_code == "060-0001"
    text = words(letters.print_letter(session, letter.id, actor=officer))
    assert "〒060-0001" in text and "北海道みほん市みほん1-2-3" in text and "環境部" in text
    # the history has both, and the event says how the office learnt it
    line = records.latest(session, made.participant)
    assert line is not None and line.facts["contact_address"] == "北海道みほん市みほん1-2-3"
    event = session.scalars(select(Event).where(Event.tag == EventTag.LETTER_ADDRESS_CORRECTED)).one()
    assert event.reason == WHY["reason"] and event.facts["learnt_by"] == "telephone"
    assert event.facts["before"] == {
        "department": old.department,
        "postal_code": old.postal_code,
        "address": old.address,
    }
    assert event.facts["after"]["postal_code"] == "060-0001"
    # one mail to where mail went before, for that did not change; then that of the new passwords
    sent = [("contact_corrected", old.mail), ("password_letter", old.mail)]
    assert mails(session, mail) == sent


def test_a_new_mail_address_is_told_there_and_at_the_old_one_and_b_never(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session, mail_b="b@tsubame.example"), actor=officer)
    letter = come_back(session, made.letter, officer)
    old, mail = registered(session, letter), last_mail(session)
    new = replace(old, mail="new-a@tsubame.example", mail_b="new-b@tsubame.example", name="川口 秋子")
    letter_addresses.correct(session, letter.id, new, **WHY, actor=officer)
    assert mails(session, mail) == [
        ("contact_corrected", "new-a@tsubame.example"),
        ("contact_changed_old_address", old.mail),
    ]
    assert made.holder is not None
    a, b = made.holder.users
    assert (a.email, a.name, b.email) == ("new-a@tsubame.example", "川口 秋子", "new-b@tsubame.example")
    mail = last_mail(session)
    letters.print_letter(session, letter.id, actor=officer)
    # one mail names both logins; login B's is A's to know (domain §7)
    (told,) = session.scalars(select(MailMessage).where(MailMessage.id > mail)).all()
    assert told.recipient == "new-a@tsubame.example"
    assert "AST1001A、AST1001B" in told.body


def test_after_the_first_login_the_participant_changes_its_address_itself(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)
    letter = come_back(session, made.letter, officer)
    new = replace(registered(session, letter), address="別の住所1-2-3")
    assert made.holder is not None
    a, b = made.holder.users
    b.last_login_at = clock.now()  # B cannot apply for the change
    assert letter_addresses.refusal(letter, made.holder) is None
    a.last_login_at = clock.now()
    found = refused(lambda: letter_addresses.correct(session, letter.id, new, **WHY, actor=officer))
    assert found == [(Refusal.ADDRESS_BY_APPLICATION, None)]


def test_a_letter_for_a_further_user_of_a_known_verifier_is_the_verifiers_affair(session: Session) -> None:
    officer = make.office(session)
    verifier = make.verifier(session)
    _user, letter = verifiers.add_user(session, verifier.id, "検証 三郎", "v3@aozora.example", actor=officer)
    come_back(session, letter, officer)
    new = replace(registered(session, letter), address="別の住所1-2-3")
    verifier.users[0].last_login_at = clock.now()
    found = refused(lambda: letter_addresses.correct(session, letter.id, new, **WHY, actor=officer))
    assert found == [(Refusal.ADDRESS_BY_APPLICATION, None)]


@pytest.mark.parametrize("act", ["ask_correction", "reject"])
def test_a_letter_to_an_applicant_goes_to_the_corrected_application(session: Session, act: str) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    letter = getattr(registration, act)(session, row.id, "押印がありません。", actor=officer)
    come_back(session, letter, officer)
    old, mail, state = registered(session, letter), last_mail(session), row.state
    joint = row.joint_companies[0].name
    new = replace(
        old, company=joint, postal_code="060-0001", address="北海道みほん市9", mail="x@tsubame.example"
    )
    letter_addresses.correct(session, letter.id, new, learnt_by="paper", reason="新しい書面", actor=officer)
    assert (row.contact_company, row.contact_address, row.mail_a) == (
        joint,
        "北海道みほん市9",
        "x@tsubame.example",
    )
    assert row.state is state
    assert "北海道みほん市9" in words(letters.print_letter(session, letter.id, actor=officer))
    assert mails(session, mail) == [
        ("contact_corrected", "x@tsubame.example"),
        ("contact_changed_old_address", old.mail),
    ]
    assert session.scalars(select(RegistrationVersion)).all() == []


def test_a_letter_about_what_is_settled_is_not_readdressed(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    letter = registration.ask_correction(session, row.id, "押印がありません。", actor=officer)
    come_back(session, letter, officer)
    new = replace(registered(session, letter), address="別の住所1-2-3")
    registration.withdraw(session, row.id, "取下げ", actor=officer)
    found = refused(lambda: letter_addresses.correct(session, letter.id, new, **WHY, actor=officer))
    assert found == [(Refusal.WRONG_STATE, None)]


def test_only_a_letter_that_came_back_is_readdressed(session: Session) -> None:
    officer = make.office(session)
    letter = make.accepted(session, make.trader_data(), actor=officer).letter
    new = replace(registered(session, letter), address="別の住所1-2-3")

    def act() -> Any:
        return letter_addresses.correct(session, letter.id, new, **WHY, actor=officer)

    assert refused(act) == [(Refusal.WRONG_STATE, None)]
    letters.print_letter(session, letter.id, actor=officer)
    assert refused(act) == [(Refusal.WRONG_STATE, None)]
    letters.mark_posted(session, letter.id, DAY, actor=officer)
    assert refused(act) == [(Refusal.WRONG_STATE, None)]


def test_everything_wrong_is_named_at_its_field_and_nothing_changes(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.trader_data(), actor=officer)
    letter = come_back(session, made.letter, officer)
    old = registered(session, letter)
    bad = replace(
        old,
        postal_code="12",
        address="𠮷野家通り",
        name_kana="カナ",
        telephone="1",
        mail="x",
        company="他社",
        name="",
    )
    found = refused(
        lambda: letter_addresses.correct(
            session, letter.id, bad, learnt_by="dream", reason=" ", actor=officer
        )
    )
    assert set(found) == {
        (Refusal.CONTACT_ELSEWHERE, "company"),
        (Refusal.REQUIRED, "name"),
        (Refusal.KANA_NOT_HIRAGANA, "name_kana"),
        (Refusal.POSTAL_CODE_FORM, "postal_code"),
        (Refusal.GLYPH_MISSING, "address"),
        (Refusal.TELEPHONE_FORM, "telephone"),
        (Refusal.MAIL_FORM, "mail"),
        (Refusal.REQUIRED, "learnt_by"),
        (Refusal.REASON_NEEDED, "reason"),
    }
    same = refused(lambda: letter_addresses.correct(session, letter.id, old, **WHY, actor=officer))
    assert same == [(Refusal.NOTHING_CHANGED, None)]
    session.expire_all()
    assert registered(session, letter) == old


def test_a_second_press_does_nothing_more_and_the_slower_clerk_is_told(session: Session) -> None:
    officer, other = make.office(session), make.office(session)
    made = make.accepted(session, make.trader_data(), actor=officer)
    letter = come_back(session, made.letter, officer)
    to = letter_addresses.addressee_of(session, letter)
    new = replace(to.data, address="北海道みほん市9")
    for _ in range(2):
        letter_addresses.correct(session, letter.id, new, **WHY, actor=officer, basis=to.basis, key="k" * 20)
    events = select(Event).where(Event.tag == EventTag.LETTER_ADDRESS_CORRECTED)
    assert len(session.scalars(events).all()) == 1
    with pytest.raises(Stale):
        letter_addresses.correct(session, letter.id, to.data, **WHY, actor=other, basis=to.basis)


def test_one_key_pressed_three_times_at_once_corrects_once(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        officer = make.office(session)
        letter = come_back(session, make.accepted(session, make.trader_data(), actor=officer).letter, officer)
        new = replace(registered(session, letter), department="環境部")
        basis = letter_addresses.addressee_of(session, letter).basis
    letter_id, version, officer_id = letter.id, letter.version, officer.id
    session.rollback()

    def press(own: Session) -> object:
        who, page = own.get_one(User, officer_id), {"version": version, "basis": basis, "key": "k" * 20}
        return letter_addresses.correct(own, letter_id, new, **WHY, actor=who, **page).id  # type: ignore[arg-type]

    assert at_once(engine, [press] * 3) == [letter_id] * 3
    tag = Event.tag == EventTag.LETTER_ADDRESS_CORRECTED.value
    assert session.scalar(select(func.count(Event.id)).where(tag)) == 1


def test_only_the_office_readdresses(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)
    letter = come_back(session, made.letter, officer)
    new = replace(registered(session, letter), address="別の住所1-2-3")
    assert isinstance(made.participant, Holder)
    for actor in (make.office(session, Role.VIEWER), *made.participant.users):
        with pytest.raises(NotAllowed):
            letter_addresses.correct(session, letter.id, new, **WHY, actor=actor)
    assert contacts.present(made.participant).address != "別の住所1-2-3"
