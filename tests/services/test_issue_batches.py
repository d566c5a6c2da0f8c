"""Issuing to a whole phase: one table, one proposal, one second person, all or none (domain §5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.extensions import make_session
from portal.models import (
    Event,
    IssueBatch,
    IssueBatchState,
    Job,
    JobState,
    LedgerTransaction,
    MailMessage,
    Movement,
    MovementState,
    PhaseRule,
    ReductionTarget,
    User,
)
from portal.permissions import Role
from portal.services import colleagues, issuance, issue_batch_jobs, issue_batches, jobs, ledger_proof, once
from portal.services.transaction import one_transaction, run
from tests.factories import allowances
from tests.factories import settlement as make
from tests.services.test_phase_cap import with_cap
from tests.services.test_races import at_once


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    with one_transaction(session):
        return make.cohort(session)


def refused(act: Callable[[], object], session: Session) -> list[Refusal]:
    """What ``act`` was refused for, in a transaction of its own."""
    with pytest.raises(PortalError) as raised, one_transaction(session):
        act()
    return [problem.refusal for problem in raised.value.problems]


def proposed(session: Session, cohort: make.Cohort) -> IssueBatch:
    with one_transaction(session):
        return make.batch(session, cohort)


def confirm(session: Session, row: IssueBatch, actor: User) -> IssueBatch:
    with one_transaction(session):
        return issue_batch_jobs.confirm(session, row.id, version=row.version, actor=actor)


def states(session: Session) -> list[MovementState]:
    session.expire_all()
    return list(session.scalars(select(Movement.state).order_by(Movement.id)))


def test_the_table_names_every_holder_with_every_reason_why_not(
    session: Session, cohort: make.Cohort
) -> None:
    allowances.at("2014-03-31 23:59")
    table = issue_batches.table(session, cohort.phase.id, actor=cohort.officer)
    found = {one.holder.id: [p.refusal for p in one.problems] for one in table.lines}
    early = Refusal.ISSUE_TOO_EARLY
    assert found == {
        cohort.market.holder.id: [early],
        cohort.second.id: [early],
        cohort.third.id: [Refusal.NOT_APPROVED, early],
    }
    allowances.at("2014-04-01 00:00")
    table = issue_batches.table(session, cohort.phase.id, actor=cohort.officer)
    assert {one.holder.id: one.quantity for one in table.ready} == cohort.quantities
    assert (table.total, table.cap_problem, table.open) == (8_540, None, None)


def test_two_persons_issue_to_all_at_once(session: Session, cohort: make.Cohort) -> None:
    row = proposed(session, cohort)
    assert (row.count, row.total, row.state) == (2, 8_540, IssueBatchState.PROPOSED)
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 0
    confirm(session, row, cohort.approver)
    assert row.state is IssueBatchState.EXECUTED and row.decided_by_id == cohort.approver.id
    assert states(session) == [MovementState.EXECUTED] * 2
    report = ledger_proof.verify(session)
    assert report.ok and report.transactions == 2
    assert [(one.issued, one.elsewhere) for one in report.sums] == [(8_540, 8_540)]
    kinds = list(session.scalars(select(MailMessage.kind)))
    assert kinds.count("movement_received") == 2 and "issue_batch_to_confirm" in kinds
    assert "movement_to_confirm" not in kinds  # one mail for all, not one for each
    tags = list(session.scalars(select(Event.tag).where(Event.subject_type == "issue_batch")))
    assert tags == ["issue_batch_proposed", "issue_batch_executed"]


def test_whoever_proposed_does_not_confirm_and_an_officer_never(
    session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        row = make.batch(session, cohort, actor=cohort.approver)
        puppet, _ = colleagues.add_colleague(
            session, "puppet", "みほん", Role.APPROVER, None, actor=cohort.approver
        )
    assert refused(lambda: confirm(session, row, cohort.approver), session) == [Refusal.SAME_PERSON]
    assert refused(lambda: confirm(session, row, puppet), session) == [Refusal.PASSWORD_ISSUER]
    assert refused(lambda: confirm(session, row, cohort.officer), session) == [Refusal.NOT_ALLOWED]


def test_a_second_press_gives_the_first_batch_and_another_is_refused(
    session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        first = make.batch(session, cohort, key="one-key")
    with one_transaction(session):
        assert make.batch(session, cohort, key="one-key").id == first.id
    # nobody can take what keys its movements will have: any participant may fill the same column
    assert all(once.is_shaped(key) for key in session.scalars(select(Movement.idempotency_key)))
    again = refused(lambda: make.batch(session, cohort), session)
    assert again == [Refusal.ISSUE_BATCH_OPEN, Refusal.STALE_PAGE]


def test_a_key_that_somebody_else_has_is_told_and_is_no_busy_database(
    session: Session, cohort: make.Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The movements' keys are nobody's affair; if one was taken all the same, no try would ever help."""
    monkeypatch.setattr(once, "new_key", lambda: "taken")
    with pytest.raises(PortalError) as raised:
        run(session, lambda: make.batch(session, cohort))
    assert raised.value.refusal is Refusal.KEY_REUSED
    assert states(session) == []


