"""Four eyes are two people: who may confirm what another has proposed (domain §2, safety 8).

Whoever issues a one-time password has it in his hands, and may set a password of the login's own with it.
So a login may be used by more people than its owner: those are its *hands*, and two logins are two people
only while they have no hand in common, whichever of them was made by whom.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, Problem, Refusal
from portal.models import Event, User
from portal.services.audit import EventTag


class Issue(NamedTuple):
    """A one-time password was issued: the event's number, by whom (``None``: the console), when."""

    number: int
    issuer_id: int | None
    at: datetime


#: login id → the one-time passwords issued for it, oldest first
Issued = Mapping[int, Sequence[Issue]]


def problems(
    session: Session, proposer: User, confirmer: User, *, proposed_at: datetime, issued: Issued | None = None
) -> list[Problem]:
    """Why ``confirmer`` may not confirm what ``proposer`` proposed at ``proposed_at``; empty if he may.

    SAME_PERSON; PERSON_INACTIVE, if the proposer's login is disabled; PASSWORD_ISSUER, if the
    :func:`hands` of the two have somebody in common: one of them issued the other's one-time password,
    or somebody else those of both, directly or through logins between.
    ``issued`` is what :func:`issued_to` found for proposers and confirmer, where many proposals are
    judged at once.

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
        known = issued if issued is not None else issued_to(session, [proposer.id, confirmer.id])
        if hands(known, proposer.id, proposed_at) & hands(known, confirmer.id, proposed_at):
            found.append(Problem(Refusal.PASSWORD_ISSUER))
    return found


def stopped(session: Session, *user_ids: int) -> set[int]:
    """Those of the logins that the database knows as disabled or locked now, after what was waited for."""
    query = select(User.id).where(User.id.in_(user_ids), ~User.active | User.locked_at.is_not(None))
    return set(session.scalars(query))


def issued_to(session: Session, user_ids: Iterable[int]) -> Issued:
    """The one-time passwords of these logins, of those who issued them, and so on; one query."""
    of_a_password = (
        Event.subject_type == User.__tablename__,
        Event.tag == EventTag.PASSWORD_ISSUED.value,
    )
    reached = select(User.id.label("id")).where(User.id.in_(set(user_ids))).cte("reached", recursive=True)
    # UNION keeps each login once: two who issued each other's passwords end it too
    reached = reached.union(
        select(Event.actor_id)
        .join(reached, Event.subject_id == reached.c.id)
        .where(*of_a_password, Event.actor_id.is_not(None))
    )
    rows = session.execute(
        select(Event.subject_id, Event.id, Event.actor_id, Event.at)
        .join(reached, Event.subject_id == reached.c.id)
        .where(*of_a_password)
        .order_by(Event.id)
    )
    found: dict[int, list[Issue]] = defaultdict(list)
    for user_id, number, issuer_id, at in rows:
        found[user_id].append(Issue(number, issuer_id, at))
    return found


def hands(issued: Issued, user_id: int, then: datetime) -> frozenset[int]:
    """The logins whose hands a login was in at ``then`` or is in now; ``issued``: of :func:`issued_to`.

    Itself; who issued the one-time passwords it lived from then and lives from now; and whoever had a
    hand in those issuers' own logins when they issued them. A password of one's own does not end it:
    whoever holds the one-time password can set that too. One issued at the console ends it: the operator
    hands it to the person and has no login.
    """
    own = issued.get(user_id, ())
    open_ = [*[one for one in own if one.at <= then][-1:], *own[-1:]]
    found = {user_id}
    while open_:
        one = open_.pop()
        if one.issuer_id is None:
            continue
        found.add(one.issuer_id)
        # what the issuer lived from: always an earlier event, so that this ends, whoever issued for whom
        earlier = [before for before in issued.get(one.issuer_id, ()) if before.number < one.number]
        open_ += earlier[-1:]
    return frozenset(found)
