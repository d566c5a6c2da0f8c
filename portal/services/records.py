"""A participant's registered facts over time: every change keeps the whole, so any day can be read again.

Item names are those of the application form (``registration_data.ApplicationData``). Which of two
changes came later is told by their row, never by the clock (safety 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import (
    Contact,
    Holder,
    JointCompany,
    RecordCause,
    RegistrationApplication,
    RegistrationVersion,
    Trader,
    User,
    Verifier,
)
from portal.services import likeness
from portal.services.registration_data import COMPANY_ITEMS, CONTACT_ITEMS, SITE_ITEMS

Participant = Holder | Trader | Verifier

#: every item that is kept, in the order of the form
ITEMS = (*COMPANY_ITEMS, *CONTACT_ITEMS, *SITE_ITEMS)


@dataclass(frozen=True)
class Span:
    """What an item was from one change to the next; ``until`` is ``None`` for what it is now."""

    value: Any
    since: datetime
    until: datetime | None
    #: the change that brought the value
    version: RegistrationVersion


@dataclass(frozen=True)
class ItemHistory:
    """One item and what it was, the present value first."""

    item: str
    spans: tuple[Span, ...]


def owner(participant: Participant) -> dict[str, int]:
    """The one column that says whose row it is: ``{"holder_id": 7}``."""
    name = {Holder: "holder_id", Trader: "trader_id", Verifier: "verifier_id"}[type(participant)]
    return {name: participant.id}


def owned(model: Any, participant: Participant) -> ColumnElement[bool]:
    """The condition for the rows of ``model`` (changes, notes, versions) that are ``participant``'s."""
    (name, row_id), *_ = owner(participant).items()
    found: ColumnElement[bool] = getattr(model, name) == row_id
    return found


def facts_of(participant: Participant) -> dict[str, Any]:
    """Everything registered about ``participant`` now, as JSON values by the form's item names."""
    company = participant.representative if isinstance(participant, Holder) else participant.organisation
    contact = participant.contact
    facts: dict[str, Any] = {
        "company_name": company.name,
        "company_kana": company.name_kana,
        "representative_name": company.representative_name,
        "representative_kana": company.representative_kana,
        "contact_company": contact.organisation.name,
        "contact_department": contact.department,
        "contact_post": contact.post,
        "contact_name": contact.name,
        "contact_kana": contact.name_kana,
        "contact_postal_code": contact.postal_code,
        "contact_address": contact.address,
        "contact_telephone": contact.telephone,
        "contact_fax": contact.fax,
        "mail_a": contact.mail,
    }
    if isinstance(participant, Verifier):
        return facts
    facts["disclosure_consent"] = participant.disclosure_consent
    facts["account_name"] = participant.account.name
    if isinstance(participant, Holder):
        facts |= {
            "joint_companies": [
                [one.organisation.name, one.organisation.name_kana] for one in participant.joint_companies
            ],
            "mail_b": participant.mail_b,
            "site_name": participant.site_name,
            "site_kana": participant.site_kana,
            "site_address": participant.site_address,
            "site_kind": participant.site_kind.value,
            "participation": participant.participation.value,
            "other_scheme": participant.other_scheme,
        }
    return facts


def hold(session: Session, participant: Participant) -> None:
    """Lock ``participant``, then its contact person, and read anew all that is registered about it.

    Whatever changes any of it begins with this, in this order, before it locks anything else of the
    participant's: two changes never wait for each other, and none judges or keeps what was true before.
    """
    session.flush()
    model = type(participant)
    rows: list[tuple[type[Any], int]] = [(model, participant.id), (Contact, participant.contact_id)]
    for kind, row_id in rows:
        query = select(kind).where(kind.id == row_id).with_for_update(of=kind)
        session.scalars(query.execution_options(populate_existing=True)).one()
    if isinstance(participant, Holder):
        joint = select(JointCompany).where(JointCompany.holder_id == participant.id)
        session.scalars(joint.execution_options(populate_existing=True)).all()
    if not isinstance(participant, Verifier):
        session.refresh(participant.account)


def keep(
    session: Session,
    participant: Participant,
    cause: RecordCause,
    *,
    actor: User | None,
    cause_id: int | None = None,
) -> RegistrationVersion:
    """Keep what is registered about ``participant`` from now on; call it last in whatever changes it.

    The facts are those under the lock: a change that another has just committed is among them.
    """
    hold(session, participant)
    facts = facts_of(participant)
    _find_again(session, participant, facts)
    version = RegistrationVersion(
        **owner(participant),
        valid_from=clock.now(),
        cause=cause,
        cause_id=cause_id,
        facts=facts,
        actor_id=actor.id if actor is not None else None,
    )
    session.add(version)
    return version


def latest(session: Session, participant: Participant) -> RegistrationVersion | None:
    """The newest line of the history; its ``id`` tells whether a page still shows what is registered."""
    query = select(RegistrationVersion).where(owned(RegistrationVersion, participant))
    return session.scalars(query.order_by(RegistrationVersion.id.desc()).limit(1)).first()


def as_of(session: Session, participant: Participant, day: date) -> RegistrationVersion | None:
    """What stood registered at the end of ``day`` in Tokyo; ``None`` before the history begins.

    Of several changes on one day the last one stands.
    """
    query = select(RegistrationVersion).where(
        owned(RegistrationVersion, participant), RegistrationVersion.valid_from < clock.end_of_day(day)
    )
    return session.scalars(query.order_by(RegistrationVersion.id.desc()).limit(1)).first()


def versions(session: Session, participant: Participant) -> list[RegistrationVersion]:
    """Every line of the history with who made it, the oldest first; one query."""
    query = (
        select(RegistrationVersion)
        .where(owned(RegistrationVersion, participant))
        .options(joinedload(RegistrationVersion.actor))
        .order_by(RegistrationVersion.id)
    )
    return list(session.scalars(query))


def field_history(session: Session, participant: Participant) -> list[ItemHistory]:
    """What every item was, when, and by which change, in the order of the form; one query."""
    return item_histories(versions(session, participant))


def item_histories(lines: Sequence[RegistrationVersion]) -> list[ItemHistory]:
    """:func:`field_history` of lines that were read already, the oldest first."""
    found = []
    for item in ITEMS:
        if not any(item in line.facts for line in lines):
            continue
        spans: list[Span] = []
        for line in lines:
            value = line.facts.get(item)
            if spans and spans[-1].value == value:
                continue
            if spans:
                last = spans.pop()
                spans.append(Span(last.value, last.since, line.valid_from, last.version))
            spans.append(Span(value, line.valid_from, None, line))
        found.append(ItemHistory(item, tuple(reversed(spans))))
    return found


def _find_again(session: Session, participant: Participant, facts: dict[str, Any]) -> None:
    """A later application is compared with what is registered now (near-duplicates, domain §3)."""
    application = session.get_one(RegistrationApplication, participant.application_id)
    keys = likeness.keys(
        company_name=facts["company_name"],
        company_kana=facts["company_kana"],
        site_name=facts.get("site_name"),
        address=facts.get("site_address") or facts["contact_address"],
        telephone=facts["contact_telephone"],
        mail=facts["mail_a"],
        account_name=facts.get("account_name"),
    )
    for name, value in keys.items():
        setattr(application, name, value)
