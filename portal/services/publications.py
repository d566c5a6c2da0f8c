"""Tables for the public: one person proposes what is read, another lets it out (issue: published table).

What is proposed is frozen; it is released only while the record still says the same. Released ones are
replaced by newer ones or ended with a reason, and stay in the record.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused
from portal.models import Holder, Phase, Publication, PublicationState, PublicationSubject, User
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    four_eyes,
    once,
    proposal_days,
    proposal_ends,
    shown,
    unit_totals,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.mail import MailKind, known_logins, notify
from portal.services.once import content_hash
from portal.services.publication_content import (
    Content,
    content_of,
    day_of,
    is_empty,
    last_whole_day,
    units_of,
)
from portal.services.reporting_transitions import PUBLICATION

#: what mails call a subject: (Japanese, English)
SUBJECTS: dict[PublicationSubject, tuple[str, str]] = {
    PublicationSubject.EMISSIONS: ("検証済排出量", "verified emissions"),
    PublicationSubject.ALLOWANCES: ("排出枠の総量と目標の遵守", "allowance totals and compliance"),
}
_LONGEST_NOTE = 2_000


def present(
    session: Session, phase: Phase, subject: PublicationSubject, day: date | None = None
) -> tuple[Content, str]:
    """(what would be published, its fingerprint: what a page showed is what is proposed).

    Allowances are told as of the end of ``day``, without one of yesterday.
    """
    content = content_of(session, phase, subject, day)
    return content, shown.mark(content)


def of_phase(
    session: Session, phase_id: int, subject: PublicationSubject, state: PublicationState
) -> Publication | None:
    """The publication in ``state``, of which there is one at most (``proposed`` or ``released``)."""
    return session.scalars(
        select(Publication).where(
            Publication.phase_id == phase_id,
            Publication.subject == subject,
            Publication.state == state,
        )
    ).one_or_none()


def goes_back_from(
    session: Session, phase: Phase, subject: PublicationSubject, content: Content
) -> date | None:
    """The day that the public table tells of, if ``content`` would replace it with an earlier one."""
    day, released = day_of(content), of_phase(session, phase.id, subject, PublicationState.RELEASED)
    public = day_of(released.content) if released is not None else None
    return public if day is not None and public is not None and day < public else None


def propose_problems(
    session: Session, phase: Phase, subject: PublicationSubject, content: Content
) -> list[Problem]:
    """Why ``content`` cannot be proposed; the page before the button asks the same."""
    found = []
    day = day_of(content)
    if day is not None and day > last_whole_day():
        found.append(Problem(Refusal.PUBLICATION_DAY_OPEN, "day", {"day": last_whole_day()}))
    for one in content["sums"].get("units", ()):
        found += unit_totals.problems(units_of(one))
    if is_empty(content):
        found.append(Problem(Refusal.PUBLICATION_EMPTY))
    if of_phase(session, phase.id, subject, PublicationState.PROPOSED) is not None:
        found.append(Problem(Refusal.PUBLICATION_OPEN))
    released = of_phase(session, phase.id, subject, PublicationState.RELEASED)
    if released is not None and released.content == content:
        found.append(Problem(Refusal.PUBLICATION_SAME))
    return found


def propose(
    session: Session,
    phase_id: int,
    subject: PublicationSubject,
    *,
    actor: User,
    day: date | None = None,
    seen: str | None = None,
    note: str | None = None,
    key: str | None = None,
) -> Publication:
    """Propose to publish what the record says, frozen. ``seen`` is the fingerprint the page showed.

    Allowances are told as of the end of ``day``, without one of yesterday. A second press with the same
    ``key`` gives the first answer. Raises ``Refused`` with FIGURES_CHANGED if the record says something else
    by now, or with PUBLICATION_DAY_OPEN, TOTALS_NOT_EVEN, PUBLICATION_EMPTY, PUBLICATION_OPEN,
    PUBLICATION_SAME (the same is public already), TOO_LONG.
    """
    access.check(actor, Permission.PUBLICATION_PROPOSE)
    asked: dict[str, Any] = {"phase": phase_id, "subject": subject.value, "seen": seen, "note": note}
    asked |= {"day": day.isoformat()} if day is not None else {}
    # proposals about one phase come one after another; of two presses the second finds the first's answer
    phase = access.get_visible(session, Phase, phase_id, actor, lock=True)
    made = once.earlier(session, key, "propose_publication", asked, actor=actor)
    if made is not None:
        return access.get_visible(session, Publication, made, actor)
    content, _mark = present(session, phase, subject, day)
    shown.expect(seen, content)
    words = (note or "").strip() or None
    problems = propose_problems(session, phase, subject, content)
    if words is not None and len(words) > _LONGEST_NOTE:
        problems.append(Problem(Refusal.TOO_LONG, "note", {"limit": _LONGEST_NOTE}))
    if problems:
        raise Refused(*problems)
    row = Publication(
        phase=phase,
        subject=subject,
        state=PublicationState.PROPOSED,
        content=content,
        note=words,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(row)
    audit.record(session, EventTag.PUBLICATION_PROPOSED, row, actor=actor, reason=words, **facts_of(row))
    notify(
        session,
        MailKind.PUBLICATION_TO_CONFIRM,
        actor=actor,
        row=row,
        phase=phase.number,
        subject=SUBJECTS[subject],
        until=proposal_days.ends_at(session, row),
    )
    once.remember(session, key, "propose_publication", asked, row.id, actor=actor)
    return row


def facts_of(row: Publication) -> dict[str, Any]:
    """What an event about ``row`` says of it."""
    return {"number": row.phase.number, "kind": row.subject.value, "sha256": content_hash(row.content)}


def release_problems(session: Session, row: Publication, actor: User) -> list[Problem]:
    """Why this person cannot release this publication now; the page before the button asks the same."""
    if row.state is not PublicationState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, row.proposed_by, actor, proposed_at=row.proposed_at)
    found += proposal_days.problems(session, row)
    if outdated(session, row):
        found.append(Problem(Refusal.PUBLICATION_OUTDATED))
    return found


def outdated(session: Session, row: Publication) -> bool:
    """Whether the record says something else by now than the publication; of its day, if it names one."""
    return row.content != content_of(session, row.phase, row.subject, day_of(row.content))


def _locked(session: Session, publication_id: int, actor: User, version: int | None) -> Publication:
    row = access.get_visible(session, Publication, publication_id, actor, lock=True)
    workflow.expect_version(row, version)
    return row


def figures_of(session: Session, row: Publication) -> dict[str, Any]:
    """What the page says beside a proposed table: the public one that it would replace."""
    before = of_phase(session, row.phase_id, row.subject, PublicationState.RELEASED)
    return {"replaces": before.id if before is not None else None}


def release(
    session: Session,
    publication_id: int,
    *,
    actor: User,
    version: int | None = None,
    seen: str | None = None,
) -> Publication:
    """Let a proposed table out as another person than its proposer; what was public before is replaced.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`release_problems` finds under lock, or
    with FIGURES_CHANGED if it would replace another table than the page said (``seen``).
    """
    access.check(actor, Permission.PUBLICATION_CONFIRM)
    row = _locked(session, publication_id, actor, version)
    problems = release_problems(session, row, actor)
    if problems:
        raise Refused(*problems)
    shown.expect(seen, figures_of(session, row))
    before = of_phase(session, row.phase_id, row.subject, PublicationState.RELEASED)
    if before is not None:
        old = access.get_visible(session, Publication, before.id, actor, lock=True)
        _leave(old, actor, None)
        workflow.advance(session, PUBLICATION, old, "replace", actor=actor, by=row.id, **facts_of(old))
    row.confirmed_by_id = actor.id
    row.released_at = clock.now()
    workflow.advance(session, PUBLICATION, row, "release", actor=actor, **facts_of(row))
    replaces: dict[str, Any] = {"replaces": True} if before is not None else {}
    table = f"{row.phase.number}/{row.subject.value}/"
    _tell_holders(session, MailKind.PUBLICATION_RELEASED, row, actor, table=table, **replaces)
    return row


def _leave(row: Publication, actor: User, reason: str | None) -> None:
    row.ended_by_id = actor.id
    row.ended_at = clock.now()
    row.ended_reason = reason


def _tell_holders(session: Session, kind: MailKind, row: Publication, actor: User, **facts: Any) -> None:
    """The holders stand in the table: login A of each is told that it is public, and that it no longer is."""
    holders = session.scalars(
        select(Holder)
        .where(Holder.phase_id == row.phase_id)
        .options(joinedload(Holder.account), joinedload(Holder.representative))
        .order_by(Holder.id)
    ).all()
    known = known_logins(session, holders=[one.id for one in holders])
    for holder in holders:
        notify(
            session,
            kind,
            holder=holder,
            actor=actor,
            known=known,
            phase=row.phase.number,
            subject=SUBJECTS[row.subject],
            **facts,
        )


def withdraw(
    session: Session,
    publication_id: int,
    *,
    actor: User,
    version: int | None = None,
    reason: str | None = None,
) -> Publication:
    """End a proposal: its proposer withdraws it, who could release it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.PUBLICATION_PROPOSE)
    row = _locked(session, publication_id, actor, version)
    action, why = proposal_ends.way_out(
        session, PUBLICATION, row, actor=actor, reason=reason, version=version
    )
    _leave(row, actor, why)
    workflow.advance(session, PUBLICATION, row, action, actor=actor, reason=why, **facts_of(row))
    proposal_ends.tell(session, row, words_of(row), actor=actor, reason=why)
    return row


