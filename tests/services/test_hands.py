"""Whose hands a login is in, and that two logins with a hand in common are one person (safety 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal
from portal.models import MailMessage, User
from portal.permissions import Role
from portal.services import colleagues, four_eyes, users
from portal.services.four_eyes import Issue, hands
from tests.factories import registration as make

START = datetime(2013, 10, 8, 9, tzinfo=clock.TOKYO)


class Office(NamedTuple):
    """Two approvers made at the console, and how one of them makes and reissues logins."""

    session: Session
    one: User
    other: User

    def made(self, by: User) -> User:
        """Another approver, whose one-time password ``by`` has seen."""
        login = f"puppet{len(self.session.scalars(select(User.id)).all())}"
        user, _word = colleagues.add_colleague(
            self.session, login, "人形 みほん", Role.APPROVER, None, actor=by
        )
        return user

    def reissued(self, user: User, by: User) -> None:
        clock.step(timedelta(minutes=1))
        colleagues.reissue_password(self.session, user.id, actor=by)
        clock.step(timedelta(minutes=1))

    def at_console(self, user: User) -> None:
        clock.step(timedelta(minutes=1))
        colleagues.reissue_at_console(self.session, user.login_id)
        clock.step(timedelta(minutes=1))

    def are_two(self, proposer: User, confirmer: User, proposed_at: datetime | None = None) -> bool:
        """Whether the second may confirm what the first proposes now, or proposed then."""
        then = proposed_at or clock.now()
        found = four_eyes.problems(self.session, proposer, confirmer, proposed_at=then)
        assert [one.refusal for one in found] in ([], [Refusal.PASSWORD_ISSUER])
        return not found


@pytest.fixture
def office(session: Session, at: Callable[[str], datetime]) -> Office:
    at("2013-10-08 09:00")
    one, other = make.office(session, Role.APPROVER), make.office(session, Role.APPROVER)
    clock.step(timedelta(minutes=1))
    return Office(session, one, other)


def test_logins_of_one_person_are_one_person_in_whichever_order(office: Office) -> None:
    one, other, are_two = office.one, office.other, office.are_two
    assert are_two(one, other) and are_two(other, one)
    puppet, second = office.made(one), office.made(one)
    assert not are_two(puppet, one) and not are_two(one, puppet)  # who made it
    assert not are_two(puppet, second)  # two by one and the same third
    of_puppet = office.made(puppet)
    assert not are_two(one, of_puppet) and not are_two(of_puppet, second)  # a puppet's puppet
    assert are_two(of_puppet, other) and are_two(other, of_puppet)
    # its own new password frees a puppet from nobody, nor does the maker's innocence later
    office.reissued(puppet, by=puppet)
    office.at_console(one)
    assert not are_two(one, puppet) and not are_two(one, of_puppet)


def test_who_reissued_each_others_passwords_are_one_person_and_it_ends(office: Office) -> None:
    one, other = office.one, office.other
    then = clock.now()
    office.reissued(other, by=one)
    office.reissued(one, by=other)
    third = make.office(office.session, Role.APPROVER)
    clock.step(timedelta(minutes=1))
    assert not office.are_two(one, other) and not office.are_two(other, one)
    assert not office.are_two(one, other, then)  # a password issued after the proposal counts
    assert office.are_two(third, one) and office.are_two(other, third)
    office.at_console(other)
    assert not office.are_two(one, other)  # one still lives from the word that other read
    office.at_console(one)
    assert office.are_two(one, other) and office.are_two(other, one)
    assert office.are_two(one, other, then)  # each was alone at the proposal, and is again


# ---- against a plain model: who has read or could read each login's password

Acts = list[tuple[int | None, int]]


class Model:
    """Who knows the present password of each login, told act by act."""

    def __init__(self) -> None:
        self.known: dict[int, set[int]] = defaultdict(set)

    def of(self, login: int) -> set[int]:
        return {login} | self.known[login]

    def issue(self, issuer: int | None, login: int) -> None:
        self.known[login] = {login} | (self.of(issuer) if issuer is not None else set())


def whoever(acts: Acts, then: int, login: int) -> set[int]:
    """Who knew the login's password after ``then`` acts, or knows it after all of them."""
    model, found = Model(), set()
    for number, act in enumerate([*acts, None]):
        if number == then:
            found |= model.of(login)
        if act is not None:
            model.issue(*act)
    return found | model.of(login)


LOGINS = st.integers(1, 5)


@given(st.lists(st.tuples(st.none() | LOGINS, LOGINS), max_size=24), st.data())
def test_hands_are_those_of_whoever_could_know_the_password(acts: Acts, data: st.DataObject) -> None:
    issued = defaultdict(list)
    for number, (issuer, login) in enumerate(acts):
        issued[login].append(Issue(number, issuer, START + timedelta(minutes=number)))
    then = data.draw(st.integers(0, len(acts)))
    moment = START + timedelta(minutes=then - 1)
    for login in range(1, 6):
        assert hands(issued, login, moment) == whoever(acts, then, login)


def test_all_that_leads_to_somebody_is_read_at_once(office: Office, engine: Engine) -> None:
    session = office.session
    chain = [office.one]
    for _ in range(6):
        chain.append(office.made(chain[-1]))
        session.flush()
    users.set_initial_password(session, office.one, actor=chain[-1], days=7)  # and round
    session.flush()
    asked, seen = [chain[-1].id, office.other.id], list[str]()
    listen = lambda *call: seen.append(call[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listen)
    issued = four_eyes.issued_to(session, asked)
    event.remove(engine, "before_cursor_execute", listen)
    assert len(seen) == 1
    assert hands(issued, chain[-1].id, clock.now()) == {one.id for one in chain}
    assert hands(issued, office.other.id, clock.now()) == {office.other.id}


def test_whoever_it_concerns_and_every_other_approver_is_told(office: Office) -> None:
    session, one = office.session, office.one
    for message in session.scalars(select(MailMessage)):
        session.delete(message)
    made, _word = colleagues.add_colleague(
        session, "newcomer", "新任 みほん", Role.OFFICER, "new@office.example", actor=one
    )
    colleagues.change_role(session, made.id, Role.APPROVER, reason="異動", actor=one)
    colleagues.reissue_password(session, made.id, actor=one)
    colleagues.reissue_at_console(session, made.login_id)
    session.flush()
    told = session.scalars(select(MailMessage).order_by(MailMessage.id)).all()
    other, kind = office.other.email, "office_password_issued"
    assert [(one.kind, one.recipient) for one in told] == [
        (kind, made.email),
        (kind, other),
        ("role_changed", made.email),
        ("role_changed", other),
        (kind, made.email),
        (kind, other),
        (kind, made.email),
        (kind, one.email),
        (kind, other),
    ]
    assert all(f"/admin/user/details/?id={made.id}" in one.body for one in told)
    by_page, by_console = told[1].body, told[-1].body
    assert f"{one.name}さん（{one.login_id}）と newcomer は、一方が起案したものを" in by_page
    assert (
        "サーバーの管理者が、事務局の利用者 newcomer（事務局 承認者）の初期パスワードを再発行" in by_console
    )
    assert "一方が起案した" not in by_console and "異動" in told[3].body
