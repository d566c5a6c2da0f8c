"""Consent to be found: given and withdrawn by the participant, or recorded by the office (domain §2, §3).

It works at once: the directory asks for it at each look (``services/directory.py``).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.errors import NotAllowed, Refusal, refuse
from portal.models import Holder, RecordCause, Trader, User
from portal.permissions import Permission
from portal.services import access, audit, once, records, workflow
from portal.services.audit import EventTag
from portal.services.contacts import own_participant
from portal.services.mail import MailKind, notify

Consenting = Holder | Trader
Kind = type[Holder] | type[Trader]


def change_own(
    session: Session, agreed: bool, *, actor: User, version: int | None = None, key: str | None = None
) -> Consenting:
    """Login A or a trader gives (``agreed``) or withdraws its own consent.

    Raises ``NotAllowed``, ``Stale`` for a page older than the row, NOTHING_CHANGED if it is so already.
    """
    access.check(actor, Permission.CONSENT_OWN)
    own = own_participant(session, actor)
    if isinstance(own, Holder):
        return _change(session, Holder, own.id, agreed, actor=actor, version=version, key=key)
    if isinstance(own, Trader):
        return _change(session, Trader, own.id, agreed, actor=actor, version=version, key=key)
    raise NotAllowed


def record(
    session: Session,
    kind: Kind,
    row_id: int,
    agreed: bool,
    reason: str,
    *,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> Consenting:
    """The office records what a participant told it by paper or telephone; ``reason`` says how it came.

    Raises ``NotFound``, ``Stale``, REASON_NEEDED, or NOTHING_CHANGED.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    why = workflow.clean_reason(reason, needed=True)
    return _change(session, kind, row_id, agreed, actor=actor, version=version, key=key, reason=why)


def _change(
    session: Session,
    kind: Kind,
    row_id: int,
    agreed: bool,
    *,
    actor: User,
    version: int | None,
    key: str | None,
    reason: str | None = None,
) -> Consenting:
    content = {"kind": kind.__tablename__, "id": row_id, "agreed": agreed, "reason": reason}
    row: Consenting = access.get_visible(session, kind, row_id, actor)
    records.hold(session, row)
    if once.earlier(session, key, "consent", content, actor=actor) is not None:
        return row
    workflow.expect_version(row, version)
    if row.disclosure_consent is agreed:
        raise refuse(Refusal.NOTHING_CHANGED)
    row.disclosure_consent = agreed
    audit.record(
        session,
        EventTag.CONSENT_CHANGED,
        row,
        actor=actor,
        holder_id=row.id if isinstance(row, Holder) else None,
        reason=reason,
        before=not agreed,
        after=agreed,
    )
    records.keep(session, row, RecordCause.CONSENT, actor=actor)
    once.remember(session, key, "consent", content, row.id, actor=actor)
    told = MailKind.CONSENT_GIVEN if agreed else MailKind.CONSENT_WITHDRAWN
    notify(
        session,
        told,
        holder=row if isinstance(row, Holder) else None,
        trader=row if isinstance(row, Trader) else None,
        actor=actor,
        reason=reason,
    )
    return row
