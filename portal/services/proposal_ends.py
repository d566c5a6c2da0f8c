"""How a proposal ends without a second person's yes: the one rule of every paper of two persons (domain §2).

Whoever proposed may withdraw, and gives a reason if there is one to give. Nobody else withdraws what is not
theirs: who could confirm and will not, declines, and must say why. Either way the state is the same, for
nothing came about; the time line and the mail say who ended it, how and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed
from portal.models import Event, User
from portal.services import four_eyes, workflow
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.workflow import Workflow

WITHDRAW, DECLINE = "withdraw", "decline"
#: the value of every proposal's state that has ended so
_ENDED = "withdrawn"
#: the events of such an end
_DECLINED = tuple(tag.value for tag in EventTag if tag.value.endswith("_declined"))
_WITHDRAWN = tuple(tag.value for tag in EventTag if tag.value.endswith("_withdrawn"))


def way_of(row: Any, actor: User) -> str:
    """The act by which ``actor`` would end the proposal ``row``: WITHDRAW for its proposer, else DECLINE."""
    return WITHDRAW if row.proposed_by_id == actor.id else DECLINE


def ended(row: Any) -> str | None:
    """How ``row`` ended without a yes, WITHDRAW or DECLINE, as far as its own columns know; else ``None``."""
    who = getattr(row, "decided_by_id", None)
    if row.state.value != _ENDED or who is None:
        return None
    return WITHDRAW if who == row.proposed_by_id else DECLINE


def ended_how(session: Session, row: Any) -> str | None:
    """The same of any proposal; what its columns do not say, the event of its end does."""
    found = ended(row)
    if row.state.value != _ENDED or found is not None:
        return found
    declined = exists().where(
        Event.subject_type == row.__tablename__, Event.subject_id == row.id, Event.tag.in_(_DECLINED)
    )
    return DECLINE if session.scalar(select(declined)) else WITHDRAW


def reasons(session: Session, table: str, ids: Sequence[int]) -> dict[int, str]:
    """Why the proposals ``ids`` of ``table`` were ended, where a reason was given; one statement."""
    rows = session.execute(
        select(Event.subject_id, Event.reason)
        .where(Event.subject_type == table, Event.subject_id.in_(ids), Event.reason.is_not(None))
        .where(Event.tag.in_([*_DECLINED, *_WITHDRAWN]))
    )
    return {number: reason for number, reason in rows if reason}


def way_out(
    session: Session, flow: Workflow, row: Any, *, actor: User, reason: str | None, version: int | None
) -> tuple[str, str | None]:
    """(the act, the reason without blanks) by which ``actor`` ends the locked proposal ``row`` now.

    Raises ``Stale``, ``NotAllowed`` (somebody else's proposal, and no right to decide about it, or a login
    that was locked while the lock was waited for) or ``Refused`` with WRONG_STATE, REASON_NEEDED, TOO_LONG:
    before anything is written.
    """
    workflow.expect_version(row, version)
    if four_eyes.stopped(session, actor.id):
        raise NotAllowed
    action = way_of(row, actor)
    edge = workflow.allowed(flow, row.state, action, actor.role)
    return action, workflow.clean_reason(reason, needed=edge.reason)


def tell(
    session: Session, row: Any, proposal: tuple[str, str], *, actor: User, reason: str | None, **about: Any
) -> None:
    """Tell the office how ``proposal`` (its name in Japanese and English) ended, and by whom.

    Whoever's proposal was declined is told that it is theirs to mend. ``about``: ``holder`` or ``trader``.
    """
    facts: dict[str, Any] = {"proposal": proposal, "by": actor.name, "reason": reason, "row": row, **about}
    if way_of(row, actor) == WITHDRAW:
        notify(session, MailKind.PROPOSAL_WITHDRAWN, actor=actor, **facts)
    else:
        notify(session, MailKind.PROPOSAL_DECLINED, actor=actor, user=row.proposed_by, **facts)
