"""The ledger's services driven by a machine, beside a plain model of what must come out.

Proposals, confirmations, movements legal and not, corrections, second presses, roll-backs and clock
steps in any order, on both databases; after each step every balance is what the model says (safety,
"model-checked"). A failure prints the steps that replay it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from portal import clock
from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import Holding, Movement, MovementKind, User
from portal.services import allowances, issuance, ledger
from portal.services.allowances import Request
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import reports
from tests.factories.ledger_model import (
    ISSUANCE,
    JAA,
    JVER,
    MOST,
    NOWHERE,
    RETIREMENT,
    SCHEME,
    Cast,
    Model,
    Posting,
    Proposal,
    small_scheme,
)

START = "2015-08-03 09:00"
#: how much: a share of what could move, a little more than that, or plain nonsense
QUANTITIES = st.one_of(
    st.tuples(st.just("share"), st.integers(1, 100)),
    st.tuples(st.just("share"), st.just(100)),
    st.tuples(st.just("over"), st.integers(1, 3)),
    st.tuples(st.just("free"), st.integers(0, 1)),
    st.tuples(st.just("plain"), st.sampled_from([0, 1, 7, 40, 300, MOST, MOST + 1])),
)
PICK, BY = st.integers(0, 99), st.sampled_from([2, 3, 2, 3, 0, 1])
KINDS = st.sampled_from([MovementKind.TRANSFER] * 3 + [*SCHEME])


class LedgerMachine(RuleBasedStateMachine):
    """One run: a fresh copy of the small scheme, and the model beside it."""

    def __init__(self, template: str, folder: Path, cast: Cast) -> None:
        super().__init__()
        self.cast, self.model = cast, Model(cast)
        self.url = databases.copy(template, folder)
        self.engine = make_engine(self.url)
        self.session = make_session(self.engine)
        self.keys, self.last = 0, None
        self.accounts = [*cast.holders, *cast.traders]
        reports.at(START)

    def teardown(self) -> None:
        report = ledger.verify(self.session)
        self.session.close()
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            databases.drop(self.url)
        assert report.ok, report.problem
        assert report.transactions == len(self.model.postings)
        assert all(one.issued == one.elsewhere for one in report.sums)

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def done(self, work: Any, *, legal: bool, keep: bool = True) -> Any:
        """Do it in one transaction; it must be refused exactly when the model says so."""
        try:
            with one_transaction(self.session):
                result = work()
                result = result.id if isinstance(result, Movement) else result
                if not keep:
                    raise _Crash
        except PortalError as refused:
            assert not legal, f"refused though legal: {[problem.refusal for problem in refused.problems]}"
            return None
        except _Crash:
            assert legal, "done though illegal"
            return None
        assert legal, "done though illegal"
        return result

    def user(self, number: int) -> User:
        return self.session.get_one(User, number)

    def login(self, account: int) -> int:
        facts = self.cast.holders.get(account)
        return facts.login if facts is not None else self.cast.traders[account]

    @initialize()
    def open_the_market(self) -> None:
        """Two holders are issued, a trader and the third holder get jVER: there is something to move."""
        for number in (0, 2):
            self.propose_issue(number, 0)
        for number in (2, 3):
            self.propose_jver(number, 0, 250)
        for _ in range(4):
            self.confirm(1, 2, False, True)
        assert len(self.model.postings) == 4

    # ---- the secretariat

    @rule(pick=PICK, by=BY)
    def propose_issue(self, pick: int, by: int) -> None:
        account = list(self.cast.holders)[pick % len(self.cast.holders)]
        facts, maker = self.cast.holders[account], self.cast.proposers[by % len(self.cast.proposers)]
        legal = not any(
            one.kind is MovementKind.ISSUE and one.target == account and one.state in ("proposed", "executed")
            for one in self.model.proposals.values()
        )
        made = self.done(
            lambda: issuance.propose_issue(
                self.session, self.cast.holder_ids[account], key=self.key(), actor=self.user(maker)
            ),
            legal=legal,
        )
        if made is not None:
            due = facts.base - facts.target
            self.propose(made, MovementKind.ISSUE, ISSUANCE, account, JAA, due, maker)

    @rule(pick=PICK, by=BY, quantity=st.sampled_from([1, 5, 90, 250, 0, MOST + 1]))
    def propose_jver(self, pick: int, by: int, quantity: int) -> None:
        choices = [*self.accounts, *self.accounts, RETIREMENT, NOWHERE]
        account, maker = choices[pick % len(choices)], self.cast.proposers[by % len(self.cast.proposers)]
        legal = account in self.accounts and 1 <= quantity <= MOST
        made = self.done(
            lambda: issuance.propose_jver(
                self.session, f"AST-{account}", quantity, "申請", key=self.key(), actor=self.user(maker)
            ),
            legal=legal,
        )
        if made is not None:
            self.propose(made, MovementKind.ISSUE_JVER, ISSUANCE, account, JVER, quantity, maker)

    @precondition(lambda self: self.model.postings)
    @rule(pick=PICK, by=BY)
    def propose_correction(self, pick: int, by: int) -> None:
        number = pick % len(self.model.postings) + 1
        wrong, maker = self.model.postings[number], self.cast.proposers[by % len(self.cast.proposers)]
        live = any(
            one.reverses == number and one.state in ("proposed", "executed")
            for one in self.model.proposals.values()
        )
        enough = self.model.free(wrong.target, wrong.unit) >= wrong.quantity
        made = self.done(
            lambda: issuance.propose_correction(
                self.session, number, "口座番号の誤り", key=self.key(), actor=self.user(maker)
            ),
            legal=wrong.reverses is None and not live and enough,
        )
        if made is not None:
            self.model.promise(wrong.target, wrong.unit, wrong.quantity)
            self.propose(
                made,
                MovementKind.CORRECTION,
                wrong.target,
                wrong.source,
                wrong.unit,
                wrong.quantity,
                maker,
                number,
            )

    def propose(
        self,
        made: int,
        kind: MovementKind,
        source: int,
        target: int,
        unit: str,
        quantity: int,
        by: int,
        reverses: int | None = None,
    ) -> None:
        until = clock.now() + timedelta(days=14)
        self.model.proposals[made] = Proposal(kind, source, target, unit, quantity, by, until, reverses)

    @precondition(lambda self: self.model.proposals)
    @rule(pick=PICK, by=BY, late=st.booleans(), keep=st.sampled_from([True, True, True, False]))
    def confirm(self, pick: int, by: int, late: bool, keep: bool) -> None:
        number = self.pending(pick)
        one, checker = self.model.proposals[number], self.cast.proposers[by % len(self.cast.proposers)]
        stale = late and pick % 5 == 0
        legal = (
            checker in self.cast.approvers
            and checker != one.by
            and one.state == "proposed"
            and clock.now() < one.until
            and not stale
        )
        version = self.session.get_one(Movement, number).version - (1 if stale else 0)
        self.session.rollback()
        done = self.done(
            lambda: issuance.confirm(self.session, number, version=version, actor=self.user(checker)),
            legal=legal,
            keep=keep,
        )
        if done is not None:
            self.leave(one, "executed")
            self.model.post(Posting(one.kind, one.source, one.target, one.unit, one.quantity, one.reverses))

    @precondition(lambda self: self.model.proposals)
    @rule(pick=PICK, by=BY)
    def withdraw(self, pick: int, by: int) -> None:
        number = self.pending(pick)
        one, maker = self.model.proposals[number], self.cast.proposers[by % len(self.cast.proposers)]
        version = self.session.get_one(Movement, number).version
        self.session.rollback()
        done = self.done(
            lambda: issuance.withdraw(self.session, number, version=version, actor=self.user(maker)),
            legal=one.state == "proposed",
        )
        if done is not None:
            self.leave(one, "withdrawn")

    def pending(self, pick: int) -> int:
        """A proposal, mostly one that waits."""
        waiting = [number for number, one in self.model.proposals.items() if one.state == "proposed"]
        choices = waiting if waiting and pick % 4 else list(self.model.proposals)
        return choices[pick % len(choices)]

    def leave(self, one: Proposal, state: str) -> None:
        one.state = state
        if one.kind is MovementKind.CORRECTION:
            self.model.promise(one.source, one.unit, -one.quantity)

    # ---- participants

    @rule(
        pick=PICK,
        to=PICK,
        kind=KINDS,
        unit=st.sampled_from([JAA, JAA, JVER]),
        much=QUANTITIES,
        sure=st.booleans(),
        keep=st.sampled_from([True] * 5 + [False]),
    )
    def move(
        self, pick: int, to: int, kind: MovementKind, unit: str, much: tuple[str, int], sure: bool, keep: bool
    ) -> None:
        source = self.accounts[pick % len(self.accounts)]
        places = [*self.accounts, *self.accounts, RETIREMENT, NOWHERE]
        target = SCHEME.get(kind) or places[to % len(places)]
        quantity = self.quantity(kind, source, unit, much)
        account = f"AST-{target}" if kind is MovementKind.TRANSFER else ""
        request = Request(kind, str(quantity), account, self.cast.classes[unit], voluntary=sure)
        legal = self.model.may_move(kind, source, target, unit, quantity, sure)
        key = self.key()
        made = self.done(
            lambda: allowances.move(self.session, request, key=key, actor=self.user(self.login(source))),
            legal=legal,
            keep=keep,
        )
        if made is not None:
            self.model.post(Posting(kind, source, target, unit, quantity))
            self.last = (made, key, request, self.login(source))
            if kind is not MovementKind.RETIRE and source in self.cast.holders and unit == JAA:
                assert self.model.of(source, JAA) >= self.model.reserve(source)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 2), sure=st.booleans())
    def move_at_the_edge(self, pick: int, to: int, kind: MovementKind, more: int, sure: bool) -> None:
        """All a holder may move, or a little more."""
        self.move(pick % len(self.cast.holders), to % 5, kind, JAA, ("over", more), sure, True)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 1))
    def move_all_that_is_free(self, pick: int, to: int, kind: MovementKind, more: int) -> None:
        """All units that are not promised, or one more, with no thought of the reserve."""
        unit = JVER if pick % 2 else JAA
        self.move(pick, to % 5, kind, unit, ("free", more), True, True)

    def quantity(self, kind: MovementKind, source: int, unit: str, much: tuple[str, int]) -> int:
        how, figure = much
        free = self.model.free(source, unit)
        keeps = kind is not MovementKind.RETIRE and unit == JAA and source in self.cast.holders
        movable = max(0, free - self.model.reserve(source)) if keeps else free
        if how == "share":
            return max(1, movable * figure // 100)
        return {"over": movable + figure, "free": free + figure}.get(how, figure)

    @precondition(lambda self: self.last is not None)
    @rule(other=st.booleans())
    def press_again(self, other: bool) -> None:
        """The same form comes again: the first answer; the same key with other content: refused."""
        assert self.last is not None
        made, key, request, login = self.last
        if other:
            request = Request(
                request.kind,
                request.quantity,
                request.account,
                request.unit_class_id,
                "別",
                request.voluntary,
            )
        again = self.done(
            lambda: allowances.move(self.session, request, key=key, actor=self.user(login)), legal=not other
        )
        assert again == (None if other else made)

    # ---- time

    @rule(hours=st.sampled_from([1, 1, 24, 24, 24 * 14, 24 * 40]))
    def wait(self, hours: int) -> None:
        clock.step(timedelta(hours=hours))

    @rule()
    def expire(self) -> None:
        due = [
            one
            for one in self.model.proposals.values()
            if one.state == "proposed" and one.until <= clock.now()
        ]
        assert self.done(lambda: issuance.expire_due(self.session), legal=True) == len(due)
        for one in due:
            self.leave(one, "expired")

    # ---- what must hold after every step

    @invariant()
    def every_balance_is_the_model_s(self) -> None:
        units = {number: unit for unit, number in self.cast.classes.items()}
        held, promised, sums = {}, {}, dict.fromkeys(units.values(), 0)
        query = select(Holding.account_id, Holding.unit_class_id, Holding.quantity, Holding.promised)
        for account, number, quantity, waiting in self.session.execute(query):
            held[(account, units[number])], promised[(account, units[number])] = quantity, waiting
            sums[units[number]] += quantity
            assert account == ISSUANCE or 0 <= waiting <= quantity
        self.session.rollback()
        assert _there(held) == _there(self.model.held)
        assert _there(promised) == _there(self.model.promised)
        assert set(sums.values()) == {0}


class _Crash(Exception):
    """Everything was done, but the commit never came."""


def _there(figures: dict[tuple[int, str], int]) -> dict[tuple[int, str], int]:
    return {key: figure for key, figure in figures.items() if figure}


@pytest.fixture
def scheme(database_url: str) -> Iterator[tuple[str, Cast]]:
    """The address of a database with the small scheme; nobody is connected to it."""
    engine = make_engine(database_url)
    with make_session(engine) as session, one_transaction(session):
        cast = small_scheme(session)
    engine.dispose()
    yield database_url, cast


@pytest.mark.timeout(900)  # a failure is made short before it is told
def test_no_order_of_steps_breaks_the_ledger(scheme: tuple[str, Cast], tmp_path: Path) -> None:
    template, cast = scheme
    run_state_machine_as_test(
        lambda: LedgerMachine(template, tmp_path, cast),
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            print_blob=True,
        ),
    )
