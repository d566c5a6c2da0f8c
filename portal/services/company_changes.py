"""Changes of registered names that come on paper (登録情報変更申請書) and are made by the office (domain §3).

Companies are rows that are superseded, never edited: a renamed company is another row, and only the
participant whose paper it is points to it from then on. What changes online is ``services/contacts``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused, Stale
from portal.models import (
    Account,
    CompanyChange,
    Holder,
    JointCompany,
    Organisation,
    ParticipantKind,
    Participation,
    RecordCause,
    SiteKind,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Permission
from portal.services import access, audit, documents, once, records
from portal.services.audit import EventTag
from portal.services.contacts import companies
from portal.services.holders import organisation, refresh_search_key
from portal.services.item_words import in_words
from portal.services.mail import MailKind, notify
from portal.services.numbers import hold_series, next_number, search_key
from portal.services.records import Participant
from portal.services.registration_checks import (
    account_key,
    name_problem,
    participant_key,
    site_key,
    site_problem,
)
from portal.services.registration_data import ApplicationData, form_problems, json_of, normalised, tidy
from portal.settings import Settings

MODELS: dict[ParticipantKind, type[Participant]] = {
    ParticipantKind.HOLDER: Holder,
    ParticipantKind.TRADER: Trader,
    ParticipantKind.VERIFIER: Verifier,
}
_COMPANY = ("company_name", "company_kana", "representative_name", "representative_kana")
_SITE = ("site_name", "site_kana", "site_address", "site_kind", "participation")
#: what the paper may change, in the order of the page
CHANGEABLE: dict[ParticipantKind, tuple[str, ...]] = {
    ParticipantKind.HOLDER: (
        *_COMPANY,
        "joint_companies",
        "contact_company",
        *_SITE,
        "account_name",
        "other_scheme",
    ),
    ParticipantKind.TRADER: (*_COMPANY, "account_name"),
    ParticipantKind.VERIFIER: _COMPANY,
}
SCAN_KINDS = (documents.PDF, documents.PNG, documents.JPEG)
_OF_THE_PAPER = ("received_on", "note")


def kind_of(participant: Participant) -> ParticipantKind:
    """Holder, trader or verifier."""
    return next(kind for kind, model in MODELS.items() if isinstance(participant, model))


def present(participant: Participant) -> ApplicationData:
    """All that is registered now as the form's items, for a form that changes it.

    ``received_on``, ``seal_received`` and ``note`` are the paper's: still open.
    """
    facts = records.facts_of(participant)
    facts["joint_companies"] = tuple((name, kana) for name, kana in facts.get("joint_companies", ()))
    if isinstance(participant, Holder):
        facts["site_kind"] = SiteKind(facts["site_kind"])
        facts["participation"] = Participation(facts["participation"])
        facts["phase_id"] = participant.phase_id
    texts = {name: value or "" for name, value in facts.items() if name in _COMPANY}
    return ApplicationData(kind=kind_of(participant), received_on=clock.today(), **{**facts, **texts})


@dataclass(frozen=True)
class Draft:
    """A change that was judged and may be recorded: only the items that differ."""

    old: dict[str, Any]
    new: dict[str, Any]
    #: everything as it will be registered
    data: ApplicationData
    #: the joint companies that stay or come, as (place on the page, name and kana)
    joint: tuple[tuple[int, tuple[str, str]], ...]
    #: whose the contact person is: 0 the applicant, n the n-th joint company on the page
    contact_place: int


def draft(
    session: Session,
    participant: Participant,
    data: ApplicationData,
    *,
    scan: tuple[str, bytes] | None = None,
    limit_mb: int = Settings.upload_limit_mb,
) -> Draft:
    """What ``data`` would change about ``participant``; nothing is written. ``limit_mb``: of the scan.

    ``data.joint_companies`` keep the places of those registered: a blank pair takes the company off,
    pairs behind them are new. A contact's company named as now follows its company's new name.
    Raises ``Refused`` with everything wrong, each at its field, or NOTHING_CHANGED.
    """
    before = present(participant)
    slots = tuple((tidy(name), tidy(kana)) for name, kana in data.joint_companies)
    joint = tuple((place, pair) for place, pair in enumerate(slots) if any(pair))
    tidied = normalised(replace(data, kind=before.kind, phase_id=before.phase_id, joint_companies=()))
    place, linked = _contact_place(participant, tidied, joint)
    names = {0: tidied.company_name, **{at + 1: pair[0] for at, pair in joint}}
    after = replace(
        tidied,
        joint_companies=tuple(pair for _place, pair in joint),
        contact_company=names.get(place, before.contact_company),
    )
    old, new = json_of(before), json_of(after)
    changed = [item for item in CHANGEABLE[before.kind] if old[item] != new[item]]
    problems = _form_problems(before, after, changed, [at for at, _pair in joint])
    problems += [linked] if linked is not None else []
    problems += _register_problems(session, participant, after, changed)
    if not data.seal_received:
        problems.append(Problem(Refusal.PAPER_SEAL_MISSING, "seal_received"))
    problems += _scan_problems(scan, limit_mb)
    if not changed and linked is None:
        problems.append(Problem(Refusal.NOTHING_CHANGED))
    if problems:
        raise Refused(*problems)
    return Draft(
        {item: old[item] for item in changed}, {item: new[item] for item in changed}, after, joint, place
    )


def _contact_place(
    participant: Participant, data: ApplicationData, joint: tuple[tuple[int, tuple[str, str]], ...]
) -> tuple[int, Problem | None]:
    """Whose the contact person will be, and why that cannot be."""
    if not isinstance(participant, Holder):
        return 0, None
    own = participant.contact.organisation
    now = companies(participant)
    place = next((at for at, one in enumerate(now) if one.id == own.id), 0)
    wanted = search_key(data.contact_company)
    places = {0: data.company_name, **{at + 1: pair[0] for at, pair in joint}}
    if wanted in ("", search_key(own.name)):
        gone = place not in places
        return place, Problem(Refusal.COMPANY_LINKED, "contact_company", {"name": own.name}) if gone else None
    for at, name in places.items():
        if search_key(name) == wanted:
            return at, None
    return place, Problem(Refusal.CONTACT_ELSEWHERE, "contact_company")


def _form_problems(
    before: ApplicationData, after: ApplicationData, changed: list[str], places: list[int]
) -> list[Problem]:
    """What is wrong with what changes; what was registered long ago is not judged by today's rules."""
    wanted = {*changed, *_OF_THE_PAPER} - {"contact_company"}
    found = []
    for problem in form_problems(after):
        field = problem.field or ""
        if field.startswith("joint_companies-"):
            _word, number, part = field.split("-")
            place = places[int(number)]
            same = before.joint_companies[place : place + 1] == after.joint_companies[int(number) :][:1]
            if not same:
                found.append(replace(problem, field=f"joint_companies-{place}-{part}"))
        elif field in wanted:
            found.append(problem)
    return found


