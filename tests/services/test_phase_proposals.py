"""Phases by two persons: proposed, confirmed, withdrawn; the dates before stay readable (domain §2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import Event, MailMessage, Phase, PhaseProposal, PhaseRule, ProposalState, UnitClass, User
from portal.permissions import Role, may
from portal.services import colleagues, phase_proposals, phases, transitions
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.factories import allowances, settlement
from tests.factories import registration as make
from tests.services.test_races import at_once

LATER = replace(make.DATES, retirement_deadline=date(2015, 12, 15))
S = ProposalState


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


@dataclass
class Office:
    """An officer, two approvers, a viewer, and phase 2."""

    phase: Phase
    officer: User
    approver: User
    second: User
    viewer: User


@pytest.fixture
def office(session: Session, at: Callable[[str], datetime]) -> Office:
    at("2013-10-08 09:00")
    phase = make.phase(session)
    roles = (Role.OFFICER, Role.APPROVER, Role.APPROVER, Role.VIEWER)
    made = Office(phase, *(make.office(session, role) for role in roles))
    clock.step(timedelta(minutes=1))
    session.commit()
    return made


def proposed(session: Session, office: Office, dates: phases.RuleDates = LATER) -> PhaseProposal:
    return phase_proposals.propose_rule(
        session, office.phase.id, dates, reason="大雪のため", actor=office.officer
    )


def mailed(session: Session, kind: str) -> list[MailMessage]:
    return list(session.scalars(select(MailMessage).where(MailMessage.kind == kind)))


def test_new_dates_are_in_force_once_another_person_has_confirmed_them(
    session: Session, office: Office
) -> None:
    holder = make.holder(session)
    row = proposed(session, office)
    assert phases.rule_in_force(session, office.phase).retirement_deadline == date(2015, 11, 30)
    assert {office.approver.email, office.second.email} <= {
        one.recipient for one in mailed(session, "phase_to_confirm")
    }
    clock.step(timedelta(hours=1))
    phase_proposals.confirm_proposal(session, row.id, actor=office.approver, version=row.version)
    old, new = session.scalars(select(PhaseRule).order_by(PhaseRule.id)).all()
    assert (old.superseded_at, new.superseded_at) == (clock.now(), None)
    assert (old.retirement_deadline, new.retirement_deadline) == (date(2015, 11, 30), date(2015, 12, 15))
    assert phases.rule_in_force(session, office.phase) is new
    assert (row.state, row.confirmed_by_id) == (S.CONFIRMED, office.approver.id)
    (told,) = mailed(session, "phase_dates_changed")
    assert told.recipient == holder.users[0].email
    assert "償却期限：2015年11月30日（月） → 2015年12月15日（火）" in told.body
    tags = session.scalars(select(Event.tag).order_by(Event.id.desc()).limit(3)).all()
    assert tags[::-1] == [
        EventTag.PHASE_PROPOSED.value,
        EventTag.PHASE_PROPOSAL_CONFIRMED.value,
        EventTag.PHASE_RULE_CHANGED.value,
    ]


def test_a_phase_opens_with_its_units_and_factors_by_two_persons(session: Session, office: Office) -> None:
    years = replace(
        make.YEARS, base_first_year=2011, base_last_year=2013, installation_year=2014, target_year=2015
    )
    years = replace(years, adjustment_year=2016, reporting_year=2017)
    row = phase_proposals.propose_phase(
        session, 3, years, make.DATES, reason="第3期", actor=office.officer, key="p3"
    )
    again = phase_proposals.propose_phase(
        session, 3, years, make.DATES, reason="第3期", actor=office.officer, key="p3"
    )
    assert again is row
    assert session.scalars(select(Phase).where(Phase.number == 3)).one_or_none() is None
    made = phase_proposals.confirm_proposal(session, row.id, actor=office.second)
    assert (made.number, made.target_year, row.phase_id) == (3, 2015, made.id)
    session.scalars(select(UnitClass).where(UnitClass.phase_id == made.id)).one()  # there is one
    assert phase_proposals.is_opening(row)


def test_everything_against_a_proposal_is_said_at_once(session: Session, office: Office) -> None:
    def opening(number: int, years: phases.PhaseYears, dates: phases.RuleDates, reason: str) -> object:
        return phase_proposals.propose_phase(
            session, number, years, dates, reason=reason, actor=office.officer
        )

    crooked = replace(make.DATES, banking_until=date(2015, 1, 1))
    found = refused(lambda: opening(2, replace(make.YEARS, target_year=2012), crooked, " "))
    assert found == [
        Refusal.WINDOW_ENDS_FIRST,
        Refusal.BANKING_BEFORE_DEADLINE,
        Refusal.YEAR_NOT_AFTER,
        Refusal.PHASE_EXISTS,
        Refusal.REASON_NEEDED,
    ]
    opening(3, make.YEARS, make.DATES, "第3期")
    assert refused(lambda: opening(3, make.YEARS, make.DATES, "x")) == [Refusal.PHASE_PROPOSAL_OPEN]
    assert refused(lambda: proposed(session, office, make.DATES)) == [Refusal.NOTHING_CHANGED]
    proposed(session, office)
    assert refused(lambda: proposed(session, office, crooked)) == [
        Refusal.WINDOW_ENDS_FIRST,
        Refusal.BANKING_BEFORE_DEADLINE,
        Refusal.PHASE_PROPOSAL_OPEN,
    ]
    with pytest.raises(Stale):
        phase_proposals.propose_rule(
            session, office.phase.id, LATER, reason="x", actor=office.officer, version=99
        )


def test_four_eyes_are_two_people(session: Session, office: Office) -> None:
    row = phase_proposals.propose_rule(session, office.phase.id, LATER, reason="延長", actor=office.approver)

    def confirm(who: User) -> object:
        return phase_proposals.confirm_proposal(session, row.id, actor=who)

    assert refused(lambda: confirm(office.approver)) == [Refusal.SAME_PERSON]
    colleagues.reissue_password(session, office.approver.id, actor=office.second)
    assert refused(lambda: confirm(office.second)) == [Refusal.PASSWORD_ISSUER]
    third = make.office(session, Role.APPROVER)
    office.approver.active = False
    assert refused(lambda: confirm(third)) == [Refusal.PERSON_INACTIVE]
    office.approver.active = True
    confirm(third)


def test_only_internal_days_change_and_no_holder_is_told(session: Session, office: Office) -> None:
    make.holder(session)
    row = proposed(session, office, replace(make.DATES, proposal_days=7))
    phase_proposals.confirm_proposal(session, row.id, actor=office.approver)
    assert mailed(session, "phase_dates_changed") == []


@pytest.mark.parametrize("state", S)
def test_each_state_action_and_role_as_the_table_says(
    session: Session, office: Office, state: ProposalState
) -> None:
    """The whole square, through the services."""
    acts: dict[str, Callable[..., object]] = {
        "confirm": phase_proposals.confirm_proposal,
        "withdraw": phase_proposals.withdraw_proposal,
        "decline": partial(phase_proposals.withdraw_proposal, reason="誤り"),
    }
    outsiders = make.holder(session).users
    session.commit()
    for action, act in acts.items():
        edge = transitions.PHASE_PROPOSAL.edge(state, action)
        permission = next(e.permission for e in transitions.PHASE_PROPOSAL.edges if e.action == action)
        for who in [*outsiders, office.viewer, office.officer, office.second]:
            if action == "decline" and who is office.officer:
                continue  # whoever proposed withdraws
            row = proposed(session, office)
            if state is S.CONFIRMED:
                phase_proposals.confirm_proposal(session, row.id, actor=office.approver)
            if state is S.WITHDRAWN:
                phase_proposals.withdraw_proposal(session, row.id, actor=office.officer)
            if state is S.EXPIRED:
                settlement.lapse(session)
            if not may(who.role, permission):
                with pytest.raises((NotAllowed, NotFound)):
                    act(session, row.id, actor=who)
                assert row.state is state
            elif edge is not None and action == "withdraw" and who is not office.officer:
                # what is another's is declined, and that needs a reason
                assert refused(lambda act=act, row=row, who=who: act(session, row.id, actor=who)) == [
                    Refusal.REASON_NEEDED
                ]
            elif edge is None:
                assert refused(lambda act=act, row=row, who=who: act(session, row.id, actor=who)) == [
                    Refusal.WRONG_STATE
                ]
            else:
                act(session, row.id, actor=who)
                assert row.state is edge.to
            session.rollback()


def test_two_approvers_at_once_confirm_once(
    engine: Engine, session: Session, at: Callable[[str], datetime]
) -> None:
    at("2013-10-08 09:00")
    with one_transaction(session):
        phase = make.phase(session)
        officer = make.office(session)
        ids = [make.office(session, Role.APPROVER).id for _ in range(4)]
        row = phase_proposals.propose_rule(session, phase.id, LATER, reason="延長", actor=officer)
        row_id, shown = row.id, row.version

    def confirmer(user_id: int) -> Callable[[Session], int]:
        return lambda own: (
            phase_proposals.confirm_proposal(own, row_id, actor=own.get_one(User, user_id), version=shown).id
        )

    answers = at_once(engine, [confirmer(user_id) for user_id in ids])
    assert sum(isinstance(answer, int) for answer in answers) == 1, answers
    assert {one for one in answers if not isinstance(one, int)} == {Refusal.STALE_PAGE}
    in_force = select(func.count()).select_from(PhaseRule).where(PhaseRule.superseded_at.is_(None))
    assert session.scalar(in_force) == 1
    assert session.scalar(select(func.count()).select_from(PhaseRule)) == 2


def test_two_clerks_at_once_propose_the_same_phase_once(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        ids = [make.office(session).id for _ in range(4)]

    def proposer(user_id: int) -> Callable[[Session], int]:
        return lambda own: (
            phase_proposals.propose_phase(
                own, 1, make.YEARS, make.DATES, reason="第1期", actor=own.get_one(User, user_id)
            ).id
        )

    answers = at_once(engine, [proposer(user_id) for user_id in ids])
    assert sum(isinstance(answer, int) for answer in answers) == 1, answers
    assert {one for one in answers if not isinstance(one, int)} == {Refusal.PHASE_PROPOSAL_OPEN}


def test_the_retirement_deadline_is_never_moved_into_the_past(
    session: Session, office: Office, at: Callable[[str], datetime]
) -> None:
    at("2015-11-10 00:00")
    row = proposed(session, office, replace(make.DATES, retirement_deadline=date(2015, 11, 20)))
    at("2015-11-21 00:00")
    assert refused(lambda: proposed(session, office, replace(make.DATES, issue_from=date(2014, 3, 1)))) == [
        Refusal.PHASE_PROPOSAL_OPEN
    ]
    # it was in time when it was proposed, and would be hindsight now
    confirm = lambda: phase_proposals.confirm_proposal(session, row.id, actor=office.approver)  # noqa: E731
    assert refused(confirm) == [Refusal.DEADLINE_PAST]
    phase_proposals.withdraw_proposal(session, row.id, actor=office.officer)
    past = replace(make.DATES, retirement_deadline=date(2015, 11, 20))
    assert refused(lambda: proposed(session, office, past)) == [Refusal.DEADLINE_PAST]
    assert proposed(session, office, LATER).state is S.PROPOSED
    assert phases.happened_problems(session, office.phase, make.DATES, make.DATES) == []


@pytest.mark.parametrize(
    ("name", "to", "recorded"),
    [
        ("retirement_deadline", date(2016, 1, 20), True),
        ("jver_counts_for_compliance", False, True),
        # what the reserve says is no part of the record
        ("jver_counts_for_reserve", True, False),
        ("reserve_released_by_compliance", False, False),
    ],
)
def test_what_the_record_rests_on_stays_once_the_deadline_has_passed(
    session: Session, office: Office, at: Callable[[str], datetime], name: str, to: object, recorded: bool
) -> None:
    changed = replace(make.DATES, **{name: to})  # type: ignore[arg-type]
    at(f"{make.DATES.retirement_deadline.isoformat()} 23:59")
    row = proposed(session, office, changed)
    assert phase_proposals.confirm_problems(session, row, office.approver) == []
    at("2015-12-01 00:00")
    found = phase_proposals.confirm_problems(session, row, office.approver)
    fixed = [(Refusal.DEADLINE_RECORDED, name)] if recorded else []
    assert [(one.refusal, one.field) for one in found] == fixed
    confirm = lambda: phase_proposals.confirm_proposal(session, row.id, actor=office.approver)  # noqa: E731
    if not recorded:
        confirm()
    else:
        assert refused(confirm) == [Refusal.DEADLINE_RECORDED]
        phase_proposals.withdraw_proposal(session, row.id, actor=office.officer)
        assert refused(lambda: proposed(session, office, changed)) == [Refusal.DEADLINE_RECORDED]


def test_the_rules_of_a_closed_phase_are_not_changed(session: Session, office: Office) -> None:
    row = proposed(session, office)
    office.phase.closed_at = clock.now()
    session.flush()
    confirm = lambda: phase_proposals.confirm_proposal(session, row.id, actor=office.approver)  # noqa: E731
    assert refused(confirm) == [Refusal.PHASE_CLOSED]
    phase_proposals.withdraw_proposal(session, row.id, actor=office.officer)
    assert refused(lambda: proposed(session, office)) == [Refusal.PHASE_CLOSED]


def test_the_first_day_of_issue_is_not_moved_behind_an_issue(session: Session) -> None:
    market = allowances.market(session)
    phase, day = market.holder.phase, clock.today()
    now = phases.dates_of(phases.rule_in_force(session, phase))
    found = [
        phases.happened_problems(session, phase, replace(now, issue_from=day + timedelta(days=n)), now)
        for n in (0, 1)
    ]
    assert [[problem.refusal for problem in some] for some in found] == [[], [Refusal.ISSUED_BEFORE]]
