"""What the rules of a carry-over look at: for the application, the proposal and the confirmation alike."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import Holder, Holding, Movement, MovementKind, Phase, UnitClass
from portal.services.allowance_rules import Case, Side
from portal.services.allowances import unit_name
from portal.services.figures import figures_of


def class_of(session: Session, phase_id: int) -> UnitClass:
    """The JAA of a phase."""
    query = select(UnitClass).where(UnitClass.phase_id == phase_id)
    return session.scalars(query.options(joinedload(UnitClass.phase))).one()


def case_of(
    session: Session,
    holder: Holder,
    quantity: int | None,
    *,
    own_promise: int = 0,
    target_phase: int | None = None,
) -> Case:
    """The case of carrying ``quantity`` units over; the account should be locked for an act.

    ``own_promise``: what the holding has promised to this very carry-over already, in units.
    """
    account, own = holder.account, class_of(session, holder.phase_id)
    row = session.scalars(
        select(Holding)
        .where(Holding.account_id == account.id, Holding.unit_class_id == own.id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    phases = [one for one in (holder.phase_id, target_phase) if one is not None]
    closed = select(Phase.id).where(Phase.id.in_(phases), Phase.closed_at.is_not(None)).limit(1)
    side = Side(account.code, account.kind, account.state)
    return Case(
        kind=MovementKind.CARRY_OVER,
        quantity=quantity,
        source=side,
        target=side,
        unit_type=own.unit_type,
        unit_name=unit_name(own),
        own_phase=True,
        held=row.quantity if row is not None else 0,
        promised=row.promised - own_promise if row is not None else 0,
        figures=figures_of(session, holder),
        # the application was made inside the window; deciding on it may take longer
        usable_until=None,
        today=clock.today(),
        closed=session.scalar(closed) is not None,
    )


def of_movement(session: Session, movement: Movement) -> Case:
    """The case of a proposed carry-over, its own promise left out."""
    holder, target = movement.source.holder, movement.target_class
    assert holder is not None and target is not None  # only banking proposes this kind
    return case_of(
        session,
        holder,
        movement.quantity,
        own_promise=movement.quantity,
        target_phase=target.phase_id,
    )
