"""Locking and unlocking participants' logins: the brake when a letter is lost or a log-in doubtful.

A lock is not a password's end: unlocked, the login goes on with the password it has. Colleagues of the
secretariat are not locked but disabled, by an approver (``services/users.py``).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import User
from portal.permissions import SECRETARIAT, Permission
from portal.services import access, audit, logins, users, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify


def lock(session: Session, user_id: int, *, reason: str, actor: User, version: int | None = None) -> User:
    """Lock a participant's login with a reason; its sessions end at once, and it is told by mail.

    Raises ``Refused`` with LOGIN_OF_OFFICE, WRONG_STATE (locked or disabled already), REASON_NEEDED.
    """
    user = _of_participant(session, user_id, actor, version)
    if not user.usable:
        raise refuse(Refusal.WRONG_STATE)
    why = workflow.clean_reason(reason, needed=True)
    user.locked_at = clock.now()
    users.end_sessions(user)
    _tell(session, EventTag.LOGIN_LOCKED, MailKind.LOGIN_LOCKED, user, why, actor)
    return user


def unlock(session: Session, user_id: int, *, reason: str, actor: User, version: int | None = None) -> User:
    """Lift the lock and the pauses of failed tries; the password stays as it is.

    A login that is not locked but kept waiting by failed tries is let in by the same act. Raises
    ``Refused`` with LOGIN_OF_OFFICE, WRONG_STATE if there is nothing to lift, REASON_NEEDED.
    """
    user = _of_participant(session, user_id, actor, version)
    paused = logins.paused_until(session, user.login_id) is not None
    if user.locked_at is None and not paused:
        raise refuse(Refusal.WRONG_STATE)
    why = workflow.clean_reason(reason, needed=True)
    was_locked, user.locked_at = user.locked_at is not None, None
    logins.forgive(session, user.login_id)
    kind = MailKind.LOGIN_UNLOCKED if was_locked else None
    _tell(session, EventTag.LOGIN_UNLOCKED, kind, user, why, actor, paused=paused)
    return user


def _of_participant(session: Session, user_id: int, actor: User, version: int | None) -> User:
    access.check(actor, Permission.LOGIN_LOCK)
    user = users.locked(session, user_id)
    workflow.expect_version(user, version)
    if user.role in SECRETARIAT:
        raise refuse(Refusal.LOGIN_OF_OFFICE)
    return user


def _tell(
    session: Session,
    tag: EventTag,
    mail: MailKind | None,
    user: User,
    reason: str | None,
    actor: User,
    **facts: object,
) -> None:
    audit.record(
        session,
        tag,
        user,
        actor=actor,
        holder_id=user.holder_id,
        reason=reason,
        login_id=user.login_id,
        **facts,
    )
    if mail is not None:
        notify(session, mail, user=user, actor=actor, reason=reason)
