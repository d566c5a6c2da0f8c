"""The registration office: paper applications recorded, corrected, decided (domain §3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from portal import clock
from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import (
    ApplicationJointCompany,
    ApplicationState,
    Holder,
    Letter,
    ParticipantKind,
    Phase,
    RecordCause,
    RegistrationApplication,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Permission
from portal.services import access, audit, holders, letters, once, records, transitions, verifiers, workflow
from portal.services.audit import EventTag
from portal.services.letter_requests import judged, printable
from portal.services.mail import MailKind, notify
from portal.services.near_duplicates import NearDuplicate, likeness_keys, near_duplicates
from portal.services.numbers import next_number
from portal.services.registration_checks import acceptance_problems, application_key
from portal.services.registration_data import (
    OPEN_STATES,
    ApplicationData,
    data_of,
    form_problems,
    json_of,
    normalised,
)

__all__ = [
    "Accepted",
    "ApplicationData",
    "accept",
    "ask_correction",
    "change_application",
    "data_of",
    "letters_of",
    "record_application",
    "record_papers",
    "reject",
    "withdraw",
]


@dataclass(frozen=True)
class Accepted:
    """What an acceptance made: one of holder, trader, verifier, and the letter that waits."""

    application: RegistrationApplication
    letter: Letter
    holder: Holder | None = None
    trader: Trader | None = None
    verifier: Verifier | None = None

    @property
    def participant(self) -> Holder | Trader | Verifier:
        found = self.holder or self.trader or self.verifier
        assert found is not None
        return found


def record_application(
    session: Session, data: ApplicationData, *, actor: User, key: str | None = None
) -> RegistrationApplication:
    """Record a paper application as received.

    Seal and consent form may still be missing, and the account name or site may be taken: that is
    what corrections are asked for. Everything wrong with the form itself is refused at once, each
    at its field.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    data = normalised(data)
    content = json_of(data)
    made = once.earlier(session, key, "record_application", content, actor=actor)
    if made is not None:
        return access.get_visible(session, RegistrationApplication, made, actor)
    phase = _judged(session, data, actor)
    number = _application_number(session, data.kind, phase)
    row = application_row(number, data, actor=actor)
    session.add(row)
    audit.record(session, EventTag.APPLICATION_RECORDED, row, actor=actor, number=number, after=content)
    once.remember(session, key, "record_application", content, row.id, actor=actor)
    tell_received(session, row, actor=actor)
    return row


def application_row(number: str, data: ApplicationData, *, actor: User) -> RegistrationApplication:
    """A received application that says ``data``, which was judged; it is in no session yet."""
    row = RegistrationApplication(
        number=number,
        state=ApplicationState.RECEIVED,
        search_key=application_key(number, data),
        created_by_id=actor.id,
        created_at=clock.now(),
        **_columns(data),
    )
    row.joint_companies = _joint(data)
    return row


def tell_received(session: Session, row: RegistrationApplication, *, actor: User) -> None:
    """Tell the contact person that the application has arrived, under which number."""
    _tell(session, MailKind.APPLICATION_RECEIVED, row, actor)


def _tell(session: Session, kind: MailKind, row: RegistrationApplication, actor: User) -> None:
    """Mail to the contact person of the paper, who has no login yet."""
    notify(
        session,
        kind,
        address=row.mail_a,
        address_name=row.contact_name,
        actor=actor,
        application_number=row.number,
    )


def _judged(session: Session, data: ApplicationData, actor: User) -> Phase | None:
    """Refuses what is wrong with the form; its phase."""
    problems = form_problems(data)
    phase = session.get(Phase, data.phase_id) if data.phase_id is not None else None
    if data.phase_id is not None and phase is None:
        problems.insert(0, Problem(Refusal.PHASE_NEEDED, "phase_id"))
    if problems:
        raise Refused(*problems)
    return phase


def _application_number(session: Session, kind: ParticipantKind, phase: Phase | None) -> str:
    """R2-0031 for holders of phase 2, RT-0001 for traders, RV-0001 for verifiers."""
    series = series_of(kind, phase.number if phase else None)
    return application_number(series, next_number(session, f"application:{series}"))


def series_of(kind: ParticipantKind, phase_number: int | None) -> str:
    """The series of an application's number: R2 for holders of phase 2, RT for traders, RV for verifiers."""
    letter = {ParticipantKind.TRADER: "T", ParticipantKind.VERIFIER: "V"}.get(kind)
    return f"R{letter or phase_number or ''}"


def application_number(series: str, number: int) -> str:
    """R2-0031: the ``number``-th of ``series``."""
    return f"{series}-{number:04d}"


