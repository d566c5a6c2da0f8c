"""Logins: made, given passwords, enabled and disabled (domain §2, §3; safety 18)."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from enum import StrEnum, auto

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused, refuse
from portal.models import Holder, Trader, User, Verifier
from portal.permissions import SECRETARIAT, Permission, Role
from portal.services import access, audit, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.passwords import (
    InitialPassword,
    hash_password,
    make_initial_password,
    password_problems,
    unusable_hash,
    verify_password,
)
from portal.services.registration_data import mail_problem, tidy, tidy_code

#: how long the one-time password of a new secretariat login works
OFFICE_PASSWORD_DAYS = 7

_LOGIN_ID = re.compile(r"[a-z][a-z0-9._-]{2,39}")


class PasswordState(StrEnum):
    """What password a login has."""

    NONE = auto()  # its letter was not printed yet
    INITIAL = auto()  # the letter's, waiting for the first login
    OVER = auto()  # the letter's, used or expired
    OWN = auto()  # one its owner has set


def _new_session_key() -> str:
    return uuid.uuid4().hex


def add_login(
    session: Session,
    login_id: str,
    role: Role,
    name: str,
    email: str | None,
    *,
    holder: Holder | None = None,
    trader: Trader | None = None,
    verifier: Verifier | None = None,
    actor: User | None,
) -> User:
    """A login that nobody can use yet: its password comes with a letter or is told once."""
    user = User(
        login_id=login_id,
        role=role,
        name=name,
        email=email,
        locale="ja",
        active=True,
        password=unusable_hash(),
        fs_uniquifier=_new_session_key(),
        must_change_password=True,
        holder=holder,
        trader=trader,
        verifier=verifier,
        created_at=clock.now(),
    )
    session.add(user)
    audit.record(
        session,
        EventTag.USER_CREATED,
        user,
        actor=actor,
        holder_id=holder.id if holder is not None else None,
        login_id=login_id,
        role=role.value,
    )
    return user


def set_initial_password(
    session: Session, user: User, *, actor: User | None, days: int, made: InitialPassword | None = None
) -> str:
    """Give ``user`` a new initial password (``made`` before, or one made here) for ``days`` days.

    Its sessions end. The answer is the only place the password ever stands; it must go into the
    letter and nowhere else. It works once (safety 18).
    """
    made = made or make_initial_password()
    _set_password(user, made.hashed)
    user.must_change_password = True
    user.initial_password_until = clock.end_of_day(clock.today() + timedelta(days=days))
    audit.record(
        session,
        EventTag.PASSWORD_ISSUED,
        user,
        actor=actor,
        holder_id=user.holder_id,
        login_id=user.login_id,
        until=user.initial_password_until.isoformat(),
    )
    return made.word


def _set_password(user: User, hashed: str) -> None:
    user.password = hashed
    user.password_set_at = clock.now()
    end_sessions(user)


def end_sessions(user: User) -> None:
    """Whoever is logged in with it is out with the next page."""
    user.fs_uniquifier = _new_session_key()


def password_state(user: User) -> PasswordState:
    """How the login's password stands."""
    if not user.must_change_password:
        return PasswordState.OWN
    if user.initial_password_until is None:
        return PasswordState.NONE
    return PasswordState.OVER if initial_password_is_over(user) else PasswordState.INITIAL


def initial_password_is_over(user: User) -> bool:
    """Whether the login still has an initial password that was used already or has expired."""
    if not user.must_change_password or user.initial_password_until is None:
        return False
    used = (
        user.last_login_at is not None
        and user.password_set_at is not None
        and user.last_login_at >= user.password_set_at
    )
    return used or clock.now() >= user.initial_password_until


def set_first_password(session: Session, new: str, repeat: str, *, actor: User) -> User:
    """Replace the letter's password by one of one's own, right after the first login (domain §3).

    The letter's password was just given at the door, so it is not asked again.
    """
    access.check(actor, Permission.SIGNED_IN)
    user = locked(session, actor.id)
    if not user.must_change_password:
        raise refuse(Refusal.WRONG_STATE)
    _replace_password(session, user, new, repeat, [], actor=actor)
    return user


def change_own_password(
    session: Session, current: str, new: str, repeat: str, *, actor: User, version: int | None = None
) -> User:
    """Change one's own password; every session of the login ends, the caller starts the present one anew.

    Login B may not: A does it (domain §2). Raises ``Refused`` with everything wrong at ``current``,
    ``new`` and ``repeat``.
    """
    access.check(actor, Permission.PASSWORD_OWN)
    user = locked(session, actor.id)
    workflow.expect_version(user, version)
    problems = []
    if not verify_password(current, user.password):
        problems.append(Problem(Refusal.PASSWORD_WRONG, "current"))
    elif user.role is Role.HOLDER_A:
        problems += _shared(new, _login_b(session, user))
    _replace_password(session, user, new, repeat, problems, actor=actor)
    return user


def change_holder_password(
    session: Session,
    which: str,
    current: str,
    new: str,
    repeat: str,
    *,
    actor: User,
    version: int | None = None,
) -> User:
    """Login A changes its own password (``which`` ``A``) or that of its login B.

    For both, ``current`` is A's present password: it shows that A is at the keyboard.
    """
    access.check(actor, Permission.PASSWORD_HOLDER_LOGINS)
    if which == "A":
        return change_own_password(session, current, new, repeat, actor=actor, version=version)
    if which != "B":
        raise refuse(Refusal.CHOICE_UNKNOWN, "which")
    found = _login_b(session, actor)
    if found is None:
        raise NotFound
    user = locked(session, found.id)
    workflow.expect_version(user, version)
    problems = []
    if not verify_password(current, actor.password):
        problems.append(Problem(Refusal.PASSWORD_WRONG, "current"))
    else:
        problems += _shared(new, actor)
    _replace_password(session, user, new, repeat, problems, actor=actor)
    return user


