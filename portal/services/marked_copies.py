"""Refused forms with their problems marked: kept for a day for whoever uploaded them, then gone.

The copy is a document; the piece of work that will throw it away is what says whose it is. A login
has one copy at a time, so that refused files do not pile up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound
from portal.models import Document, DocumentContent, Job, JobState, User
from portal.permissions import Permission
from portal.services import access, documents, jobs
from portal.services.jobs import Work
from portal.services.transaction import run

KIND = "forget_marked_copy"
KEPT = timedelta(days=1)


def keep(session: Session, name: str, data: bytes, *, actor: User) -> int:
    """Keep ``data`` for a day under ``name``; the answer is what :func:`open_copy` asks for.

    The copy that ``actor`` had before goes at once.
    """
    access.check(actor, Permission.REPORT_OWN_EDIT)
    for job in session.scalars(_of(actor)).all():
        _throw_away(session, job.payload)
        session.delete(job)
    document = documents.store(session, name, data, documents.XLSX, actor=actor)
    payload = {"document": document.id, "sha256": document.sha256, "at": document.created_at.isoformat()}
    return jobs.enqueue(session, KIND, payload, at=clock.now() + KEPT, actor=actor).id


def open_copy(session: Session, copy_id: int, *, actor: User) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of a copy. Raises ``NotFound`` for another login's, or after its day."""
    access.check(actor, Permission.REPORT_OWN_EDIT)
    job = session.scalars(_of(actor).where(Job.id == copy_id)).one_or_none()
    document = _document(session, job.payload) if job is not None else None
    if document is None:
        raise NotFound
    return document.name, document.media_type, documents.read(session, document)


def _of(actor: User) -> Any:
    return select(Job).where(Job.kind == KIND, Job.created_by_id == actor.id, Job.state == JobState.QUEUED)


def _document(session: Session, payload: dict[str, Any]) -> Document | None:
    """The copy, if it is still there; SQLite gives the number of a deleted row again, so more is compared."""
    document = session.get(Document, int(payload["document"]))
    if document is None or document.sha256 != payload["sha256"]:
        return None
    return document if document.created_at.isoformat() == payload["at"] else None


def _throw_away(session: Session, payload: dict[str, Any]) -> None:
    """Delete the copy, and its bytes unless another document has the same."""
    document = _document(session, payload)
    if document is None:
        return
    digest = document.sha256
    session.delete(document)
    session.flush()
    session.execute(
        delete(DocumentContent).where(
            DocumentContent.sha256 == digest, ~exists().where(Document.sha256 == DocumentContent.sha256)
        )
    )


@jobs.handler(KIND)
def forget(work: Work) -> dict[str, Any]:
    """Throw a copy away after its day; doing it again does nothing."""
    with work.open_session() as session:
        run(session, lambda: _throw_away(session, work.payload))
    return {}
