"""Logins and passwords: who gets in, growing pauses, initial passwords that work once (safety 18)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal
from portal.models import Event, LoginAttempts, MailMessage
from portal.permissions import Role
from portal.services import logins, users
from portal.services.audit import EventTag
from portal.services.passwords import ALPHABET, generate_initial_password, hash_password, verify_password
from tests.factories import registration as make

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
NEW = "aoi-sora-ni-shiroi-kumo-42"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def problem(session: Session, login_id: str, password: str, address: str = HOME) -> Refusal | None:
    found = logins.authenticate(session, login_id, password, address).problem
    return found.refusal if found is not None else None


def fail(session: Session, login_id: str, times: int, address: str = HOME) -> None:
    for _ in range(times):
        assert problem(session, login_id, "wrong", address) is Refusal.LOGIN_FAILED


def refused(work: Callable[[], object]) -> dict[str | None, Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return {p.field: p.refusal for p in caught.value.problems}


def test_who_knows_the_password_gets_in(session: Session) -> None:
    user = make.office(session)
    outcome = logins.authenticate(session, f" {user.login_id.upper()} ", make.PASSWORD, HOME)
    assert (outcome.user, outcome.problem) == (user, None)
    assert user.last_login_at == clock.now()
    tags = list(session.scalars(select(Event.tag).where(Event.subject_id == user.id)))
    assert tags[-1] == EventTag.LOGIN_SUCCEEDED


def test_the_answer_never_tells_why(session: Session) -> None:
    active, disabled = make.office(session), make.office(session)
    disabled.active = False
    session.flush()
    answers = {
        problem(session, active.login_id, "wrong"),
        problem(session, disabled.login_id, make.PASSWORD),
        problem(session, "nobody", make.PASSWORD),
        problem(session, "", ""),
        problem(session, "x" * 5000, "y" * 5000),
    }
    assert answers == {Refusal.LOGIN_FAILED}


def test_no_event_keeps_what_was_typed(session: Session) -> None:
    problem(session, "my-password-typed-as-login", "and-another-secret")
    facts = session.scalars(select(Event.facts).where(Event.tag == EventTag.LOGIN_FAILED)).all()
    assert facts == [{"address": HOME}]
    keys = " ".join(session.scalars(select(LoginAttempts.key)))
    assert "my-password" not in keys


@pytest.mark.parametrize("known", [True, False])
def test_ten_failures_bring_a_pause_also_for_the_right_password(session: Session, known: bool) -> None:
    login_id = make.office(session).login_id if known else "nobody"
    fail(session, login_id, 10)
    assert problem(session, login_id, make.PASSWORD) is Refusal.LOGIN_PAUSED
    clock.step(timedelta(minutes=1))
    assert problem(session, login_id, make.PASSWORD) is (None if known else Refusal.LOGIN_FAILED)


def test_nine_failures_bring_none(session: Session) -> None:
    user = make.office(session)
    fail(session, user.login_id, 9)
    assert problem(session, user.login_id, make.PASSWORD) is None


def test_failures_are_forgotten_after_five_minutes(session: Session) -> None:
    user = make.office(session)
    fail(session, user.login_id, 9)
    clock.step(timedelta(minutes=5))
    fail(session, user.login_id, 9)
    assert problem(session, user.login_id, make.PASSWORD) is None


def test_pauses_grow_to_a_quarter_of_an_hour(session: Session) -> None:
    user = make.office(session)
    fail(session, user.login_id, 10)
    for minutes in (1, 2, 4, 8, 15, 15):
        clock.step(timedelta(minutes=minutes) - timedelta(seconds=1))
        assert problem(session, user.login_id, "wrong") is Refusal.LOGIN_PAUSED
        clock.step(timedelta(seconds=1))
        fail(session, user.login_id, 1)


def test_an_address_that_tries_many_logins_is_paused(session: Session) -> None:
    user = make.office(session)
    for number in range(10):
        fail(session, f"guess{number}", 1)
    assert problem(session, user.login_id, make.PASSWORD) is Refusal.LOGIN_PAUSED
    assert problem(session, user.login_id, make.PASSWORD, ELSEWHERE) is None


def test_guesses_from_many_addresses_pause_the_login_but_not_its_owner(session: Session) -> None:
    user = make.office(session)
    assert problem(session, user.login_id, make.PASSWORD) is None
    for number in range(10):
        fail(session, user.login_id, 1, f"203.0.113.{number}")
    assert problem(session, user.login_id, make.PASSWORD, ELSEWHERE) is Refusal.LOGIN_PAUSED
    assert problem(session, user.login_id, make.PASSWORD, HOME) is None


def test_an_ipv6_network_counts_as_one_address(session: Session) -> None:
    for number in range(10):
        fail(session, f"guess{number}", 1, f"2001:db8:1:2::{number + 1:x}")
    assert problem(session, "x", "y", "2001:db8:1:2:ffff::1") is Refusal.LOGIN_PAUSED
    assert problem(session, "x", "y", "2001:db8:1:3::1") is Refusal.LOGIN_FAILED


def test_old_counters_are_dropped(session: Session) -> None:
    user = make.office(session)
    fail(session, "nobody", 1)
    assert problem(session, user.login_id, make.PASSWORD) is None
    clock.step(timedelta(days=2))
    assert logins.forget_old_attempts(session) == 5
    assert session.scalar(select(func.count()).select_from(LoginAttempts)) == 1


def test_an_initial_password_expires_at_the_end_of_its_last_day(session: Session) -> None:
    user = make.office(session)
    password = users.set_initial_password(session, user, actor=None, days=7)
    clock.step(timedelta(days=7, hours=14, minutes=59))
    assert not users.initial_password_is_over(user)
    clock.step(timedelta(minutes=1))
    assert problem(session, user.login_id, password) is Refusal.INITIAL_PASSWORD_OVER


def test_the_first_password_replaces_the_initial_one(session: Session) -> None:
    holder = make.holder(session)
    for user in holder.users:
        password = users.set_initial_password(session, user, actor=None, days=30)
        assert problem(session, user.login_id, password) is None
        users.set_first_password(session, NEW, NEW, actor=user)
        assert problem(session, user.login_id, password) is Refusal.LOGIN_FAILED
        assert problem(session, user.login_id, NEW) is None
        with pytest.raises(PortalError):
            users.set_first_password(session, NEW + "x", NEW + "x", actor=user)


@pytest.mark.parametrize(
    ("current", "new", "repeat", "refusals"),
    [
        (make.PASSWORD, "kurz", "kurz", {"new": Refusal.PASSWORD_SHORT}),
        (make.PASSWORD, "password1234", "password1234", {"new": Refusal.PASSWORD_WEAK}),
        (make.PASSWORD, "abcdefghijkl", "abcdefghijkl", {"new": Refusal.PASSWORD_WEAK}),
        (make.PASSWORD, make.PASSWORD, make.PASSWORD, {"new": Refusal.PASSWORD_SAME}),
        (make.PASSWORD, NEW, NEW + " ", {"repeat": Refusal.PASSWORD_MISMATCH}),
        (make.PASSWORD, "あ" * 200, "あ" * 200, {"new": Refusal.TOO_LONG}),
        (
            "wrong",
            "x",
            "y",
            {
                "current": Refusal.PASSWORD_WRONG,
                "new": Refusal.PASSWORD_SHORT,
                "repeat": Refusal.PASSWORD_MISMATCH,
            },
        ),
    ],
)
def test_what_is_wrong_with_a_new_password_is_said_at_once(
    session: Session, current: str, new: str, repeat: str, refusals: dict[str, Refusal]
) -> None:
    user = make.office(session)
    found = refused(lambda: users.change_own_password(session, current, new, repeat, actor=user))
    assert found == refusals
    assert verify_password(make.PASSWORD, user.password)


def test_a_changed_password_ends_the_sessions(session: Session) -> None:
    user = make.office(session)
    before = user.fs_uniquifier
    users.change_own_password(session, make.PASSWORD, NEW, NEW, actor=user)
    assert user.fs_uniquifier != before
    assert problem(session, user.login_id, NEW) is None


def test_login_a_changes_both_passwords_and_b_neither(session: Session) -> None:
    holder = make.holder(session)
    login_a, login_b = holder.users
    users.change_holder_password(session, "B", make.PASSWORD, NEW, NEW, actor=login_a)
    assert verify_password(NEW, login_b.password)
    assert not login_b.must_change_password
    assert verify_password(make.PASSWORD, login_a.password)
    with pytest.raises(NotAllowed):
        users.change_own_password(session, NEW, NEW + "x", NEW + "x", actor=login_b)
    with pytest.raises(NotAllowed):
        users.change_holder_password(session, "A", NEW, NEW + "x", NEW + "x", actor=login_b)
    found = refused(lambda: users.change_holder_password(session, "B", "wrong", NEW, NEW, actor=login_a))
    assert found == {"current": Refusal.PASSWORD_WRONG, "new": Refusal.PASSWORD_SAME}
    users.change_holder_password(session, "A", make.PASSWORD, NEW + "x", NEW + "x", actor=login_a)
    told = session.scalars(select(MailMessage.recipient).where(MailMessage.kind == "password_changed"))
    assert set(told) == {login_a.email}


def test_a_and_b_have_no_password_in_common(session: Session) -> None:
    """B would otherwise get in as A, where the allowances are."""
    login_a, login_b = make.holder(session).users
    own = make.PASSWORD
    login_b.password = None
    give_b = lambda: users.change_holder_password(session, "B", own, own, own, actor=login_a)  # noqa: E731
    assert refused(give_b) == {"new": Refusal.PASSWORD_SHARED}
    # nobody tries A's password out here: who has not shown to be A is told nothing of it
    guess = lambda: users.change_holder_password(session, "B", "guess", own, own, actor=login_a)  # noqa: E731
    assert refused(guess) == {"current": Refusal.PASSWORD_WRONG}
    users.change_holder_password(session, "B", own, NEW, NEW, actor=login_a)
    take_b = lambda: users.change_own_password(session, own, NEW, NEW, actor=login_a)  # noqa: E731
    assert refused(take_b) == {"new": Refusal.PASSWORD_SHARED}


def test_holders_change_their_own_logins_only(session: Session) -> None:
    one, other = make.holder(session), make.holder(session)
    users.change_holder_password(session, "B", make.PASSWORD, NEW, NEW, actor=one.users[0])
    assert verify_password(make.PASSWORD, other.users[1].password)


def test_the_secretariat_makes_its_own_logins(session: Session) -> None:
    approver = make.office(session, Role.APPROVER)
    user, password = users.create_secretariat_user(
        session, "officer-x", "事務 一子", Role.OFFICER, "x@office.example", actor=approver
    )
    assert user.must_change_password
    assert problem(session, "officer-x", password) is None
    again = refused(
        lambda: users.create_secretariat_user(session, "Officer-X ", "", Role.TRADER, "x@", actor=approver)
    )
    assert again == {
        "login_id": Refusal.LOGIN_ID_FORM,
        "name": Refusal.REQUIRED,
        "role": Refusal.CHOICE_UNKNOWN,
        "email": Refusal.MAIL_FORM,
    }
    taken = refused(
        lambda: users.create_secretariat_user(session, "officer-x", "別", Role.VIEWER, None, actor=approver)
    )
    assert taken == {"login_id": Refusal.LOGIN_ID_TAKEN}
    with pytest.raises(NotAllowed):
        users.create_secretariat_user(session, "abc", "名", Role.VIEWER, None, actor=make.office(session))


def test_a_disabled_login_is_out_at_once(session: Session) -> None:
    approver, officer = make.office(session, Role.APPROVER), make.office(session)
    before = officer.fs_uniquifier
    users.set_active(session, officer.id, False, reason="異動", actor=approver)
    assert problem(session, officer.login_id, make.PASSWORD) is Refusal.LOGIN_FAILED
    assert officer.fs_uniquifier != before
    with pytest.raises(NotAllowed):
        users.change_own_password(session, make.PASSWORD, NEW, NEW, actor=officer)
    users.set_active(session, officer.id, True, reason="復帰", actor=approver)
    assert problem(session, officer.login_id, make.PASSWORD) is None
    own = refused(lambda: users.set_active(session, approver.id, False, reason="x", actor=approver))
    assert own == {None: Refusal.OWN_LOGIN}


def test_initial_passwords_are_easy_to_read_and_hard_to_guess() -> None:
    made = {generate_initial_password() for _ in range(200)}
    assert len(made) == 200
    assert set("".join(made)) - {"-"} <= set(ALPHABET)
    assert not set(ALPHABET) & set("0Oo1lIi")
    assert {len(password) for password in made} == {19}


def test_passwords_are_compared_however_the_keyboard_composes_them() -> None:
    hashed = hash_password("がぎぐげご-ãõ-long")
    assert verify_password("か\u3099ぎぐげご-a\u0303õ-long", hashed)
    assert not verify_password("", None)
    assert not verify_password("x", "no hash at all")
