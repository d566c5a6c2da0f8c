"""Files that belong to an application: for now only the Excel form that it was read from."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal import clock
from portal.models import ApplicationScan, RegistrationApplication, ScanKind, User
from portal.services import audit, documents
from portal.services.audit import EventTag


def keep(
    session: Session,
    row: RegistrationApplication,
    kind: ScanKind,
    name: str,
    data: bytes,
    media_type: str,
    *,
    actor: User,
) -> ApplicationScan:
    """Keep one file that was judged before as the application's, and record it."""
    document = documents.store(session, name, data, media_type, actor=actor)
    scan = ApplicationScan(
        application=row, document=document, kind=kind, created_by=actor, created_at=clock.now()
    )
    session.add(scan)
    session.flush()
    audit.record(
        session,
        EventTag.APPLICATION_SCAN_ATTACHED,
        row,
        actor=actor,
        scan=scan.id,
        filename=document.name,
        kind=kind.value,
    )
    return scan
