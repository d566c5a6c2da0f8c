"""Reduction targets: entered by one person of the secretariat, confirmed by another (domain §2, §5)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, Refused, refuse
from portal.models import Holder, ReductionTarget, TargetState, User
from portal.permissions import Permission
from portal.services import access, audit, four_eyes, once, transitions, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.numbers import parse_quantity


def live_target(session: Session, holder_id: int) -> ReductionTarget | None:
    """The proposed or confirmed target of a holder, if any."""
    return session.scalars(
        select(ReductionTarget).where(
            ReductionTarget.holder_id == holder_id,
            ReductionTarget.state != TargetState.WITHDRAWN,
            ReductionTarget.superseded_at.is_(None),
        )
    ).one_or_none()


def propose_target(
    session: Session,
    holder_id: int,
    quantity: str | int | None,
    *,
    actor: User,
    key: str | None = None,
    tell: bool = True,
) -> ReductionTarget:
    """Propose ``quantity`` t-CO2 as the holder's reduction target.

    Without ``tell`` no mail is sent: a bulk import sends one for all its targets.
    Raises ``Refused`` with TARGET_EXISTS or what is wrong with the quantity.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"holder": holder_id, "quantity": str(quantity)}
    made = once.earlier(session, key, "propose_target", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ReductionTarget, made, actor)
    amount = parse_quantity(quantity)
    holder = access.get_visible(session, Holder, holder_id, actor, lock=True)
    if live_target(session, holder.id) is not None:
        raise refuse(Refusal.TARGET_EXISTS, "quantity")
    target = ReductionTarget(
        holder_id=holder.id,
        quantity=amount,
        state=TargetState.PROPOSED,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(target)
    audit.record(
        session, EventTag.TARGET_PROPOSED, target, actor=actor, holder_id=holder.id, before=None, after=amount
    )
    once.remember(session, key, "propose_target", content, target.id, actor=actor)
    if tell:
        notify(session, MailKind.TARGET_TO_CONFIRM, holder=holder, actor=actor, quantity=amount)
    return target


def confirm_target(
    session: Session, target_id: int, *, actor: User, version: int | None = None
) -> ReductionTarget:
    """Confirm a proposed target as another person than its proposer, who must be active (safety 8).

    Raises ``Refused`` with what ``four_eyes.problems`` finds, or WRONG_STATE.
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    target = access.get_visible(session, ReductionTarget, target_id, actor, lock=True)
    workflow.expect_version(target, version)
    if target.state is TargetState.PROPOSED:
        problems = four_eyes.problems(session, target.proposed_by, actor, proposed_at=target.proposed_at)
        if problems:
            raise Refused(*problems)
        target.confirmed_by_id = actor.id
        target.confirmed_at = clock.now()
    workflow.advance(
        session,
        transitions.TARGET,
        target,
        "confirm",
        actor=actor,
        holder_id=target.holder_id,
        quantity=target.quantity,
    )
    return target


def withdraw_target(
    session: Session, target_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> ReductionTarget:
    """Withdraw a proposed target; whoever proposed it may, and every colleague who may propose."""
    target = access.get_visible(session, ReductionTarget, target_id, actor, lock=True)
    workflow.advance(
        session,
        transitions.TARGET,
        target,
        "withdraw",
        actor=actor,
        version=version,
        reason=reason,
        holder_id=target.holder_id,
        quantity=target.quantity,
    )
    return target
