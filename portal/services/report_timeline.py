"""The time line of reports: their events with a reader's eyes, and the files they speak of (domain §4).

Facts are picked by name, so that no figure gets here that the reader may not see (safety 14).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.models import Document, EmissionsReport, Event, User, Verifier
from portal.permissions import SECRETARIAT, Role
from portal.services.audit import REPORT_TAGS, EventTag
from portal.services.report_files import FileSource

#: what a time line tells, besides attachments; a granted send-back request shows as the return it is
TAGS = REPORT_TAGS | {EventTag.REPORT_ATTACHED}
#: besides, for the holder itself and the secretariat
OWN_TAGS = TAGS | {
    EventTag.REPORT_REFUSED,
    EventTag.REPORT_ATTACHMENT_REMOVED,
    EventTag.VERIFIER_UNASSIGNED,
}
#: besides, for the verifier: its own people's affair
VERIFIER_TAGS = TAGS | {EventTag.VERIFICATION_CHARGE_CHOSEN}
#: what a verifier did that is no part of the next one's work
_A_VERIFIERS_OWN = frozenset(
    {
        EventTag.VERIFICATION_REGISTERED,
        EventTag.APPROVAL_REQUESTED,
        EventTag.REVIEW_DOCUMENT_SENT,
        EventTag.VERIFICATION_CHARGE_CHOSEN,
        EventTag.REPORT_RETURNED,
        EventTag.SEND_BACK_DECLINED,
    }
)
#: what was addressed to a verifier, and is no part of the next one's work either
_TO_A_VERIFIER = frozenset(
    {
        EventTag.VERIFIER_ASSIGNED,
        EventTag.REPORT_RETURNED_TO_VERIFIER,
    }
)
#: why the office changed the verifier is the office's
_OFFICE_REASONS = frozenset({EventTag.VERIFIER_ASSIGNED, EventTag.VERIFIER_UNASSIGNED})
#: facts a page may put into words
_FACTS = frozenset({"number", "filename", "opinion", "verified", "side", "round", "late", "count", "granted"})


@dataclass(frozen=True)
class FileLink:
    """A file that can be had through ``report_files.open_file(source, id)``."""

    source: FileSource
    id: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class TimeLineEntry:
    """One thing that happened. ``emissions`` in t-CO2.

    ``actor_name`` is empty where only the office is named: participants do not see who acts in it.
    """

    event: Event
    at: datetime
    tag: EventTag
    actor_name: str | None
    actor_role: Role | None
    actor_organisation: str | None
    reason: str | None
    #: the reason is the holder's, of its own request that was granted, not the actor's
    asked: bool
    emissions: int | None
    facts: dict[str, Any]
    file: FileLink | None


def link(source: FileSource, row_id: int, document: Document) -> FileLink:
    """The link to a document that hangs on a row of ``source``."""
    return FileLink(source, row_id, document.name, document.media_type, document.size)


def time_lines(
    session: Session, reports: Sequence[EmissionsReport], actor: User
) -> dict[int, tuple[TimeLineEntry, ...]]:
    """Report id → its events, newest first, as ``actor`` may read them. One query for all reports."""
    ids = [report.id for report in reports]
    tags = VERIFIER_TAGS if actor.role is Role.VERIFIER else OWN_TAGS
    events = session.scalars(
        select(Event)
        .where(
            Event.subject_type == EmissionsReport.__tablename__,
            Event.subject_id.in_(ids),
            Event.tag.in_([tag.value for tag in tags]),
        )
        .options(joinedload(Event.actor).joinedload(User.verifier).joinedload(Verifier.organisation))
        .order_by(Event.id.desc())
    )
    files = {report.id: _files(report) for report in reports}
    requests = {report.id: {one.reason for one in report.send_back_requests} for report in reports}
    lines: dict[int, list[TimeLineEntry]] = defaultdict(list)
    assigned: set[int] = set()
    for event in events:
        if actor.verifier_id is not None and _not_its_work(event, files[event.subject_id], actor, assigned):
            continue
        lines[event.subject_id].append(
            _entry(event, files[event.subject_id], requests[event.subject_id], actor)
        )
    return {report_id: tuple(lines[report_id]) for report_id in ids}


_Files = dict[tuple[str, int], FileLink]


def _not_its_work(event: Event, files: _Files, reader: User, assigned: set[int]) -> bool:
    """Whether a verifier is not told of ``event``: the work of one before it, or a file that was taken off.

    ``assigned``: the reports whose newest assignment, the reader's own, was passed on the way back in time.
    """
    tag = EventTag(event.tag)
    if tag is EventTag.REPORT_ATTACHED and ("file", event.facts.get("file")) not in files:
        return True
    if tag in _TO_A_VERIFIER and event.subject_id in assigned:
        return True
    if tag is EventTag.VERIFIER_ASSIGNED:
        assigned.add(event.subject_id)
    by = event.actor
    return (
        tag in _A_VERIFIERS_OWN
        and (by is None or by.role not in SECRETARIAT)
        and (by is None or by.verifier_id != reader.verifier_id)
    )


def _files(report: EmissionsReport) -> _Files:
    """(fact that names it, id) → link, for every file of the report that can still be had."""
    found: _Files = {}
    for file in report.files:
        if file.removed_at is None:
            found["file", file.id] = link(FileSource.REPORT, file.id, file.document)
    for verification in report.verification_reports:
        found["verification", verification.id] = link(
            FileSource.VERIFICATION, verification.id, verification.document
        )
    for review in report.review_documents:
        if review.document is not None:
            found["review", review.id] = link(FileSource.REVIEW, review.id, review.document)
    return found


def says_what_was_asked(event: Event, requests: Collection[str]) -> bool:
    """Whether a return bears the holder's own words; ``requests`` are the reasons of what it asked for.

    Who grants a request without a word of their own leaves those on the report.
    """
    granted = event.tag == EventTag.REPORT_RETURNED.value and bool(event.facts.get("granted"))
    return granted and event.reason in requests


def _entry(event: Event, files: _Files, requests: Collection[str], reader: User) -> TimeLineEntry:
    tag, facts, by = EventTag(event.tag), event.facts, event.actor
    hidden = by is None or (by.role in SECRETARIAT and reader.role not in SECRETARIAT)
    figure = facts.get("after") if tag is EventTag.REPORT_REGISTERED else facts.get("emissions")
    shown = {name: value for name, value in facts.items() if name in _FACTS}
    if tag is EventTag.VERIFIER_ASSIGNED:
        shown["verifier"] = facts.get("after")
    if tag is EventTag.VERIFIER_UNASSIGNED:
        shown["verifier"] = facts.get("before")
    if tag is EventTag.VERIFICATION_CHARGE_CHOSEN:
        shown["name"] = facts.get("after")
    named = [(name, facts[name]) for name in ("file", "verification", "review") if name in facts]
    return TimeLineEntry(
        event=event,
        at=event.at,
        tag=tag,
        actor_name=None if hidden or by is None else by.name,
        actor_role=by.role if by is not None else None,
        actor_organisation=by.verifier.label if by is not None and by.verifier is not None else None,
        reason=None if tag in _OFFICE_REASONS and reader.role not in SECRETARIAT else event.reason,
        asked=says_what_was_asked(event, requests),
        emissions=figure if isinstance(figure, int) else None,
        facts=shown,
        file=next((files[place] for place in named if place in files), None),
    )
