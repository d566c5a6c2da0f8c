"""A wrong issue is put right: corrected by two persons, another target, issued again; one stands."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Refusal
from portal.models import (
    ISSUANCE_ACCOUNT,
    Movement,
    MovementKind,
    MovementState,
    Period,
    User,
)
from portal.services import (
    issuance,
    issue_batches,
    issue_cases,
    ledger_proof,
    positions,
    queues,
    reviews,
    second_book,
    targets,
)
from portal.services.figures import figures_of
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import settlement as make
from tests.services.test_races import at_once

R = Refusal


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    """The first holder was issued 8,500: its target 1,500 was typed for 150."""
    with one_transaction(session):
        made = make.cohort(session)
        trade.issue(session, made.market)
    return made


def correct(session: Session, cohort: make.Cohort) -> Movement:
    """Post the newest issue of the first holder back, by two persons."""
    issue = session.scalars(
        select(Movement)
        .where(Movement.kind == MovementKind.ISSUE, Movement.state == MovementState.EXECUTED)
        .order_by(Movement.id.desc())
        .limit(1)
    ).one()
    assert issue.transaction is not None
    with one_transaction(session):
        made = issuance.propose_correction(
            session, issue.transaction.id, "目標の誤り", key=secrets.token_hex(8), actor=cohort.officer
        )
    with one_transaction(session):
        return issuance.confirm(session, made.id, version=made.version, actor=cohort.approver)


def promise(session: Session, cohort: make.Cohort, tonnes: int) -> None:
    """Replace the first holder's confirmed target, by two persons."""
    with one_transaction(session):
        made = targets.propose_target(
            session, cohort.market.holder.id, tonnes, actor=cohort.officer, reason="誤記の訂正"
        )
        targets.confirm_target(session, made.id, actor=cohort.approver)


def propose(session: Session, cohort: make.Cohort) -> Movement:
    with one_transaction(session):
        return issuance.propose_issue(
            session, cohort.market.holder.id, key=secrets.token_hex(8), actor=cohort.officer
        )


def refusals(act: object, session: Session) -> list[Refusal]:
    with pytest.raises(PortalError) as raised, one_transaction(session):
        act()  # type: ignore[operator]
    return [one.refusal for one in raised.value.problems]


def test_a_wrong_target_is_put_right_all_the_way_to_another_issue(
    session: Session, cohort: make.Cohort
) -> None:
    holder = cohort.market.holder
    assert refusals(lambda: promise(session, cohort, 150), session) == [R.TARGET_ISSUED]
    assert refusals(lambda: propose(session, cohort), session) == [R.ISSUED_ALREADY]
    assert positions.issued_at(session, holder.account) == clock.now()
    clock.step(timedelta(hours=1))
    correct(session, cohort)
    assert positions.issued_at(session, holder.account) is None
    assert holder.id in [one.holder.id for one in queues.issuable(session)]
    promise(session, cohort, 150)
    again = propose(session, cohort)
    assert (again.attempt, again.quantity) == (2, 9_850)
    assert refusals(lambda: propose(session, cohort), session) == [R.ISSUED_ALREADY]
    with one_transaction(session):
        issuance.confirm(session, again.id, version=again.version, actor=cohort.approver)
    assert refusals(lambda: propose(session, cohort), session) == [R.ISSUED_ALREADY]
    # the day that home names is that of the issue that stands
    assert positions.issued_at(session, holder.account) == clock.now()
    assert refusals(lambda: promise(session, cohort, 160), session) == [R.TARGET_ISSUED]
    figures = figures_of(session, holder)
    assert (figures.held, figures.issued, figures.reserve) == (9_850, 9_850, 9_700)
    assert issue_cases.terms_of(session, cohort.phase.id).issued == 9_850
    assert ledger_proof.verify(session).ok
    assert second_book.compare(session).ok


def test_while_the_correction_waits_the_issue_stands(session: Session, cohort: make.Cohort) -> None:
    with one_transaction(session):
        made = issuance.propose_correction(session, 1, "誤り", key="c", actor=cohort.officer)
    assert refusals(lambda: propose(session, cohort), session) == [R.ISSUED_ALREADY]
    assert refusals(lambda: promise(session, cohort, 150), session) == [R.TARGET_ISSUED]
    with one_transaction(session):
        issuance.withdraw(session, made.id, version=made.version, actor=cohort.officer)
    assert refusals(lambda: propose(session, cohort), session) == [R.ISSUED_ALREADY]


