"""A form carries the identity of what it makes: a second press gives the first answer (habit 4).

What the key made stands in ``done_once``, or, of a movement, on the movement itself: a key that made
something in one of them makes nothing in the other. That is looked up, but for a participant's movement: it
is the portal's busiest act, whose figures would take half as long again (measured), and its form carries a
key of a shape of its own, which no other form takes.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import DoneOnce, Movement, User

#: what :func:`new_key` and :func:`new_movement_key` make; nobody guesses one
_SHAPE, _MOVEMENT = re.compile("[A-Za-z0-9_-]{32}"), re.compile(r"m\.[A-Za-z0-9_-]{32}")


def new_key() -> str:
    """A fresh key for a form."""
    return secrets.token_urlsafe(24)


def new_movement_key() -> str:
    """A fresh key for the form of a participant's movement."""
    return f"m.{new_key()}"


def is_shaped(key: str | None, *, movement: bool = False) -> bool:
    """Whether ``key`` is like those that the portal gives to its forms, or to those of a ``movement``."""
    return (_MOVEMENT if movement else _SHAPE).fullmatch(key or "") is not None


def check_shape(key: str, *, movement: bool = False) -> None:
    """Refuse a key that no such form of the portal carried. Raises ``Refused(KEY_SHAPE)``."""
    if not is_shaped(key, movement=movement):
        raise refuse(Refusal.KEY_SHAPE)


def content_hash(content: dict[str, Any]) -> str:
    """The SHA-256 of what a form contained, however its fields were ordered."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def hold(session: Session, actor: User) -> None:
    """Let the presses of ``actor`` come one after another, where no row of the act's own is locked before.

    Called before :func:`earlier`. What refers to the login does not wait for it.
    """
    session.execute(select(User.id).where(User.id == actor.id).with_for_update(key_share=True))


def earlier(
    session: Session, key: str | None, action: str, content: dict[str, Any], *, actor: User
) -> int | None:
    """The id of what this key made before, or ``None``.

    Looked up under the lock that two presses of one form wait for: else the second may be told that what the
    first has just made stands in its way.

    Raises ``Refused(KEY_REUSED)`` if the key was used by somebody else or for something else.
    """
    if not key:
        return None
    if len(key) > 64:
        raise refuse(Refusal.KEY_REUSED)
    done = session.get(DoneOnce, key)
    if done is None:
        if session.scalar(select(Movement.id).where(Movement.idempotency_key == key)) is not None:
            raise refuse(Refusal.KEY_REUSED)
        return None
    same = (done.user_id, done.action, done.content_hash) == (actor.id, action, content_hash(content))
    if not same:
        raise refuse(Refusal.KEY_REUSED)
    return done.result_id


def remember(
    session: Session, key: str | None, action: str, content: dict[str, Any], result_id: int, *, actor: User
) -> None:
    """Keep that ``key`` made ``result_id``; a parallel second press fails here and is tried again."""
    if not key:
        return
    session.add(
        DoneOnce(
            key=key,
            user_id=actor.id,
            action=action,
            content_hash=content_hash(content),
            result_id=result_id,
            created_at=clock.now(),
        )
    )
    session.flush()


def earlier_movement(session: Session, key: str, content: dict[str, Any], *, actor: User) -> Movement | None:
    """The movement that this key made before, or ``None``.

    Raises ``Refused(KEY_REUSED)`` for no key, or one that somebody else used or that made something else.
    """
    if not key or len(key) > 64:
        raise refuse(Refusal.KEY_REUSED)
    made = session.scalars(select(Movement).where(Movement.idempotency_key == key)).one_or_none()
    if made is None and session.get(DoneOnce, key) is None:
        return None
    if made is None or (made.proposed_by_id, made.content_hash) != (actor.id, content_hash(content)):
        raise refuse(Refusal.KEY_REUSED)
    return made
