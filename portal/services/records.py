"""A participant's registered facts over time: every change keeps the whole, so any day can be read again.

Item names are those of the application form (``registration_data.ApplicationData``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Holder,
    RecordCause,
    RegistrationApplication,
    RegistrationVersion,
    Trader,
    User,
    Verifier,
)
from portal.services import likeness

Participant = Holder | Trader | Verifier


def owner(participant: Participant) -> dict[str, int]:
    """The one column that says whose row it is: ``{"holder_id": 7}``."""
    name = {Holder: "holder_id", Trader: "trader_id", Verifier: "verifier_id"}[type(participant)]
    return {name: participant.id}


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


def keep(
    session: Session,
    participant: Participant,
    cause: RecordCause,
    *,
    actor: User | None,
    cause_id: int | None = None,
) -> RegistrationVersion:
    """Keep what is registered about ``participant`` from now on; call it last in whatever changes it."""
    session.flush()
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