def test_each_correction_makes_room_for_one_more_and_a_whole_phase_counts_on(
    session: Session, cohort: make.Cohort
) -> None:
    for attempt in (2, 3):
        correct(session, cohort)
        made = propose(session, cohort)
        assert made.attempt == attempt
        with one_transaction(session):
            issuance.withdraw(session, made.id, version=made.version, actor=cohort.officer)
        made = propose(session, cohort)
        assert made.attempt == attempt  # what was withdrawn used nothing up
        with one_transaction(session):
            issuance.confirm(session, made.id, version=made.version, actor=cohort.approver)
    correct(session, cohort)
    with one_transaction(session):
        row = make.batch(session, cohort)
    assert {one.holder_id: one.attempt for one in row.movements} == {
        cohort.market.holder.id: 4,
        cohort.second.id: 1,
    }
    with one_transaction(session):
        issue_batches.execute_all(session, row.id, version=row.version, actor=cohort.approver)
    assert ledger_proof.verify(session).ok and second_book.compare(session).ok


def test_the_approval_of_the_base_year_may_be_revoked_once_the_issue_is_corrected(
    session: Session, cohort: make.Cohort
) -> None:
    base = next(one for one in cohort.market.holder.reports if one.period is Period.BASE)

    def revoke() -> None:
        made = reviews.propose_revocation(session, base.id, "計算の誤り", actor=cohort.officer)
        reviews.confirm_revocation(session, made.id, actor=cohort.approver)

    assert refusals(revoke, session) == [R.REVOKE_ISSUED]
    correct(session, cohort)
    with one_transaction(session):
        revoke()
    assert refusals(lambda: propose(session, cohort), session) == [R.NOT_APPROVED]
    with one_transaction(session):
        reviews.approve(session, base.id, actor=cohort.approver)
    assert propose(session, cohort).attempt == 2


# ---- the database


def by_sql(session: Session, cohort: make.Cohort, attempt: int) -> None:
    """An issue that no rule was asked about."""
    account = cohort.market.holder.account.id
    values = {
        "kind": "issue",
        "state": "proposed",
        "holder_id": cohort.market.holder.id,
        "attempt": attempt,
        "source_id": ISSUANCE_ACCOUNT,
        "target_id": account,
        "unit_class_id": session.scalar(select(Movement.unit_class_id).limit(1)),
        "quantity": 1,
        "voluntary": False,
        "idempotency_key": secrets.token_hex(8),
        "content_hash": "x",
        "proposed_by_id": cohort.officer.id,
        "proposed_at": clock.now(),
        "version": 1,
    }
    with one_transaction(session):
        session.execute(insert(Movement), [values])


@pytest.mark.parametrize("attempt", [0, 1, 2, 3])
def test_no_second_issue_gets_past_the_database_while_one_stands(
    session: Session, cohort: make.Cohort, attempt: int
) -> None:
    names = "issue_again|issue_once|movement.holder_id"
    with pytest.raises(DatabaseError, match=names):
        by_sql(session, cohort, attempt)
    correct(session, cohort)
    if attempt == 2:
        by_sql(session, cohort, attempt)
        return
    with pytest.raises(DatabaseError, match=names):
        by_sql(session, cohort, attempt)


def test_a_proposal_does_not_become_another_attempt(session: Session, cohort: make.Cohort) -> None:
    correct(session, cohort)
    made = propose(session, cohort)
    with pytest.raises(DatabaseError, match="attempt_kept"), one_transaction(session):
        made.attempt = 5
        session.flush()


def test_of_many_who_propose_again_at_once_one_does(
    engine: Engine, session: Session, cohort: make.Cohort
) -> None:
    correct(session, cohort)
    holder, officer = cohort.market.holder.id, cohort.officer.id
    session.rollback()

    def act(own: Session) -> int:
        key = secrets.token_hex(8)
        return issuance.propose_issue(own, holder, key=key, actor=own.get_one(User, officer)).attempt

    answers = at_once(engine, [act for _ in range(4)])
    assert sorted(str(one) for one in answers) == ["2"] + [R.ISSUED_ALREADY.value] * 3
    live = select(func.count()).where(Movement.holder_id == holder, Movement.state == MovementState.PROPOSED)
    assert session.scalar(live) == 1
