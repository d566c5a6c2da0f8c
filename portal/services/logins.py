"""Logging in: one generic answer, and pauses that grow but lock nobody out (safety, login floor).

Ten failures in five minutes bring a pause of 1, 2, 4, 8, then 15 minutes. They are counted three ways:

* for the address (a network of IPv6), whatever login it tries;
* for the login from this address;
* for the login from everywhere.

Only the second stops a login at an address from which it has got in before, so that neither a stranger's
guesses nor a colleague's behind the same address keep the owner out.

Who is logged in and proves it again is counted for the login, not for the address: its other users
have no part in it. Unknown logins are counted and paused like known ones, and cost the same work.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Select, Table, delete, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal
from portal.models import LoginAttempts, User
from portal.services import audit
from portal.services.audit import EventTag
from portal.services.documents import insert_if_absent
from portal.services.passwords import verify_password
from portal.services.registration_data import tidy_code
from portal.services.users import find_login, initial_password_is_over

TRIES = 10
WINDOW = timedelta(minutes=5)
PAUSES = (1, 2, 4, 8, 15)
#: so long after the last pause the count begins anew
FORGIVE = timedelta(minutes=30)
#: so long an address counts as one the login has got in from
KNOWN_FOR = timedelta(days=180)


@dataclass(frozen=True)
class LoginOutcome:
    """Who got in, or the one problem to show. Commit it either way: failures count only when kept."""

    user: User | None
    problem: Problem | None


def authenticate(session: Session, login_id: str, password: str, address: str) -> LoginOutcome:
    """Judge one try to log in from ``address``.

    Refuses with LOGIN_FAILED (the same for every cause), LOGIN_PAUSED (``minutes``), or, to who
    knows the password only, LOGIN_LOCKED or INITIAL_PASSWORD_OVER. It does not raise: the caller must
    commit, since a failure that is rolled back is not counted. Success is recorded; the session is the
    caller's.
    """
    now = clock.now()
    network, who = _network(address), _who(login_id)
    keys = (f"address:{network}", f"login:{who}", f"pair:{who}:{network}")
    by_address, by_login, by_pair = _locked(session, keys, now)
    stops = [by_pair] if _trusted(session, who, network, now) else [by_address, by_pair, by_login]
    paused = _paused(stops, now)
    if paused is not None:
        return LoginOutcome(None, paused)
    user = find_login(session, login_id)
    right = verify_password(password, user.password if user is not None else None)
    if user is None or not right or not user.active:
        for row in (by_address, by_login, by_pair):
            _count(row, now)
        # what was typed may be a password in the wrong field: it is not kept
        audit.record(session, EventTag.LOGIN_FAILED, user or User(id=0), actor=None, address=network)
        return LoginOutcome(None, Problem(Refusal.LOGIN_FAILED))
    if user.locked_at is not None:
        audit.record(session, EventTag.LOGIN_FAILED, user, actor=None, address=network, locked=True)
        return LoginOutcome(None, Problem(Refusal.LOGIN_LOCKED))
    if initial_password_is_over(user):
        audit.record(
            session, EventTag.LOGIN_FAILED, user, actor=None, address=network, initial_password_over=True
        )
        return LoginOutcome(None, Problem(Refusal.INITIAL_PASSWORD_OVER))
    _forgive((by_login, by_pair), now)
    known = session.get(LoginAttempts, _known(who, network))
    if known is None:
        session.add(LoginAttempts(key=_known(who, network), window_from=now, failures=0))
    else:
        known.window_from = now
    user.last_login_at = now
    audit.record(session, EventTag.LOGIN_SUCCEEDED, user, actor=user, address=network)
    return LoginOutcome(user, None)


def prove(session: Session, password: str, address: str, *, actor: User) -> Problem | None:
    """Judge whether ``password`` is that of ``actor``, who is logged in: counted and paused like a login.

    ``None`` if it is; else PASSWORD_WRONG or LOGIN_PAUSED (``minutes``). It does not raise, and the
    caller must commit, as for :func:`authenticate`. A proof is no login: it leaves no event of one.
    """
    now = clock.now()
    network, who = _network(address), _who(actor.login_id)
    by_login, by_pair = _locked(session, (f"login:{who}", f"pair:{who}:{network}"), now)
    paused = _paused([by_pair] if _trusted(session, who, network, now) else [by_pair, by_login], now)
    if paused is not None:
        return paused
    if not verify_password(password, actor.password) or not actor.usable:
        for row in (by_login, by_pair):
            _count(row, now)
        audit.record(session, EventTag.LOGIN_FAILED, actor, actor=actor, address=network, proof=True)
        return Problem(Refusal.PASSWORD_WRONG)
    _forgive((by_login, by_pair), now)
    return None


def log_out(session: Session, *, actor: User) -> None:
    """Record that ``actor`` logged out."""
    audit.record(session, EventTag.LOGGED_OUT, actor, actor=actor)


def paused_until(session: Session, login_id: str) -> datetime | None:
    """Until when failed tries keep the login waiting, from wherever; ``None``: they do not.

    An address from which it got in before may still let its owner in.
    """
    until = max(
        (row.paused_until for row in session.scalars(_counters(login_id)) if row.paused_until), default=None
    )
    return until if until is not None and until > clock.now() else None


def forgive(session: Session, login_id: str) -> None:
    """Lift the pauses of a login and forget its failed tries; an address's own stay: it is others' too."""
    now = clock.now()
    query = _counters(login_id).order_by(LoginAttempts.key).with_for_update()
    _forgive(session.scalars(query.execution_options(populate_existing=True)).all(), now)


def _counters(login_id: str) -> Select[LoginAttempts]:
    who = _who(login_id)
    own = LoginAttempts.key == f"login:{who}"
    return select(LoginAttempts).where(own | LoginAttempts.key.startswith(f"pair:{who}:", autoescape=True))


def forget_old_attempts(session: Session) -> int:
    """Drop counters nobody needs any more; answers with how many (the worker calls it nightly)."""
    now = clock.now()
    counters = LoginAttempts.key.not_like("known:%")
    old = delete(LoginAttempts).where(
        (counters & (LoginAttempts.window_from < now - timedelta(days=1)))
        | (~counters & (LoginAttempts.window_from < now - KNOWN_FOR))
    )
    result = session.execute(old.execution_options(synchronize_session=False))
    return int(getattr(result, "rowcount", 0))


def _locked(session: Session, keys: Sequence[str], now: datetime) -> list[LoginAttempts]:
    """The counters, made if missing, locked in one order for everybody; in the order of ``keys``."""
    table = LoginAttempts.__table__
    assert isinstance(table, Table)
    for key in sorted(keys):
        insert_if_absent(session, table, key=key, window_from=now, failures=0)
    rows = session.scalars(
        select(LoginAttempts)
        .where(LoginAttempts.key.in_(keys))
        .order_by(LoginAttempts.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    by_key = {row.key: row for row in rows}
    return [by_key[key] for key in keys]


def _known(who: str, network: str) -> str:
    return f"known:{who}:{network}"


def _trusted(session: Session, who: str, network: str, now: datetime) -> bool:
    """Whether the login has got in from this network lately enough."""
    known = session.get(LoginAttempts, _known(who, network))
    return known is not None and now - known.window_from < KNOWN_FOR


def _paused(stops: Sequence[LoginAttempts], now: datetime) -> Problem | None:
    until = max((row.paused_until for row in stops if row.paused_until), default=None)
    if until is None or until <= now:
        return None
    return Problem(Refusal.LOGIN_PAUSED, None, {"minutes": _minutes(until - now)})


def _forgive(rows: Sequence[LoginAttempts], now: datetime) -> None:
    for row in rows:
        row.failures, row.window_from, row.paused_until = 0, now, None


def _count(row: LoginAttempts, now: datetime) -> None:
    fresh = now - row.window_from < WINDOW
    if row.paused_until is not None:
        fresh = now - row.paused_until < FORGIVE
    if not fresh:
        row.failures, row.window_from, row.paused_until = 0, now, None
    row.failures += 1
    if row.failures >= TRIES:
        step = min(row.failures - TRIES, len(PAUSES) - 1)
        row.paused_until = now + timedelta(minutes=PAUSES[step])


def _minutes(left: timedelta) -> int:
    return max(1, ceil(left / timedelta(minutes=1)))


def _who(login_id: str) -> str:
    """A login ID as a counter's key: what is typed may be long, or a password."""
    return hashlib.sha256(tidy_code(login_id).casefold().encode()).hexdigest()[:32]


def _network(address: str) -> str:
    """The address, of IPv6 its /64: one reader has a whole one."""
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)
    return str(parsed)
