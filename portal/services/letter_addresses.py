"""Where a letter goes that came back undelivered, put right by the office (domain §3).

Contact data change by A's own online application. But whoever has not had the first letter has no
password to apply with, and an applicant has no login at all: until then the office corrects what is
registered, as it learnt by telephone or from a new paper (decided, docs/house.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused, Stale, refuse
from portal.models import (
    ApplicationState,
    Holder,
    Letter,
    LetterKind,
    LetterState,
    ParticipantKind,
    RecordCause,
    RegistrationApplication,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Permission, may
from portal.services import access, audit, contacts, letter_present, once, records, workflow
from portal.services.audit import EventTag
from portal.services.contacts import ContactData
from portal.services.item_words import in_words
from portal.services.letter_words import Participant
from portal.services.mail import MailKind, notify
from portal.services.near_duplicates import likeness_keys
from portal.services.registration_checks import application_key
from portal.services.registration_data import data_of

Target = Participant | RegistrationApplication


class LearntBy(StrEnum):
    """How the office learnt the right address."""

    TELEPHONE = "telephone"  # 電話で聞いた
    PAPER = "paper"  # 書面が届いた


#: the contact's items by the names of an application's columns
_COLUMNS = {
    "company": "contact_company",
    "department": "contact_department",
    "post": "contact_post",
    "name": "contact_name",
    "name_kana": "contact_kana",
    "postal_code": "contact_postal_code",
    "address": "contact_address",
    "telephone": "contact_telephone",
    "fax": "contact_fax",
    "mail": "mail_a",
    "mail_b": "mail_b",
}
#: until when a letter to an applicant still matters
_MATTERS = {
    LetterKind.CORRECTION: ApplicationState.CORRECTION_ASKED,
    LetterKind.REJECTION: ApplicationState.REJECTED,
}


@dataclass(frozen=True)
class Addressee:
    """Whom a letter goes to, and what of it is registered now."""

    target: Target
    data: ContactData
    #: the companies the contact person may belong to
    companies: tuple[str, ...]
    #: whether there is an address B
    with_b: bool
    #: tells whether a page still shows what is registered
    basis: int


def addressee_of(session: Session, letter: Letter) -> Addressee:
    """Whom ``letter`` is printed for: a participant's contact person, or the application's."""
    participant = letter_present.reader_of(session, letter)
    if participant is None:
        return _of_application(session.get_one(RegistrationApplication, letter.application_id))
    last = records.latest(session, participant)
    return Addressee(
        participant,
        contacts.present(participant),
        tuple(company.name for company in contacts.companies(participant)),
        isinstance(participant, Holder),
        last.id if last is not None else 0,
    )


def _of_application(row: RegistrationApplication) -> Addressee:
    names = (row.company_name, *(joint.name for joint in row.joint_companies), row.contact_company)
    return Addressee(
        row,
        ContactData(**{item: getattr(row, column) for item, column in _COLUMNS.items()}),
        tuple(dict.fromkeys(names)),
        row.kind is ParticipantKind.HOLDER,
        row.version,
    )


def refusal(letter: Letter, target: Target) -> Refusal | None:
    """Why the office may not correct where ``letter`` goes, if it may not.

    WRONG_STATE unless it came back and still matters; ADDRESS_BY_APPLICATION once a login that can
    apply for the change itself has logged in: then nobody redirects its passwords by telephone.
    """
    if letter.state is not LetterState.RETURNED:
        return Refusal.WRONG_STATE
    if isinstance(target, RegistrationApplication):
        return None if _MATTERS.get(letter.kind) is target.state else Refusal.WRONG_STATE
    known = any(
        user.last_login_at is not None and may(user.role, Permission.CONTACT_CHANGE_APPLY)
        for user in target.users
    )
    return Refusal.ADDRESS_BY_APPLICATION if known else None


def correct(
    session: Session,
    letter_id: int,
    data: ContactData,
    *,
    learnt_by: str | None,
    reason: str | None,
    actor: User,
    version: int | None = None,
    basis: int | None = None,
    key: str | None = None,
) -> Letter:
    """Register where the returned letter goes from now on; it can then be printed once more.

    ``learnt_by`` is a value of :class:`LearntBy`. Participant or applicant are told by mail, at the
    old address too if address A changes. Raises ``Stale`` if the letter (``version``) or what is
    registered (``basis``) changed since the page; ``Refused`` as :func:`refusal`, or with everything
    wrong at its field, or NOTHING_CHANGED.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    letter = access.get_visible(session, Letter, letter_id, actor)
    content = {"letter": letter_id, **asdict(data), "learnt_by": learnt_by, "reason": reason}
    # locked before the key is looked up: of two presses at once the second finds the first's answer
    to = _locked(session, letter, actor)
    if once.earlier(session, key, "correct_address", content, actor=actor) is not None:
        return letter
    workflow.expect_version(letter, version)
    against = refusal(letter, to.target)
    if against is not None:
        raise refuse(against)
    if basis is not None and basis != to.basis:
        raise Stale
    new = contacts.tidied(data, with_b=to.with_b)
    why = _judged(to, new, learnt_by, reason)
    items = contacts.differing(asdict(to.data), asdict(new))
    _register(session, to, new, actor)
    _record(session, letter, to, new, items, str(learnt_by), why, actor)
    _tell(session, to, new, items, actor)
    once.remember(session, key, "correct_address", content, letter.id, actor=actor)
    return letter


