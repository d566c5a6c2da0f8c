"""The first person of an empty installation: an administrator with a one-time password."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import Phase, User
from portal.permissions import Role
from portal.services import audit, installation, passwords
from portal.services.audit import EventTag

FIRST_LOGIN = "admin"


def is_filled(session: Session) -> bool:
    """Whether anybody or any phase is there: such a database is never founded or demonstrated anew."""
    counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (User, Phase)]
    return any(counts)


def first_administrator(
    session: Session, *, name: str, mail: str | None, initial_password_days: int
) -> tuple[User, str]:
    """Make the login ``admin`` (approver); answers with it and its password, which is kept nowhere.

    The first login demands another password. Raises ``Refused(DATABASE_FILLED)`` if somebody is there.
    """
    if is_filled(session):
        raise refuse(Refusal.DATABASE_FILLED)
    password = passwords.generate_initial_password()
    now = clock.now()
    user = User(
        login_id=FIRST_LOGIN,
        role=Role.APPROVER,
        name=name,
        email=mail,
        locale="ja",
        active=True,
        password=passwords.hash_password(password),
        fs_uniquifier=secrets.token_hex(32),
        must_change_password=True,
        password_set_at=now,
        initial_password_until=now + timedelta(days=initial_password_days),
        created_at=now,
    )
    session.add(user)
    installation.state(session)
    audit.record(
        session, EventTag.USER_CREATED, user, actor=None, login_id=FIRST_LOGIN, role=Role.APPROVER.value
    )
    return user, password
