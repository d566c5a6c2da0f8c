"""An act of the office is judged and stamped by one moment, though the clock goes on while it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain, repeat

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    AccountAction,
    Event,
    LedgerTransaction,
    PhaseRule,
)
from portal.services import account_life, banking, issuance, issue_batches, phase_closings
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make

TICK = timedelta(microseconds=1)


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    with one_transaction(session):
        made = make.cohort(session)
        trade.issue(session, made.market)
        registration.phase(session, 3)
    return made


@pytest.fixture
def strikes(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Let the clock strike ``end`` right after it was looked at once."""

    def at(end: datetime) -> None:
        readings = chain([end - TICK], repeat(end))
        monkeypatch.setattr(clock, "_reading", lambda: next(readings))

    return at


def stamps(session: Session) -> set[datetime]:
    """Every moment the newest act wrote: its events', its posting's."""
    newest = session.scalars(select(func.max(LedgerTransaction.id))).one()
    events = select(Event.at).where(Event.at >= clock.now() - timedelta(minutes=1))
    posted = select(LedgerTransaction.posted_at).where(LedgerTransaction.id == newest)
    return {*session.scalars(events), *session.scalars(posted)}


def test_a_proposal_confirmed_in_its_last_moment_is_posted_in_that_moment(
    session: Session, cohort: make.Cohort, strikes: Callable[[datetime], None]
) -> None:
    with one_transaction(session):
        account = cohort.market.trader.account.code
        made = issuance.propose_jver(session, account, 30, "第1号", key="j", actor=cohort.officer)
        wrong = session.scalars(select(LedgerTransaction)).one()
        undo = issuance.propose_correction(session, wrong.id, "誤り", key="c", actor=cohort.officer)
    for one in (made, undo):
        end = one.expires_at
        assert end is not None
        strikes(end)
        run(session, lambda one=one: issuance.confirm(session, one.id, version=1, actor=cohort.approver))
        assert one.transaction is not None
        assert {one.decided_at, one.transaction.posted_at} == {end - TICK}
        assert stamps(session) == {end - TICK}


def test_units_are_carried_over_in_the_last_moment_of_the_window(
    session: Session, cohort: make.Cohort, strikes: Callable[[datetime], None]
) -> None:
    until = session.scalars(
        select(PhaseRule.banking_until).where(PhaseRule.phase_id == cohort.phase.id)
    ).one()
    end = clock.end_of_day(until)
    clock.set_time(end - timedelta(hours=1))
    with one_transaction(session):
        row = banking.apply(session, "100", key="a", actor=cohort.market.a)
        version = row.version
    strikes(end)
    made = run(
        session, lambda: banking.propose(session, row.id, version=version, key="b", actor=cohort.officer)
    )
    assert made.proposed_at == end - TICK
    strikes(end)
    run(session, lambda: issuance.confirm(session, made.id, version=1, actor=cohort.approver))
    assert made.transaction is not None
    assert {made.decided_at, row.decided_at, made.transaction.posted_at} == {end - TICK}


def test_a_batch_confirmed_in_its_last_moment_is_posted_in_that_moment(
    session: Session, cohort: make.Cohort, strikes: Callable[[datetime], None]
) -> None:
    with one_transaction(session):
        batch = issue_batches.propose(
            session, cohort.phase.id, {cohort.second.id: 40}, key="b", actor=cohort.officer
        )
    strikes(batch.expires_at)
    run(session, lambda: issue_batches.execute_all(session, batch.id, version=1, actor=cohort.approver))
    (movement,) = batch.movements
    assert movement.transaction is not None
    moments = {batch.decided_at, movement.decided_at, movement.transaction.posted_at}
    assert moments | stamps(session) == {batch.expires_at - TICK}


def test_a_phase_is_closed_in_one_moment(session: Session, strikes: Callable[[datetime], None]) -> None:
    with one_transaction(session):
        market = make.over(session)
        row = phase_closings.propose(
            session, market.holder.phase_id, reason="期が終わったため", actor=market.officer
        )
    end = row.proposed_at + timedelta(days=14)
    strikes(end)
    run(session, lambda: phase_closings.confirm(session, row.id, version=1, actor=market.approver))
    assert {row.confirmed_at, row.phase.closed_at} == {end - TICK}


def test_another_try_and_another_act_have_a_moment_of_their_own(
    session: Session, cohort: make.Cohort
) -> None:
    def propose(action: AccountAction) -> datetime:
        account = cohort.market.trader.account.id
        change = account_life.propose(session, account, action, "届出", actor=cohort.officer)
        first = clock.now()
        account_life.withdraw(session, change.id, actor=cohort.officer)
        assert change.proposed_at == first == clock.now()
        return first

    clock.set_time(None)
    first, second = (run(session, lambda: propose(AccountAction.SUSPEND)) for _ in range(2))
    assert first < second < clock.now() < clock.now()


def test_a_clock_that_is_set_within_an_act_shows_what_it_was_set_to() -> None:
    with clock.one_act():
        before = clock.now()
        clock.set_time(before + timedelta(days=3))
        assert clock.now() == before + timedelta(days=3)
        clock.step(timedelta(hours=1))
        assert clock.now() == before + timedelta(days=3, hours=1)