def _columns(data: ApplicationData) -> dict[str, Any]:
    items = {f.name: getattr(data, f.name) for f in fields(data) if f.name != "joint_companies"}
    return {**items, **likeness_keys(data)}


def _joint(data: ApplicationData) -> list[ApplicationJointCompany]:
    return [
        ApplicationJointCompany(position=position, name=name, name_kana=kana)
        for position, (name, kana) in enumerate(data.joint_companies, 1)
    ]


def _open_row(
    session: Session, application_id: int, actor: User, version: int | None
) -> RegistrationApplication:
    row = access.get_visible(session, RegistrationApplication, application_id, actor, lock=True)
    workflow.expect_version(row, version)
    return row


def change_application(
    session: Session, application_id: int, data: ApplicationData, *, actor: User, version: int | None = None
) -> RegistrationApplication:
    """Put an undecided application right; one that waited for a correction is received again.

    Kind and phase stay as recorded: the number names them.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    row = _open_row(session, application_id, actor, version)
    if row.state not in OPEN_STATES:
        raise refuse(Refusal.WRONG_STATE)
    data = normalised(replace(data, kind=row.kind, phase_id=row.phase_id))
    _judged(session, data, actor)
    before, after = json_of(data_of(row)), json_of(data)
    changed = [name for name in after if before[name] != after[name]]
    correcting = row.state is ApplicationState.CORRECTION_ASKED
    if not changed and not correcting:
        raise refuse(Refusal.NOTHING_CHANGED)
    facts: dict[str, Any] = {
        "old": {name: before[name] for name in changed},
        "new": {name: after[name] for name in changed},
    }
    if "joint_companies" in changed:
        row.joint_companies.clear()
        session.flush()
        row.joint_companies.extend(_joint(data))
    for name, value in _columns(data).items():
        setattr(row, name, value)
    row.search_key = application_key(row.number, data)
    flag_modified(row, "search_key")  # a change of the joint companies alone is a new version too
    if correcting:
        workflow.advance(session, transitions.APPLICATION, row, "correct", actor=actor, **facts)
        letters.void_corrections(session, row, "correct", actor=actor)
    else:
        audit.record(session, EventTag.APPLICATION_CHANGED, row, actor=actor, **facts)
    return row


def record_papers(
    session: Session,
    application_id: int,
    *,
    seal: bool,
    consent: bool,
    actor: User,
    version: int | None = None,
) -> RegistrationApplication:
    """Record whether the sealed application and the consent form have arrived in order."""
    access.check(actor, Permission.REGISTRATION_EDIT)
    row = _open_row(session, application_id, actor, version)
    if row.state not in OPEN_STATES:
        raise refuse(Refusal.WRONG_STATE)
    before = {"seal": row.seal_received, "consent": row.consent_received}
    after = {"seal": seal, "consent": consent}
    if before == after:
        raise refuse(Refusal.NOTHING_CHANGED)
    row.seal_received, row.consent_received = seal, consent
    audit.record(session, EventTag.APPLICATION_PAPERS_RECORDED, row, actor=actor, before=before, after=after)
    return row


def ask_correction(
    session: Session,
    application_id: int,
    reason: str,
    *,
    answer_by: date | None = None,
    actor: User,
    version: int | None = None,
) -> Letter:
    """Ask the applicant to correct the paper by ``answer_by``; the letter with ``reason`` waits.

    Raises ``Refused`` as ``letter_requests.judged``.
    """
    access.check(actor, Permission.REGISTRATION_DECIDE)
    row = _open_row(session, application_id, actor, version)
    why, due = judged(session, row, reason, answer_by)
    day = due.isoformat()
    edge = workflow.advance(
        session, transitions.APPLICATION, row, "ask_correction", actor=actor, reason=why, answer_by=day
    )
    _mail_of(session, edge, row, actor)
    return letters.make_correction(session, row, why, answer_by=due, actor=actor)


def reject(
    session: Session, application_id: int, reason: str, *, actor: User, version: int | None = None
) -> Letter:
    """Reject the application; the letter with ``reason`` waits to be printed."""
    row = _decide(session, application_id, "reject", reason, actor, version)
    return letters.make_rejection(session, row, row.decision_reason or "", actor=actor)


def withdraw(
    session: Session, application_id: int, reason: str, *, actor: User, version: int | None = None
) -> RegistrationApplication:
    """Record that the applicant has withdrawn; it is told by mail, no letter is written."""
    return _decide(session, application_id, "withdraw", reason, actor, version)


def _decide(
    session: Session, application_id: int, action: str, reason: str, actor: User, version: int | None
) -> RegistrationApplication:
    access.check(actor, Permission.REGISTRATION_DECIDE)
    row = _open_row(session, application_id, actor, version)
    if transitions.APPLICATION.edge(row.state, action) is None:
        raise refuse(Refusal.WRONG_STATE)
    why = printable(reason) if action == "reject" else workflow.clean_reason(reason, needed=True)
    _decided(row, actor, why)
    edge = workflow.advance(session, transitions.APPLICATION, row, action, actor=actor, reason=why)
    letters.void_corrections(session, row, action, actor=actor)
    _mail_of(session, edge, row, actor)
    return row


def _mail_of(session: Session, edge: workflow.Edge, row: RegistrationApplication, actor: User) -> None:
    if edge.mail is not None:
        _tell(session, MailKind(edge.mail), row, actor)


def _decided(row: RegistrationApplication, actor: User, reason: str | None) -> None:
    # just before the state: the database wants decider and decision in one write
    row.decided_by_id = actor.id
    row.decided_at = clock.now()
    row.decision_reason = reason


def accept(
    session: Session,
    application_id: int,
    *,
    actor: User,
    version: int | None = None,
    distinct: bool | Collection[int] = False,
) -> Accepted:
    """Accept an application: everything of domain §3 is made, or nothing.

    ``distinct``: whoever accepts has looked at the near-duplicates (those applications, or ``True``:
    all) and says that it is none of them, which the event keeps. Raises ``Refused`` with all that
    stands against it, each at its field: form, seal, consent form, account name, site, characters
    no letter can print, DUPLICATE_UNCHECKED.
    """
    access.check(actor, Permission.REGISTRATION_DECIDE)
    row = _open_row(session, application_id, actor, version)
    if transitions.APPLICATION.edge(row.state, "accept") is None:
        raise refuse(Refusal.WRONG_STATE)
    # the series' lock makes acceptances wait for each other: two may not take one name or site
    number = 0 if row.kind is ParticipantKind.VERIFIER else holders.next_account_number(session)
    similar = _acceptable(session, row, distinct)
    made, logins = _make(session, row, number, actor)
    letter = letters.make_completion(session, row, made, logins, actor=actor)
    letters.void_corrections(session, row, "accept", actor=actor)
    _decided(row, actor, None)
    holder_id = made.id if isinstance(made, Holder) else None
    login_ids = [user.login_id for user in logins]
    workflow.advance(
        session,
        transitions.APPLICATION,
        row,
        "accept",
        actor=actor,
        holder_id=holder_id,
        logins=login_ids,
        distinct_from=[one.code for one in similar],
    )
    records.keep(session, made, RecordCause.REGISTERED, actor=actor, cause_id=row.id)
    accepted = Accepted(
        row,
        letter,
        holder=made if isinstance(made, Holder) else None,
        trader=made if isinstance(made, Trader) else None,
        verifier=made if isinstance(made, Verifier) else None,
    )
    notify(
        session,
        MailKind.REGISTRATION_ACCEPTED,
        holder=accepted.holder,
        trader=accepted.trader,
        verifier=accepted.verifier,
        actor=actor,
    )
    return accepted


def _acceptable(
    session: Session, row: RegistrationApplication, distinct: bool | Collection[int]
) -> list[NearDuplicate]:
    """What looks like ``row`` and was seen not to be it; refuses with all that stands against acceptance."""
    problems = acceptance_problems(session, data_of(row))
    similar = near_duplicates(session, row)
    seen = {one.application_id for one in similar} if distinct is True else set(distinct or ())
    unseen = sum(one.application_id not in seen for one in similar)
    if unseen:
        problems.append(Problem(Refusal.DUPLICATE_UNCHECKED, "distinct", {"count": unseen}))
    if problems:
        raise Refused(*problems)
    return similar


def _make(
    session: Session, row: RegistrationApplication, number: int, actor: User
) -> tuple[Holder | Trader | Verifier, list[User]]:
    if row.kind is ParticipantKind.HOLDER:
        return holders.make_holder(session, row, number, actor=actor)
    if row.kind is ParticipantKind.TRADER:
        return holders.make_trader(session, row, number, actor=actor)
    return verifiers.make_verifier(session, row, actor=actor)


def letters_of(session: Session, application_id: int) -> list[Letter]:
    """All letters written on an application, the newest first."""
    query = select(Letter).where(Letter.application_id == application_id).order_by(Letter.id.desc())
    return list(session.scalars(query))
