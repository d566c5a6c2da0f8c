"""What becomes of a banking application when its carry-over is executed, withdrawn or lapses (domain §5)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Amount
from portal.models import BankingApplication, Movement, User
from portal.services import workflow
from portal.services.allowances import unit_name
from portal.services.mail import MailKind, notify
from portal.services.transitions import BANKING


def _application(session: Session, movement: Movement) -> BankingApplication | None:
    query = select(BankingApplication).where(BankingApplication.movement_id == movement.id)
    return session.scalars(query.with_for_update(of=BankingApplication)).one_or_none()


def accepted(session: Session, movement: Movement, *, actor: User) -> None:
    """The carry-over is posted: the application it came from is accepted, and A is told."""
    row = _application(session, movement)
    if row is None:
        return
    with session.no_autoflush:
        row.decided_by_id, row.decided_at = actor.id, clock.now()
        workflow.advance(session, BANKING, row, "accept", actor=actor, holder_id=row.holder_id)
    units = Amount(row.quantity, unit_name(row.unit_class))
    notify(session, MailKind.BANKING_ACCEPTED, holder=row.holder, actor=actor, row=row, quantity=units)


def freed(session: Session, movement: Movement) -> None:
    """The proposal was withdrawn or lapsed: its application waits again, and A is told."""
    row = _application(session, movement)
    if row is not None:
        row.movement_id = None
        units = Amount(row.quantity, unit_name(row.unit_class))
        notify(session, MailKind.BANKING_WAITS_AGAIN, holder=row.holder, row=row, quantity=units)
