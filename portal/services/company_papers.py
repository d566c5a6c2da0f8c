"""What was recorded from paper, read again: a participant's changes, their scans, who bears the same name."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.errors import NotFound
from portal.models import CompanyChange, Document, Holder, Organisation, Trader, User, Verifier
from portal.permissions import Permission
from portal.services import access, audit, documents, records
from portal.services.audit import EventTag
from portal.services.contacts import companies
from portal.services.records import Participant


def changes_of(session: Session, participant: Participant) -> list[CompanyChange]:
    """The paper changes of a participant, the newest first; one query."""
    query = (
        select(CompanyChange)
        .where(records.owned(CompanyChange, participant))
        .options(joinedload(CompanyChange.recorded_by), joinedload(CompanyChange.document))
        .order_by(CompanyChange.id.desc())
    )
    return list(session.scalars(query))


def same_company(session: Session, participant: Participant) -> list[Participant]:
    """Other participants registered with the same applicant: the paper does not change them."""
    own = companies(participant)[0]
    rows = select(Organisation.id).where(Organisation.name == own.name)
    found: list[Participant] = []
    holders = select(Holder).where(Holder.representative_id.in_(rows))
    options = (joinedload(Holder.representative), joinedload(Holder.account))
    found += session.scalars(holders.options(*options).order_by(Holder.id).limit(20))
    for model in (Trader, Verifier):
        query = select(model).where(model.organisation_id.in_(rows)).options(joinedload(model.organisation))
        found += session.scalars(query.order_by(model.id).limit(20))
    return [one for one in found if one is not participant]


def open_scan(session: Session, change_id: int, *, actor: User) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of the scanned paper; that it was read is recorded."""
    access.check(actor, Permission.RECORD_VIEW)
    change = access.get_visible(session, CompanyChange, change_id, actor)
    if change.document_id is None:
        raise NotFound
    document = session.get_one(Document, change.document_id)
    audit.record(
        session,
        EventTag.DOCUMENT_DOWNLOADED,
        document,
        actor=actor,
        holder_id=change.holder_id,
        filename=document.name,
        number=change.number,
    )
    return document.name, document.media_type, documents.read(session, document)
