"""Both databases keep what an account's state forbids, even if the program is wrong (safety 5).

Here the program is made wrong: its rules are passed by, rows are changed by SQL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal
from portal.extensions import make_session
from portal.models import Account, AccountAction, AccountState, Holding, Movement, MovementKind, MovementState
from portal.models import User as Login
from portal.services import account_life, allowances, issuance, ledger, ledger_proof
from portal.services.transaction import one_transaction
from tests.campaigns.unlocked_accounts import unlock
from tests.factories import allowances as make
from tests.services.test_races import at_once, mover

SUSPEND, CLOSE = AccountAction.SUSPEND, AccountAction.CLOSE


@pytest.fixture
def market(session: Session) -> make.Market:
    """The trader holds 300."""
    with one_transaction(session):
        made = make.market(session)
        make.move(session, made.a, MovementKind.TRANSFER, 300, made.trader.account.code)
    return made


def run(session: Session, statement: str, **values: object) -> None:
    with one_transaction(session):
        session.execute(text(statement), values)


def set_state(session: Session, account: Account, state: str) -> None:
    closed = "closed_at = :now" if state == "closed" else "closed_at = NULL"
    run(
        session,
        f"UPDATE account SET state = :state, {closed} WHERE id = :id",
        state=state,
        id=account.id,
        **({"now": clock.now().isoformat(sep=" ")} if state == "closed" else {}),
    )


def post_past_the_rules(session: Session, market: make.Market, source: Account, target: Account) -> None:
    """A movement that no rule was asked about."""
    with one_transaction(session):
        movement = Movement(
            kind=MovementKind.TRANSFER,
            state=MovementState.EXECUTED,
            source_id=source.id,
            target_id=target.id,
            unit_class_id=allowances.default_class(session, market.holder.account).id,
            quantity=1,
            idempotency_key=f"{source.id}-{target.id}",
            content_hash="x",
            proposed_by_id=market.a.id,
            proposed_at=clock.now(),
            decided_by_id=market.a.id,
            decided_at=clock.now(),
        )
        session.add(movement)
        session.flush()
        ledger.lock_accounts(session, source.id, target.id)
        ledger.post(session, movement, ledger.sides_of(movement), actor=market.a)


def test_nothing_leaves_a_suspended_account_but_it_receives(session: Session, market: make.Market) -> None:
    holder, trader = market.holder.account, market.trader.account
    set_state(session, trader, "suspended")
    with pytest.raises(DatabaseError, match="account_state"):
        post_past_the_rules(session, market, trader, holder)
    post_past_the_rules(session, market, holder, trader)
    assert ledger_proof.verify(session).ok


def test_nothing_enters_or_leaves_a_closed_account(session: Session, market: make.Market) -> None:
    holder, trader = market.holder.account, market.trader.account
    with one_transaction(session):
        make.move(session, market.t, MovementKind.TRANSFER, 300, holder.code)
    set_state(session, trader, "closed")
    for source, target in ((holder, trader), (trader, holder)):
        with pytest.raises(DatabaseError, match="account_state"):
            post_past_the_rules(session, market, source, target)
    with pytest.raises(DatabaseError, match="holds nothing"):
        run(session, "UPDATE holding SET quantity = 5 WHERE account_id = :id", id=trader.id)
    with pytest.raises(DatabaseError, match="holds nothing"):
        run(
            session,
            "INSERT INTO holding (account_id, unit_class_id, quantity, promised)"
            " SELECT :id, max(id) + 1, 5, 0 FROM unit_class",
            id=trader.id,
        )
    with pytest.raises(DatabaseError, match="stays closed"):
        set_state(session, trader, "open")
    assert ledger_proof.verify(session).ok


def test_an_account_with_units_is_not_closed_by_sql(session: Session, market: make.Market) -> None:
    for account in (market.trader.account, market.holder.account):
        with pytest.raises(DatabaseError, match="is not closed"):
            set_state(session, account, "closed")
    session.expire_all()
    assert market.trader.account.state is AccountState.OPEN


def proposed(session: Session, market: make.Market, action: AccountAction) -> int:
    with one_transaction(session):
        return account_life.propose(
            session, market.trader.account.id, action, "競争", actor=market.officer
        ).id


def confirmer(user_id: int, change_id: int) -> Callable[[Session], int]:
    return lambda session: account_life.confirm(session, change_id, actor=session.get_one(Login, user_id)).id


def test_transfers_racing_with_a_suspension_lose_no_unit(
    engine: Engine, session: Session, market: make.Market
) -> None:
    change = proposed(session, market, SUSPEND)
    t, a, approver = market.t.id, market.a.id, market.approver.id
    holder, trader = market.holder.account, market.trader.account
    codes = holder.code, trader.code
    session.rollback()
    acts = [mover(t, 3, codes[0]), mover(a, 2, codes[1])] * 3
    answers = at_once(engine, [*acts, confirmer(approver, change)])
    assert isinstance(answers[-1], int), answers
    out, into = answers[0:6:2], answers[1:6:2]
    assert all(isinstance(one, int) for one in into), answers
    assert all(isinstance(one, int) or one is Refusal.SOURCE_NOT_OPEN for one in out), answers
    session.expire_all()
    gone = sum(isinstance(one, int) for one in out)
    held = ledger.balance(session, trader.id, allowances.default_class(session, holder).id)
    assert held == 300 - 3 * gone + 2 * 3
    assert trader.state is AccountState.SUSPENDED and ledger_proof.verify(session).ok


@pytest.mark.parametrize("round_", range(3))
def test_a_transfer_racing_with_the_closing_never_leaves_units_in_a_closed_account(
    engine: Engine, session: Session, market: make.Market, round_: int
) -> None:
    with one_transaction(session):
        make.move(session, market.t, MovementKind.TRANSFER, 300, market.holder.account.code)
    change = proposed(session, market, CLOSE)
    a, approver, trader = market.a.id, market.approver.id, market.trader.account
    code = trader.code
    session.rollback()
    acts = [mover(a, 2, code), confirmer(approver, change), mover(a, 5, code)]
    answers = at_once(engine, acts[round_:] + acts[:round_])
    by_act = answers[-round_:] + answers[:-round_] if round_ else answers
    session.expire_all()
    held = sum(row.quantity for row in session.query(Holding).filter_by(account_id=trader.id))
    if trader.state is AccountState.CLOSED:
        assert held == 0 and by_act[0] is by_act[2] is Refusal.TARGET_CLOSED, by_act
    else:
        assert held in (2, 5, 7) and by_act[1] is Refusal.ACCOUNT_NOT_EMPTY, by_act
    assert ledger_proof.verify(session).ok


def test_the_guard_holds_when_the_program_forgets_its_lock(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control of the lock: without it the trigger still refuses, one way or the other."""
    with one_transaction(session):
        make.move(session, market.t, MovementKind.TRANSFER, 300, market.holder.account.code)
    change = proposed(session, market, CLOSE)
    a, approver, code = market.a.id, market.approver.id, market.trader.account.code
    trader = market.trader.account
    session.rollback()
    unlock(monkeypatch)
    answers: list[object] = [None, None]
    start = threading.Barrier(2)

    def one(place: int, act: Callable[[Session], object]) -> None:
        with make_session(engine) as own:
            start.wait()
            try:
                with one_transaction(own):
                    answers[place] = act(own)
            except Exception as error:
                answers[place] = error

    acts = [mover(a, 2, code), confirmer(approver, change)]
    threads = [threading.Thread(target=one, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.expire_all()
    held = sum(row.quantity for row in session.query(Holding).filter_by(account_id=trader.id))
    assert trader.state is not AccountState.CLOSED or held == 0, answers
    assert ledger_proof.verify(session).ok


def test_a_suspended_accounts_proposals_wait_and_go_on_afterwards(
    session: Session, market: make.Market
) -> None:
    undo = issuance.propose_correction(session, 2, "誤り", key="u", actor=market.officer)
    make.take(session, market, market.trader.account, SUSPEND)
    assert [p.refusal for p in issuance.confirm_problems(session, undo, market.approver)] == [
        Refusal.SOURCE_NOT_OPEN
    ]
    make.take(session, market, market.trader.account, AccountAction.RESUME)
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert undo.state is MovementState.EXECUTED
