"""Two people are two people: who issued the proposer's password confirms nothing of his (safety 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal
from portal.models import MovementState, TargetState, User
from portal.permissions import Role
from portal.services import colleagues, four_eyes, issuance, targets, users
from tests.factories import allowances
from tests.factories import registration as make


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


def reissued(session: Session, user: User, by: User) -> User:
    """``user`` after ``by`` has issued a one-time password, replaced by one of the login's own."""
    colleagues.reissue_password(session, user.id, actor=by)
    clock.step(timedelta(minutes=1))
    return make.with_password(user)


def puppet(session: Session, by: User) -> User:
    """Another approver, whose one-time password ``by`` has seen."""
    return colleagues.add_colleague(session, "puppet", "みほん", Role.APPROVER, None, actor=by)[0]


def test_who_issued_the_password_confirms_no_movement_of_it(session: Session) -> None:
    market = allowances.market(session, issued=False)
    proposer = reissued(session, market.officer, market.approver)
    made = issuance.propose_issue(session, market.holder.id, key="k1", actor=proposer)
    confirm = lambda who: issuance.confirm(session, made.id, version=made.version, actor=who)  # noqa: E731
    assert refused(lambda: confirm(market.approver)) == [Refusal.PASSWORD_ISSUER]
    assert refused(lambda: confirm(puppet(session, market.approver))) == [Refusal.PASSWORD_ISSUER]
    assert confirm(make.office(session, Role.APPROVER)).state is MovementState.EXECUTED


def test_who_made_the_login_confirms_no_target_of_it(session: Session, at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")
    holder, approver = make.holder(session), make.office(session, Role.APPROVER)
    made, _ = users.create_secretariat_user(
        session, "helper", "事務 二子", Role.OFFICER, None, actor=approver
    )
    target = targets.propose_target(session, holder.id, 1_500, actor=make.with_password(made))
    confirm = lambda who: targets.confirm_target(session, target.id, actor=who)  # noqa: E731
    assert refused(lambda: confirm(approver)) == [Refusal.PASSWORD_ISSUER]
    many = lambda who: targets.confirm_targets(session, {target.id: target.version}, actor=who)  # noqa: E731
    assert refused(lambda: many(puppet(session, approver))) == [Refusal.ROWS_REFUSED, Refusal.PASSWORD_ISSUER]
    assert confirm(make.office(session, Role.APPROVER)).state is TargetState.CONFIRMED


def test_the_password_of_the_proposal_and_the_present_one_count(
    session: Session, at: Callable[[str], datetime]
) -> None:
    at("2013-10-08 09:00")
    proposer = make.office(session)
    one, other = make.office(session, Role.APPROVER), make.office(session, Role.APPROVER)

    def problems(confirmer: User, proposed_at: datetime) -> list[Refusal]:
        found = four_eyes.problems(session, proposer, confirmer, proposed_at=proposed_at)
        return [problem.refusal for problem in found]

    clock.step(timedelta(minutes=1))
    reissued(session, proposer, one)
    then = clock.now()
    assert (problems(one, then), problems(other, then)) == ([Refusal.PASSWORD_ISSUER], [])
    clock.step(timedelta(minutes=1))
    reissued(session, proposer, other)
    # one may have proposed it then; other may do so from now on
    assert problems(one, then) == problems(other, then) == [Refusal.PASSWORD_ISSUER]
    assert (problems(one, clock.now()), problems(other, clock.now())) == ([], [Refusal.PASSWORD_ISSUER])
    assert problems(proposer, then) == [Refusal.SAME_PERSON]
    proposer.active = False
    assert problems(make.office(session, Role.APPROVER), then) == [Refusal.PERSON_INACTIVE]
    with pytest.raises(NotAllowed):  # a disabled login confirms nothing at all
        problems(proposer, then)
