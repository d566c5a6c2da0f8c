"""A participant takes its own contact change back while it waits for the secretariat (domain §3)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.models import ContactChange, Holder, Trader, User, Verifier
from portal.permissions import Permission
from portal.services import access, records, transitions, workflow
from portal.services.contacts import changed_items, own_participant
from portal.services.mail import MailKind, notify


def withdraw_change(
    session: Session, change_id: int, *, actor: User, version: int | None = None
) -> ContactChange:
    """Take back one's own application; nothing has changed and nothing will.

    Raises ``NotFound`` for another's, ``Stale`` or WRONG_STATE if the secretariat was faster.
    """
    access.check(actor, Permission.CONTACT_CHANGE_APPLY)
    access.get_visible(session, ContactChange, change_id, actor)
    whose = own_participant(session, actor)
    records.hold(session, whose)
    change = access.get_visible(session, ContactChange, change_id, actor, lock=True)
    workflow.advance(
        session,
        transitions.CONTACT_CHANGE,
        change,
        "withdraw",
        actor=actor,
        version=version,
        holder_id=actor.holder_id,
        items=changed_items(change),
    )
    notify(
        session,
        MailKind.CONTACT_CHANGE_WITHDRAWN,
        holder=whose if isinstance(whose, Holder) else None,
        trader=whose if isinstance(whose, Trader) else None,
        verifier=whose if isinstance(whose, Verifier) else None,
        actor=actor,
        row=change,
    )
    return change
