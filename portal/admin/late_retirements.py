"""Retirements after the deadline, marked wherever the office reads kinds of movements (domain §5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import g
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Load, joinedload

from portal import clock
from portal.extensions import db_session
from portal.models import Account, Holder, MovementKind, PhaseRule
from portal.web_text import label


def owner() -> tuple[Any, ...]:
    """What a list loads with a movement's source: the holder's phase, whose deadline it is."""
    return (joinedload(Account.holder).options(Load(Holder).load_only(Holder.phase_id)),)


def is_late(kind: MovementKind, posted_at: datetime, source: Account) -> bool:
    """Whether it is a retirement after its holder's deadline: it met no target."""
    if kind is not MovementKind.RETIRE or source.holder is None:
        return False
    end = _ends().get(source.holder.phase_id)
    return end is not None and posted_at >= end


def kind_words(kind: MovementKind, posted_at: datetime, source: Account) -> str:
    """The kind of a posting in words: 償却（期限後）, as its owner reads it."""
    return _("償却（期限後）") if is_late(kind, posted_at, source) else label(kind)


def _ends() -> dict[int, datetime]:
    """The end of each phase's retirement deadline, read once for a request however many rows it shows."""
    found: dict[int, datetime] | None = g.get("retirement_ends")
    if found is None:
        rows = db_session.execute(
            select(PhaseRule.phase_id, PhaseRule.retirement_deadline).where(PhaseRule.superseded_at.is_(None))
        )
        found = {phase_id: clock.end_of_day(deadline) for phase_id, deadline in rows}
        g.retirement_ends = found
    return found