def _locked(session: Session, letter: Letter, actor: User) -> Addressee:
    """Whom the letter goes to, locked before the letter as everywhere, then the logins."""
    target = addressee_of(session, letter).target
    if isinstance(target, RegistrationApplication):
        access.get_visible(session, RegistrationApplication, target.id, actor, lock=True)
    else:
        records.hold(session, target)
    access.get_visible(session, Letter, letter.id, actor, lock=True)
    if not isinstance(target, RegistrationApplication):
        ids = [user.id for user in target.users]
        query = select(User).where(User.id.in_(ids)).order_by(User.id).with_for_update(of=User)
        session.scalars(query.execution_options(populate_existing=True)).all()
    return addressee_of(session, letter)


def _judged(to: Addressee, new: ContactData, learnt_by: str | None, reason: str | None) -> str:
    """The reason; refuses everything that is wrong, all at once."""
    problems = contacts.problems_of(new, to.companies)
    if not problems and new == to.data:
        problems.append(Problem(Refusal.NOTHING_CHANGED))
    if learnt_by not in {one.value for one in LearntBy}:
        problems.append(Problem(Refusal.REQUIRED, "learnt_by"))
    why = ""
    try:
        why = workflow.clean_reason(reason, needed=True) or ""
    except Refused as refused:
        problems += refused.problems
    if problems:
        raise Refused(*problems)
    return why


def _register(session: Session, to: Addressee, new: ContactData, actor: User) -> None:
    if not isinstance(to.target, RegistrationApplication):
        contacts.write(to.target, to.data, new)
        records.keep(session, to.target, RecordCause.CONTACT_CHANGE, actor=actor)
        return
    for item, column in _COLUMNS.items():
        setattr(to.target, column, getattr(new, item))
    data = data_of(to.target)
    to.target.search_key = application_key(to.target.number, data)
    for name, value in likeness_keys(data).items():
        setattr(to.target, name, value)


def _record(
    session: Session,
    letter: Letter,
    to: Addressee,
    new: ContactData,
    items: list[str],
    learnt_by: str,
    reason: str,
    actor: User,
) -> None:
    def of(data: ContactData) -> Mapping[str, Any]:
        return {item: getattr(data, item) for item in items}

    audit.record(
        session,
        EventTag.LETTER_ADDRESS_CORRECTED,
        letter,
        actor=actor,
        holder_id=to.target.id if isinstance(to.target, Holder) else None,
        reason=reason,
        learnt_by=learnt_by,
        before=of(to.data),
        after=of(new),
    )


def _tell(session: Session, to: Addressee, new: ContactData, items: list[str], actor: User) -> None:
    """Mail to where it goes now; the old address A is told too, address B never (safety 17)."""
    target, old = to.target, to.data
    whose: dict[str, Any] = {
        "holder": target if isinstance(target, Holder) else None,
        "trader": target if isinstance(target, Trader) else None,
        "verifier": target if isinstance(target, Verifier) else None,
        "actor": actor,
    }
    here: dict[str, Any] = {}
    if isinstance(target, RegistrationApplication):
        here = {"address": new.mail, "address_name": new.name}
    notify(session, MailKind.CONTACT_CORRECTED, **whose, **here, changes=in_words(items))
    if old.mail != new.mail:
        notify(
            session,
            MailKind.CONTACT_CHANGED_OLD_ADDRESS,
            **whose,
            address=old.mail,
            address_name=old.name,
            still_used=contacts.still_used(session, old.mail),
        )
