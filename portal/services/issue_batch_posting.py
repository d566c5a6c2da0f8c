"""Posting a whole batch of issues: everything is prepared first, the chain is held last and shortly.

The head of the chain puts all postings in one queue. What takes time (events, the texts of mails, the
logins they go to) is therefore made before it is touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from portal import clock
from portal.models import Movement, User
from portal.services import ledger, mail, mail_words, posting
from portal.services.mail import MailKind, known_logins
from portal.services.transitions import MOVEMENT
from portal.services.workflow import advance


def execute(
    session: Session, movements: Sequence[Movement], *, actor: User, before_posting: Callable[[], object]
) -> None:
    """Post proposed issues whose accounts are locked and whose rules were just checked.

    ``before_posting`` is what else the act writes. The owners' logins are read in one query.
    """
    now = clock.now()
    with session.no_autoflush:
        # decider and state go to the database in one write, as its CHECK wants
        for movement in movements:
            movement.decided_by_id, movement.decided_at = actor.id, now
            advance(
                session,
                MOVEMENT,
                movement,
                "confirm",
                actor=actor,
                holder_id=movement.holder_id,
                kind=movement.kind.value,
                quantity=movement.quantity,
                source=movement.source.code,
                target=movement.target.code,
            )
    before_posting()
    letters = _mails(session, movements)
    posted = ledger.post_many(session, movements, actor=actor)
    posting.queue_mails(
        session.connection(),
        ((one, done.code) for done, own in zip(posted, letters, strict=True) for one in own),
    )


def _mails(session: Session, movements: Sequence[Movement]) -> list[list[dict[str, Any]]]:
    """For each movement the mails to its owner's logins, with a gap where the ledger number comes."""
    holders = [one.holder for one in movements if one.holder is not None]
    logins: dict[int | None, list[User]] = defaultdict(list)
    for login in known_logins(session, holders=[one.id for one in holders]).logins:
        logins[login.holder_id].append(login)
    return [
        mail.rows(
            MailKind.MOVEMENT_RECEIVED,
            logins[one.holder_id],
            f"{one.target.code}　{one.holder.label}" if one.holder is not None else "",
            movement_kind=one.kind.value,
            quantity=one.quantity,
            unit=one.unit_class.unit_type.value,
            unit_class=mail_words.units_of(one.unit_class),
            source=one.source.code,
            target=one.target.code,
            source_name=one.source.name,
            target_name=one.target.name,
            ledger_number=posting.NUMBER_COMES,
        )
        for one in movements
    ]