def _register_problems(
    session: Session, participant: Participant, after: ApplicationData, changed: list[str]
) -> list[Problem]:
    """What another participant already has."""
    found: list[Problem | None] = []
    if not isinstance(participant, Verifier) and "account_name" in changed:
        found.append(name_problem(session, after.account_name, but=participant.account.id))
    if isinstance(participant, Holder) and {"company_name", "site_name", "site_address"} & {*changed}:
        found.append(site_problem(session, after, but=participant.id))
    return [problem for problem in found if problem is not None]


def _scan_problems(scan: tuple[str, bytes] | None, limit_mb: int) -> list[Problem]:
    if scan is None:
        return []
    try:
        documents.check_upload(*scan, kinds=SCAN_KINDS, limit_mb=limit_mb, field="scan")
    except Refused as refused:
        return list(refused.problems)
    return []


def record_change(
    session: Session,
    kind: ParticipantKind,
    participant_id: int,
    data: ApplicationData,
    *,
    scan: tuple[str, bytes] | None = None,
    limit_mb: int = Settings.upload_limit_mb,
    actor: User,
    key: str | None = None,
    version: int | None = None,
) -> CompanyChange:
    """Record what the sealed paper changes, and change it; the participant is told by mail.

    ``scan`` is (name, bytes) of the paper, of at most ``limit_mb``; ``version`` the id of the newest line
    of the history the page showed. Raises ``Stale`` if another change was kept since, ``Refused``
    as :func:`draft`.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    content = {**json_of(data), "participant": participant_id, "scan": _digest(scan)}
    participant = _locked(session, MODELS[kind], participant_id, actor)
    made = once.earlier(session, key, "company_change", content, actor=actor)
    if made is not None:
        return access.get_visible(session, CompanyChange, made, actor)
    last = records.latest(session, participant)
    if version is not None and last is not None and last.id != version:
        raise Stale
    judged = draft(session, participant, data, scan=scan, limit_mb=limit_mb)
    change = CompanyChange(
        **records.owner(participant),
        number=f"U-{next_number(session, 'company_change'):04d}",
        received_on=judged.data.received_on,
        seal_received=data.seal_received,
        old=judged.old,
        new=judged.new,
        note=judged.data.note,
        document_id=_stored(session, scan, limit_mb, actor),
        recorded_by_id=actor.id,
        recorded_at=clock.now(),
    )
    session.add(change)
    _write(session, participant, judged)
    _tell(session, change, participant, actor)
    records.keep(session, participant, RecordCause.COMPANY_CHANGE, actor=actor, cause_id=change.id)
    once.remember(session, key, "company_change", content, change.id, actor=actor)
    return change


def _tell(session: Session, change: CompanyChange, participant: Participant, actor: User) -> None:
    """The event with old and new, and the mail that names the items."""
    holder = participant if isinstance(participant, Holder) else None
    audit.record(
        session,
        EventTag.COMPANY_CHANGED,
        change,
        actor=actor,
        holder_id=holder.id if holder is not None else None,
        kind=kind_of(participant).value,
        number=change.number,
        before=change.old,
        after=change.new,
    )
    notify(
        session,
        MailKind.COMPANY_CHANGED,
        holder=holder,
        trader=participant if isinstance(participant, Trader) else None,
        verifier=participant if isinstance(participant, Verifier) else None,
        actor=actor,
        changes=in_words(change.new),
    )


def _locked(session: Session, model: type[Participant], row_id: int, actor: User) -> Participant:
    """The participant with all that a change from paper writes; other changes of it wait."""
    participant = access.get_visible(session, model, row_id, actor)
    records.hold(session, participant)
    if not isinstance(participant, Verifier):
        access.get_visible(session, Account, participant.account.id, actor, lock=True)
        hold_series(session, "account")  # acceptances wait: two may not take one name or site
    return participant


def _digest(scan: tuple[str, bytes] | None) -> str | None:
    return hashlib.sha256(scan[1]).hexdigest() if scan is not None else None


def _stored(session: Session, scan: tuple[str, bytes] | None, limit_mb: int, actor: User) -> int | None:
    if scan is None:
        return None
    media_type = documents.check_upload(*scan, kinds=SCAN_KINDS, limit_mb=limit_mb, field="scan")
    return documents.store(session, *scan, media_type, actor=actor).id


def _write(session: Session, participant: Participant, judged: Draft) -> None:
    data = judged.data
    own = companies(participant)[0]
    if {*_COMPANY} & {*judged.new}:
        own = organisation(
            session,
            data.company_name,
            data.company_kana,
            data.representative_name or None,
            data.representative_kana or None,
        )
    if isinstance(participant, Holder):
        participant.representative = own
        places = {0: own, **_write_joint(session, participant, judged)}
        participant.contact.organisation = places[judged.contact_place]
        for item in _SITE:
            setattr(participant, item, getattr(data, item))
        participant.other_scheme = bool(data.other_scheme)
        participant.site_key = site_key(own.name, participant.site_name, participant.site_address)
    else:
        participant.organisation = own
        participant.contact.organisation = own
    if isinstance(participant, Verifier):
        participant.search_key = participant_key(participant.code, [own], participant.contact)
        return
    account = participant.account
    account.name = data.account_name or account.name
    account.search_key = account_key(account.name, account.code, own.name, own.name_kana)
    refresh_search_key(participant)


def _write_joint(session: Session, holder: Holder, judged: Draft) -> dict[int, Organisation]:
    """The joint companies as they will be, by their place on the page; those without one are taken off."""
    rows = list(holder.joint_companies)
    stay = {place for place, _pair in judged.joint}
    for place, row in enumerate(rows):
        if place not in stay:
            session.delete(row)
    session.flush()
    last = max((row.position for row in rows), default=0)
    found = {}
    for place, (name, kana) in judged.joint:
        if place < len(rows):
            row = rows[place]
            if (row.organisation.name, row.organisation.name_kana) != (name, kana):
                row.organisation = organisation(session, name, kana)
        else:
            last += 1
            row = JointCompany(holder_id=holder.id, position=last)
            row.organisation = organisation(session, name, kana)
            session.add(row)
        found[place + 1] = row.organisation
    session.flush()
    session.expire(holder, ["joint_companies"])
    return found
