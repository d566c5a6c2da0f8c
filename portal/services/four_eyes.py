"""Four eyes are two people: who may confirm what another has proposed (domain §2, safety 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, Problem, Refusal
from portal.models import Event, User
from portal.services.audit import EventTag

#: login id → (who issued a one-time password for it, when), oldest first
Issued = Mapping[int, Sequence[tuple[int | None, datetime]]]


def problems(
    session: Session, proposer: User, confirmer: User, *, proposed_at: datetime, issued: Issued | None = None
) -> list[Problem]:
    """Why ``confirmer`` may not confirm what ``proposer`` proposed at ``proposed_at``; empty if he may.

    SAME_PERSON; PERSON_INACTIVE, if the proposer's login is disabled; PASSWORD_ISSUER, if the confirmer
    issued the one-time password from which the proposer's login lived at the proposal, or lives now:
    whoever knows it could have proposed under that name and then confirmed under his own.
    ``issued`` is what :func:`issued_to` found, where many proposals are judged at once.

    Both logins are read again: one may have been disabled while the proposal's locks were waited for.
    Raises ``NotAllowed`` if the confirmer's was.
    """
    found: list[Problem] = []
    now_stopped = stopped(session, proposer.id, confirmer.id) if issued is None else set()
    if confirmer.id in now_stopped:
        raise NotAllowed
    if proposer.id == confirmer.id:
        found.append(Problem(Refusal.SAME_PERSON))
    if not proposer.active or proposer.id in now_stopped:
        found.append(Problem(Refusal.PERSON_INACTIVE))
    if proposer.id != confirmer.id:
        known = issued if issued is not None else issued_to(session, [proposer.id])
        if confirmer.id in _issuers(known.get(proposer.id, ()), proposed_at):
            found.append(Problem(Refusal.PASSWORD_ISSUER))
    return found


def stopped(session: Session, *user_ids: int) -> set[int]:
    """Those of the logins that the database knows as disabled or locked now, after what was waited for."""
    query = select(User.id).where(User.id.in_(user_ids), ~User.active | User.locked_at.is_not(None))
    return set(session.scalars(query))


def issued_to(session: Session, user_ids: Iterable[int]) -> Issued:
    """Who issued one-time passwords for these logins, and when; one query."""
    rows = session.execute(
        select(Event.subject_id, Event.actor_id, Event.at)
        .where(
            Event.subject_type == User.__tablename__,
            Event.subject_id.in_(set(user_ids)),
            Event.tag == EventTag.PASSWORD_ISSUED.value,
        )
        .order_by(Event.id)
    )
    found: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    for user_id, actor_id, at in rows:
        found[user_id].append((actor_id, at))
    return found


def _issuers(issued: Sequence[tuple[int | None, datetime]], then: datetime) -> set[int | None]:
    """Who issued the password a login began with, the one of ``then`` and the one of now.

    A password of one's own does not end it: whoever holds the one-time password can set that too.
    """
    before = [actor_id for actor_id, at in issued if at <= then]
    return {*before[-1:], *[actor_id for actor_id, _at in issued[-1:]]}
