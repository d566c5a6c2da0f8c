"""Colleagues of the secretariat: their logins are made, get new passwords and other roles (domain §2).

A one-time password is told once, to the colleague who asked for it. A second press of its button finds
that it was told, and gets no other. Whoever it opens a login for, and every approver, is told by mail: two
logins that lead to the same person are one person where two are needed (``four_eyes``).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, Refusal, refuse
from portal.models import User
from portal.permissions import SECRETARIAT, Permission, Role
from portal.services import access, audit, once, users, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify

#: the roles of the office as its mails name them
ROLE_WORDS: dict[Role, tuple[str, str]] = {
    Role.OFFICER: ("事務局 担当者", "secretariat officer"),
    Role.APPROVER: ("事務局 承認者", "secretariat approver"),
    Role.VIEWER: ("事務局 閲覧者", "secretariat viewer"),
}


def add_colleague(
    session: Session,
    login_id: str,
    name: str,
    role: Role,
    email: str | None,
    *,
    actor: User,
    key: str | None = None,
) -> tuple[User, str | None]:
    """A login of the secretariat with its one-time password; ``None`` for it if ``key`` was told before.

    Raises ``Refused`` as ``users.create_secretariat_user``, KEY_REUSED.
    """
    access.check(actor, Permission.USERS_MANAGE)
    content = {"login_id": login_id, "name": name, "role": role.value, "email": email}
    once.hold(session, actor)
    made = once.earlier(session, key, "add_colleague", content, actor=actor)
    if made is not None:
        return session.get_one(User, made), None
    user, password = _made(session, login_id, name, role, email, actor=actor)
    once.remember(session, key, "add_colleague", content, user.id, actor=actor)
    return user, password


def add_at_console(
    session: Session, login_id: str, name: str, role: Role, email: str | None
) -> tuple[User, str]:
    """The same, typed by the operator at the console: the login is independent of every other.

    Raises ``Refused`` as ``users.create_secretariat_user``.
    """
    return _made(session, login_id, name, role, email, actor=None)


def _made(
    session: Session, login_id: str, name: str, role: Role, email: str | None, *, actor: User | None
) -> tuple[User, str]:
    user, password = users.create_secretariat_user(session, login_id, name, role, email, actor=actor)
    session.flush()
    _tell(session, user, actor, made=True)
    return user, password


def _tell(session: Session, user: User, actor: User | None, *, made: bool) -> None:
    """To the colleague, and to every approver but the actor: who now may know the password of whom."""
    notify(
        session,
        MailKind.OFFICE_PASSWORD_ISSUED,
        user=user,
        actor=actor,
        row=user,
        by=_called(actor),
        made=made,
        role=ROLE_WORDS[user.role],
    )


def _called(actor: User | None) -> tuple[str, str] | None:
    """Who did it, with the login ID: names may be alike; ``None`` for the console."""
    if actor is None:
        return None
    return f"{actor.name}さん（{actor.login_id}）", f"{actor.name} ({actor.login_id})"


def reissue_password(
    session: Session, user_id: int, *, actor: User, version: int | None = None, key: str | None = None
) -> tuple[User, str | None]:
    """A new one-time password for a colleague (participants get a letter); ``None`` as above.

    Until somebody else issues one, ``actor`` and the colleague confirm nothing that the other proposes,
    and neither does who has a hand in the logins of both.
    """
    access.check(actor, Permission.USERS_MANAGE)
    user = users.locked(session, user_id)
    content = {"user": user_id}
    if once.earlier(session, key, "reissue_office_password", content, actor=actor) is not None:
        return user, None
    workflow.expect_version(user, version)
    if user.role not in SECRETARIAT:
        raise NotAllowed
    password = users.set_initial_password(session, user, actor=actor, days=users.OFFICE_PASSWORD_DAYS)
    # who did not ask for it learns that somebody else now holds the key
    _tell(session, user, actor, made=False)
    once.remember(session, key, "reissue_office_password", content, user.id, actor=actor)
    return user, password


def reissue_at_console(session: Session, login_id: str) -> tuple[User, str]:
    """A new one-time password for a colleague, typed by the operator at the console.

    From now on the login is in its owner's hands alone. Raises ``NotFound`` if the secretariat has no
    such login; ``Refused(WRONG_STATE)`` for a disabled one, which a password would not open.
    """
    found = users.find_login(session, login_id)
    if found is None or found.role not in SECRETARIAT:
        raise NotFound
    user = users.locked(session, found.id)
    if not user.active:
        raise refuse(Refusal.WRONG_STATE)
    password = users.set_initial_password(session, user, actor=None, days=users.OFFICE_PASSWORD_DAYS)
    _tell(session, user, None, made=False)
    return user, password


def change_role(
    session: Session, user_id: int, role: Role, *, reason: str, actor: User, version: int | None = None
) -> User:
    """Give a colleague of the secretariat another role, with a reason (*decided*: an approver does).

    Nobody changes his own, so that one who may manage users always stays. The colleague's sessions
    end: no page shown under the old role goes on. What he proposed stays his: he never confirms it.
    Raises ``Refused`` with OWN_ROLE, CHOICE_UNKNOWN, NOTHING_CHANGED, REASON_NEEDED; ``NotAllowed``
    for a participant's login.
    """
    access.check(actor, Permission.USERS_MANAGE)
    user = users.locked(session, user_id)
    workflow.expect_version(user, version)
    if user.role not in SECRETARIAT:
        raise NotAllowed
    if user.id == actor.id:
        raise refuse(Refusal.OWN_ROLE)
    if role not in SECRETARIAT:
        raise refuse(Refusal.CHOICE_UNKNOWN, "role")
    if role is user.role:
        raise refuse(Refusal.NOTHING_CHANGED, "role")
    why = workflow.clean_reason(reason, needed=True)
    before, user.role = user.role, role
    users.end_sessions(user)
    audit.record(
        session,
        EventTag.USER_ROLE_CHANGED,
        user,
        actor=actor,
        reason=why,
        login_id=user.login_id,
        before=before.value,
        after=role.value,
    )
    notify(
        session,
        MailKind.ROLE_CHANGED,
        user=user,
        actor=actor,
        row=user,
        reason=why,
        role=ROLE_WORDS[role],
        by=_called(actor),
    )
    return user