def test_a_page_that_showed_another_figure_or_nobody_is_refused(
    session: Session, cohort: make.Cohort
) -> None:
    def propose(quantities: dict[int, int]) -> object:
        return issue_batches.propose(
            session, cohort.phase.id, quantities, key=secrets.token_hex(8), actor=cohort.officer
        )

    assert refused(lambda: propose({}), session) == [Refusal.ISSUE_BATCH_EMPTY]
    assert refused(lambda: propose({cohort.second.id: 41}), session) == [Refusal.STALE_PAGE]
    assert refused(lambda: propose({cohort.third.id: 0}), session) == [Refusal.STALE_PAGE]
    assert refused(lambda: propose({10**9: 5}), session) == [Refusal.STALE_PAGE]
    assert states(session) == []


def test_single_issues_and_batches_never_double(session: Session, cohort: make.Cohort) -> None:
    row = proposed(session, cohort)
    holder = cohort.market.holder

    def single() -> object:
        return issuance.propose_issue(session, holder.id, key=secrets.token_hex(8), actor=cohort.officer)

    assert refused(single, session) == [Refusal.ISSUED_ALREADY]
    with one_transaction(session):
        issue_batches.withdraw(session, row.id, version=row.version, actor=cohort.officer)
    with one_transaction(session):
        single()
    assert refused(lambda: make.batch(session, cohort), session) == [Refusal.STALE_PAGE]


def test_no_movement_of_a_batch_is_decided_by_itself(session: Session, cohort: make.Cohort) -> None:
    row = proposed(session, cohort)
    one = row.movements[0]
    for act in (
        lambda: issuance.confirm(session, one.id, version=one.version, actor=cohort.approver),
        lambda: issuance.withdraw(session, one.id, version=one.version, actor=cohort.officer),
    ):
        assert refused(act, session) == [Refusal.ISSUE_IN_BATCH]
    assert states(session) == [MovementState.PROPOSED] * 2


def test_what_changed_since_is_named_by_account_and_nothing_is_issued(
    session: Session, cohort: make.Cohort
) -> None:
    row = proposed(session, cohort)
    # services guard what an issue stands on; somebody with SQL does not
    change = update(ReductionTarget).where(ReductionTarget.holder_id == cohort.second.id)
    with one_transaction(session):
        session.execute(change.values(quantity=61))
    session.expire_all()
    with pytest.raises(PortalError) as raised:
        confirm(session, row, cohort.approver)
    (problem,) = raised.value.problems
    assert problem.refusal is Refusal.ISSUE_BATCH_CHANGED
    assert problem.figures == {"accounts": (cohort.second.account.code,)}
    assert states(session) == [MovementState.PROPOSED] * 2
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 0


def test_a_batch_lapses_as_a_whole(session: Session, cohort: make.Cohort) -> None:
    row = proposed(session, cohort)
    allowances.at("2014-04-22 09:00")
    assert refused(lambda: confirm(session, row, cohort.approver), session) == [Refusal.PROPOSAL_EXPIRED]
    with one_transaction(session):
        # the orders of a batch do not lapse by themselves, but with it
        assert not issuance.due(session)
        assert sum(issue_batches.expire(session, one) for one in issue_batches.due(session)) == 1
    assert row.state is IssueBatchState.EXPIRED
    assert states(session) == [MovementState.EXPIRED] * 2
    proposed(session, cohort)


