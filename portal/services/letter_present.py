"""A letter as it would be printed today: what was decided, to where its reader is registered now.

Letters wait, and come back: meanwhile a contact change is accepted or an application put right.
Address, date and, where the letter says what is registered, these facts are read anew (decided).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.models import (
    Contact,
    Holder,
    JointCompany,
    Letter,
    LetterKind,
    RegistrationApplication,
    Trader,
    Verifier,
)
from portal.services import letter_words
from portal.services.letter_pdf import LetterAddress, LetterContent
from portal.services.letter_words import Participant
from portal.services.numbers import search_key

#: written to the contact person of somebody registered; the others go to an applicant
OF_PARTICIPANTS = (LetterKind.COMPLETION, LetterKind.REISSUE)


def present(session: Session, letter: Letter) -> LetterContent:
    """``letter`` as it would be printed today, its passwords still black."""
    return presents(session, [letter])[letter.id]


def presents(session: Session, letters: Sequence[Letter]) -> dict[int, LetterContent]:
    """All of ``letters`` as they would be printed today, by their id; a handful of queries."""
    of_people = {one.application_id for one in letters if one.kind in OF_PARTICIPANTS}
    others = {one.application_id for one in letters} - of_people
    people = _participants(session, of_people)
    applications = _applications(session, others | (of_people - set(people)))
    today = clock.today()
    found = {}
    for letter in letters:
        content = letter_words.dated(letter_words.from_json(letter.content), today)
        participant = people.get(letter.application_id)
        if letter.kind in OF_PARTICIPANTS and participant is not None:
            content = replace(
                content,
                address=letter_words.contact_address(participant.contact),
                facts=letter_words.participant_facts(participant),
            )
        else:
            application = applications.get(letter.application_id) or letter.application
            content = replace(content, address=letter_words.application_address(application))
        found[letter.id] = content
    return found


def reader_of(session: Session, letter: Letter) -> Participant | None:
    """The participant a letter is written to; nobody, if it goes to an applicant."""
    if letter.kind not in OF_PARTICIPANTS:
        return None
    return _participants(session, [letter.application_id]).get(letter.application_id)


def _participants(session: Session, application_ids: Collection[int]) -> dict[int, Participant]:
    if not application_ids:
        return {}
    contact: Any = (Contact.organisation,)
    joint = selectinload(Holder.joint_companies).joinedload(JointCompany.organisation)
    ways: tuple[tuple[type[Any], tuple[Any, ...]], ...] = (
        (
            Holder,
            (
                joinedload(Holder.contact).joinedload(*contact),
                joinedload(Holder.representative),
                joinedload(Holder.account),
                joint,
            ),
        ),
        (
            Trader,
            (
                joinedload(Trader.contact).joinedload(*contact),
                joinedload(Trader.organisation),
                joinedload(Trader.account),
            ),
        ),
        (
            Verifier,
            (joinedload(Verifier.contact).joinedload(*contact), joinedload(Verifier.organisation)),
        ),
    )
    found: dict[int, Participant] = {}
    for model, options in ways:
        query = select(model).where(model.application_id.in_(application_ids)).options(*options)
        found.update((row.application_id, row) for row in session.scalars(query))
    return found


def _applications(session: Session, ids: Collection[int]) -> dict[int, RegistrationApplication]:
    if not ids:
        return {}
    query = select(RegistrationApplication).where(RegistrationApplication.id.in_(ids))
    return {row.id: row for row in session.scalars(query)}


def address_order(address: LetterAddress) -> tuple[str, ...]:
    """Sorts letters as the post does: postal code, address, company, name, however they are typed."""
    return (
        "".join(sign for sign in address.postal_code if sign.isdigit()),
        search_key(address.address),
        search_key(address.company),
        search_key(address.name),
    )


def addressee(content: LetterContent) -> str:
    """Company and name in one line, as lists show whom a letter goes to."""
    return f"{content.address.company}　{content.address.name}"[:200]
