"""Locking, unlocking, disabling, roles: who may, what it ends, who is told (domain §2, safety 18)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal, Stale
from portal.models import Event, Holder, MailMessage, MovementKind, User
from portal.permissions import SECRETARIAT, Role
from portal.services import allowances, colleagues, login_locks, logins, users
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.users import PasswordState, password_state
from tests.factories import registration as make

HOME = "192.0.2.1"
NEW = "aoi-sora-ni-shiroi-kumo-42"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def holder(session: Session) -> Holder:
    return make.holder(session)


@pytest.fixture
def officer(session: Session) -> User:
    return make.office(session)


def problem(session: Session, user: User, password: str = make.PASSWORD, address: str = HOME) -> object:
    found = logins.authenticate(session, user.login_id, password, address).problem
    return found.refusal if found is not None else None


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [one.refusal for one in caught.value.problems]


def told(session: Session, kind: str) -> list[str]:
    query = select(MailMessage.recipient).where(MailMessage.kind == kind).order_by(MailMessage.id)
    return list(session.scalars(query))


def test_a_locked_login_is_out_and_only_who_knows_its_password_learns_why(
    session: Session, holder: Holder, officer: User
) -> None:
    a = holder.users[0]
    before, password = a.fs_uniquifier, a.password
    login_locks.lock(session, a.id, reason="手紙の紛失", actor=officer)
    assert a.fs_uniquifier != before and not a.usable
    assert problem(session, a) is Refusal.LOGIN_LOCKED
    assert problem(session, a, "wrong") is Refusal.LOGIN_FAILED
    assert logins.prove(session, make.PASSWORD, HOME, actor=a) is not None
    with pytest.raises(NotAllowed):
        users.change_own_password(session, make.PASSWORD, NEW, NEW, actor=a)
    with pytest.raises(NotAllowed):
        allowances.draft(session, allowances.Request(MovementKind.RETIRE, "1"), actor=a)
    login_locks.unlock(session, a.id, reason="見つかった", actor=officer)
    assert problem(session, a) is None and a.password == password
    events = session.scalars(
        select(Event).where(
            Event.subject_type == "user", Event.tag.in_([EventTag.LOGIN_LOCKED, EventTag.LOGIN_UNLOCKED])
        )
    ).all()
    assert {(e.tag, e.reason, e.actor_id, e.holder_id) for e in events} == {
        ("login_locked", "手紙の紛失", officer.id, holder.id),
        ("login_unlocked", "見つかった", officer.id, holder.id),
    }
    assert told(session, "login_locked") == told(session, "login_unlocked") == [a.email]


def test_unlocking_lifts_the_pauses_of_failed_tries_also_without_a_lock(
    session: Session, holder: Holder, officer: User
) -> None:
    a, b = holder.users
    for login, lock in ((a, False), (b, True)):
        address = f"198.51.100.{login.id}"
        for _ in range(10):
            problem(session, login, "wrong", address)
        assert problem(session, login, address="203.0.113.9") is Refusal.LOGIN_PAUSED
        assert logins.paused_until(session, login.login_id) == clock.now() + timedelta(minutes=1)
        if lock:
            login_locks.lock(session, login.id, reason="疑わしい", actor=officer)
        login_locks.unlock(session, login.id, reason="本人の電話", actor=officer)
        assert logins.paused_until(session, login.login_id) is None
        assert problem(session, login, address="203.0.113.9") is None
    again = lambda: login_locks.unlock(session, a.id, reason="x", actor=officer)  # noqa: E731
    assert refused(again) == [Refusal.WRONG_STATE]
    # the pause alone is nothing to write a mail about
    assert told(session, "login_unlocked") == [a.email]


def test_the_whole_square_of_roles(session: Session, holder: Holder) -> None:
    """Officers and approvers lock participants' logins; nobody locks a colleague; only approvers disable."""
    people = [*holder.users, make.trader(session).users[0], make.verifier(session).users[0]]
    people += [make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)]
    subjects = [*people[:4], make.office(session, Role.VIEWER)]
    wrong = []
    for actor in people:
        for subject in subjects:
            if actor is subject:
                continue
            for act in ("lock", "disable", "role"):
                point = session.begin_nested()
                try:
                    _do(session, act, subject, actor)
                    got = "done"
                except PortalError as error:
                    got = error.refusal.name
                point.rollback()
                session.expire_all()
                if got != _expected(act, subject.role, actor.role):
                    wrong.append((actor.role, act, subject.role, got))
    assert wrong == []


