"""Accounts suspended, resumed and closed in any order amid movements: what must hold after every step.

Closed accounts are empty and stay closed; nothing leaves a suspended one; the ledger proves itself
(safety 5). On both databases; a failure prints the steps that replay it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import (
    Account,
    AccountAction,
    AccountState,
    Holding,
    MovementKind,
    UnitClass,
    UnitType,
    User,
)
from portal.services import account_life, issuance, ledger_proof
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import allowances as make

OPEN, SUSPENDED, CLOSED = AccountState
NEXT = {AccountAction.SUSPEND: SUSPENDED, AccountAction.RESUME: OPEN, AccountAction.CLOSE: CLOSED}
WHICH = st.integers(0, 2)
QUANTITY = st.sampled_from([1, 5, 40, 1_000])


class AccountMachine(RuleBasedStateMachine):
    """One run on a copy of a market of a holder and two traders."""

    def __init__(self, template: str, folder: Path, cast: dict[str, list[int]]) -> None:
        super().__init__()
        self.cast, self.url = cast, databases.copy(template, folder)
        self.engine = make_engine(self.url)
        self.session = make_session(self.engine)
        make.at("2014-05-01 10:00")
        self.keys = 0
        self.states = dict.fromkeys(cast["accounts"], OPEN)
        self.held = self._held()

    def teardown(self) -> None:
        report = ledger_proof.verify(self.session)
        self.session.close()
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            databases.drop(self.url)
        assert report.ok, report.problem

    def _held(self) -> dict[int, int]:
        rows = self.session.execute(
            select(Holding.account_id, func.sum(Holding.quantity)).group_by(Holding.account_id)
        )
        return {account: int(quantity) for account, quantity in rows}

    def _user(self, number: int) -> User:
        return self.session.get_one(User, number)

    def _key(self) -> str:
        self.keys += 1
        return f"machine-{self.keys}"

    def _try(self, work: object) -> bool:
        try:
            with one_transaction(self.session):
                work()  # type: ignore[operator]
        except PortalError:
            return False
        return True

    @rule(giver=WHICH, taker=WHICH, quantity=QUANTITY, all_of_it=st.booleans())
    def transfer(self, giver: int, taker: int, quantity: int, all_of_it: bool) -> None:
        """Some, or all that is there: so that accounts do become empty."""
        one, other = self.cast["accounts"][giver], self.cast["accounts"][taker]
        before = self.held
        quantity = max(1, before.get(one, 0)) if all_of_it else quantity
        done = self._try(
            lambda: make.move(
                self.session,
                self._user(self.cast["logins"][giver]),
                MovementKind.TRANSFER,
                quantity,
                f"AST-{other}",
            )
        )
        if self.states[one] is not OPEN or self.states[other] is CLOSED:
            assert not done
        self.held = self._held()

    @rule()
    def retire_all(self) -> None:
        """All the holder's JAA: the reserve does not keep them."""
        account = self.cast["accounts"][0]
        held = self.session.scalar(
            select(Holding.quantity)
            .join(UnitClass, UnitClass.id == Holding.unit_class_id)
            .where(Holding.account_id == account, UnitClass.unit_type == UnitType.JAA)
        )
        done = self._try(
            lambda: make.move(
                self.session,
                self._user(self.cast["logins"][0]),
                MovementKind.RETIRE,
                max(1, held or 0),
                voluntary=True,
            )
        )
        assert done is (self.states[account] is OPEN and bool(held))
        self.held = self._held()

    @rule(which=WHICH, confirmed=st.booleans())
    def issue_jver(self, which: int, confirmed: bool) -> None:
        account = self.cast["accounts"][which]

        def work() -> None:
            officer, approver = (self._user(n) for n in self.cast["office"])
            made = issuance.propose_jver(
                self.session, f"AST-{account}", 3, "第1号", key=self._key(), actor=officer
            )
            if confirmed:
                issuance.confirm(self.session, made.id, version=made.version, actor=approver)
            else:
                issuance.withdraw(self.session, made.id, version=made.version, actor=officer)

        assert self._try(work) is (self.states[account] is not CLOSED)
        self.held = self._held()

    @rule(which=WHICH, action=st.sampled_from(list(AccountAction)))
    def live(self, which: int, action: AccountAction) -> None:
        account = self.cast["accounts"][which]

        def work() -> None:
            officer, approver = (self._user(n) for n in self.cast["office"])
            made = account_life.propose(self.session, account, action, "x", actor=officer)
            account_life.confirm(self.session, made.id, actor=approver)

        state = self.states[account]
        legal = {
            AccountAction.SUSPEND: state is OPEN,
            AccountAction.RESUME: state is SUSPENDED,
            AccountAction.CLOSE: state is not CLOSED and self.held.get(account, 0) == 0,
        }[action]
        assert self._try(work) is legal
        if legal:
            self.states[account] = NEXT[action]

    @invariant()
    def states_are_kept_and_closed_accounts_are_empty(self) -> None:
        self.session.rollback()
        for number, state in self.states.items():
            account = self.session.get_one(Account, number, populate_existing=True)
            assert account.state is state and (account.closed_at is not None) is (state is CLOSED)
            if state is CLOSED:
                assert self.held.get(number, 0) == 0


@pytest.mark.parametrize("kind", databases.KINDS)
def test_no_order_of_steps_breaks_what_a_state_promises(
    kind: str, database_templates: databases.Templates, tmp_path: Path
) -> None:
    url = databases.copy(database_templates.of(kind), tmp_path)
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        market = make.market(session)
        traders = [market.trader, make.make.trader(session)]
        make.move(session, market.a, MovementKind.TRANSFER, 45, traders[0].account.code)
        cast = {
            "accounts": [market.holder.account.id, *(one.account.id for one in traders)],
            "logins": [market.a.id, *(one.users[0].id for one in traders)],
            "office": [market.officer.id, market.approver.id],
        }
    engine.dispose()
    try:
        run_state_machine_as_test(
            # whatever gives a machine will do, says its documentation; its types want a class
            lambda: AccountMachine(url, tmp_path, cast),  # type: ignore[arg-type]
            settings=settings(
                max_examples=12 if kind == "sqlite" else 5,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        if kind == "postgresql":
            databases.drop(url)
