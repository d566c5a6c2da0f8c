"""A long list as a file: asked for on its page, written by the worker, kept for a day for its login.

What stands in a list is the secretariat's room to say; it hands its way of writing one in (:func:`provide`),
so every process that works has the application. Writing may be done twice: the file is kept once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, refuse
from portal.models import Document, Job, JobState, User
from portal.permissions import SECRETARIAT
from portal.services import audit, documents, jobs, kept_files
from portal.services.audit import EventTag
from portal.services.jobs import Work
from portal.services.transaction import run

KIND = "list_file"
FORGET = "forget_list_file"
KEPT = kept_files.KEPT
#: files that a login has at a time; beyond them the oldest goes
MOST = 5
#: files that a login waits for at a time
MOST_WAITING = 3
_AT_WORK = (JobState.QUEUED, JobState.RUNNING)

forget = jobs.handler(FORGET)(kept_files.forget)

#: what happened by taking a list out, if that is worth remembering: tag and facts
Event = tuple[EventTag, dict[str, Any]] | None


@dataclass(frozen=True)
class Asked:
    """What somebody wants as a file, as the list's own address says it."""

    view: str
    file: str
    #: search, filters and order: the query of the list's address
    query: str
    locale: str
    #: the way back to the list
    back: str


@dataclass(frozen=True)
class Made:
    """The file."""

    name: str
    media_type: str
    data: bytes
    rows: int
    event: Event = None


#: (what is asked, the login's number, "so many of so many rows are written") → the file
Writer = Callable[[Asked, int, Callable[[int, int], None]], Made]
_writers: list[Writer] = []


def provide(writer: Writer) -> None:
    """Say how lists are written in this process. The last word counts."""
    _writers[:] = [writer]


class FileState(StrEnum):
    WORKING = "working"
    READY = "ready"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True)
class ListFile:
    """How things stand with a file. ``document`` and ``until`` are there while it can be fetched."""

    id: int
    asked: Asked
    state: FileState
    done: int
    total: int | None
    rows: int = 0
    document: Document | None = None
    until: datetime | None = None


def order(session: Session, asked: Asked, *, actor: User) -> int:
    """Let the worker write ``asked``; the number that :func:`find` knows.

    The same list is not written twice at a time. Raises ``NotAllowed``, and ``Refused`` with
    LIST_FILES_WAITING while others of the login's files are being written.
    """
    if not actor.usable or actor.role not in SECRETARIAT:
        raise NotAllowed
    # two presses at the same moment: the second one finds what the first has asked for
    session.execute(select(User.id).where(User.id == actor.id).with_for_update())
    waiting = session.scalars(
        select(Job).where(Job.kind == KIND, Job.created_by_id == actor.id, Job.state.in_(_AT_WORK))
    ).all()
    payload = {"asked": asdict(asked)}
    for job in waiting:
        if job.payload == payload:
            return job.id
    if len(waiting) >= MOST_WAITING:
        raise refuse(Refusal.LIST_FILES_WAITING, None, limit=MOST_WAITING)
    return jobs.enqueue(session, KIND, payload, actor=actor).id


def record(session: Session, event: Event, *, actor: User) -> None:
    """Write the event of a list that leaves, if it has one."""
    if event is not None:
        audit.record(session, event[0], actor, actor=actor, **event[1])


def find(session: Session, file_id: int, *, actor: User) -> ListFile:
    """A file that ``actor`` asked for. Raises ``NotFound`` for another login's.

    Whether ``actor`` may still read the list is asked by whoever knows the list.
    """
    job = session.scalars(
        select(Job).where(Job.id == file_id, Job.kind == KIND, Job.created_by_id == actor.id)
    ).one_or_none()
    if job is None:
        raise NotFound
    kept = kept_files.find(session, FORGET, int(job.payload.get("kept", 0)), actor=actor)
    return _standing(job, kept)


def own(session: Session, *, actor: User) -> list[ListFile]:
    """The files that ``actor`` asked for and that are being written or can be fetched, the newest first."""
    kept = {one.facts.get("of"): one for one in kept_files.mine(session, FORGET, actor=actor)}
    query = select(Job).where(
        Job.kind == KIND,
        Job.created_by_id == actor.id,
        or_(Job.state.in_(_AT_WORK), Job.id.in_([number for number in kept if number is not None])),
    )
    found = [_standing(job, kept.get(job.id)) for job in session.scalars(query.order_by(Job.id.desc()))]
    return [file for file in found if file.state in (FileState.WORKING, FileState.READY)]


def _standing(job: Job, kept: kept_files.Kept | None) -> ListFile:
    asked = Asked(**job.payload["asked"])
    if job.state in _AT_WORK:
        return ListFile(job.id, asked, FileState.WORKING, job.progress, job.total)
    if job.state is JobState.FAILED:
        return ListFile(job.id, asked, FileState.FAILED, 0, None)
    # a number may come again (SQLite), and then it is another list's file
    if kept is None or kept.facts.get("of") != job.id:
        return ListFile(job.id, asked, FileState.GONE, 0, None)
    until = kept.document.created_at + KEPT
    rows = int(kept.facts["rows"])
    return ListFile(job.id, asked, FileState.READY, rows, rows, rows, kept.document, until)


def fetch(session: Session, file: ListFile) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of what :func:`find` gave. Raises ``NotFound`` if there is none."""
    if file.document is None:
        raise NotFound
    return file.document.name, file.document.media_type, documents.read(session, file.document)


@jobs.handler(KIND)
def write(work: Work) -> dict[str, Any]:
    """Write the list and keep it for a day for who asked; what was kept before is not written again."""
    if "kept" in work.payload:
        return {"kept": work.payload["kept"]}
    with work.open_session() as session:
        actor_id = session.scalars(select(Job.created_by_id).where(Job.id == work.job_id)).one()
    if not _writers:
        raise RuntimeError("this process has no application to write lists with")
    try:
        made = _writers[0](Asked(**work.payload["asked"]), int(actor_id or 0), work.progress)
    except PortalError as refused:
        raise jobs.WorkFailed(f"{type(refused).__name__}: {work.payload['asked']['view']}") from refused
    with work.open_session() as session:
        return {"kept": run(session, lambda: _keep(session, work, made))}


def _keep(session: Session, work: Work, made: Made) -> int:
    job = session.scalars(select(Job).where(Job.id == work.job_id).with_for_update()).one()
    if job.state is not JobState.RUNNING or job.attempts != work.claim:
        raise jobs.LeaseLost
    actor = session.get_one(User, job.created_by_id)
    facts = {"of": job.id, "rows": made.rows}
    kept = kept_files.keep(
        session,
        FORGET,
        made.name,
        made.data,
        actor=actor,
        most=MOST,
        facts=facts,
        media_type=made.media_type,
    )
    record(session, made.event, actor=actor)
    # in the same transaction: a worker that dies from here on is followed by one that finds this
    session.execute(update(Job).where(Job.id == job.id).values(payload={**job.payload, "kept": kept}))
    return kept
