"""Phases by two persons: one proposes a phase or new dates of one, another confirms (domain §2).

Confirming makes the rows: ``phases.open_phase`` and ``phases.supersede_rule`` are steps of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused, Stale
from portal.models import ISSUANCE_ACCOUNT, Holder, Phase, PhaseProposal, ProposalState, User
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    four_eyes,
    ledger,
    once,
    phase_words,
    phases,
    proposal_days,
    proposal_ends,
    transitions,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.mail import MailKind, known_logins, notify
from portal.services.phases import PhaseYears, RuleDates


def is_opening(proposal: PhaseProposal) -> bool:
    """Whether it opens a phase; otherwise it changes the dates of one."""
    return proposal.dates["old"] is None


def years_of(proposal: PhaseProposal) -> PhaseYears:
    """The fiscal years of the phase it is about."""
    return PhaseYears(**proposal.years)


def dates_of(proposal: PhaseProposal) -> tuple[RuleDates | None, RuleDates]:
    """(the dates in force when it was proposed, none while a phase is opened; those proposed)."""
    old = proposal.dates["old"]
    return (phases.dates_from(old) if old is not None else None), phases.dates_from(proposal.dates["new"])


def open_proposal(session: Session, number: int) -> PhaseProposal | None:
    """The proposal about phase ``number`` that waits for another person, if any."""
    return session.scalars(
        select(PhaseProposal).where(
            PhaseProposal.number == number, PhaseProposal.state == ProposalState.PROPOSED
        )
    ).one_or_none()


def propose_phase(
    session: Session,
    number: int,
    years: PhaseYears,
    dates: RuleDates,
    *,
    reason: str,
    actor: User,
    key: str | None = None,
) -> PhaseProposal:
    """Propose to open a phase. A second press with the same ``key`` gives the first answer.

    Raises ``Refused`` with everything against it: what ``phases.value_problems`` finds, PHASE_EXISTS,
    PHASE_PROPOSAL_OPEN, REASON_NEEDED.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"number": number, **phases.facts(years), **phases.facts(dates), "reason": reason}
    once.hold(session, actor)
    made = once.earlier(session, key, "propose_phase", content, actor=actor)
    if made is not None:
        return access.get_visible(session, PhaseProposal, made, actor)
    problems = phases.opening_problems(session, number, years, dates)
    if open_proposal(session, number) is not None:
        problems.append(Problem(Refusal.PHASE_PROPOSAL_OPEN, "number"))
    row = _record(session, None, number, years, (None, dates), _judged(reason, problems), actor)
    once.remember(session, key, "propose_phase", content, row.id, actor=actor)
    return row


