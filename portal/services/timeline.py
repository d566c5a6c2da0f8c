"""A participant's own events: what happened to its reports, registration and account, newest first.

Movements come from the ledger, so that both sides see them; the rest from the audit trail, and only
the kinds named here. Login B reads about reports only: no allowance figure, not even that there was
one (domain §2, safety 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, false, func, literal, select, union_all
from sqlalchemy.orm import Session

from portal.errors import NotFound
from portal.models import (
    Account,
    ApprovalRevocation,
    EmissionsReport,
    Event,
    LedgerEntry,
    LedgerTransaction,
    ReportFile,
    ReviewDocument,
    User,
    VerificationReport,
    VerifierAssignment,
)
from portal.permissions import Permission, may
from portal.services import allowances, statements
from portal.services.audit import ALLOWANCE_TAGS, EventTag
from portal.services.statements import Line

PER_PAGE = 20

REPORT_TAGS = frozenset(
    {
        EventTag.VERIFIER_ASSIGNED,
        EventTag.REPORT_REGISTERED,
        EventTag.VERIFICATION_REQUESTED,
        EventTag.SEND_BACK_REQUESTED,
        EventTag.SEND_BACK_DECLINED,
        EventTag.REPORT_RETURNED,
        EventTag.VERIFICATION_REGISTERED,
        EventTag.APPROVAL_REQUESTED,
        EventTag.REVIEW_STARTED,
        EventTag.REVIEW_DOCUMENT_SENT,
        EventTag.REPORT_RETURNED_TO_VERIFIER,
        EventTag.REPORT_APPROVED,
        EventTag.REPORT_SUBMITTED,
        EventTag.REPORT_RECEIVED,
        EventTag.REVOCATION_CONFIRMED,
    }
)
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


def own_events(
    session: Session, actor: User, *, page: int = 1, size: int = PER_PAGE
) -> tuple[list[Happening], int]:
    """(one page of the reader's events, how many there are); ``page`` counts from 1."""
    account = _account(session, actor)
    both = union_all(_events(actor), _entries(account)).subquery()
    total = session.scalar(select(func.count()).select_from(both)) or 0
    rows = session.execute(
        select(both.c.at, both.c.what, both.c.id)
        .order_by(both.c.at.desc(), both.c.what.desc(), both.c.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    event_ids = [row.id for row in rows if row.what == "event"]
    events = {e.id: e for e in session.scalars(select(Event).where(Event.id.in_(event_ids)))}
    reports = _reports_of(session, list(events.values()))
    entry_ids = [row.id for row in rows if row.what == "entry"]
    lines = statements.lines_by_id(session, account, entry_ids) if account is not None else {}
    return [
        Happening(row.at, event=events[row.id], report=reports.get(row.id))
        if row.what == "event"
        else Happening(row.at, line=lines[row.id])
        for row in rows
    ], total


def _account(session: Session, actor: User) -> Account | None:
    try:
        return allowances.own_account(session, actor)
    except NotFound:
        return None


def _events(actor: User) -> Select[datetime, str, int]:
    mine = Event.holder_id == actor.holder_id if actor.holder_id is not None else false()
    return select(Event.at.label("at"), literal("event").label("what"), Event.id.label("id")).where(
        mine,
        Event.tag.in_([tag.value for tag in tags_for(actor)]),
        # what was decided about a proposal stands with the report as well
        Event.subject_type != ApprovalRevocation.__tablename__,
    )


def _entries(account: Account | None) -> Select[datetime, str, int]:
    own = LedgerEntry.account_id == account.id if account is not None else false()
    return (
        select(
            LedgerTransaction.posted_at.label("at"),
            literal("entry").label("what"),
            LedgerEntry.id.label("id"),
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(own)
    )


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
    reports = {
        r.id: r
        for r in session.scalars(
            select(EmissionsReport).where(EmissionsReport.id.in_(set(by_event.values())))
        )
    }
    return {event_id: reports[report_id] for event_id, report_id in by_event.items() if report_id in reports}
