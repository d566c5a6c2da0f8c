"""A correction is a movement: the states of the accounts bind it, the reserve does not (domain §5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, Refused
from portal.models import Account, AccountState, Movement, MovementKind, MovementState
from portal.services import issuance, ledger
from portal.services.figures import figures_of
from tests.factories import allowances as make

#: which account of the wrong transfer is in which state, and what a correction then says
STATES: list[tuple[Callable[[make.Market], Account], AccountState, Refusal]] = [
    (lambda market: market.trader.account, AccountState.SUSPENDED, Refusal.SOURCE_NOT_OPEN),
    (lambda market: market.trader.account, AccountState.CLOSED, Refusal.SOURCE_NOT_OPEN),
    (lambda market: market.holder.account, AccountState.CLOSED, Refusal.TARGET_CLOSED),
]


@pytest.fixture
def market(session: Session) -> make.Market:
    """700 were transferred to the trader by mistake: transaction 2."""
    made = make.market(session)
    make.move(session, made.a, MovementKind.TRANSFER, 700, made.trader.account.code)
    return made


def propose(session: Session, market: make.Market, transaction: int = 2) -> Movement:
    return issuance.propose_correction(session, transaction, "誤り", key="undo", actor=market.officer)


def put(session: Session, account: Account, state: AccountState) -> None:
    with session.no_autoflush:
        account.state = state
        account.closed_at = clock.now() if state is AccountState.CLOSED else None
    session.flush()


@pytest.mark.parametrize(("account", "state", "refusal"), STATES)
def test_a_correction_is_not_proposed_past_the_state_of_an_account(
    session: Session,
    market: make.Market,
    account: Callable[[make.Market], Account],
    state: AccountState,
    refusal: Refusal,
) -> None:
    put(session, account(market), state)
    with pytest.raises(Refused) as refused:
        propose(session, market)
    assert [problem.refusal for problem in refused.value.problems] == [refusal]
    assert ledger.holding(session, market.trader.account.id, 1).promised == 0


@pytest.mark.parametrize(("account", "state", "refusal"), STATES)
def test_a_correction_is_not_confirmed_past_the_state_of_an_account(
    session: Session,
    market: make.Market,
    account: Callable[[make.Market], Account],
    state: AccountState,
    refusal: Refusal,
) -> None:
    undo = propose(session, market)
    put(session, account(market), state)
    problems = issuance.confirm_problems(session, undo, market.approver)
    assert [problem.refusal for problem in problems] == [refusal]
    with pytest.raises(Refused):
        issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert undo.state is MovementState.PROPOSED


def test_a_suspended_account_may_receive_its_units_back(session: Session, market: make.Market) -> None:
    put(session, market.holder.account, AccountState.SUSPENDED)
    undo = propose(session, market)
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert ledger.balance(session, market.holder.account.id, undo.unit_class_id) == 8_500


def test_the_reserve_does_not_bind_a_correction(session: Session) -> None:
    market = make.market(session)
    assert figures_of(session, market.holder).reserve == 7_000
    undo = propose(session, market, transaction=1)
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert figures_of(session, market.holder).held == 0
