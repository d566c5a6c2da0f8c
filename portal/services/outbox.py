"""The outbox: messages leave after the commit, at least once, always with the same Message-ID.

A message is claimed with a lease, sent outside of any transaction, and marked afterwards. Whoever
dies in between leaves a lease that runs out; the message then goes once more, with the same
Message-ID (safety 17). A server that is down loses nothing and blocks nobody (domain §7).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Refusal, refuse
from portal.models import MailMessage, MailState, User
from portal.permissions import Permission
from portal.services import access, audit
from portal.services.audit import EventTag
from portal.services.transaction import run
from portal.services.transports import NotTaken, Outgoing, Transport, Unreachable

OpenSession = Callable[[], Session]

LEASE = timedelta(minutes=5)
#: well before the lease runs out a batch is handed back, so that two workers do not send the same
BATCH_SECONDS = 120
BATCH = 20
LONGEST_PAUSE = 60  # minutes
LAST_TRY = 12


@dataclass(frozen=True)
class Delivered:
    """What one round did. ``unreachable`` says why the server could not be used, if so."""

    sent: int = 0
    refused: int = 0
    unreachable: str | None = None


def pause(attempts: int) -> timedelta:
    """How long a message waits after its n-th failed try: 1, 2, 4 … 60 minutes."""
    return timedelta(minutes=min(LONGEST_PAUSE, 2 ** max(0, attempts - 1)))


def deliver(open_session: OpenSession, transport: Transport, *, limit: int = BATCH) -> Delivered:
    """Send up to ``limit`` waiting messages.

    A message the server does not take waits longer each time and has failed after 12 tries. If the
    server cannot be reached, no message is to blame: all wait a minute and none fails.
    """
    with open_session() as session:
        lease, claimed = run(session, lambda: _claim(session, limit))
        sent = refused = 0
        began = time.monotonic()
        try:
            for place, outgoing in enumerate(claimed):
                if time.monotonic() - began > BATCH_SECONDS:
                    _hand_back(session, claimed[place:], lease, clock.now(), None)
                    break
                try:
                    transport.send(outgoing)
                except NotTaken as error:
                    _mark_refused(session, outgoing, lease, str(error))
                    refused += 1
                except Unreachable as error:
                    why = f"mail server unreachable: {error}"
                    _hand_back(session, claimed[place:], lease, clock.now() + pause(1), why)
                    return Delivered(sent, refused, str(error))
                else:
                    _mark_sent(session, outgoing)
                    sent += 1
        finally:
            transport.close()
    return Delivered(sent, refused)


def _claim(session: Session, limit: int) -> tuple[datetime, list[Outgoing]]:
    """Take waiting messages for :data:`LEASE`; PostgreSQL skips those another worker just takes."""
    now = clock.now()
    lease = now + LEASE
    rows = session.scalars(
        select(MailMessage)
        .where(
            MailMessage.state == MailState.QUEUED,
            MailMessage.next_try_at <= now,
            or_(MailMessage.leased_until.is_(None), MailMessage.leased_until <= now),
        )
        .order_by(MailMessage.next_try_at, MailMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.leased_until = lease
    return lease, [
        Outgoing(
            id=row.id,
            locale=row.locale,
            recipient=row.recipient,
            recipient_name=row.recipient_name,
            subject=row.subject,
            body=row.body,
            message_id=row.message_id,
            created_at=row.created_at,
        )
        for row in rows
    ]


def _mark_sent(session: Session, outgoing: Outgoing) -> None:
    # whoever holds the lease by now: it has been sent
    change = (
        update(MailMessage)
        .where(MailMessage.id == outgoing.id)
        .values(
            state=MailState.SENT,
            sent_at=clock.now(),
            leased_until=None,
            last_error=None,
            attempts=MailMessage.attempts + 1,
        )
    )
    run(session, lambda: session.execute(change))


def _mark_refused(session: Session, outgoing: Outgoing, lease: datetime, why: str) -> None:
    def mark() -> None:
        row = session.scalars(
            select(MailMessage)
            .where(
                MailMessage.id == outgoing.id,
                MailMessage.state == MailState.QUEUED,
                MailMessage.leased_until == lease,
            )
            .with_for_update()
        ).one_or_none()
        if row is None:  # the lease ran out and another worker has it
            return
        row.attempts += 1
        row.leased_until = None
        row.last_error = why[:500]
        row.next_try_at = clock.now() + pause(row.attempts)
        if row.attempts >= LAST_TRY:
            session.flush()
            session.execute(
                update(MailMessage).where(MailMessage.id == row.id).values(state=MailState.FAILED)
            )

    run(session, mark)


def _hand_back(
    session: Session, claimed: list[Outgoing], lease: datetime, again: datetime, why: str | None
) -> None:
    """Give up the lease of what was not sent, without counting a try."""
    values: dict[str, object] = {"leased_until": None, "next_try_at": again}
    if why is not None:
        values["last_error"] = why[:500]
    change = (
        update(MailMessage)
        .where(
            MailMessage.id.in_([outgoing.id for outgoing in claimed]),
            MailMessage.state == MailState.QUEUED,
            MailMessage.leased_until == lease,
        )
        .values(**values)
    )
    run(session, lambda: session.execute(change))


def resend(session: Session, message_id: int, *, actor: User | None) -> MailMessage:
    """Put a failed message back into the queue, with its Message-ID; tries count anew.

    ``actor`` ``None`` is the operator at the command line. Refuses a message that has not failed.
    """
    if actor is not None:
        access.check(actor, Permission.MAIL_RESEND)
    row = session.scalars(
        select(MailMessage).where(MailMessage.id == message_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state is not MailState.FAILED:
        raise refuse(Refusal.WRONG_STATE)
    row.attempts, row.leased_until, row.next_try_at = 0, None, clock.now()
    session.flush()
    session.execute(update(MailMessage).where(MailMessage.id == row.id).values(state=MailState.QUEUED))
    audit.record(session, EventTag.MAIL_RESENT, row, actor=actor, kind=row.kind)
    return row
