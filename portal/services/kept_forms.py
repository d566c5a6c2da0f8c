"""What was typed into a form whose login had ended meanwhile, kept for an hour for the same login.

It lies here only sealed: for a key in the cookie of the browser that sent it. Passwords and files are never
part of it. Nobody's act depends on it: what is found again is only shown again, and sent once more by hand.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Job, JobState, User
from portal.services import jobs, sealed
from portal.services.jobs import Work
from portal.services.transaction import run

KIND = "forget_form"
KEPT = timedelta(hours=1)
#: of one login, so that they do not pile up: as many as somebody may have open in tabs
MOST = 5
#: longer than the longest form of the portal; a longer one is not kept
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class TypedForm:
    """A form that was sent: where its page stands, where it goes, what its fields held, in order."""

    page: str
    action: str
    fields: tuple[tuple[str, str], ...]
    #: whether files were chosen, which must be chosen again
    files: bool


def keep(session: Session, typed: TypedForm, private_key: bytes, *, actor: User) -> int | None:
    """Keep ``typed`` for an hour for whoever logs in as ``actor`` and holds ``private_key``; its number.

    ``None``: it is too long, or the login was disabled. Beyond :data:`MOST` the oldest goes.
    """
    data = json.dumps(asdict(typed), ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(data) > MOST_BYTES or not actor.active:
        return None
    earlier = list(session.scalars(_of(actor).order_by(Job.id)))
    for job in earlier[: max(0, len(earlier) - MOST + 1)]:
        session.delete(job)
    hidden = sealed.seal(data, sealed.public_of(private_key), _about(actor))
    payload = {"sealed": b64encode(hidden).decode()}
    return jobs.enqueue(session, KIND, payload, at=clock.now() + KEPT, actor=actor).id


def find(session: Session, form_id: int, private_key: bytes, *, actor: User) -> TypedForm | None:
    """What was kept; ``None`` for another login's, another browser's, or after its hour."""
    job = session.scalars(_of(actor).where(Job.id == form_id)).one_or_none()
    if job is None or job.created_at + KEPT <= clock.now():
        return None  # gone, or the worker has not come by yet
    try:
        data = sealed.open_sealed(b64decode(job.payload["sealed"]), private_key, _about(actor))
    except sealed.CannotOpen:
        return None
    found = json.loads(data.decode("utf-8", "surrogatepass"))
    pairs = tuple((str(name), str(value)) for name, value in found["fields"])
    return TypedForm(found["page"], found["action"], pairs, found["files"])


def _of(actor: User) -> Any:
    return select(Job).where(Job.kind == KIND, Job.created_by_id == actor.id, Job.state == JobState.QUEUED)


def _about(actor: User) -> bytes:
    """What the sealed bytes are bound to."""
    return f"kept_form:{actor.id}".encode()


@jobs.handler(KIND)
def forget(work: Work) -> dict[str, Any]:
    """Throw what was typed away after its hour; doing it again does nothing."""
    with work.open_session() as session:
        bare = update(Job).where(Job.id == work.job_id).values(payload={})
        run(session, lambda: session.execute(bare))
    return {}