def propose_rule(
    session: Session,
    phase_id: int,
    dates: RuleDates,
    *,
    reason: str,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> PhaseProposal:
    """Propose ``dates`` in the place of the phase's dates in force.

    Raises ``Stale`` for an old page, or ``Refused`` with everything against it: what
    ``phases.rule_problems`` and ``phases.happened_problems`` find, PHASE_PROPOSAL_OPEN, REASON_NEEDED.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"phase": phase_id, **phases.facts(dates), "reason": reason}
    # locked before the key is looked up: of two presses at once the second finds the first's answer
    phase = access.get_visible(session, Phase, phase_id, actor, lock=True)
    made = once.earlier(session, key, "propose_rule", content, actor=actor)
    if made is not None:
        return access.get_visible(session, PhaseProposal, made, actor)
    workflow.expect_version(phase, version)
    now = phases.dates_of(phases.rule_in_force(session, phase))
    problems = phases.rule_problems(dates, now) + phases.happened_problems(session, phase, dates, now)
    if open_proposal(session, phase.number) is not None:
        problems.append(Problem(Refusal.PHASE_PROPOSAL_OPEN))
    years = PhaseYears(**{name: getattr(phase, name) for name in PhaseYears.__dataclass_fields__})
    why = _judged(reason, problems)
    row = _record(session, phase, phase.number, years, (now, dates), why, actor)
    once.remember(session, key, "propose_rule", content, row.id, actor=actor)
    return row


def _judged(reason: str, problems: list[Problem]) -> str:
    """The reason without surrounding blanks; refuses it together with all that was found before."""
    why = None
    try:
        why = workflow.clean_reason(reason, needed=True)
    except PortalError as error:
        problems = [*problems, *error.problems]
    if problems or why is None:
        raise Refused(*problems)
    return why


def _record(
    session: Session,
    phase: Phase | None,
    number: int,
    years: PhaseYears,
    dates: tuple[RuleDates | None, RuleDates],
    why: str,
    actor: User,
) -> PhaseProposal:
    old, new = dates
    kept_old, kept_new = (phases.facts(old) if old is not None else None), phases.facts(new)
    row = PhaseProposal(
        phase_id=phase.id if phase is not None else None,
        number=number,
        years=phases.facts(years),
        dates={"old": kept_old, "new": kept_new},
        reason=why,
        state=ProposalState.PROPOSED,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(row)
    facts: dict[str, Any] = {"number": number}
    if kept_old is None:
        facts |= {**row.years, "rule": kept_new}
    else:
        changed = [name for name in kept_new if kept_old[name] != kept_new[name]]
        facts["before"] = {name: kept_old[name] for name in changed}
        facts["after"] = {name: kept_new[name] for name in changed}
    audit.record(session, EventTag.PHASE_PROPOSED, row, actor=actor, reason=why, **facts)
    until, about = proposal_days.ends_at(session, row), phase_words.phase_fact(number)
    notify(session, MailKind.PHASE_TO_CONFIRM, actor=actor, row=row, phase=about, until=until)
    return row


def confirm_problems(session: Session, proposal: PhaseProposal, actor: User) -> list[Problem]:
    """Why this person cannot confirm this proposal now; the page before the button asks the same."""
    if proposal.state is not ProposalState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, proposal.proposed_by, actor, proposed_at=proposal.proposed_at)
    found += proposal_days.problems(session, proposal)
    _old, new = dates_of(proposal)
    if is_opening(proposal):
        return found + phases.opening_problems(session, proposal.number, years_of(proposal), new)
    assert proposal.phase is not None
    now = phases.dates_of(phases.rule_in_force(session, proposal.phase))
    happened = phases.happened_problems(session, proposal.phase, new, now)
    return found + phases.rule_problems(new, now) + happened


def confirm_proposal(session: Session, proposal_id: int, *, actor: User, version: int | None = None) -> Phase:
    """Confirm as another person than the proposer; then the phase, or its new dates, are in force.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`confirm_problems` finds under lock.
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    # a cap is judged against what is issued and proposed: every issue waits here, or has come before
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT)
    row = access.get_visible(session, PhaseProposal, proposal_id, actor, lock=True)
    workflow.expect_version(row, version)
    phase = None
    if row.phase_id is not None:
        phase = access.get_visible(session, Phase, row.phase_id, actor, lock=True)
    problems = confirm_problems(session, row, actor)
    if problems:
        raise Refused(*problems)
    old, new = dates_of(row)
    row.confirmed_by_id = actor.id
    row.confirmed_at = clock.now()
    workflow.advance(session, transitions.PHASE_PROPOSAL, row, "confirm", actor=actor, number=row.number)
    if phase is None:
        phase = phases.open_phase(session, row.number, years_of(row), new, reason=row.reason, actor=actor)
        row.phase_id = phase.id
        session.flush()
        return phase
    if old is None or phases.dates_of(phases.rule_in_force(session, phase)) != old:
        raise Stale  # the page showed other dates beside the new ones
    phases.supersede_rule(session, phase, new, reason=row.reason, actor=actor)
    _tell_holders(session, phase, old, new, actor)
    return phase


def _tell_holders(session: Session, phase: Phase, old: RuleDates, new: RuleDates, actor: User) -> None:
    changes = phase_words.changes_fact(old, new)
    if changes is None:
        return
    holders = session.scalars(
        select(Holder)
        .where(Holder.phase_id == phase.id)
        .options(joinedload(Holder.account), joinedload(Holder.representative))
        .order_by(Holder.id)
    )
    named = phase_words.phase_fact(phase.number)
    told = holders.all()
    known = known_logins(session, holders=[holder.id for holder in told])
    for holder in told:
        notify(
            session,
            MailKind.PHASE_DATES_CHANGED,
            holder=holder,
            actor=actor,
            known=known,
            phase=named,
            changes=changes,
        )


def withdraw_proposal(
    session: Session, proposal_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> PhaseProposal:
    """End a proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    row = access.get_visible(session, PhaseProposal, proposal_id, actor, lock=True)
    action, why = proposal_ends.way_out(
        session, transitions.PHASE_PROPOSAL, row, actor=actor, reason=reason, version=version
    )
    workflow.advance(
        session,
        transitions.PHASE_PROPOSAL,
        row,
        action,
        actor=actor,
        reason=why,
        number=row.number,
    )
    proposal_ends.tell(session, row, words_of(row), actor=actor, reason=why)
    return row


def words_of(row: PhaseProposal) -> tuple[str, str]:
    """What mails call the proposal."""
    ja, en = phase_words.phase_fact(row.number)
    if is_opening(row):
        return f"{ja}の開始", f"opening {en}"
    return f"{ja}の期限の変更", f"change of the dates of {en}"
