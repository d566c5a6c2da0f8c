"""Contact data: changes applied for online, decided by the secretariat (domain §3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused, Stale, refuse
from portal.models import (
    ContactChange,
    DecisionState,
    Holder,
    Organisation,
    RecordCause,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Permission, Role
from portal.services import access, audit, once, records, transitions, workflow
from portal.services.audit import EventTag
from portal.services.holders import refresh_search_key
from portal.services.item_words import in_words
from portal.services.mail import MailKind, notify
from portal.services.registration_checks import participant_key
from portal.services.registration_data import (
    glyph_problem,
    kana_problem,
    mail_problem,
    phone_problem,
    postal_problem,
    tidy,
    tidy_code,
    tidy_postal,
)

Participant = Holder | Trader | Verifier


@dataclass(frozen=True)
class ContactData:
    """What can be changed online. ``mail`` is address A; ``mail_b`` exists for holders only."""

    company: str
    department: str | None
    post: str | None
    name: str
    name_kana: str
    postal_code: str
    address: str
    telephone: str
    fax: str | None
    mail: str
    mail_b: str | None = None


_OPTIONAL = ("department", "post", "fax", "mail_b")
_CODES = ("postal_code", "telephone", "fax", "mail", "mail_b")
_LIMITS = {
    "company": 200,
    "address": 200,
    "mail": 200,
    "mail_b": 200,
    "postal_code": 40,
    "telephone": 40,
    "fax": 40,
}
_SHAPES = {
    "name_kana": kana_problem,
    "postal_code": postal_problem,
    "telephone": phone_problem,
    "fax": phone_problem,
    "mail": mail_problem,
    "mail_b": mail_problem,
}


def own_participant(session: Session, actor: User) -> Participant:
    """The holder, trader or verifier the login belongs to. Raises ``NotFound`` for the secretariat."""
    found = (
        session.get(Holder, actor.holder_id) if actor.holder_id is not None else None,
        session.get(Trader, actor.trader_id) if actor.trader_id is not None else None,
        session.get(Verifier, actor.verifier_id) if actor.verifier_id is not None else None,
    )
    return _the_one(found)


def _participant_of(session: Session, contact_id: int) -> Participant:
    found = (
        session.scalars(select(Holder).where(Holder.contact_id == contact_id)).one_or_none(),
        session.scalars(select(Trader).where(Trader.contact_id == contact_id)).one_or_none(),
        session.scalars(select(Verifier).where(Verifier.contact_id == contact_id)).one_or_none(),
    )
    return _the_one(found)


def _held(session: Session, change_id: int, actor: User) -> tuple[ContactChange, Participant]:
    """The change and whose it is; all that a decision writes is locked, the participant first."""
    seen = access.get_visible(session, ContactChange, change_id, actor)
    participant = _participant_of(session, seen.contact_id)
    records.hold(session, participant)
    return access.get_visible(session, ContactChange, change_id, actor, lock=True), participant


def _the_one(found: tuple[Participant | None, ...]) -> Participant:
    for row in found:
        if row is not None:
            return row
    raise NotFound


def companies(participant: Participant) -> list[Organisation]:
    """The companies a contact person may belong to."""
    if isinstance(participant, Holder):
        return [participant.representative, *(joint.organisation for joint in participant.joint_companies)]
    return [participant.organisation]


def present(participant: Participant) -> ContactData:
    """The contact data as registered now, for the form and for the old side of a change."""
    contact = participant.contact
    return ContactData(
        company=contact.organisation.name,
        department=contact.department,
        post=contact.post,
        name=contact.name,
        name_kana=contact.name_kana,
        postal_code=contact.postal_code,
        address=contact.address,
        telephone=contact.telephone,
        fax=contact.fax,
        mail=contact.mail,
        mail_b=participant.mail_b if isinstance(participant, Holder) else None,
    )


def tidied(data: ContactData, *, with_b: bool) -> ContactData:
    """``data`` as it will be stored; address B only where there may be a login B."""
    values: dict[str, Any] = {
        name: tidy_code(value) if name in _CODES else tidy(value) for name, value in asdict(data).items()
    }
    values["postal_code"] = tidy_postal(data.postal_code)
    for name in _OPTIONAL:
        values[name] = values[name] or None
    if not with_b:
        values["mail_b"] = None
    return replace(data, **values)


def contact_problems(data: ContactData, participant: Participant) -> list[Problem]:
    """Everything wrong with new contact data, each at its field."""
    return problems_of(data, [company.name for company in companies(participant)])


def problems_of(data: ContactData, names: Collection[str]) -> list[Problem]:
    """Everything wrong with contact data, each at its field; the company must be one of ``names``."""
    problems = []
    for name, value in asdict(data).items():
        if not value:
            if name not in _OPTIONAL:
                problems.append(Problem(Refusal.REQUIRED, name))
            continue
        limit = _LIMITS.get(name, 100)
        if len(value) > limit:
            problems.append(Problem(Refusal.TOO_LONG, name, {"limit": limit}))
        found = _SHAPES[name](value, name) if name in _SHAPES else glyph_problem(value, name)
        if found is not None:
            problems.append(found)
    if data.company and data.company not in names:
        problems.append(Problem(Refusal.CONTACT_ELSEWHERE, "company"))
    return problems


def open_change(session: Session, contact_id: int) -> ContactChange | None:
    """The change that waits for the secretariat, if any."""
    return session.scalars(
        select(ContactChange).where(
            ContactChange.contact_id == contact_id, ContactChange.state == DecisionState.APPLIED
        )
    ).one_or_none()


def apply_for_change(
    session: Session, data: ContactData, *, actor: User, key: str | None = None
) -> ContactChange:
    """Apply for a change of one's own contact data; nothing changes until the secretariat accepts.

    Raises ``Refused`` with everything wrong, NOTHING_CHANGED, or CHANGE_OPEN while one waits.
    """
    access.check(actor, Permission.CONTACT_CHANGE_APPLY)
    participant = own_participant(session, actor)
    data = tidied(data, with_b=isinstance(participant, Holder))
    content = asdict(data)
    records.hold(session, participant)
    made = once.earlier(session, key, "contact_change", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ContactChange, made, actor)
    problems = contact_problems(data, participant)
    if problems:
        raise Refused(*problems)
    old = asdict(present(participant))
    if old == content:
        raise refuse(Refusal.NOTHING_CHANGED)
    if open_change(session, participant.contact_id) is not None:
        raise refuse(Refusal.CHANGE_OPEN)
    change = ContactChange(
        contact_id=participant.contact_id,
        state=DecisionState.APPLIED,
        old=old,
        new=content,
        applied_by_id=actor.id,
        applied_at=clock.now(),
    )
    session.add(change)
    audit.record(
        session,
        EventTag.CONTACT_CHANGE_APPLIED,
        change,
        actor=actor,
        holder_id=actor.holder_id,
        items=changed_items(change),
    )
    once.remember(session, key, "contact_change", content, change.id, actor=actor)
    _tell(session, MailKind.CONTACT_CHANGE_APPLIED, participant, actor, row=change)
    return change


def changed_items(change: ContactChange) -> list[str]:
    """The fields in which old and new differ, in the form's order."""
    return differing(change.old, change.new)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The items of contact data in which ``old`` and ``new`` differ, in the form's order."""
    return [name for name in ContactData.__dataclass_fields__ if old.get(name) != new.get(name)]


