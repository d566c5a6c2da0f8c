"""Four eyes are two people: who may confirm what another has proposed (domain §2, safety 8)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal
from portal.models import Event, User
from portal.services.audit import EventTag


def problems(session: Session, proposer: User, confirmer: User, *, proposed_at: datetime) -> list[Problem]:
    """Why ``confirmer`` may not confirm what ``proposer`` proposed at ``proposed_at``; empty if he may.

    SAME_PERSON; PERSON_INACTIVE, if the proposer's login is disabled; PASSWORD_ISSUER, if the confirmer
    issued the one-time password from which the proposer's login lived at the proposal, or lives now:
    whoever knows it could have proposed under that name and then confirmed under his own.
    """
    found: list[Problem] = []
    if proposer.id == confirmer.id:
        found.append(Problem(Refusal.SAME_PERSON))
    if not proposer.active:
        found.append(Problem(Refusal.PERSON_INACTIVE))
    if proposer.id != confirmer.id and confirmer.id in _issuers(session, proposer, proposed_at):
        found.append(Problem(Refusal.PASSWORD_ISSUER))
    return found


def _issuers(session: Session, user: User, then: datetime) -> set[int | None]:
    """Who issued the password ``user`` began with, the one of ``then`` and the one of now.

    A password of one's own does not end it: whoever holds the one-time password can set that too.
    """
    issued = session.execute(
        select(Event.actor_id, Event.at)
        .where(
            Event.subject_type == User.__tablename__,
            Event.subject_id == user.id,
            Event.tag == EventTag.PASSWORD_ISSUED.value,
        )
        .order_by(Event.id)
    ).all()
    before = [actor_id for actor_id, at in issued if at <= then]
    return {*before[-1:], *[actor_id for actor_id, _at in issued[-1:]]}