def _do(session: Session, act: str, subject: User, actor: User) -> None:
    if act == "lock":
        login_locks.lock(session, subject.id, reason="x", actor=actor)
        login_locks.unlock(session, subject.id, reason="x", actor=actor)
    elif act == "disable":
        users.set_active(session, subject.id, False, reason="x", actor=actor)
        users.set_active(session, subject.id, True, reason="x", actor=actor)
    else:
        colleagues.change_role(session, subject.id, Role.OFFICER, reason="x", actor=actor)


def _expected(act: str, subject: Role, actor: Role) -> str:
    if act == "lock" and actor in (Role.OFFICER, Role.APPROVER):
        return "LOGIN_OF_OFFICE" if subject in SECRETARIAT else "done"
    if actor is not Role.APPROVER:
        return "NOT_ALLOWED"
    return "NOT_ALLOWED" if act == "role" and subject not in SECRETARIAT else "done"


def test_a_lock_says_why_once_and_on_a_present_page(session: Session, holder: Holder, officer: User) -> None:
    a = holder.users[0]
    lock = lambda reason, **more: login_locks.lock(session, a.id, reason=reason, actor=officer, **more)  # noqa: E731
    assert refused(lambda: lock(" ")) == [Refusal.REASON_NEEDED]
    with pytest.raises(Stale):
        lock("x", version=a.version + 1)
    lock("x")
    assert refused(lambda: lock("x")) == [Refusal.WRONG_STATE]
    approver = make.office(session, Role.APPROVER)
    users.set_active(session, a.id, False, reason="x", actor=approver)
    assert refused(lambda: lock("x")) == [Refusal.WRONG_STATE]


def test_disabling_is_told_while_the_address_still_is_one(session: Session, holder: Holder) -> None:
    approver = make.office(session, Role.APPROVER)
    a, b = holder.users
    for user in (a, b):
        users.set_active(session, user.id, False, reason="担当の交代", actor=approver)
        users.set_active(session, user.id, True, reason="戻した", actor=approver)
    # safety 17: what happens to login B is told to A
    assert told(session, "login_disabled") == told(session, "login_enabled") == [a.email, a.email]
    bodies = session.scalars(select(MailMessage.body).where(MailMessage.kind == "login_disabled")).all()
    assert b.login_id in bodies[1] and "担当の交代" in bodies[1]


def test_locking_b_is_told_to_a_and_leaves_a_alone(session: Session, holder: Holder, officer: User) -> None:
    a, b = holder.users
    login_locks.lock(session, b.id, reason="退職", actor=officer)
    assert told(session, "login_locked") == [a.email]
    assert problem(session, a) is None and problem(session, b) is Refusal.LOGIN_LOCKED
    # A may set B's password meanwhile; the lock stays
    users.change_holder_password(session, "B", make.PASSWORD, NEW, NEW, actor=a)
    assert problem(session, b, NEW) is Refusal.LOGIN_LOCKED


def test_a_holder_without_an_address_b_gets_no_mail_for_b(session: Session, officer: User) -> None:
    made = make.holder(session, mail_b=None)
    a, b = made.users
    assert b.email is None
    report = made.reports[0]
    sent = notify(session, MailKind.REPORT_REGISTERED, report=report, actor=a)
    assert [one.recipient for one in sent] == [a.email]
    login_locks.lock(session, b.id, reason="x", actor=officer)
    assert told(session, "login_locked") == [a.email]


def test_a_colleague_gets_another_role_and_new_sessions_but_not_from_himself(session: Session) -> None:
    approver, colleague = make.office(session, Role.APPROVER), make.office(session)
    before = colleague.fs_uniquifier
    change = lambda user, role: colleagues.change_role(session, user.id, role, reason="異動", actor=approver)  # noqa: E731
    change(colleague, Role.APPROVER)
    assert colleague.role is Role.APPROVER and colleague.fs_uniquifier != before
    assert refused(lambda: change(colleague, Role.APPROVER)) == [Refusal.NOTHING_CHANGED]
    assert refused(lambda: change(colleague, Role.TRADER)) == [Refusal.CHOICE_UNKNOWN]
    assert refused(lambda: change(approver, Role.VIEWER)) == [Refusal.OWN_ROLE]
    query = select(Event.facts).where(Event.tag == EventTag.USER_ROLE_CHANGED)
    (facts,) = session.scalars(query).all()
    assert (facts["before"], facts["after"]) == ("officer", "approver")


def test_the_state_of_a_password_follows_its_letter(session: Session, officer: User) -> None:
    user = users.add_login(session, "VRF77-1", Role.OFFICER, "名", None, actor=None)
    assert password_state(user) is PasswordState.NONE
    password = users.set_initial_password(session, user, actor=officer, days=30)
    assert password_state(user) is PasswordState.INITIAL
    assert problem(session, user, password) is None
    assert password_state(user) is PasswordState.OVER
    users.set_first_password(session, NEW, NEW, actor=user)
    assert password_state(user) is PasswordState.OWN