def words_of(row: Publication) -> tuple[str, str]:
    """What mails call the proposal."""
    ja, en = SUBJECTS[row.subject]
    number = row.phase.number
    return f"第{number}期の公表（{ja}）", f"publication of phase {number} ({en})"


def lapsed(row: Publication) -> None:
    """Write on a proposal that lapses when it did; nobody ended it."""
    row.ended_at = clock.now()


def end(
    session: Session, publication_id: int, reason: str, *, actor: User, version: int | None = None
) -> Publication:
    """Take a released table from the public page, with a reason for the record; nothing replaces it."""
    access.check(actor, Permission.PUBLICATION_CONFIRM)
    row = _locked(session, publication_id, actor, version)
    if row.state is PublicationState.RELEASED:
        _leave(row, actor, workflow.clean_reason(reason, needed=True))
    workflow.advance(session, PUBLICATION, row, "end", actor=actor, reason=reason, **facts_of(row))
    _tell_holders(session, MailKind.PUBLICATION_ENDED, row, actor)
    return row


# ---- what the public reads


def released(session: Session) -> list[Publication]:
    """Everything that is public now: the newest phase first, in the order of the subjects."""
    order = list(PublicationSubject)
    rows = session.scalars(
        select(Publication)
        .where(Publication.state == PublicationState.RELEASED)
        .options(joinedload(Publication.phase))
    )
    return sorted(rows, key=lambda one: (-one.phase.number, order.index(one.subject)))


def released_one(session: Session, number: int, subject: PublicationSubject) -> Publication:
    """The released table of phase ``number`` about ``subject``. Raises ``NotFound`` if there is none."""
    row = session.scalars(
        select(Publication)
        .join(Phase, Phase.id == Publication.phase_id)
        .where(
            Phase.number == number,
            Publication.subject == subject,
            Publication.state == PublicationState.RELEASED,
        )
        .options(joinedload(Publication.phase))
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def first_release(session: Session, row: Publication) -> datetime | None:
    """When the first of the tables was released whose place ``row`` took; ``None`` if it took none's."""
    same = Publication.phase_id == row.phase_id, Publication.subject == row.subject
    ended = session.scalar(
        select(func.max(Publication.ended_at)).where(*same, Publication.state == PublicationState.ENDED)
    )
    # what had been ended before is no part of it: nothing took its place
    since = (Publication.released_at > ended,) if ended is not None else ()
    replaced = Publication.state == PublicationState.REPLACED
    return session.scalar(select(func.min(Publication.released_at)).where(*same, replaced, *since))


def anything_released(session: Session) -> bool:
    """Whether the public page has anything to show."""
    return bool(session.scalar(select(exists().where(Publication.state == PublicationState.RELEASED))))
