"""Refused forms with their problems marked: kept for a day for whoever uploaded them, then gone.

A login has one copy at a time.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound
from portal.models import User
from portal.permissions import Permission, may
from portal.services import documents, jobs, kept_files

KIND = "forget_marked_copy"
KEPT = kept_files.KEPT
#: whoever uploads forms gets marked copies back
UPLOADERS = (Permission.REPORT_OWN_EDIT, Permission.REGISTRATION_EDIT)

forget = jobs.handler(KIND)(kept_files.forget)


def _check(actor: User) -> None:
    if not actor.active or not any(may(actor.role, permission) for permission in UPLOADERS):
        raise NotAllowed


def keep(session: Session, name: str, data: bytes, *, actor: User) -> int:
    """Keep ``data`` for a day under ``name``; the answer is what :func:`open_copy` asks for.

    The copy that ``actor`` had before goes at once. Raises ``NotAllowed``.
    """
    _check(actor)
    return kept_files.keep(session, KIND, name, data, actor=actor)


def open_copy(session: Session, copy_id: int, *, actor: User) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of a copy. Raises ``NotFound`` for another login's, or after its day."""
    _check(actor)
    kept = kept_files.find(session, KIND, copy_id, actor=actor)
    if kept is None:
        raise NotFound
    return kept.document.name, kept.document.media_type, documents.read(session, kept.document)
