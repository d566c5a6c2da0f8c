"""A movement that was refused leaves one event and nothing else (domain §8, safety 11).

The event is written after the refused act was rolled back, in a transaction of its own. It names what
stood against the movement, in the sentences that were shown, and what was typed. The office reads it; the
participant was told on the page, and no participant's time line shows it (``ALLOWANCE_TAGS``: B never).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem
from portal.models import Event, Holder, User
from portal.services.audit import EventTag, record

#: events of one login about one row in a window; who is refused more often is not written down again
MOST = 20
WINDOW = timedelta(minutes=10)
#: characters kept of what was typed
_LONGEST, _LONGEST_REASON = 40, 2_000


@dataclass(frozen=True)
class Attempt:
    """What somebody tried: the row it is about (the own account, a proposal, …) and what was typed."""

    subject: Any  # a mapped class
    subject_id: int
    kind: str  # a MovementKind, or what was done with a proposal
    quantity: str = ""
    account: str = ""


def note(session: Session, attempt: Attempt, problems: Iterable[Problem], *, actor: User) -> Event | None:
    """Write that ``actor`` was refused, with the codes; ``None`` beyond the bound, or without the row.

    The bound is :data:`MOST` in :data:`WINDOW` for each login and row (a participant has one: its account).
    Those refused at one moment may pass it together.
    """
    row = session.get(attempt.subject, attempt.subject_id)
    if row is None or _often(session, attempt, actor):
        return None
    found = tuple(problems)
    typed = {"quantity": attempt.quantity.strip(), "account": attempt.account.strip()}
    return record(
        session,
        EventTag.MOVEMENT_REFUSED,
        row,
        actor=actor,
        holder_id=row.id if isinstance(row, Holder) else getattr(row, "holder_id", None),
        reason=" ".join(dict.fromkeys(problem.text("ja") for problem in found))[:_LONGEST_REASON],
        codes=list(dict.fromkeys(problem.refusal.value for problem in found)),
        kind=attempt.kind,
        **{name: text[:_LONGEST] for name, text in typed.items() if text},
    )


def _often(session: Session, attempt: Attempt, actor: User) -> bool:
    """Whether the login was refused about this row :data:`MOST` times lately; by the index of subjects."""
    newest = session.scalars(
        select(Event.at)
        .where(
            Event.subject_type == attempt.subject.__tablename__,
            Event.subject_id == attempt.subject_id,
            Event.tag == EventTag.MOVEMENT_REFUSED.value,
            Event.actor_id == actor.id,
        )
        .order_by(Event.id.desc())
        .limit(MOST)
    ).all()
    return len(newest) == MOST and newest[-1] > clock.now() - WINDOW
