"""The first person of an empty installation: an administrator with a one-time password."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import Refusal, refuse
from portal.models import Phase, User
from portal.permissions import Role
from portal.services import installation, users

FIRST_LOGIN = "admin"


def is_filled(session: Session) -> bool:
    """Whether anybody or any phase is there: such a database is never founded or demonstrated anew."""
    counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (User, Phase)]
    return any(counts)


def first_administrator(session: Session, *, name: str, mail: str | None) -> tuple[User, str]:
    """Make the login ``admin`` (approver); answers with it and its password, which is kept nowhere.

    The first login demands another password. Raises ``Refused(DATABASE_FILLED)`` if somebody is
    there, and ``Refused`` with what is wrong with ``name`` or ``mail``.
    """
    if is_filled(session):
        raise refuse(Refusal.DATABASE_FILLED)
    installation.state(session)
    return users.create_secretariat_user(session, FIRST_LOGIN, name, Role.APPROVER, mail, actor=None)
