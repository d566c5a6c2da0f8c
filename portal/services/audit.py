"""The audit trail: one event for every state change, in the transaction of the act (habit 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Event, User


class EventTag(StrEnum):
    """What happened. Values are stored; texts stand in ``services/event_texts.py``."""

    APPLICATION_RECORDED = auto()
    APPLICATION_CHANGED = auto()
    APPLICATION_PAPERS_RECORDED = auto()
    APPLICATION_CORRECTION_ASKED = auto()
    APPLICATION_CORRECTED = auto()
    APPLICATION_ACCEPTED = auto()
    APPLICATION_REJECTED = auto()
    APPLICATION_WITHDRAWN = auto()
    LETTER_PRINTED = auto()
    LETTER_POSTED = auto()
    LETTER_RETURNED = auto()
    ACCOUNT_OPENED = auto()
    TARGET_PROPOSED = auto()
    TARGET_CONFIRMED = auto()
    TARGET_WITHDRAWN = auto()
    PHASE_CREATED = auto()
    PHASE_RULE_CHANGED = auto()
    FACTORS_CHANGED = auto()
    VERIFIER_ASSIGNED = auto()
    REPORT_REGISTERED = auto()
    REPORT_ATTACHED = auto()
    REPORT_ATTACHMENT_REMOVED = auto()
    REPORT_REFUSED = auto()
    VERIFICATION_REQUESTED = auto()
    SEND_BACK_REQUESTED = auto()
    SEND_BACK_GRANTED = auto()
    SEND_BACK_DECLINED = auto()
    REPORT_RETURNED = auto()
    VERIFICATION_REGISTERED = auto()
    APPROVAL_REQUESTED = auto()
    REVIEW_STARTED = auto()
    REVIEW_DOCUMENT_SENT = auto()
    REPORT_RETURNED_TO_VERIFIER = auto()
    REPORT_APPROVED = auto()
    REPORT_SUBMITTED = auto()
    REPORT_RECEIVED = auto()
    REVOCATION_PROPOSED = auto()
    REVOCATION_CONFIRMED = auto()
    REVOCATION_WITHDRAWN = auto()
    MOVEMENT_PROPOSED = auto()
    MOVEMENT_EXECUTED = auto()
    MOVEMENT_WITHDRAWN = auto()
    MOVEMENT_EXPIRED = auto()
    MOVEMENT_REFUSED = auto()
    CONTACT_CHANGE_APPLIED = auto()
    CONTACT_CHANGE_ACCEPTED = auto()
    CONTACT_CHANGE_DECLINED = auto()
    BANKING_APPLIED = auto()
    BANKING_ACCEPTED = auto()
    BANKING_DECLINED = auto()
    COMPLIANCE_FROZEN = auto()
    LOGIN_SUCCEEDED = auto()
    LOGIN_FAILED = auto()
    LOGGED_OUT = auto()
    PASSWORD_CHANGED = auto()
    PASSWORD_ISSUED = auto()
    USER_CREATED = auto()
    USER_DISABLED = auto()
    USER_ENABLED = auto()
    DOCUMENT_DOWNLOADED = auto()
    DEMO_CLOCK_SET = auto()
    MAIL_RESENT = auto()
    APPLICATION_TAKEN = auto()
    APPLICATION_SCAN_ATTACHED = auto()
    APPLICATION_SCAN_REMOVED = auto()
    IMPORT_UPLOADED = auto()
    IMPORT_READ = auto()
    IMPORT_REFUSED = auto()
    IMPORT_STARTED = auto()
    IMPORT_FINISHED = auto()
    IMPORT_FAILED = auto()
    IMPORT_DISCARDED = auto()
    LETTER_BATCH_QUEUED = auto()
    LETTER_BATCH_READY = auto()
    LETTER_BATCH_FETCHED = auto()
    LETTER_BATCH_DESTROYED = auto()
    LETTER_BATCH_FAILED = auto()
    PHASE_PROPOSED = auto()
    PHASE_PROPOSAL_CONFIRMED = auto()
    PHASE_PROPOSAL_WITHDRAWN = auto()
    TARGET_SUPERSEDED = auto()
    VERIFIER_UNASSIGNED = auto()
    LOGIN_LOCKED = auto()
    LOGIN_UNLOCKED = auto()
    COMPANY_CHANGED = auto()
    CONSENT_CHANGED = auto()
    ACCOUNT_CHANGE_PROPOSED = auto()
    ACCOUNT_CHANGE_CONFIRMED = auto()
    ACCOUNT_CHANGE_WITHDRAWN = auto()
    ACCOUNT_SUSPENDED = auto()
    ACCOUNT_RESUMED = auto()
    ACCOUNT_CLOSED = auto()
    NOTE_WRITTEN = auto()
    DIRECTORY_EXPORTED = auto()
    APPLICATION_FORM_REFUSED = auto()
    USER_ROLE_CHANGED = auto()
    CONTACT_CHANGE_WITHDRAWN = auto()
    LETTER_VOIDED = auto()
    IMPORT_CLEARED = auto()
    REPORT_CLERK_CHOSEN = auto()
    VERIFICATION_CHARGE_CHOSEN = auto()
    VERIFICATION_DRAFT_SAVED = auto()
    FACTORS_PROPOSED = auto()
    FACTORS_CONFIRMED = auto()
    FACTORS_WITHDRAWN = auto()
    REMINDER_SENT = auto()
    RETIREMENT_REMINDED = auto()
    PUBLICATION_PROPOSED = auto()
    PUBLICATION_RELEASED = auto()
    PUBLICATION_WITHDRAWN = auto()
    PUBLICATION_REPLACED = auto()
    PUBLICATION_ENDED = auto()
    FILE_INFECTED = auto()
    CASE_FILE_MADE = auto()
    ISSUE_BATCH_PROPOSED = auto()
    ISSUE_BATCH_EXECUTED = auto()
    ISSUE_BATCH_WITHDRAWN = auto()
    ISSUE_BATCH_EXPIRED = auto()
    PHASE_CLOSING_PROPOSED = auto()
    PHASE_CLOSED = auto()
    PHASE_CLOSING_WITHDRAWN = auto()
    BOOKS_COMPARED = auto()
    BOOKS_DISAGREED = auto()
    BANKING_WITHDRAWN = auto()
    BANKING_PROPOSED = auto()
    STATEMENT_MADE = auto()
    PUBLICATION_OUTDATED = auto()
    BANKING_REMINDED = auto()
    LETTER_ADDRESS_CORRECTED = auto()
    REISSUE_ASKED = auto()
    COMPLIANCE_PUT_RIGHT = auto()
    NIGHT_WORK_FAILED = auto()
    BOOKS_NOT_COMPARED = auto()
    ACCOUNT_CHANGE_EXPIRED = auto()
    REVOCATION_EXPIRED = auto()
    PHASE_PROPOSAL_EXPIRED = auto()
    PHASE_CLOSING_EXPIRED = auto()
    PUBLICATION_EXPIRED = auto()
    FACTORS_EXPIRED = auto()
    TARGET_DECLINED = auto()
    REVOCATION_DECLINED = auto()
    MOVEMENT_DECLINED = auto()
    PHASE_PROPOSAL_DECLINED = auto()
    ACCOUNT_CHANGE_DECLINED = auto()
    FACTORS_DECLINED = auto()
    PUBLICATION_DECLINED = auto()
    ISSUE_BATCH_DECLINED = auto()
    PHASE_CLOSING_DECLINED = auto()


#: events of a report that its holder and its verifier read of, at home and in the time line of the report
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

#: events whose facts or mere existence tell of allowances: never shown to login B (safety 14)
ALLOWANCE_TAGS = frozenset(
    {
        EventTag.MOVEMENT_PROPOSED,
        EventTag.MOVEMENT_EXECUTED,
        EventTag.MOVEMENT_WITHDRAWN,
        EventTag.MOVEMENT_EXPIRED,
        EventTag.MOVEMENT_REFUSED,
        EventTag.BANKING_APPLIED,
        EventTag.BANKING_ACCEPTED,
        EventTag.BANKING_DECLINED,
        EventTag.COMPLIANCE_FROZEN,
        EventTag.ACCOUNT_OPENED,
        EventTag.TARGET_PROPOSED,
        EventTag.TARGET_CONFIRMED,
        EventTag.TARGET_WITHDRAWN,
        EventTag.TARGET_SUPERSEDED,
        EventTag.ACCOUNT_CHANGE_PROPOSED,
        EventTag.ACCOUNT_CHANGE_CONFIRMED,
        EventTag.ACCOUNT_CHANGE_WITHDRAWN,
        EventTag.ACCOUNT_SUSPENDED,
        EventTag.ACCOUNT_RESUMED,
        EventTag.ACCOUNT_CLOSED,
        EventTag.RETIREMENT_REMINDED,
        EventTag.ISSUE_BATCH_PROPOSED,
        EventTag.ISSUE_BATCH_EXECUTED,
        EventTag.ISSUE_BATCH_WITHDRAWN,
        EventTag.ISSUE_BATCH_EXPIRED,
        EventTag.PHASE_CLOSING_PROPOSED,
        EventTag.PHASE_CLOSED,
        EventTag.PHASE_CLOSING_WITHDRAWN,
        EventTag.BOOKS_COMPARED,
        EventTag.BOOKS_DISAGREED,
        EventTag.BANKING_WITHDRAWN,
        EventTag.BANKING_PROPOSED,
        EventTag.STATEMENT_MADE,
        EventTag.COMPLIANCE_PUT_RIGHT,
        EventTag.NIGHT_WORK_FAILED,
        EventTag.BOOKS_NOT_COMPARED,
        EventTag.BANKING_REMINDED,
        EventTag.ACCOUNT_CHANGE_EXPIRED,
        EventTag.PHASE_CLOSING_EXPIRED,
        EventTag.TARGET_DECLINED,
        EventTag.MOVEMENT_DECLINED,
        EventTag.ACCOUNT_CHANGE_DECLINED,
        EventTag.ISSUE_BATCH_DECLINED,
        EventTag.PHASE_CLOSING_DECLINED,
    }
)


def record(
    session: Session,
    tag: EventTag,
    subject: Any,
    *,
    actor: User | None,
    holder_id: int | None = None,
    reason: str | None = None,
    **facts: Any,
) -> Event:
    """Write one event about ``subject`` (a mapped row with an ``id``).

    ``facts`` are JSON values (before and after); never a password, a session or file bytes.
    """
    session.flush()
    event = Event(
        at=clock.now(),
        tag=tag.value,
        actor_id=actor.id if actor is not None else None,
        subject_type=type(subject).__tablename__,
        subject_id=subject.id,
        holder_id=holder_id,
        reason=reason,
        facts=facts,
    )
    session.add(event)
    return event


def record_all(
    session: Session,
    tag: EventTag,
    subjects: Iterable[tuple[Any, dict[str, Any]]],
    *,
    actor: User | None,
    holders: Callable[[Any], int | None] = lambda _subject: None,
) -> None:
    """Write one event about each of many rows, given with its facts: as :func:`record`, in one go.

    ``holders`` says whose affair a row is.
    """
    session.flush()
    at = clock.now()
    rows = [
        {
            "at": at,
            "tag": tag.value,
            "actor_id": actor.id if actor is not None else None,
            "subject_type": type(subject).__tablename__,
            "subject_id": subject.id,
            "holder_id": holders(subject),
            "facts": facts,
        }
        for subject, facts in subjects
    ]
    if rows:
        session.execute(insert(Event), rows)
