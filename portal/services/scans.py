"""Pictures of the paper: the sealed application, the consent form, corrections (domain §3).

What a file is, its bytes say, never its name. A scan is taken off with a reason and stays in the
database; who read which one is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused, refuse
from portal.models import ApplicationScan, RegistrationApplication, ScanKind, User
from portal.permissions import Permission
from portal.services import access, audit, documents, once, workflow
from portal.services.audit import EventTag

#: what a scanner makes
MEDIA = (documents.PDF, documents.PNG, documents.JPEG)
#: the kinds a person attaches; the Excel form is kept by whoever reads it
KINDS = tuple(kind for kind in ScanKind if kind is not ScanKind.FORM)
#: scans that one application holds
MOST = 20
LIMIT_MB = 20


def scans_of(session: Session, application_id: int) -> list[ApplicationScan]:
    """All scans of an application, those taken off too, in the order they came; one query."""
    query = (
        select(ApplicationScan)
        .where(ApplicationScan.application_id == application_id)
        .options(joinedload(ApplicationScan.document), joinedload(ApplicationScan.created_by))
        .order_by(ApplicationScan.id)
    )
    return list(session.scalars(query))


def attach(
    session: Session,
    application_id: int,
    kind: ScanKind | None,
    files: Sequence[tuple[str, bytes]],
    *,
    actor: User,
    key: str | None = None,
    limit_mb: int = LIMIT_MB,
) -> list[ApplicationScan]:
    """Attach scans (name, bytes) of the paper, all of them or none; also to a decided application.

    Raises ``Refused`` with everything wrong at ``kind`` and ``files``: CHOICE_UNKNOWN, FILE_NEEDED,
    SCAN_LIMIT, and SCAN_TOO_LARGE or SCAN_KIND for each file.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    content = {
        "application": application_id,
        "kind": kind,
        "files": [[name, hashlib.sha256(data).hexdigest()] for name, data in files],
    }
    row = access.get_visible(session, RegistrationApplication, application_id, actor, lock=True)
    made = once.earlier(session, key, "attach_scans", content, actor=actor)
    if made is not None:
        return [scan for scan in scans_of(session, application_id) if scan.id >= made][: len(files)]
    media = _judged(session, row, kind, files, limit_mb)
    assert kind is not None
    scans = [
        keep(session, row, kind, name, data, media_type, actor=actor)
        for (name, data), media_type in zip(files, media, strict=True)
    ]
    once.remember(session, key, "attach_scans", content, scans[0].id, actor=actor)
    return scans


def _judged(
    session: Session,
    row: RegistrationApplication,
    kind: ScanKind | None,
    files: Sequence[tuple[str, bytes]],
    limit_mb: int,
) -> list[str]:
    """The media type of each file; refuses all that is wrong at once."""
    problems: list[Problem] = []
    if kind not in KINDS:
        problems.append(Problem(Refusal.CHOICE_UNKNOWN, "kind"))
    if not files:
        problems.append(Problem(Refusal.FILE_NEEDED, "files"))
    if live_count(session, row.id) + len(files) > MOST:
        problems.append(Problem(Refusal.SCAN_LIMIT, "files", {"limit": MOST}))
    media = []
    for name, data in files:
        documents.expect_admitted(data, field="files")
        media_type = documents.sniff(data)
        if len(data) > limit_mb * 1024 * 1024:
            problems.append(
                Problem(Refusal.SCAN_TOO_LARGE, "files", {"name": shown(name), "limit": limit_mb})
            )
        elif media_type not in MEDIA:
            kinds = tuple(documents.KIND_NAMES[one] for one in MEDIA)
            problems.append(Problem(Refusal.SCAN_KIND, "files", {"name": shown(name), "kinds": kinds}))
        else:
            media.append(media_type)
    if problems:
        raise Refused(*problems)
    return media


def shown(name: str) -> str:
    """A file's name as a sentence may hold it."""
    plain = documents.safe_name(name)
    return plain if len(plain) <= 60 else f"{plain[:57]}…"


def live_count(session: Session, application_id: int) -> int:
    """How many scans an application holds, without those taken off."""
    count = select(func.count()).where(
        ApplicationScan.application_id == application_id, ApplicationScan.removed_at.is_(None)
    )
    return session.scalar(count) or 0


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
    """Keep one file that was judged before, under a name that says what it is, and record it."""
    document = documents.store(session, documents.named_as(name, media_type), data, media_type, actor=actor)
    scan = ApplicationScan(
        application=row, document=document, kind=kind, created_by=actor, created_at=clock.now()
    )
    session.add(scan)
    session.flush()
    _record(session, EventTag.APPLICATION_SCAN_ATTACHED, scan, actor)
    return scan


def take_off(
    session: Session, scan_id: int, reason: str, *, actor: User, key: str | None = None
) -> ApplicationScan:
    """Take a scan off with a reason; it stays readable for the office. A second press does nothing more.

    Raises ``Refused`` with REASON_NEEDED, or WRONG_STATE if it is off already.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    content = {"scan": scan_id, "reason": reason}
    scan = access.get_visible(session, ApplicationScan, scan_id, actor, lock=True)
    if once.earlier(session, key, "take_off_scan", content, actor=actor) is not None:
        return scan
    why = workflow.clean_reason(reason, needed=True)
    if scan.removed_at is not None:
        raise refuse(Refusal.WRONG_STATE)
    scan.removed_at, scan.removed_by_id = clock.now(), actor.id
    _record(session, EventTag.APPLICATION_SCAN_REMOVED, scan, actor, why)
    once.remember(session, key, "take_off_scan", content, scan.id, actor=actor)
    return scan


def open_scan(session: Session, scan_id: int, *, actor: User) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of a scan; that it was read is recorded. Raises ``NotFound``."""
    access.check(actor, Permission.REGISTRATION_VIEW)
    scan = session.get(ApplicationScan, scan_id)
    if scan is None:
        raise NotFound
    data = documents.read(session, scan.document)
    audit.record(
        session,
        EventTag.DOCUMENT_DOWNLOADED,
        scan.document,
        actor=actor,
        application=scan.application.number,
        filename=scan.document.name,
    )
    return scan.document.name, scan.document.media_type, data


def _record(
    session: Session, tag: EventTag, scan: ApplicationScan, actor: User, reason: str | None = None
) -> None:
    audit.record(
        session,
        tag,
        scan.application,
        actor=actor,
        reason=reason,
        scan=scan.id,
        kind=scan.kind.value,
        filename=scan.document.name,
    )
