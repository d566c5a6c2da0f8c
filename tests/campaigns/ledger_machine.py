"""The ledger's services driven by a machine, beside a plain model of what must come out.

Proposals, confirmations, movements legal and not, corrections, in any order, and a fault in a third of
the steps: a transaction that is rolled back, a connection that breaks before the commit (given up, or tried
again with the same key), an answer that is lost so that the form comes once more, a stale page, a second
press, a clock that jumps forward or back. After each step every balance is what the model says; at the end
the ledger's own proof and the second book agree (safety, "model-checked"). A failure prints the steps that
replay it.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal import clock
from portal.models import Movement, MovementKind
from portal.services import allowances, issuance
from portal.services.allowances import Request
from tests import databases
from tests.campaigns.driven import Driven
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
)

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
#: what befalls a step: nothing, or one of four things
FAULTS = st.sampled_from([None, None, None, None, "rollback", "broken", "retry", "lost"])
STALE = st.sampled_from([False, False, False, True])


class LedgerMachine(Driven):
    """The steps people and time take."""

    def open_the_market(self) -> None:
        """Two holders are issued, a trader and the third holder get jVER: there is something to move."""
        for number in (0, 2):
            self.propose_issue(number, 0, None)
        for number in (2, 3):
            self.propose_jver(number, 0, 250, None)
        for _ in range(4):
            self.confirm(1, 2, False, None)
        assert len(self.model.postings) == 4

    # ---- the secretariat

    @rule(pick=PICK, by=BY, fault=FAULTS)
    def propose_issue(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        account = list(self.cast.holders)[pick % len(self.cast.holders)]
        facts, maker = self.cast.holders[account], self.cast.proposers[by % len(self.cast.proposers)]
        legal = not self.issued(account)
        key = self.key()
        made = self.done(
            lambda: issuance.propose_issue(
                self.session, self.cast.holder_ids[account], key=key, actor=self.user(maker)
            ),
            legal=legal,
            fault=fault,
        )
        if made is not None:
            due = facts.base - facts.target
            self.propose(made, MovementKind.ISSUE, ISSUANCE, account, JAA, due, maker)

    def issued(self, account: int) -> bool:
        """Whether an issue to the account stands: one more proposed or executed than were corrected."""
        stand = 0
        for one in self.model.proposals.values():
            if one.kind is MovementKind.ISSUE and one.target == account:
                stand += one.state in ("proposed", "executed")
            elif one.kind is MovementKind.CORRECTION and one.reverses is not None and one.source == account:
                wrong = self.model.postings[one.reverses]
                stand -= one.state == "executed" and wrong.kind is MovementKind.ISSUE
        return stand > 0

    @rule(pick=PICK, by=BY, quantity=st.sampled_from([1, 5, 90, 250, 0, MOST + 1]), fault=FAULTS)
    def propose_jver(self, pick: int, by: int, quantity: int, fault: str | None) -> None:
        self.step(fault)
        choices = [*self.accounts, *self.accounts, RETIREMENT, NOWHERE]
        account, maker = choices[pick % len(choices)], self.cast.proposers[by % len(self.cast.proposers)]
        legal = account in self.accounts and 1 <= quantity <= MOST
        key = self.key()
        made = self.done(
            lambda: issuance.propose_jver(
                self.session, f"AST-{account}", quantity, "申請", key=key, actor=self.user(maker)
            ),
            legal=legal,
            fault=fault,
        )
        if made is not None:
            self.propose(made, MovementKind.ISSUE_JVER, ISSUANCE, account, JVER, quantity, maker)

    @precondition(lambda self: self.model.postings)
    @rule(pick=PICK, by=BY, fault=FAULTS)
    def propose_correction(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        number = pick % len(self.model.postings) + 1
        wrong, maker = self.model.postings[number], self.cast.proposers[by % len(self.cast.proposers)]
        live = any(
            one.reverses == number and one.state in ("proposed", "executed")
            for one in self.model.proposals.values()
        )
        enough = self.model.free(wrong.target, wrong.unit) >= wrong.quantity
        key = self.key()
        made = self.done(
            lambda: issuance.propose_correction(
                self.session, number, "口座番号の誤り", key=key, actor=self.user(maker)
            ),
            legal=wrong.reverses is None and not live and enough,
            fault=fault,
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
    @rule(pick=PICK, by=BY, stale=STALE, fault=FAULTS)
    def confirm(self, pick: int, by: int, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        number = self.pending(pick)
        one, checker = self.model.proposals[number], self.cast.proposers[by % len(self.cast.proposers)]
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
            fault=fault,
            keyed=False,
        )
        if done is not None:
            self.leave(one, "executed")
            self.model.post(Posting(one.kind, one.source, one.target, one.unit, one.quantity, one.reverses))

    @precondition(lambda self: self.model.proposals)
    @rule(pick=PICK, by=BY, stale=STALE, fault=FAULTS)
    def withdraw(self, pick: int, by: int, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        number = self.pending(pick)
        one, maker = self.model.proposals[number], self.cast.proposers[by % len(self.cast.proposers)]
        version = self.session.get_one(Movement, number).version - (1 if stale else 0)
        self.session.rollback()
        done = self.done(
            lambda: issuance.withdraw(self.session, number, version=version, actor=self.user(maker)),
            legal=one.state == "proposed" and not stale,
            fault=fault,
            keyed=False,
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
        fault=FAULTS,
    )
    def move(
        self,
        pick: int,
        to: int,
        kind: MovementKind,
        unit: str,
        much: tuple[str, int],
        sure: bool,
        fault: str | None,
    ) -> None:
        self.step(fault)
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
            fault=fault,
        )
        if made is not None:
            self.model.post(Posting(kind, source, target, unit, quantity))
            self.last = (made, key, request, self.login(source))
            if kind is not MovementKind.RETIRE and source in self.cast.holders and unit == JAA:
                assert self.model.of(source, JAA) >= self.model.reserve(source)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 2), sure=st.booleans(), fault=FAULTS)
    def move_at_the_edge(
        self, pick: int, to: int, kind: MovementKind, more: int, sure: bool, fault: str | None
    ) -> None:
        """All a holder may move, or a little more."""
        self.move(pick % len(self.cast.holders), to % 5, kind, JAA, ("over", more), sure, fault)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 1), fault=FAULTS)
    def move_all_that_is_free(
        self, pick: int, to: int, kind: MovementKind, more: int, fault: str | None
    ) -> None:
        """All units that are not promised, or one more, with no thought of the reserve."""
        unit = JVER if pick % 2 else JAA
        promised = [key for key, units in self.model.promised.items() if units and key[0] in self.accounts]
        if promised:  # where it matters most
            account, unit = promised[pick % len(promised)]
            pick = self.accounts.index(account)
        self.move(pick, to % 5, kind, unit, ("free", more), True, fault)

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
        self.step("second press")
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

    @rule(hours=st.sampled_from([1, 1, -1, 24, 24, 24 * 14, 24 * 14, 24 * 40]))
    def wait(self, hours: int) -> None:
        self.step("clock")
        clock.step(timedelta(hours=hours))

    @rule()
    def expire(self) -> None:
        self.step(None)
        due = [
            one
            for one in self.model.proposals.values()
            if one.state == "proposed" and one.until <= clock.now()
        ]
        assert self.done(lambda: issuance.expire_due(self.session), legal=True) == len(due)
        for one in due:
            self.leave(one, "expired")


def opened(template: str, cast: Cast) -> Model:
    """Open the market in the template itself, so that each run begins there; the model of it."""
    machine = LedgerMachine(template, cast, Model(cast), Counter())
    machine.open_the_market()
    machine.session.close()
    machine.engine.dispose()
    return machine.model


def run(template: str, cast: Cast, folder: Path, *, total: int, seed: int | None = None) -> Counter[str]:
    """Open the market in ``template`` and drive machines on copies of it: see :func:`drive`."""
    return drive(template, cast, opened(template, cast), folder, total=total, seed=seed)


def drive(
    template: str,
    cast: Cast,
    start: Model,
    folder: Path,
    *,
    total: int,
    steps: int = 200,
    seed: int | None = None,
    short: bool = True,
) -> Counter[str]:
    """Drive machines of up to ``steps`` steps, ``total`` together, each on a copy of ``template``.

    The answer counts steps and faults. ``seed`` replays a campaign; ``short``: a failure is made short.

    Raises the first failure, made short, with the steps that replay it.
    """
    tally: Counter[str] = Counter()

    def machine() -> LedgerMachine:
        return LedgerMachine(databases.copy(template, folder), cast, deepcopy(start), tally)

    while tally["steps"] < total:  # now and then a run ends early
        if seed is not None:
            machine._hypothesis_internal_use_seed = seed + tally["steps"]  # type: ignore[attr-defined]
        given = settings(
            max_examples=max(5, min(100, (total - tally["steps"]) // steps)),
            stateful_step_count=steps,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if short else [Phase.generate],
        )
        run_state_machine_as_test(machine, settings=given)
    return tally
