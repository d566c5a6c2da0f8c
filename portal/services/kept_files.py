"""Files that are kept for a day for whoever brought them, then gone.

A kept file is a document; the piece of work that will throw it away is what says whose it is. A login
has few of a kind at a time, so that they do not pile up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Document, DocumentContent, Job, JobState, User
from portal.services import documents, jobs
from portal.services.jobs import Work
from portal.services.transaction import run

KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Kept:
    """A file that is still kept, with what its keeper noted about it."""

    id: int
    document: Document
    facts: dict[str, Any]
    job: Job


def keep(
    session: Session,
    kind: str,
    name: str,
    data: bytes,
    *,
    actor: User,
    most: int = 1,
    facts: dict[str, Any] | None = None,
    media_type: str = documents.XLSX,
) -> int:
    """Keep ``data`` for a day under ``name`` as one of ``actor``'s files of ``kind``; its number.

    ``kind`` is a kind of work whose handler is :func:`forget`. Beyond ``most`` the oldest goes at once.
    """
    earlier = list(session.scalars(_of(kind, actor).order_by(Job.id)))
    for job in earlier[: max(0, len(earlier) - most + 1)]:
        throw_away(session, job.payload)
        session.delete(job)
    document = documents.store(session, name, data, media_type, actor=actor)
    payload = {"document": document.id, "sha256": document.sha256, "at": document.created_at.isoformat()}
    if facts is not None:
        payload["facts"] = facts
    return jobs.enqueue(session, kind, payload, at=clock.now() + KEPT, actor=actor).id


def keep_once(
    session: Session,
    kind: str,
    name: str,
    data: bytes,
    *,
    actor: User,
    most: int,
    facts: dict[str, Any],
) -> int:
    """As :func:`keep`, but the same bytes again are the same file, with the facts of this time."""
    digest = hashlib.sha256(data).hexdigest()
    for job in session.scalars(_of(kind, actor).order_by(Job.id)):
        document = _document(session, job.payload)
        if document is not None and (document.sha256, document.name) == (digest, documents.safe_name(name)):
            job.payload = {**job.payload, "facts": facts}
            return int(job.id)
    return keep(session, kind, name, data, actor=actor, most=most, facts=facts)


def find(session: Session, kind: str, kept_id: int, *, actor: User) -> Kept | None:
    """A file of ``kind`` that ``actor`` brought; ``None`` for another login's, or after its day."""
    job = session.scalars(_of(kind, actor).where(Job.id == kept_id)).one_or_none()
    document = _document(session, job.payload) if job is not None else None
    if job is None or document is None or document.created_at + KEPT <= clock.now():
        return None  # gone, or the worker has not come by yet
    return Kept(job.id, document, dict(job.payload.get("facts") or {}), job)


def mine(session: Session, kind: str, *, actor: User) -> list[Kept]:
    """All files of ``kind`` that ``actor`` brought and that are still kept, the oldest first."""
    rows = session.execute(
        _of(kind, actor)
        .join(Document, Document.id == Job.payload["document"].as_integer())
        .add_columns(Document)
        .order_by(Job.id)
    )
    return [
        Kept(job.id, document, dict(job.payload.get("facts") or {}), job)
        for job, document in rows
        if _same(document, job.payload) and document.created_at + KEPT > clock.now()
    ]


def discard(session: Session, kept: Kept) -> None:
    """Throw a file away before its day is over."""
    throw_away(session, kept.job.payload)
    session.delete(kept.job)
    session.flush()


def _of(kind: str, actor: User) -> Any:
    return select(Job).where(Job.kind == kind, Job.created_by_id == actor.id, Job.state == JobState.QUEUED)


def _document(session: Session, payload: dict[str, Any]) -> Document | None:
    """The file, if it is still there; SQLite gives the number of a deleted row again, so more is compared."""
    document = session.get(Document, int(payload["document"]))
    return document if document is not None and _same(document, payload) else None


def _same(document: Document, payload: dict[str, Any]) -> bool:
    return (document.sha256, document.created_at.isoformat()) == (payload["sha256"], payload["at"])


def throw_away(session: Session, payload: dict[str, Any]) -> None:
    """Delete the file, and its bytes unless another document has the same."""
    document = _document(session, payload)
    if document is not None:
        delete_document(session, document)


def delete_document(session: Session, document: Document) -> None:
    """Delete a document nothing refers to any more, and its bytes unless another document has the same.

    Whoever stores the same bytes at this moment and this transaction may lose against each other: the
    database refuses one of them at ``fk_document_sha256``, and its transaction is done again.
    """
    digest = document.sha256
    session.delete(document)
    session.flush()
    session.execute(
        delete(DocumentContent).where(
            DocumentContent.sha256 == digest, ~exists().where(Document.sha256 == DocumentContent.sha256)
        )
    )


def forget(work: Work) -> dict[str, Any]:
    """Throw a file away after its day, and what was noted about it; doing it again does nothing."""

    def go(session: Session) -> None:
        throw_away(session, work.payload)
        bare = {name: value for name, value in work.payload.items() if name != "facts"}
        session.execute(update(Job).where(Job.id == work.job_id).values(payload=bare))

    with work.open_session() as session:
        run(session, lambda: go(session))
    return {}