def test_the_cap_binds_all_together(session: Session, cohort: make.Cohort) -> None:
    with one_transaction(session):
        with_cap(session, cohort, 8_539)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        make.batch(session, cohort)
    (problem,) = raised.value.problems
    assert problem.refusal is Refusal.CAP_REACHED
    assert problem.figures == {"cap": 8_539, "issued": 0, "left": 8_539}
    with one_transaction(session):
        with_cap(session, cohort, 8_540)
    row = proposed(session, cohort)
    # lowered behind the rule that a cap holds what is proposed
    with one_transaction(session):
        session.execute(update(PhaseRule).values(issue_cap=8_539))
        found = issue_batches.confirm_problems(session, row, cohort.approver)
        assert [one.refusal for one in found] == [Refusal.CAP_REACHED]
        session.execute(update(PhaseRule).values(issue_cap=8_540))
    confirm(session, row, cohort.approver)
    assert row.state is IssueBatchState.EXECUTED


def test_two_who_confirm_at_once_issue_once(engine: Engine, session: Session, cohort: make.Cohort) -> None:
    row_id, version = proposed(session, cohort).id, 1
    actor = cohort.approver.id
    session.rollback()

    def act(own: Session) -> str:
        issue_batch_jobs.confirm(own, row_id, version=version, actor=own.get_one(User, actor))
        return "done"

    answers = at_once(engine, [act for _ in range(4)])
    assert sorted(str(one) for one in answers).count("done") == 1, answers
    assert ledger_proof.verify(session).transactions == 2


# ---- many: the worker does it


@pytest.fixture
def many(session: Session, cohort: make.Cohort, monkeypatch: pytest.MonkeyPatch) -> make.Cohort:
    monkeypatch.setattr(issue_batch_jobs, "AT_ONCE", 1)
    return cohort


def work(engine: Engine, session: Session) -> None:
    """What waits, done by the worker."""
    session.rollback()
    while jobs.run_one(lambda: make_session(engine)) is not None:
        pass


def test_many_issues_are_executed_by_the_worker_in_one_transaction(
    engine: Engine, session: Session, many: make.Cohort
) -> None:
    row = proposed(session, many)
    for _press in range(2):
        confirm(session, row, many.approver)
    assert row.state is IssueBatchState.PROPOSED
    assert session.scalar(select(func.count()).select_from(Job)) == 1
    work(engine, session)
    session.expire_all()
    assert row.state is IssueBatchState.EXECUTED and row.decided_by_id == many.approver.id
    job = session.scalars(select(Job)).one()
    assert job.state is JobState.DONE and job.result == {"executed": 2}


def test_work_that_was_done_and_not_told_is_done_once(
    engine: Engine, session: Session, many: make.Cohort
) -> None:
    row = proposed(session, many)
    confirm(session, row, many.approver)
    work(engine, session)
    session.expire_all()
    job = session.scalars(select(Job)).one()
    with one_transaction(session):
        job.state, job.finished_at = JobState.QUEUED, None
    work(engine, session)
    session.expire_all()
    assert job.state is JobState.DONE
    assert ledger_proof.verify(session).transactions == 2


def test_what_no_longer_holds_when_the_worker_comes_fails_and_may_be_confirmed_again(
    engine: Engine, session: Session, many: make.Cohort
) -> None:
    row = proposed(session, many)
    confirm(session, row, many.approver)
    with one_transaction(session):
        many.approver.active = False
    work(engine, session)
    session.expire_all()
    job = session.scalars(select(Job)).one()
    assert job.state is JobState.FAILED and job.last_error == "NOT_ALLOWED"
    assert row.state is IssueBatchState.PROPOSED and states(session) == [MovementState.PROPOSED] * 2
    with one_transaction(session):
        many.approver.active = True
    confirm(session, row, many.approver)
    work(engine, session)
    session.expire_all()
    assert row.state is IssueBatchState.EXECUTED
