"""Closing a phase: two persons, after the window, nothing waiting; then its units never move (domain §5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Refusal
from portal.models import (
    AccountState,
    LedgerTransaction,
    MailMessage,
    MovementKind,
    PhaseClosing,
    ProposalState,
    User,
)
from portal.services import banking, issuance, ledger, phase_closings, phase_proposals, phases
from portal.services.phase_closings import Totals
from portal.services.transaction import one_transaction
from tests.factories import allowances, registration
from tests.factories import settlement as make
from tests.services.test_races import at_once

Market = allowances.Market
CANCEL, RETIRE, TRANSFER = MovementKind.CANCEL, MovementKind.RETIRE, MovementKind.TRANSFER


@pytest.fixture
def market(session: Session) -> Market:
    with one_transaction(session):
        return make.over(session)


def refused(act: Callable[[], object], session: Session) -> list[Refusal]:
    with pytest.raises(PortalError) as raised, one_transaction(session):
        act()
    return [problem.refusal for problem in raised.value.problems]


def propose(session: Session, market: Market, key: str | None = None) -> PhaseClosing:
    with one_transaction(session):
        return phase_closings.propose(
            session, market.holder.phase_id, reason="期が終わったため", actor=market.officer, key=key
        )


def confirm(session: Session, row: PhaseClosing, actor: User) -> PhaseClosing:
    with one_transaction(session):
        return phase_closings.confirm(session, row.id, version=row.version, actor=actor)


def standing(session: Session, market: Market) -> list[Refusal]:
    found = phase_closings.closing_problems(session, market.holder.phase)
    return [problem.refusal for problem in found]


def test_two_persons_close_a_phase_and_its_totals_are_frozen(session: Session, market: Market) -> None:
    row = propose(session, market)
    assert market.holder.phase.closed_at is None
    confirm(session, row, market.approver)
    assert market.holder.phase.closed_at == clock.now()
    found = phase_closings.kept_totals(row)
    assert found == Totals(
        issued=8_500,
        carried_in=0,
        carried_out=0,
        transferred=500,
        held=2_500,
        retired=6_000,
        cancelled=0,
        offset=0,
        holders=1,
        met=1,
        missed=0,
    )
    assert found.adds_up
    told = select(MailMessage.user_id).where(MailMessage.kind == "phase_closed")
    assert set(session.scalars(told)) == {market.a.id, market.t.id}


def test_a_carry_over_is_counted_apart(session: Session) -> None:
    with one_transaction(session):
        market = allowances.market(session)
        registration.phase(session, 3)
    allowances.at("2015-12-10 10:00")
    with one_transaction(session):
        row = allowances.carry_over(session, market, 1_500)
    before = phase_closings.totals(session, market.holder.phase)
    assert (before.issued, before.carried_out, before.held, before.adds_up) == (8_500, 1_500, 7_000, True)
    after = phase_closings.totals(session, row.target_class.phase)  # type: ignore[arg-type]
    assert (after.issued, after.carried_in, after.held, after.adds_up) == (0, 1_500, 1_500, True)


def test_whoever_proposed_does_not_confirm(session: Session, market: Market) -> None:
    with one_transaction(session):
        row = phase_closings.propose(session, market.holder.phase_id, reason="終わり", actor=market.approver)
    assert refused(lambda: confirm(session, row, market.approver), session) == [Refusal.SAME_PERSON]
    assert refused(lambda: confirm(session, row, market.officer), session) == [Refusal.NOT_ALLOWED]


def test_a_second_press_is_the_first_and_another_proposal_is_refused(
    session: Session, market: Market
) -> None:
    first = propose(session, market, "one-key")
    assert propose(session, market, "one-key").id == first.id
    assert refused(lambda: propose(session, market), session) == [Refusal.CLOSING_OPEN]
    with one_transaction(session):
        phase_closings.withdraw(session, first.id, version=first.version, actor=market.officer)
    assert first.state is ProposalState.WITHDRAWN
    assert propose(session, market).id != first.id


def test_the_last_day_of_the_window_is_too_early(session: Session, market: Market) -> None:
    allowances.at("2016-01-31 23:59")
    assert standing(session, market) == [Refusal.CLOSING_TOO_EARLY]
    allowances.at("2016-02-01 00:00")
    assert standing(session, market) == []


def test_every_deadline_record_must_be_frozen(session: Session) -> None:
    with one_transaction(session):
        market = allowances.market(session)
    allowances.at(make.OVER)
    assert standing(session, market) == [Refusal.CLOSING_NOT_FROZEN, Refusal.CLOSING_NOT_COMPARED]
    make.freeze(session)
    assert standing(session, market) == []


def test_nothing_may_wait_neither_when_proposed_nor_when_confirmed(session: Session, market: Market) -> None:
    row = propose(session, market)
    number = session.scalars(select(LedgerTransaction.id).order_by(LedgerTransaction.id.desc())).first()
    assert number is not None
    with one_transaction(session):
        wrong = issuance.propose_correction(session, number, "誤り", key="c", actor=market.officer)
    assert standing(session, market) == [Refusal.CLOSING_PENDING]
    assert refused(lambda: confirm(session, row, market.approver), session) == [Refusal.CLOSING_PENDING]
    with one_transaction(session):
        issuance.withdraw(session, wrong.id, version=wrong.version, actor=market.officer)
        now = phases.dates_of(phases.rule_in_force(session, market.holder.phase))
        later = replace(now, proposal_days=20)
        phase_proposals.propose_rule(
            session, market.holder.phase_id, later, reason="長くする", actor=market.officer
        )
    assert standing(session, market) == [Refusal.CLOSING_PENDING]


def test_units_of_a_closed_phase_never_move_again(session: Session, market: Market) -> None:
    with one_transaction(session):
        make.closed(session, market)
    held = ledger.balance(session, market.holder.account.id, 1)
    trader = market.trader.account.code

    def move(kind: MovementKind, account: str = "") -> Callable[[], object]:
        return lambda: allowances.move(session, market.a, kind, 1, account, voluntary=True)

    for act in (move(TRANSFER, trader), move(RETIRE), move(CANCEL), move(MovementKind.OFFSET)):
        assert refused(act, session) == [Refusal.PHASE_CLOSED]
    back = lambda: allowances.move(session, market.t, TRANSFER, 1, market.holder.account.code)  # noqa: E731
    own_class = allowances.allowances.default_class(session, market.trader.account)
    assert own_class.phase_id == market.holder.phase_id
    assert refused(back, session) == [Refusal.PHASE_CLOSED]
    for number in session.scalars(select(LedgerTransaction.id)).all():
        correct = lambda n=number: issuance.propose_correction(  # noqa: E731
            session, n, "誤り", key=secrets.token_hex(8), actor=market.officer
        )
        assert Refusal.PHASE_CLOSED in refused(correct, session)
    assert ledger.balance(session, market.holder.account.id, 1) == held


def test_a_proposal_made_before_is_not_executed_after(session: Session, market: Market) -> None:
    """Closing wants nothing pending; even if something slipped past, the confirmation refuses it."""
    with one_transaction(session):
        last = session.scalars(select(LedgerTransaction.id).order_by(LedgerTransaction.id.desc())).first()
        assert last is not None
        wrong = issuance.propose_correction(session, last, "誤り", key="c", actor=market.officer)
        market.holder.phase.closed_at = clock.now()
    act = lambda: issuance.confirm(session, wrong.id, version=wrong.version, actor=market.approver)  # noqa: E731
    assert refused(act, session) == [Refusal.PHASE_CLOSED]


def test_banking_is_over_with_a_closed_phase_even_if_its_window_is_opened_again(
    session: Session, market: Market
) -> None:
    with one_transaction(session):
        registration.phase(session, 3)
        make.closed(session, market)
    allowances.at("2016-01-20 10:00")
    act = lambda: banking.apply(session, "1", key="k", actor=market.a)  # noqa: E731
    assert refused(act, session) == [Refusal.PHASE_CLOSED]


def test_a_closed_phase_cannot_be_closed_again(session: Session, market: Market) -> None:
    with one_transaction(session):
        make.closed(session, market)
    assert refused(lambda: propose(session, market), session) == [Refusal.PHASE_CLOSED]


def test_an_account_with_unusable_units_is_still_an_account(session: Session, market: Market) -> None:
    with one_transaction(session):
        make.closed(session, market)
        allowances.take(session, market, market.holder.account, allowances.AccountAction.SUSPEND)
    assert market.holder.account.state is AccountState.SUSPENDED


def test_two_who_confirm_at_once_close_once(engine: Engine, session: Session, market: Market) -> None:
    row_id, actor = propose(session, market).id, market.approver.id
    session.rollback()

    def act(own: Session) -> str:
        phase_closings.confirm(own, row_id, version=1, actor=own.get_one(User, actor))
        return "done"

    answers = [str(one) for one in at_once(engine, [act for _ in range(4)])]
    assert answers.count("done") == 1, answers
    closed = select(MailMessage.id).where(MailMessage.kind == "phase_closed")
    assert len(session.scalars(closed).all()) == 2


def test_a_correction_that_races_with_the_closing_comes_before_it_or_not_at_all(
    engine: Engine, session: Session, market: Market
) -> None:
    row_id, approver, officer = propose(session, market).id, market.approver.id, market.officer.id
    last = session.scalars(select(LedgerTransaction.id).order_by(LedgerTransaction.id.desc())).first()
    assert last is not None
    session.rollback()

    def close(own: Session) -> str:
        phase_closings.confirm(own, row_id, version=1, actor=own.get_one(User, approver))
        return "closed"

    def correct(own: Session) -> str:
        issuance.propose_correction(own, last, "誤り", key="c", actor=own.get_one(User, officer))
        return "proposed"

    answers = at_once(engine, [close, correct])
    assert answers in (["closed", Refusal.PHASE_CLOSED], [Refusal.CLOSING_PENDING, "proposed"])
