"""The ledger's services driven by a machine, beside a plain model of what must come out.

Proposals, confirmations, movements legal and not, corrections, whole phases, banking, accounts that are
suspended and closed, figures approved and taken back, deadline, closing, books that disagree: in any
order, and a fault in a third of
the steps: a transaction that is rolled back, a connection that breaks before the commit (given up, or tried
again with the same key), an answer that is lost so that the form comes once more, a stale page, a second
press, a clock that jumps forward or back. After each step every balance is what the model says
(``invariants.py``); at the end
the ledger's own proof and the second book agree (safety, "model-checked"). A failure prints the steps that
replay it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from datetime import timedelta
from inspect import getmembers
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RULE_MARKER, initialize, precondition, rule, run_state_machine_as_test

from portal import clock
from portal.models import MovementKind
from portal.services import allowances
from portal.services.allowances import Request
from tests import databases
from tests.campaigns.office_steps import FAULTS, PICK
from tests.campaigns.phase_steps import PhaseSteps
from tests.factories import reports
from tests.factories.ledger_cast import JAA, JVER, MOST, NEXT, NOWHERE, RETIREMENT, SCHEME, Cast
from tests.factories.ledger_model import Model, Posting

#: how much: a share of what could move, a little more than that, or plain nonsense
QUANTITIES = st.one_of(
    st.tuples(st.just("share"), st.integers(1, 100)),
    st.tuples(st.just("share"), st.just(100)),
    st.tuples(st.just("over"), st.integers(1, 3)),
    st.tuples(st.just("free"), st.integers(0, 1)),
    st.tuples(st.just("plain"), st.sampled_from([0, 1, 7, 40, 300, MOST, MOST + 1])),
)
KINDS = st.sampled_from([MovementKind.TRANSFER] * 3 + [*SCHEME])
#: before the deadline, in the banking window, at its end, after it: a run begins in one of them
SEASONS = st.sampled_from(
    ["2015-08-03 09:00", "2015-08-03 09:00", "2015-12-02 09:00", "2016-01-29 09:00", "2016-02-02 09:00"]
)


class LedgerMachine(PhaseSteps):
    """The steps people and time take."""

    def open_the_market(self) -> None:
        """Two holders of phase 2 are issued, a trader and the first holder get jVER."""
        for number in (0, 2):
            self.propose_issue(number, 0, None)
        for number in (2, 5):
            self.propose_jver(number, 0, 250, None)
        for _ in range(4):
            self.confirm(1, 2, False, None)
        assert len(self.model.postings) == 4

    @initialize(season=SEASONS)
    def begin(self, season: str) -> None:
        reports.at(season)

    # ---- participants

    @rule(
        pick=PICK,
        to=PICK,
        kind=KINDS,
        unit=st.sampled_from([JAA, JAA, NEXT, JVER]),
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
            self.did(kind)
            self.model.post(Posting(kind, source, target, unit, quantity))
            self.last = (made, key, request, self.login(source))
            if kind is not MovementKind.RETIRE:
                assert self.model.of(source, unit) >= self.model.keeps(source, unit)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 2), sure=st.booleans(), fault=FAULTS)
    def move_at_the_edge(
        self, pick: int, to: int, kind: MovementKind, more: int, sure: bool, fault: str | None
    ) -> None:
        """All a holder may move, or a little more."""
        account = self.accounts[pick % len(self.cast.holders)]
        unit = self.cast.holders[account].unit
        self.move(pick % len(self.cast.holders), to % 7, kind, unit, ("over", more), sure, fault)

    @rule(pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 1), fault=FAULTS)
    def move_all_that_is_free(
        self, pick: int, to: int, kind: MovementKind, more: int, fault: str | None
    ) -> None:
        """All units that are not promised, or one more, with no thought of the reserve."""
        unit = (JAA, JVER, NEXT)[pick % 3]
        promised = [key for key, units in self.model.promised.items() if units and key[0] in self.accounts]
        if promised:  # where it matters most
            account, unit = promised[pick % len(promised)]
            pick = self.accounts.index(account)
        self.move(pick, to % 7, kind, unit, ("free", more), True, fault)

    def quantity(self, kind: MovementKind, source: int, unit: str, much: tuple[str, int]) -> int:
        how, figure = much
        free = self.model.free(source, unit)
        movable = free if kind is MovementKind.RETIRE else max(0, free - self.model.keeps(source, unit))
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


def opened(template: str, cast: Cast) -> Model:
    """Open the market in the template itself, so that each run begins there; the model of it."""
    machine = LedgerMachine(template, cast, Model(cast), Counter())
    machine.open_the_market()
    machine.session.close()
    machine.engine.dispose()
    machine.watch.connection.close()
    return machine.model


def run(template: str, cast: Cast, folder: Path, *, total: int, seed: int | None = None) -> Counter[str]:
    """Open the market in ``template`` and drive machines on copies of it: see :func:`drive`."""
    return drive(template, cast, opened(template, cast), folder, total=total, seed=seed)


def focused(only: Collection[str]) -> type[LedgerMachine]:
    """A machine that takes some of the steps only."""
    steps = {name for name, step in getmembers(LedgerMachine) if hasattr(step, RULE_MARKER)}
    assert set(only) <= steps
    return type("Focused", (LedgerMachine,), dict.fromkeys(steps - set(only)))


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
    only: Collection[str] = (),
) -> Counter[str]:
    """Drive machines of up to ``steps`` steps, ``total`` together, each on a copy of ``template``.

    The answer counts steps and faults. ``seed`` replays a campaign; ``short``: a failure is made short.
    ``only``: the steps that are taken, where not all are wanted.

    Raises the first failure, made short, with the steps that replay it.
    """
    tally: Counter[str] = Counter()
    kind = focused(only) if only else LedgerMachine

    def machine() -> LedgerMachine:
        return kind(databases.copy(template, folder), cast, deepcopy(start), tally)

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
