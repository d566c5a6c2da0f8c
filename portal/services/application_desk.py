"""Who works on which application (担当): taken by an officer, given to a colleague, given back.

To be in charge is a promise among colleagues, no right: everybody who may decide still may, and the
page says who is in charge (decided).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import RegistrationApplication, User
from portal.permissions import ROLE_PERMISSIONS, SECRETARIAT, Permission
from portal.services import access, audit, workflow
from portal.services.audit import EventTag
from portal.services.registration_data import OPEN_STATES

#: who may be in charge: roles that may change applications
CLERKS = tuple(sorted(role for role in SECRETARIAT if Permission.REGISTRATION_EDIT in ROLE_PERMISSIONS[role]))

_NUMBER = re.compile(r"R?(T|V|[1-9][0-9]{0,2})-([1-9][0-9]{0,6}|[0-9]{4,7})")
_FOLDED_NUMBER = re.compile(r"R(T|V|[1-9][0-9]{0,2}?)([0-9]{4})")


def number_typed(text: str) -> str | None:
    """The application number that was typed whole (R4-0022, r4-22, Ｒ４－００２２, R40022), else ``None``."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    plain = re.sub("[‐‑‒–—―−ー]", "-", plain)
    found = _NUMBER.fullmatch(plain) or _FOLDED_NUMBER.fullmatch(plain)
    return f"R{found[1]}-{int(found[2]):04d}" if found else None


@dataclass(frozen=True)
class Load:
    """A colleague who may be in charge, and of how many open applications that is so."""

    clerk: User
    applications: int


def clerks(session: Session) -> list[User]:
    """The colleagues who may be in charge, by login."""
    query = select(User).where(User.role.in_(CLERKS), User.active.is_(True)).order_by(User.login_id)
    return list(session.scalars(query))


def loads(session: Session) -> list[Load]:
    """The same with what each has on the desk; two queries."""
    counted: dict[int | None, int] = {
        clerk_id: count
        for clerk_id, count in session.execute(
            select(RegistrationApplication.clerk_id, func.count())
            .where(
                RegistrationApplication.state.in_(OPEN_STATES),
                RegistrationApplication.clerk_id.is_not(None),
            )
            .group_by(RegistrationApplication.clerk_id)
        )
    }
    return [Load(one, counted.get(one.id, 0)) for one in clerks(session)]


def take(
    session: Session, application_id: int, *, actor: User, version: int | None = None
) -> RegistrationApplication:
    """The actor takes an open application that nobody has. Pressed twice it does nothing more.

    Raises ``Refused`` with CLERK_ALREADY, naming the colleague who was faster, or WRONG_STATE.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    row = access.get_visible(session, RegistrationApplication, application_id, actor, lock=True)
    if row.state not in OPEN_STATES:
        raise refuse(Refusal.WRONG_STATE)
    if row.clerk_id == actor.id:
        return row
    if row.clerk is not None:
        raise refuse(Refusal.CLERK_ALREADY, name=row.clerk.name)
    workflow.expect_version(row, version)
    _give(session, row, actor, actor)
    return row


def assign(
    session: Session,
    applications: Sequence[int],
    clerk_id: int | None,
    *,
    actor: User,
    versions: Mapping[int, int] | None = None,
) -> int:
    """Put a colleague in charge of open applications (``None``: nobody), all of them or none.

    ``versions`` are those the page showed, by application; one that was changed since is ``Stale``.
    What the colleague has already is left alone. Answers how many changed hands. Raises ``Refused``
    with WRONG_STATE, or CHOICE_UNKNOWN at ``clerk`` for somebody who may not be in charge.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    clerk = _clerk(session, clerk_id)
    changed = 0
    for application_id in sorted(set(applications)):
        row = access.get_visible(session, RegistrationApplication, application_id, actor, lock=True)
        if row.clerk_id == clerk_id:
            continue
        if row.state not in OPEN_STATES:
            raise refuse(Refusal.WRONG_STATE)
        workflow.expect_version(row, versions.get(application_id, 0) if versions is not None else None)
        _give(session, row, clerk, actor)
        changed += 1
    return changed


def _clerk(session: Session, clerk_id: int | None) -> User | None:
    if clerk_id is None:
        return None
    clerk = session.get(User, clerk_id)
    if clerk is None or not clerk.active or clerk.role not in CLERKS:
        raise Refused(Problem(Refusal.CHOICE_UNKNOWN, "clerk"))
    return clerk


def _give(session: Session, row: RegistrationApplication, clerk: User | None, actor: User) -> None:
    before = row.clerk.name if row.clerk is not None else None
    row.clerk = clerk
    audit.record(
        session,
        EventTag.APPLICATION_TAKEN,
        row,
        actor=actor,
        before=before,
        after=clerk.name if clerk is not None else None,
    )
