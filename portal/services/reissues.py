"""New initial passwords by letter, asked for at the desk: one letter waits for the same logins, not two."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused
from portal.models import Holder, Letter, LetterKind, LetterState, User
from portal.permissions import Permission
from portal.services import access, audit, letters, once
from portal.services.audit import EventTag
from portal.services.letter_words import Participant

#: the reason is a line, not a report
LONGEST_REASON = 200


@dataclass(frozen=True)
class Reissue:
    """The letter, and whether another form had made it: it waits for its printing since then."""

    letter: Letter
    waited: bool


def ask(
    session: Session,
    participant: Participant,
    login_ids: Collection[str],
    *,
    reason: str | None,
    actor: User,
    key: str | None = None,
) -> Reissue:
    """A letter with new passwords for the chosen active logins of ``participant``.

    A second press of ``key`` gets the first letter; so does whoever asks while one for just these
    logins waits to be printed. The event keeps the ``reason``. Raises ``NotFound``; ``Refused`` with
    REQUIRED at ``logins`` if none of them is its, REASON_NEEDED or TOO_LONG at ``reason``.
    """
    access.check(actor, Permission.LOGIN_REISSUE)
    # two who ask at once: the second finds the letter of the first
    row = access.get_visible(session, type(participant), participant.id, actor, lock=True)
    chosen = [user for user in row.users if user.login_id in login_ids and user.active]
    problems = [] if chosen else [Problem(Refusal.REQUIRED, "logins")]
    why = (reason or "").strip()
    if not why:
        problems.append(Problem(Refusal.REASON_NEEDED, "reason"))
    elif len(why) > LONGEST_REASON:
        problems.append(Problem(Refusal.TOO_LONG, "reason", {"limit": LONGEST_REASON}))
    if problems:
        raise Refused(*problems)
    content = {"application": row.application_id, "logins": sorted(user.login_id for user in chosen)}
    content["reason"] = why
    made = once.earlier(session, key, "reissue", content, actor=actor)
    if made is not None:
        return Reissue(access.get_visible(session, Letter, made, actor), waited=False)
    found = letters_for(session, row, chosen)
    waiting = next((one for one in found if one.state is LetterState.WAITING), None)
    letter = waiting
    if letter is None:
        letter = letters.make_reissue(session, row, chosen, actor=actor)
        holder_id = row.id if isinstance(row, Holder) else None
        audit.record(
            session,
            EventTag.REISSUE_ASKED,
            letter,
            actor=actor,
            holder_id=holder_id,
            reason=why,
            logins=content["logins"],
        )
    once.remember(session, key, "reissue", content, letter.id, actor=actor)
    return Reissue(letter, waited=waiting is not None)


def letters_for(session: Session, participant: Participant, logins: Collection[User]) -> list[Letter]:
    """The reissue letters for just these logins, the oldest first."""
    query = select(Letter).where(
        Letter.application_id == participant.application_id, Letter.kind == LetterKind.REISSUE
    )
    wanted = {user.login_id for user in logins}
    return [
        letter
        for letter in session.scalars(query.order_by(Letter.id))
        if {login["login_id"] for login in letter.content["logins"]} == wanted
    ]
