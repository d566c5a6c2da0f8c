"""Letters: passwords leave once, in the letter only; the kept copy never has them (domain §3, safety 18)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
from pypdf import PdfReader
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import Base, LetterKind, LetterState, MailMessage, User
from portal.permissions import Role
from portal.services import (
    documents,
    letter_points,
    letter_requests,
    letter_words,
    letters,
    logins,
    registration,
    users,
    verifiers,
)
from portal.services.passwords import verify_password
from portal.settings import Settings
from tests.factories import registration as make

PASSWORD_SHAPE = re.compile(r"\b\w{4}-\w{4}-\w{4}-\w{4}\b")


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\u200b", "")


def passwords_in(pdf: bytes) -> list[str]:
    return PASSWORD_SHAPE.findall(words(pdf))


def everything(session: Session) -> str:
    """The whole database as text, but for the bytes of files."""
    found = []
    for table in Base.metadata.sorted_tables:
        assert isinstance(table, Table)
        if table.name != "document_content":
            found += [str(tuple(row)) for row in session.execute(select(table))]
    return "\n".join(found)


def test_the_letter_carries_passwords_that_work_once(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)
    assert made.holder is not None
    pdf = letters.print_letter(session, made.letter.id, actor=officer)
    password_a, password_b = passwords_in(pdf)
    text = words(pdf)
    assert "AST1001A" in text
    assert "2013年11月7日" in text
    a, b = made.holder.users
    assert verify_password(password_a, a.password)
    assert verify_password(password_b, b.password)
    assert logins.authenticate(session, "AST1001A", password_a, "192.0.2.1").user is a
    again = logins.authenticate(session, "AST1001A", password_a, "192.0.2.1").problem
    assert again is not None
    assert again.refusal is Refusal.INITIAL_PASSWORD_OVER


def test_no_password_stays_in_the_database(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)
    pdf = letters.print_letter(session, made.letter.id, actor=officer)
    session.flush()
    for password in passwords_in(pdf):
        assert password not in everything(session)
    assert made.letter.copy is not None
    copy = documents.read(session, made.letter.copy)
    assert passwords_in(copy) == []
    assert "AST1001A" in words(copy)
    assert "2013年11月7日" in words(copy)


def test_before_printing_nobody_gets_in(session: Session) -> None:
    made = make.accepted(session, make.holder_data(session))
    assert made.holder is not None
    for guess in ("", "password", made.holder.users[0].password or ""):
        outcome = logins.authenticate(session, "AST1001A", guess, "192.0.2.1")
        assert outcome.user is None


def test_a_reprint_makes_new_passwords_and_says_so(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.trader_data(), actor=officer)
    first = passwords_in(letters.print_letter(session, made.letter.id, actor=officer, version=1))
    with pytest.raises(Stale):
        letters.print_letter(session, made.letter.id, actor=officer, version=1)
    second = passwords_in(letters.print_letter(session, made.letter.id, actor=officer))
    assert first != second
    assert made.trader is not None
    (login,) = made.trader.users
    assert not verify_password(first[0], login.password)
    assert verify_password(second[0], login.password)
    assert made.letter.prints == 2


def test_posting_and_coming_back_are_recorded_with_their_days(session: Session) -> None:
    officer = make.office(session)
    letter = make.accepted(session, make.trader_data(), actor=officer).letter
    with pytest.raises(PortalError) as caught:
        letters.mark_posted(session, letter.id, date(2013, 10, 8), actor=officer)
    assert caught.value.refusal is Refusal.WRONG_STATE
    session.refresh(letter)
    letters.print_letter(session, letter.id, actor=officer)
    for day, refusal in (
        (date(2013, 10, 9), Refusal.DATE_IN_FUTURE),
        (date(2013, 10, 7), Refusal.DATES_ORDER),
    ):
        with pytest.raises(PortalError) as caught:
            letters.mark_posted(session, letter.id, day, actor=officer)
        assert caught.value.refusal is refusal
    letters.mark_posted(session, letter.id, date(2013, 10, 8), actor=officer)
    assert (letter.state, letter.posted_on) == (LetterState.POSTED, date(2013, 10, 8))
    letters.mark_returned(session, letter.id, date(2013, 10, 8), actor=officer)
    assert letter.state is LetterState.RETURNED
    letters.print_letter(session, letter.id, actor=officer)
    assert (letter.state, letter.posted_on, letter.returned_on) == (LetterState.PRINTED, None, None)


def test_letters_of_correction_carry_the_reason_and_no_login(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    letter = registration.ask_correction(
        session, row.id, "1行目の補正です。\n2行目の補正です。", actor=officer
    )
    text = words(letters.print_letter(session, letter.id, actor=officer))
    assert "1行目の補正です。" in text
    assert "2行目の補正です。" in text
    assert "ログインID" not in text


def test_a_character_that_cannot_be_printed_stops_the_letter(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    with pytest.raises(PortalError) as caught:
        registration.ask_correction(session, row.id, "補正😀", actor=officer)
    problem = caught.value.problems[0]
    assert (problem.refusal, problem.field, problem.figures["found"]) == (
        Refusal.GLYPH_MISSING,
        "reason",
        "😀",
    )
    with pytest.raises(PortalError) as caught:
        registration.reject(session, row.id, "却下𠮷", actor=officer)
    assert caught.value.problems[0].field == "reason"


@pytest.mark.parametrize(
    ("typed", "points"),
    [
        ("社印がありません。", ("社印がありません。",)),
        ("社印がありません。\n\nかながありません。", ("社印がありません。", "かながありません。")),
        ("1. 社印\nなお、原本に限る。\n２．かな", ("社印\nなお、原本に限る。", "かな")),
        ("(1) 社印\n（２）かな", ("社印", "かな")),
        ("①社印\n②かな", ("社印", "かな")),
        ("・社印\n・かな", ("社印", "かな")),
        # these name items of the form, or are figures
        ("3. 担当者\n5. 口座名", ("3. 担当者", "5. 口座名")),
        ("1.5倍にする\n2.5倍にする", ("1.5倍にする", "2.5倍にする")),
    ],
)
def test_points_are_numbered_once_however_they_were_typed(typed: str, points: tuple[str, ...]) -> None:
    assert letter_points.points(typed) == points


def test_a_letter_goes_to_where_its_reader_is_registered_when_it_is_printed(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.trader_data(), actor=officer)
    assert made.trader is not None
    letters.print_letter(session, made.letter.id, actor=officer)
    letters.mark_posted(session, made.letter.id, date(2013, 10, 8), actor=officer)
    letters.mark_returned(session, made.letter.id, date(2013, 10, 8), actor=officer)
    made.trader.contact.postal_code = "060-0001"
    made.trader.contact.address = "北海道みほん市みほん1-2-3"
    made.trader.contact.name = "転居 花子"
    session.flush()
    text = words(letters.print_letter(session, made.letter.id, actor=officer))
    assert "〒060-0001" in text and "北海道みほん市みほん1-2-3" in text and "転居 花子" in text
    assert made.letter.addressee.endswith("転居 花子")
    assert made.letter.copy is not None
    assert "〒060-0001" in words(documents.read(session, made.letter.copy))


def test_a_correction_goes_to_the_address_the_application_names_now(session: Session) -> None:
    officer = make.office(session)
    data = make.holder_data(session)
    row = registration.record_application(session, data, actor=officer)
    letter = registration.ask_correction(session, row.id, "郵便番号が違います。", actor=officer)
    letters.print_letter(
        session, letter.id, actor=officer
    )  # one that waits would be void with the correction
    better = replace(data, contact_postal_code="060-0001")
    registration.change_application(session, row.id, better, actor=officer)
    assert "〒060-0001" in words(letters.print_letter(session, letter.id, actor=officer))


def test_who_gets_new_passwords_by_a_reprint_is_told_b_through_a(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)

    def told() -> list[tuple[str, bool]]:
        mails = session.scalars(select(MailMessage).where(MailMessage.kind == "password_letter"))
        return [(mail.recipient, "AST1001A、AST1001B" in mail.body) for mail in mails]

    letters.print_letter(session, made.letter.id, actor=officer)
    assert told() == []
    letters.print_letter(session, made.letter.id, actor=officer)
    assert made.holder is not None
    mail_a = made.holder.users[0].email
    assert told() == [(mail_a, True)]  # one mail for one letter


def test_users_of_a_verifier_are_each_told_at_their_own_address(session: Session) -> None:
    officer = make.office(session)
    verifier = make.verifier(session)
    verifiers.add_user(session, verifier.id, "検証 三郎", "futaba@aozora.example", actor=officer)
    verifiers.add_user(session, verifier.id, "検証 四郎", "Futaba@aozora.example", actor=officer)
    session.refresh(verifier)
    letter = letters.make_reissue(session, verifier, list(verifier.users), actor=officer)
    letters.print_letter(session, letter.id, actor=officer)
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "password_letter"))
    told = {mail.recipient: [n for n in (1, 2, 3) if f"{verifier.code}-{n}" in mail.body] for mail in mails}
    assert told == {verifier.contact.mail: [1], "futaba@aozora.example": [2, 3]}


def test_a_correction_says_by_when_and_where_to_and_gives_time_anew_when_it_lay(
    session: Session, at: Callable[[str], datetime]
) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    day = date(2013, 10, 18)
    letter = registration.ask_correction(session, row.id, "社印", answer_by=day, actor=officer)
    text = words(letters.print_letter(session, letter.id, actor=officer)).replace("\n", "")
    assert "2013年10月18日（事務局に届く日）" in text
    assert Settings.office_address in text and Settings.office_phone in text
    at("2013-10-18 09:00")  # that day cannot be kept any more
    text = words(letters.print_letter(session, letter.id, actor=officer))
    assert "2013年11月1日（事務局に届く日）" in text and "2013年10月18日（事務局" not in text


def test_the_day_of_an_answer_lies_ahead(session: Session, at: Callable[[str], datetime]) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    # fourteen days, but not after the phase's day for applications while that lies ahead
    assert letter_requests.usual_answer_by(session, row) == date(2013, 10, 22)
    at("2013-09-20 09:00")
    assert letter_requests.usual_answer_by(session, row) == date(2013, 9, 30)
    for day, refusal in (
        (date(2013, 9, 20), Refusal.ANSWER_BY_PAST),
        (date(2031, 9, 20), Refusal.ANSWER_BY_FAR),
    ):
        with pytest.raises(PortalError) as caught:
            registration.ask_correction(session, row.id, " ", answer_by=day, actor=officer)
        found = [(one.refusal, one.field) for one in caught.value.problems]
        assert found == [(Refusal.REASON_NEEDED, "reason"), (refusal, "answer_by")]


def test_many_are_posted_at_once_or_none(session: Session) -> None:
    officer = make.office(session)
    made = [make.accepted(session, make.trader_data(), actor=officer).letter for _ in range(3)]
    for letter in made:
        letters.print_letter(session, letter.id, actor=officer)
    chosen = {letter.id: letter.version for letter in made}
    letters.print_letter(session, made[1].id, actor=officer)
    with pytest.raises(Stale):
        letters.post_together(session, chosen, date(2013, 10, 8), actor=officer)
    session.flush()
    assert {letter.state for letter in made} == {LetterState.PRINTED}
    chosen[made[1].id] = made[1].version
    for _ in range(2):
        assert letters.post_together(session, chosen, date(2013, 10, 8), actor=officer, key="k" * 20) == 3
    assert {letter.posted_on for letter in made} == {date(2013, 10, 8)}


def test_a_reissue_is_for_own_logins_of_the_participant(session: Session) -> None:
    officer = make.office(session)
    holder, trader = make.holder(session), make.trader(session)
    login_b = holder.users[1]
    letter = letters.make_reissue(session, holder, [login_b], actor=officer)
    assert letter.kind is LetterKind.REISSUE
    before = holder.users[0].password
    (password,) = passwords_in(letters.print_letter(session, letter.id, actor=officer))
    assert verify_password(password, login_b.password)
    assert login_b.must_change_password
    assert holder.users[0].password == before
    with pytest.raises(NotFound):
        letters.make_reissue(session, holder, list(trader.users), actor=officer)


def test_a_verifier_may_have_several_users(session: Session) -> None:
    officer = make.office(session)
    verifier = make.verifier(session)
    user, letter = verifiers.add_user(session, verifier.id, "検証 三郎", "v3@aozora.example", actor=officer)
    assert user.login_id == "VRF01-2"
    # it is no reissue: nobody has had this login before, and the contact person learns whose it is
    content = letter_words.from_json(letter.content)
    assert content.title == "ASSETシステムログインID発行通知書"
    assert "検証 三郎 様" in content.intro[0] and "再発行" not in content.intro[0]
    assert len(passwords_in(letters.print_letter(session, letter.id, actor=officer))) == 1


def test_only_who_may_print_prints(session: Session) -> None:
    made = make.accepted(session, make.trader_data())
    assert made.trader is not None
    others: list[User] = [make.office(session, Role.VIEWER), *made.trader.users]
    for actor in others:
        with pytest.raises(NotAllowed):
            letters.print_letter(session, made.letter.id, actor=actor)


def test_the_content_kept_has_no_password(session: Session) -> None:
    officer = make.office(session)
    made = make.accepted(session, make.holder_data(session), actor=officer)
    letters.print_letter(session, made.letter.id, actor=officer)
    assert [login["password"] for login in made.letter.content["logins"]] == [None, None]
    assert not PASSWORD_SHAPE.search(json.dumps(made.letter.content, ensure_ascii=False))


def test_printing_ends_the_sessions_of_the_login(session: Session) -> None:
    officer = make.office(session)
    holder = make.holder(session)
    before = [user.fs_uniquifier for user in holder.users]
    letter = letters.make_reissue(session, holder, list(holder.users), actor=officer)
    letters.print_letter(session, letter.id, actor=officer)
    assert not set(before) & {user.fs_uniquifier for user in holder.users}
    assert users.find_login(session, "ast1001a") is holder.users[0]
