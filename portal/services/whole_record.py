"""Everything the office keeps on a participant, gathered for one page: one query for each part of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal.models import (
    ApplicationScan,
    CompanyChange,
    ContactChange,
    Holder,
    Holding,
    Letter,
    MailMessage,
    ParticipantNote,
    RegistrationApplication,
    UnitClass,
    Verifier,
)
from portal.services import company_papers, notes, registration
from portal.services.records import Participant

#: how many mails the page shows
MAILS = 10


@dataclass(frozen=True)
class WholeRecord:
    """The parts of the page that holders, traders and verifiers have in common."""

    application: RegistrationApplication
    scans: list[ApplicationScan]
    letters: list[Letter]
    holdings: list[Holding]
    contact_changes: list[ContactChange]
    paper_changes: list[CompanyChange]
    notes: list[ParticipantNote]
    mails: list[MailMessage]
    #: where this participant's mails go now
    addresses: list[str]


def whole_record(session: Session, participant: Participant) -> WholeRecord:
    """The record of ``participant``; whoever calls it stands behind the secretariat's door."""
    addresses = addresses_of(participant)
    return WholeRecord(
        application=session.get_one(RegistrationApplication, participant.application_id),
        scans=_scans(session, participant),
        letters=registration.letters_of(session, participant.application_id),
        holdings=_holdings(session, participant),
        contact_changes=_contact_changes(session, participant),
        paper_changes=company_papers.changes_of(session, participant),
        notes=notes.notes_of(session, participant),
        mails=_mails(session, [user.id for user in participant.users], addresses),
        addresses=addresses,
    )


def addresses_of(participant: Participant) -> list[str]:
    """The contact's address, address B and those of the logins, each once."""
    second = participant.mail_b if isinstance(participant, Holder) else None
    found = [participant.contact.mail, second, *(user.email for user in participant.users)]
    return list(dict.fromkeys(address for address in found if address))


def _scans(session: Session, participant: Participant) -> list[ApplicationScan]:
    query = (
        select(ApplicationScan)
        .where(
            ApplicationScan.application_id == participant.application_id,
            ApplicationScan.removed_at.is_(None),
        )
        .options(joinedload(ApplicationScan.document))
        .order_by(ApplicationScan.id)
    )
    return list(session.scalars(query))


def _holdings(session: Session, participant: Participant) -> list[Holding]:
    if isinstance(participant, Verifier):
        return []
    query = (
        select(Holding)
        .join(Holding.unit_class)
        .where(Holding.account_id == participant.account.id)
        .options(joinedload(Holding.unit_class).joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    )
    return list(session.scalars(query))


def _contact_changes(session: Session, participant: Participant) -> list[ContactChange]:
    query = (
        select(ContactChange)
        .where(ContactChange.contact_id == participant.contact_id)
        .options(joinedload(ContactChange.applied_by), joinedload(ContactChange.decided_by))
        .order_by(ContactChange.id.desc())
    )
    return list(session.scalars(query))


def _mails(session: Session, users: list[int], addresses: list[str]) -> list[MailMessage]:
    """The newest mails to the logins, wherever they lived then, and those to no login at its addresses.

    An address alone does not say whose mail it is: one person may be in charge of two participants.
    Each side finds its newest rows by an index; only those are put together.
    """
    newest = [
        select(MailMessage.id).where(condition).order_by(MailMessage.id.desc()).limit(MAILS).subquery()
        for condition in (
            MailMessage.user_id.in_(users),
            MailMessage.user_id.is_(None) & MailMessage.recipient.in_(addresses),
        )
    ]
    query = (
        select(MailMessage)
        .where(or_(*(MailMessage.id.in_(select(part.c.id)) for part in newest)))
        .order_by(MailMessage.id.desc())
        .limit(MAILS)
    )
    return list(session.scalars(query))
