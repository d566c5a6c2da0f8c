"""What the newest comparison with the second book means for movements (issue rule, safety 10)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.errors import Problem, Refusal
from portal.models import BookCheck


def newest(session: Session) -> BookCheck | None:
    """The comparison that was finished last; order comes from the row's number, never from a clock."""
    return session.scalars(
        select(BookCheck).options(joinedload(BookCheck.asked_by)).order_by(BookCheck.id.desc()).limit(1)
    ).one_or_none()


def problems(session: Session) -> list[Problem]:
    """BOOKS_DISAGREE while the newest comparison found a difference: nothing moves until another agrees.

    One statement by primary key. Before the first comparison nothing stands against a movement.
    Corrections are not asked (decided): they are how a wrong posting is put right.
    """
    ok = session.scalar(select(BookCheck.ok).order_by(BookCheck.id.desc()).limit(1))
    return [Problem(Refusal.BOOKS_DISAGREE)] if ok is False else []
