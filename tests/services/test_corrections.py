"""A correction is a movement: the states of the accounts bind it, the reserve does not (domain §5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from portal.errors import Refusal, Refused
from portal.models import AccountAction, Movement, MovementKind, MovementState
from portal.services import issuance, ledger
from portal.services.figures import figures_of
from tests.factories import allowances as make

SUSPEND, CLOSE = AccountAction.SUSPEND, AccountAction.CLOSE


@pytest.fixture
def market(session: Session) -> make.Market:
    """700 were transferred to the trader by mistake: transaction 2."""
    made = make.market(session)
    make.move(session, made.a, MovementKind.TRANSFER, 700, made.trader.account.code)
    return made


def propose(session: Session, market: make.Market, transaction: int = 2) -> Movement:
    return issuance.propose_correction(session, transaction, "誤り", key="undo", actor=market.officer)


def trader_suspended(session: Session, market: make.Market) -> None:
    make.take(session, market, market.trader.account, SUSPEND)


def trader_closed(session: Session, market: make.Market) -> None:
    make.move(session, market.t, MovementKind.TRANSFER, 700, market.holder.account.code)
    make.take(session, market, market.trader.account, CLOSE)


def holder_closed(session: Session, market: make.Market) -> None:
    make.move(session, market.a, MovementKind.RETIRE, 7_800)
    make.take(session, market, market.holder.account, CLOSE)


@pytest.mark.parametrize(
    ("happens", "refusals"),
    [
        (trader_suspended, [Refusal.SOURCE_NOT_OPEN]),
        (trader_closed, [Refusal.SOURCE_NOT_OPEN, Refusal.REVERSAL_UNITS_GONE]),
        (holder_closed, [Refusal.TARGET_CLOSED]),
    ],
)
def test_a_correction_is_not_proposed_past_the_state_of_an_account(
    session: Session,
    market: make.Market,
    happens: Callable[[Session, make.Market], None],
    refusals: list[Refusal],
) -> None:
    happens(session, market)
    with pytest.raises(Refused) as refused:
        propose(session, market)
    assert [problem.refusal for problem in refused.value.problems] == refusals
    assert ledger.holding(session, market.trader.account.id, 1).promised == 0


def test_a_correction_is_not_confirmed_past_the_state_of_an_account(
    session: Session, market: make.Market
) -> None:
    undo = propose(session, market)
    trader_suspended(session, market)
    problems = issuance.confirm_problems(session, undo, market.approver)
    assert [problem.refusal for problem in problems] == [Refusal.SOURCE_NOT_OPEN]
    with pytest.raises(Refused):
        issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert undo.state is MovementState.PROPOSED


def test_an_account_that_a_correction_waits_for_is_not_closed(session: Session, market: make.Market) -> None:
    propose(session, market)
    with pytest.raises(Refused) as refused:
        holder_closed(session, market)
    assert Refusal.ACCOUNT_PENDING in [problem.refusal for problem in refused.value.problems]


def test_a_suspended_account_may_receive_its_units_back(session: Session, market: make.Market) -> None:
    make.take(session, market, market.holder.account, SUSPEND)
    undo = propose(session, market)
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert ledger.balance(session, market.holder.account.id, undo.unit_class_id) == 8_500


def test_the_reserve_does_not_bind_a_correction(session: Session) -> None:
    market = make.market(session)
    assert figures_of(session, market.holder).reserve == 7_000
    undo = propose(session, market, transaction=1)
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert figures_of(session, market.holder).held == 0
