"""The name behind an account number, for who is about to transfer (domain §5; experience, "Transfer").

Whoever may transfer may ask, but not walk the register: names are counted for each login in the counters
of the door, and after :data:`LOOKS` of them in :data:`WINDOW` the login waits. Asking for the same
number again costs nothing. This is the only way to a name: what :func:`ask` answers has been counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Problem, Refusal
from portal.models import Account, AccountKind, AccountState, LoginAttempts, MovementKind, User
from portal.permissions import Permission
from portal.services import access, allowances
from portal.services.documents import insert_if_absent
from portal.services.numbers import parse_account

#: different numbers that a login may ask for in a window
LOOKS = 20
WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class Named:
    """The account behind a number, with its name."""

    code: str
    name: str
    kind: AccountKind
    state: AccountState


@dataclass(frozen=True)
class Answer:
    """What a login is told that asked for a number: the account, if there is one; or that it must wait."""

    account: Named | None = None
    paused: Problem | None = None


def ask(session: Session, text: str, *, actor: User) -> Answer:
    """The account whose number is in ``text``; it is counted that ``actor`` asked. No number: nothing.

    LOOKUPS_PAUSED (``minutes``) at ``account`` if it asked for too many. It does not raise: a count that
    is rolled back is none, so the caller must commit either way.
    """
    access.check(actor, Permission.ALLOWANCE_TRANSFER)
    try:
        number = parse_account(text)
    except PortalError:
        return Answer()
    paused = _count(session, number, actor)
    if paused is not None:
        return Answer(paused=paused)
    found = session.get(Account, number)
    if found is None:
        return Answer()
    return Answer(Named(found.code, found.name, found.kind, found.state))


def _count(session: Session, number: int, actor: User) -> Problem | None:
    now = clock.now()
    table = LoginAttempts.__table__
    assert isinstance(table, Table)
    key = f"account:{actor.id}"
    insert_if_absent(session, table, key=key, window_from=now, failures=0)
    row = session.scalars(
        select(LoginAttempts)
        .where(LoginAttempts.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if now - row.window_from >= WINDOW:
        row.window_from, row.failures, row.paused_until = now, 0, None
    asked = LoginAttempts(key=f"{key}:{number}", window_from=now, failures=0)
    before = session.get(LoginAttempts, asked.key)
    if before is not None and before.window_from >= row.window_from:
        return None
    if row.failures >= LOOKS:
        left = row.window_from + WINDOW - now
        minutes = max(1, ceil(left / timedelta(minutes=1)))
        return Problem(Refusal.LOOKUPS_PAUSED, "account", {"minutes": minutes})
    row.failures += 1
    if before is None:
        session.add(asked)
    else:
        before.window_from = now
    return None


def problems(session: Session, text: str, *, actor: User) -> tuple[Problem, ...]:
    """Every reason why the actor cannot transfer to the account in ``text``.

    They are those of the movement itself, so that the page never says other than the act.
    """
    request = allowances.Request(kind=MovementKind.TRANSFER, quantity="1", account=text)
    plan = allowances.draft(session, request, actor=actor)
    return tuple(one for one in plan.problems if one.field == "account")