def _tell(session: Session, kind: MailKind, participant: Participant, actor: User, **more: Any) -> None:
    notify(
        session,
        kind,
        holder=participant if isinstance(participant, Holder) else None,
        trader=participant if isinstance(participant, Trader) else None,
        verifier=participant if isinstance(participant, Verifier) else None,
        actor=actor,
        **more,
    )


def accept_change(
    session: Session, change_id: int, *, actor: User, version: int | None = None
) -> ContactChange:
    """Accept a contact change: contact, logins' names and addresses, search keys.

    The old mail address is told too. Raises ``Stale`` if the contact changed since the application.
    """
    access.check(actor, Permission.CONTACT_CHANGE_DECIDE)
    change, participant = _held(session, change_id, actor)
    workflow.expect_version(change, version)
    old = ContactData(**change.old)
    new = ContactData(**change.new)
    if change.state is DecisionState.APPLIED:
        now = present(participant)
        # a company renamed from paper meanwhile is no change of the contact person
        if replace(now, company=old.company) != old:
            raise Stale
        if new.company == old.company:
            new = replace(new, company=now.company)
        problems = contact_problems(new, participant)
        if problems:
            raise Refused(*problems)
        change.decided_by_id, change.decided_at = actor.id, clock.now()
    workflow.advance(
        session,
        transitions.CONTACT_CHANGE,
        change,
        "accept",
        actor=actor,
        holder_id=participant.id if isinstance(participant, Holder) else None,
        items=changed_items(change),
    )
    write(participant, old, new)
    records.keep(session, participant, RecordCause.CONTACT_CHANGE, actor=actor, cause_id=change.id)
    # address B gets report mail only (safety 17): that it changed is told to A
    _tell(
        session, MailKind.CONTACT_CHANGE_ACCEPTED, participant, actor, changes=in_words(changed_items(change))
    )
    if old.mail != new.mail:
        used = still_used(session, old.mail)
        _tell(
            session,
            MailKind.CONTACT_CHANGED_OLD_ADDRESS,
            participant,
            actor,
            address=old.mail,
            still_used=used,
        )
    return change


