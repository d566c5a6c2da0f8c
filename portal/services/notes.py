"""The office's notes on a participant: written once, never changed, read by nobody else."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import ParticipantKind, ParticipantNote, User
from portal.permissions import Permission
from portal.services import access, audit, once, records
from portal.services.audit import EventTag
from portal.services.company_changes import MODELS
from portal.services.records import Participant

LONGEST = 2000


def write(
    session: Session,
    kind: ParticipantKind,
    participant_id: int,
    text: str,
    *,
    actor: User,
    key: str | None = None,
) -> ParticipantNote:
    """Write a note; lines stay as they were typed. Raises ``Refused`` with REQUIRED or TOO_LONG at ``text``.

    The event says that a note was written, never what: it bears no participant's number, so that no
    participant's own time line can find it.
    """
    access.check(actor, Permission.NOTE_WRITE)
    participant = access.get_visible(session, MODELS[kind], participant_id, actor)
    plain = _tidy(text)
    if not plain:
        raise refuse(Refusal.REQUIRED, "text")
    if len(plain) > LONGEST:
        raise refuse(Refusal.TOO_LONG, "text", limit=LONGEST)
    content = {**records.owner(participant), "text": plain}
    made = once.earlier(session, key, "participant_note", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ParticipantNote, made, actor)
    note = ParticipantNote(
        **records.owner(participant), text=plain, created_by_id=actor.id, created_at=clock.now()
    )
    session.add(note)
    audit.record(session, EventTag.NOTE_WRITTEN, note, actor=actor)
    once.remember(session, key, "participant_note", content, note.id, actor=actor)
    return note


def _tidy(text: str) -> str:
    """Without control characters; line ends as one sign each."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or c.isprintable() or c == "\u3000").strip()


def notes_of(session: Session, participant: Participant, *, limit: int = 50) -> list[ParticipantNote]:
    """The newest notes first, with who wrote them; one query. For the secretariat's pages only."""
    query = (
        select(ParticipantNote)
        .where(records.owned(ParticipantNote, participant))
        .options(joinedload(ParticipantNote.created_by))
        .order_by(ParticipantNote.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))
