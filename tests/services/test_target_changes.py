"""A confirmed target gives way to another: proposed with a reason, confirmed by another person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import (
    Event,
    Holder,
    MailMessage,
    Movement,
    MovementState,
    PhaseRule,
    ReductionTarget,
    TargetState,
    User,
)
from portal.permissions import Role, may
from portal.services import figures, issuance, ledger_proof, queues, targets, transitions
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.factories import allowances
from tests.factories import registration as make
from tests.services.test_races import at_once

S = TargetState


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


@dataclass
class Office:
    """A holder, and those who decide about its target."""

    holder: Holder
    officer: User
    approver: User
    second: User
    viewer: User


@pytest.fixture
def office(session: Session) -> Office:
    roles = (Role.OFFICER, Role.APPROVER, Role.APPROVER, Role.VIEWER)
    made = Office(make.holder(session), *(make.office(session, role) for role in roles))
    session.commit()
    return made


def confirmed(session: Session, office: Office, quantity: int, reason: str | None = None) -> ReductionTarget:
    row = targets.propose_target(session, office.holder.id, quantity, actor=office.officer, reason=reason)
    return targets.confirm_target(session, row.id, actor=office.approver)


def test_a_replacement_supersedes_the_target_before_and_tells_the_holder(
    session: Session, office: Office
) -> None:
    old = confirmed(session, office, 1_500)
    propose = lambda n, why: targets.propose_target(  # noqa: E731
        session, office.holder.id, n, actor=office.officer, reason=why
    )
    assert refused(lambda: propose(1_500, " ")) == [Refusal.TARGET_SAME, Refusal.REASON_NEEDED]
    new = propose(1_600, "誤記の訂正")
    assert figures.figures_of(session, office.holder).reduction_target == 1_500
    assert refused(lambda: propose(1_700, "x")) == [Refusal.TARGET_EXISTS]
    targets.confirm_target(session, new.id, actor=office.second)
    assert (old.state, old.superseded_at, new.superseded_at) == (S.CONFIRMED, new.confirmed_at, None)
    assert figures.figures_of(session, office.holder).reduction_target == 1_600
    facts = session.scalars(select(Event).where(Event.tag == EventTag.TARGET_SUPERSEDED.value)).one()
    assert (facts.subject_id, facts.facts["before"], facts.facts["after"]) == (old.id, 1_500, 1_600)
    told = session.scalars(select(MailMessage).where(MailMessage.kind == "target_confirmed")).all()
    assert [one.recipient for one in told] == [office.holder.users[0].email] * 2
    assert "1,600 t-CO2" in told[-1].body and told[-1].about_allowances


def test_the_issue_follows_the_target_in_force_and_then_it_stands(session: Session) -> None:
    market = allowances.market(session, issued=False)
    second = make.office(session, Role.APPROVER)
    holder = market.holder.id
    above = lambda: targets.propose_target(  # noqa: E731
        session, holder, 10_000, actor=market.officer, reason="x"
    )
    assert refused(above) == [Refusal.TARGET_ABOVE_BASE]
    new = targets.propose_target(session, holder, 2_000, actor=market.officer, reason="再計算")
    targets.confirm_target(session, new.id, actor=second)
    assert [one.quantity for one in queues.issuable(session, holder)] == [8_000]
    late = targets.propose_target(session, holder, 2_500, actor=market.officer, reason="再々計算")
    made = issuance.propose_issue(session, holder, key="i1", actor=market.officer)
    assert made.quantity == 8_000
    assert refused(lambda: targets.confirm_target(session, late.id, actor=second)) == [Refusal.TARGET_ISSUED]
    issuance.withdraw(session, made.id, version=made.version, actor=market.officer)
    targets.confirm_target(session, late.id, actor=second)
    movement = allowances.issue(session, market)
    assert (movement.quantity, movement.state) == (7_500, MovementState.EXECUTED)
    again = lambda: targets.propose_target(session, holder, 1, actor=market.officer, reason="x")  # noqa: E731
    assert refused(again) == [Refusal.TARGET_ISSUED]
    assert ledger_proof.verify(session).ok


def test_a_target_proposed_before_the_base_year_was_approved_is_judged_again(session: Session) -> None:
    market = allowances.market(session, base=100, target=60, issued=False)
    holder = market.holder.id
    row = targets.propose_target(session, holder, 99, actor=market.officer, reason="x")
    row.quantity = 100  # as one proposed before the figure was known
    session.flush()
    assert refused(lambda: targets.confirm_target(session, row.id, actor=market.approver)) == [
        Refusal.TARGET_ABOVE_BASE
    ]


def test_many_are_confirmed_at_once_or_none(session: Session, office: Office) -> None:
    holders = [make.holder(session) for _ in range(4)]
    rows = [targets.propose_target(session, one.id, 100 + one.id, actor=office.officer) for one in holders]
    own = targets.propose_target(session, office.holder.id, 7, actor=office.approver)
    session.commit()
    versions = {row.id: row.version for row in [*rows, own]}
    with pytest.raises(PortalError) as caught:
        targets.confirm_targets(session, versions, actor=office.approver)
    assert [one.refusal for one in caught.value.problems] == [Refusal.ROWS_REFUSED, Refusal.SAME_PERSON]
    assert office.holder.account.code in caught.value.problems[0].text("en")
    session.rollback()
    assert {row.state for row in rows} == {S.PROPOSED}
    with pytest.raises(Stale):
        targets.confirm_targets(session, {**versions, rows[0].id: 99}, actor=office.second)
    assert refused(lambda: targets.confirm_targets(session, {}, actor=office.second)) == [
        Refusal.NOTHING_CHOSEN
    ]
    with pytest.raises(NotAllowed):
        targets.confirm_targets(session, versions, actor=office.officer)
    assert len(targets.confirm_targets(session, versions, actor=office.second)) == 5
    events = session.scalars(select(Event.subject_id).where(Event.tag == EventTag.TARGET_CONFIRMED.value))
    assert sorted(events) == sorted(versions)


def test_judging_more_targets_costs_no_more_queries(session: Session, office: Office) -> None:
    ids = [
        targets.propose_target(session, one.id, 10, actor=office.officer).id
        for one in [office.holder, *(make.holder(session) for _ in range(3))]
    ]
    session.commit()

    def counted(chosen: list[int]) -> int:
        session.expire_all()
        actor = session.get_one(User, office.second.id)
        seen: list[str] = []
        note = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(session.get_bind(), "before_cursor_execute", note)
        assert len(targets.lines(session, chosen, actor=actor)) == len(chosen)
        event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(seen)

    assert counted(ids) == counted(ids[:1]) <= 6


def test_each_state_action_and_role_as_the_table_says(session: Session, office: Office) -> None:
    acts: dict[str, Callable[..., object]] = {
        "confirm": targets.confirm_target,
        "withdraw": targets.withdraw_target,
        "decline": partial(targets.withdraw_target, reason="誤り"),
    }
    people = [*office.holder.users, office.viewer, office.officer, office.second]
    session.commit()
    for state in S:
        for action, act in acts.items():
            edge = transitions.TARGET.edge(state, action)
            permission = next(e.permission for e in transitions.TARGET.edges if e.action == action)
            for who in people:
                if action == "decline" and who is office.officer:
                    continue  # whoever proposed withdraws
                row = targets.propose_target(session, office.holder.id, 5, actor=office.officer)
                if state is S.CONFIRMED:
                    targets.confirm_target(session, row.id, actor=office.approver)
                if state is S.WITHDRAWN:
                    targets.withdraw_target(session, row.id, actor=office.officer)
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


def test_two_approvers_at_once_confirm_once_and_an_issue_beside_is_one_or_the_other(
    engine: Engine, session: Session
) -> None:
    with one_transaction(session):
        market = allowances.market(session, issued=False)
        approvers = [make.office(session, Role.APPROVER).id for _ in range(2)]
        holder, officer = market.holder.id, market.officer.id
        row = targets.propose_target(session, holder, 2_000, actor=market.officer, reason="再計算").id

    def confirmer(user_id: int) -> Callable[[Session], int]:
        return lambda own: targets.confirm_target(own, row, actor=own.get_one(User, user_id)).quantity

    def issuer(own: Session) -> int:
        return issuance.propose_issue(own, holder, key="one-key", actor=own.get_one(User, officer)).quantity

    answers = at_once(engine, [*map(confirmer, approvers), issuer])
    done = [answer for answer in answers[:2] if answer == 2_000]
    target = session.scalars(
        select(ReductionTarget.quantity).where(
            ReductionTarget.state == S.CONFIRMED, ReductionTarget.superseded_at.is_(None)
        )
    ).one()
    issue = session.scalars(select(Movement.quantity)).one()
    assert issue == 10_000 - target == answers[2], answers
    assert len(done) == (1 if target == 2_000 else 0), answers
    assert set(answers[:2]) - {2_000} <= {Refusal.WRONG_STATE, Refusal.TARGET_ISSUED}, answers


ACTS = st.tuples(st.sampled_from(["propose", "confirm", "withdraw"]), st.integers(0, 3), st.integers(1, 5))


@given(st.lists(ACTS, max_size=14))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_done_there_is_one_target_in_force_by_two_persons(
    session: Session, office: Office, acts: list[tuple[str, int, int]]
) -> None:
    session.rollback()
    people = [office.officer, office.approver, office.second, office.viewer]
    open_row: ReductionTarget | None = None
    in_force: int | None = None
    for action, who, quantity in acts:
        actor = people[who]
        row_id = open_row.id if open_row is not None else 0
        try:
            if action == "propose":
                made = targets.propose_target(session, office.holder.id, quantity, actor=actor, reason="理由")
                assert open_row is None and quantity != in_force and actor.role is not Role.VIEWER
                open_row = made
            elif action == "confirm":
                done = targets.confirm_target(session, row_id, actor=actor)
                assert actor.role is Role.APPROVER and done.proposed_by_id != actor.id
                open_row, in_force = None, done.quantity
            else:
                ended = targets.withdraw_target(session, row_id, actor=actor, reason="誤り")
                assert ended.proposed_by_id == actor.id or actor.role is Role.APPROVER
                open_row = None
        except PortalError:
            pass
        rows = session.scalars(
            select(ReductionTarget).where(ReductionTarget.holder_id == office.holder.id)
        ).all()
        live = [one.quantity for one in rows if one.state is S.CONFIRMED and one.superseded_at is None]
        assert live == ([] if in_force is None else [in_force])
        assert all(one.confirmed_by_id != one.proposed_by_id for one in rows)
    assert session.scalar(select(func.count()).select_from(PhaseRule)) == 1
    session.rollback()