def still_used(session: Session, address: str) -> bool:
    """Whether some active login (B's, another participant's) goes on being told at ``address``."""
    session.flush()
    query = select(User.id).where(User.email == address, User.active.is_(True)).limit(1)
    return session.scalar(query) is not None


def write(participant: Participant, old: ContactData, new: ContactData) -> None:
    """Let ``new`` stand in place of ``old``: contact person, logins' names and addresses, search keys."""
    contact = participant.contact
    contact.organisation = next(c for c in companies(participant) if c.name == new.company)
    for name in (
        "department",
        "post",
        "name",
        "name_kana",
        "postal_code",
        "address",
        "telephone",
        "fax",
        "mail",
    ):
        setattr(contact, name, getattr(new, name))
    for user in participant.users:
        if user.role is Role.HOLDER_B:
            user.email = new.mail_b
        elif user.email == old.mail:
            user.email = new.mail
        if user.name == old.name:
            user.name = new.name
    if isinstance(participant, Holder):
        participant.mail_b = new.mail_b
    if isinstance(participant, Verifier):
        participant.search_key = participant_key(participant.code, companies(participant), contact)
    else:
        refresh_search_key(participant)


def decline_change(
    session: Session, change_id: int, reason: str, *, actor: User, version: int | None = None
) -> ContactChange:
    """Decline a contact change with a reason; the data stay as they are."""
    access.check(actor, Permission.CONTACT_CHANGE_DECIDE)
    change, participant = _held(session, change_id, actor)
    why = workflow.clean_reason(reason, needed=True)
    workflow.expect_version(change, version)
    if change.state is DecisionState.APPLIED:
        change.decided_by_id, change.decided_at, change.decision_reason = actor.id, clock.now(), why
    workflow.advance(
        session,
        transitions.CONTACT_CHANGE,
        change,
        "decline",
        actor=actor,
        reason=why,
        holder_id=participant.id if isinstance(participant, Holder) else None,
    )
    _tell(session, MailKind.CONTACT_CHANGE_DECLINED, participant, actor, reason=why)
    return change