def _login_b(session: Session, login_a: User) -> User | None:
    return session.scalars(
        select(User).where(User.holder_id == login_a.holder_id, User.role == Role.HOLDER_B)
    ).one_or_none()


def _shared(new: str, other: User | None) -> list[Problem]:
    """PASSWORD_SHARED if ``new`` opens the holder's other login too: B would get in as A.

    Asked only once A has shown who it is, so that nobody can try out the other's password here.
    """
    same = other is not None and verify_password(new, other.password)
    return [Problem(Refusal.PASSWORD_SHARED, "new")] if same else []


def _replace_password(
    session: Session, user: User, new: str, repeat: str, problems: list[Problem], *, actor: User
) -> None:
    problems += password_problems(
        new, repeat, current_hash=user.password, personal=(user.login_id, user.name, user.email)
    )
    if problems:
        raise Refused(*problems)
    _set_password(user, hash_password(new))
    user.must_change_password = False
    user.initial_password_until = None
    audit.record(
        session,
        EventTag.PASSWORD_CHANGED,
        user,
        actor=actor,
        holder_id=user.holder_id,
        login_id=user.login_id,
    )
    notify(session, MailKind.PASSWORD_CHANGED, user=user, actor=actor)


def locked(session: Session, user_id: int) -> User:
    """The login, its row locked and read anew. Raises ``NotFound``."""
    query = select(User).where(User.id == user_id).with_for_update(of=User)
    user = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if user is None:
        raise NotFound
    return user


def create_secretariat_user(
    session: Session, login_id: str, name: str, role: Role, email: str | None, *, actor: User | None
) -> tuple[User, str]:
    """A login of the secretariat and its one-time password, told here and never again.

    ``actor`` ``None`` is the command line making the first administrator. Raises ``Refused`` with
    everything wrong at ``login_id``, ``name``, ``role``, ``email``.
    """
    if actor is not None:
        access.check(actor, Permission.USERS_MANAGE)
    login_id, name, email = tidy_code(login_id), tidy(name), tidy_code(email) or None
    problems: list[Problem | None] = []
    if not _LOGIN_ID.fullmatch(login_id):
        problems.append(Problem(Refusal.LOGIN_ID_FORM, "login_id"))
    elif find_login(session, login_id) is not None:
        problems.append(Problem(Refusal.LOGIN_ID_TAKEN, "login_id"))
    if not name:
        problems.append(Problem(Refusal.REQUIRED, "name"))
    elif len(name) > 100:
        problems.append(Problem(Refusal.TOO_LONG, "name", {"limit": 100}))
    if role not in SECRETARIAT:
        problems.append(Problem(Refusal.CHOICE_UNKNOWN, "role"))
    if email is not None:
        problems.append(mail_problem(email, "email"))
    found = [problem for problem in problems if problem is not None]
    if found:
        raise Refused(*found)
    user = add_login(session, login_id, role, name, email, actor=actor)
    return user, set_initial_password(session, user, actor=actor, days=OFFICE_PASSWORD_DAYS)


def find_login(session: Session, login_id: str) -> User | None:
    """The login with this ID, however it is typed in width and case; inactive ones too."""
    plain = tidy_code(login_id)
    if not plain or len(plain) > 40:
        return None
    return session.scalars(
        select(User).where(User.login_id.in_({plain, plain.upper(), plain.lower()}))
    ).first()


def set_active(
    session: Session, user_id: int, active: bool, *, reason: str, actor: User, version: int | None = None
) -> User:
    """Enable or disable a login with a reason; disabling ends its sessions.

    Nobody disables himself, so that one who may manage users always stays. Raises ``Refused`` with
    OWN_LOGIN, REASON_NEEDED, or WRONG_STATE if it already is so.
    """
    access.check(actor, Permission.USERS_MANAGE)
    user = locked(session, user_id)
    workflow.expect_version(user, version)
    if user.id == actor.id:
        raise refuse(Refusal.OWN_LOGIN)
    if user.active is active:
        raise refuse(Refusal.WRONG_STATE)
    why = workflow.clean_reason(reason, needed=True)
    if not active:
        # mail goes to active logins: told while it is one
        notify(session, MailKind.LOGIN_DISABLED, user=user, actor=actor, reason=why)
        end_sessions(user)
    user.active = active
    tag = EventTag.USER_ENABLED if active else EventTag.USER_DISABLED
    audit.record(
        session,
        tag,
        user,
        actor=actor,
        holder_id=user.holder_id,
        reason=why,
        login_id=user.login_id,
        before=not active,
        after=active,
    )
    if active:
        notify(session, MailKind.LOGIN_ENABLED, user=user, actor=actor, reason=why)
    return user


def set_locale(session: Session, locale: str, *, actor: User) -> User:
    """Remember the language the reader chose, for pages and mails."""
    if locale not in ("ja", "en"):
        raise refuse(Refusal.CHOICE_UNKNOWN, "locale")
    user = locked(session, actor.id)
    user.locale = locale
    return user
