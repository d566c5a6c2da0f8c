"""A participant's own events: what happened to its reports, registration and account, newest first.

Movements come from the ledger, so that both sides see them; the rest from the audit trail, and only
the kinds named here. Login B reads about reports only: no allowance figure, not even that there was
one (domain §2, safety 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.errors import NotFound
from portal.models import (
    Account,
    ApprovalRevocation,
    EmissionsReport,
    Event,
    ReportFile,
    ReviewDocument,
    User,
    VerificationReport,
    VerifierAssignment,
)
from portal.models.base import MAX_QUANTITY
from portal.models.event import UNTOLD
from portal.permissions import Permission, may
from portal.services import allowances, line_search, statements
from portal.services.audit import ALLOWANCE_TAGS, REPORT_TAGS, EventTag
from portal.services.line_search import Filters
from portal.services.statements import Line

PER_PAGE = 20

#: besides reports, for the login that holds the account
OWNER_TAGS = frozenset(
    {
        EventTag.ACCOUNT_OPENED,
        EventTag.TARGET_CONFIRMED,
        EventTag.CONTACT_CHANGE_APPLIED,
        EventTag.CONTACT_CHANGE_ACCEPTED,
        EventTag.CONTACT_CHANGE_DECLINED,
        EventTag.CONTACT_CHANGE_WITHDRAWN,
        EventTag.COMPANY_CHANGED,
        EventTag.BANKING_APPLIED,
        EventTag.BANKING_ACCEPTED,
        EventTag.BANKING_DECLINED,
        EventTag.PASSWORD_CHANGED,
        EventTag.ACCOUNT_SUSPENDED,
        EventTag.ACCOUNT_RESUMED,
        EventTag.ACCOUNT_CLOSED,
        EventTag.LOGIN_LOCKED,
        EventTag.LOGIN_UNLOCKED,
        EventTag.USER_DISABLED,
        EventTag.USER_ENABLED,
        EventTag.CONSENT_CHANGED,
    }
)
assert not REPORT_TAGS & ALLOWANCE_TAGS
_OF_REPORT: dict[str, type[VerificationReport | ReviewDocument | ReportFile | VerifierAssignment]] = {
    model.__tablename__: model
    for model in (VerificationReport, ReviewDocument, ReportFile, VerifierAssignment)
}


@dataclass(frozen=True)
class Happening:
    """One line: either an event (of ``report``, if it belongs to one) or a movement."""

    at: datetime
    event: Event | None = None
    report: EmissionsReport | None = None
    line: Line | None = None


def tags_for(actor: User) -> frozenset[EventTag]:
    """The kinds of events ``actor`` reads."""
    if actor.holder_id is None:
        return frozenset()
    return REPORT_TAGS | OWNER_TAGS if may(actor.role, Permission.ALLOWANCE_OWN_VIEW) else REPORT_TAGS


@dataclass(frozen=True)
class Cut:
    """A place between two happenings: events and entries below these numbers are older."""

    event: int = MAX_QUANTITY
    entry: int = MAX_QUANTITY


@dataclass(frozen=True)
class Stretch:
    """Some happenings, newest first, and where they begin and end; ``None``: there is nothing beyond."""

    happenings: list[Happening]
    newer: Cut | None
    older: Cut | None


def own_events(
    session: Session,
    actor: User,
    *,
    before: Cut | None = None,
    after: Cut | None = None,
    size: int | None = None,
) -> Stretch:
    """The reader's happenings next to a cut, newest first; without one the newest.

    Of each side the next few are read along its index and put together by their moments.
    """
    size, account, upwards = size or PER_PAGE, _account(session, actor), after is not None
    cut = after or before or Cut()
    events = _events(session, actor, cut, upwards, size + 1)
    lines = _lines(session, account, cut, upwards, size + 1)
    sign = 1 if upwards else -1
    sides = (lines, events) if upwards else (events, lines)  # of one moment the event counts as newer
    merged = list(merge(*sides, key=lambda one: sign * one.at.timestamp()))
    if upwards and len(merged) <= size:
        return own_events(session, actor, size=size)
    shown = merged[:size]
    far = _beyond(shown, cut, upwards)
    if upwards:
        shown.reverse()
    newer = far if upwards else before
    older = cut if upwards else far if len(merged) > size else None
    reports = _reports_of(session, [one.event for one in shown if one.event is not None])
    return Stretch(
        [replace(one, report=reports.get(one.event.id)) if one.event is not None else one for one in shown],
        newer,
        older,
    )


def _beyond(shown: Sequence[Happening], cut: Cut, upwards: bool) -> Cut:
    """The cut on the far side of what is shown."""
    events = [one.event.id for one in shown if one.event is not None]
    entries = [one.line.entry_id for one in shown if one.line is not None]
    if upwards:
        return Cut(max(events, default=cut.event - 1) + 1, max(entries, default=cut.entry - 1) + 1)
    return Cut(min(events, default=cut.event), min(entries, default=cut.entry))


def _account(session: Session, actor: User) -> Account | None:
    try:
        return allowances.own_account(session, actor)
    except NotFound:
        return None


def _events(session: Session, actor: User, cut: Cut, upwards: bool, most: int) -> list[Happening]:
    """The events next to the cut, the nearest first."""
    if actor.holder_id is None:
        return []
    query = select(Event).where(
        Event.holder_id == actor.holder_id,
        Event.tag.in_([tag.value for tag in tags_for(actor)]),
        # what was decided about a proposal stands with the report as well
        Event.subject_type != ApprovalRevocation.__tablename__,
        text(UNTOLD),  # written out, so that both databases take the index of what is told
        Event.id >= cut.event if upwards else Event.id < cut.event,
    )
    query = query.order_by(Event.id.asc() if upwards else Event.id.desc()).limit(most)
    return [Happening(event.at, event=event) for event in session.scalars(query)]


def _lines(session: Session, account: Account | None, cut: Cut, upwards: bool, most: int) -> list[Happening]:
    """The entries next to the cut, the nearest first."""
    where = line_search.search(session, account, Filters()) if account is not None else None
    if account is None or where is None:
        return []
    query = where.ids(most=most, after=cut.entry - 1) if upwards else where.ids(most=most, before=cut.entry)
    ids = list(session.scalars(query))
    lines = statements.lines_by_id(session, account, ids)
    return [Happening(lines[one].at, line=lines[one]) for one in ids]


def _reports_of(session: Session, events: Sequence[Event]) -> dict[int, EmissionsReport]:
    """The report each event belongs to, by event id: one query for each kind of subject."""
    by_event: dict[int, int] = {}
    for event in events:
        if event.subject_type == EmissionsReport.__tablename__:
            by_event[event.id] = event.subject_id
    for name, model in _OF_REPORT.items():
        wanted = {e.subject_id for e in events if e.subject_type == name}
        if not wanted:
            continue
        found = dict(session.execute(select(model.id, model.report_id).where(model.id.in_(wanted))).all())
        by_event |= {
            e.id: found[e.subject_id] for e in events if e.subject_type == name and e.subject_id in found
        }
    if not by_event:
        return {}
    reports = {
        r.id: r
        for r in session.scalars(
            select(EmissionsReport).where(EmissionsReport.id.in_(set(by_event.values())))
        )
    }
    return {event_id: reports[report_id] for event_id, report_id in by_event.items() if report_id in reports}
