"""A form carries the identity of what it makes: a second press gives the first answer (habit 4)."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import DoneOnce, User


def new_key() -> str:
    """A fresh key for a form."""
    return secrets.token_urlsafe(24)


def content_hash(content: dict[str, Any]) -> str:
    """The SHA-256 of what a form contained, however its fields were ordered."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def earlier(
    session: Session, key: str | None, action: str, content: dict[str, Any], *, actor: User
) -> int | None:
    """The id of what this key made before, or ``None``.

    Raises ``Refused(KEY_REUSED)`` if the key was used by somebody else or for something else.
    """
    if not key:
        return None
    if len(key) > 64:
        raise refuse(Refusal.KEY_REUSED)
    done = session.get(DoneOnce, key)
    if done is None:
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
