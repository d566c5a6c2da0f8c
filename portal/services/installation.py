"""This installation: is it a demonstration, and what does its clock show."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import PortalState, User
from portal.permissions import Permission
from portal.services import access
from portal.services.audit import EventTag, record

#: asked once for each process; a demonstration is made into an empty database only
_demonstration: bool | None = None


def state(session: Session) -> PortalState:
    """The one row; made if the database is new."""
    row = session.get(PortalState, 1)
    if row is None:
        row = PortalState(id=1, demonstration=False, clock_shift_seconds=0, created_at=clock.now())
        session.add(row)
        session.flush()
    return row


def forget() -> None:
    """Ask the database again (another database in this process, or a demonstration just made)."""
    global _demonstration
    _demonstration = None


def is_demonstration() -> bool:
    """What :func:`show_time` found."""
    return bool(_demonstration)


def show_time(session: Session) -> None:
    """Let the clock of this process show the installation's time; costs a query in a demonstration only."""
    global _demonstration
    if _demonstration is False:
        return
    found = session.execute(
        select(PortalState.demonstration, PortalState.clock_shift_seconds).where(PortalState.id == 1)
    ).first()
    _demonstration = bool(found and found[0])
    if found is not None and _demonstration and not clock.is_stopped():
        clock.set_shift(timedelta(seconds=found[1]))


def set_demo_clock(session: Session, moment: datetime, *, actor: User | None) -> None:
    """Move a demonstration's clock. Refused in any other installation."""
    if actor is not None:
        access.check(actor, Permission.TARGET_PROPOSE)
    row = state(session)
    if not row.demonstration:
        raise refuse(Refusal.NOT_ALLOWED)
    before = clock.now().isoformat()
    row.clock_shift_seconds = int(clock.shift_to(moment).total_seconds())
    record(session, EventTag.DEMO_CLOCK_SET, row, actor=actor, before=before, after=moment.isoformat())
