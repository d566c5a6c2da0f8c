"""The ledger's services driven by a machine, beside a plain model of what must come out.

Proposals, confirmations, movements legal and not, corrections, whole phases, banking, accounts that are
suspended and closed, figures approved and taken back, deadline, closing, books that disagree, from one of
several seasons on and in any order. A fault befalls a third of the steps: a transaction that is rolled back
or a connection that breaks before the commit (each tried again with the same key), an answer that is lost so
that the form comes once more, a stale page, a second press, a clock that jumps forward or back.
After each step every balance is what the model says
(``invariants.py``); at the end
the ledger's own proof and the second book agree (safety, "model-checked"). A failure prints the steps that
replay it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from portal import clock
from portal.models import MovementKind
from portal.services import allowances
from portal.services.allowances import Request
from tests import databases
from tests.campaigns.driven import FAULTS, PICK, Start, choose, often, urged
from tests.campaigns.phase_steps import PhaseSteps
from tests.factories.ledger_cast import (
    AFTER_DEADLINE,
    DEADLINE,
    JAA,
    JVER,
    LAST_DAY,
    MOST,
    NEXT,
    NOWHERE,
    RETIREMENT,
    SCHEME,
    Cast,
)
from tests.factories.ledger_model import Model, Posting

#: how much: a share of what may move, a little more than that, or plain nonsense
QUANTITIES = st.one_of(
    st.tuples(st.just("share"), st.sampled_from([1, 3, 10, 25])),
    st.tuples(st.just("share"), st.sampled_from([1, 3, 10, 50])),
    st.tuples(st.just("over"), st.integers(0, 1)),
    st.tuples(st.just("free"), st.integers(0, 1)),
    st.tuples(st.just("plain"), st.sampled_from([0, 1, 7, 40, 300, MOST, MOST + 1])),
)
KINDS = st.sampled_from([*[MovementKind.TRANSFER] * 4, MovementKind.RETIRE, *SCHEME])


#: the morning after the deadline, after the banking window and the last day of phase 3's units
DAYS_THAT_MATTER = [
    clock.end_of_day(day) + timedelta(hours=9) for day in (DEADLINE, LAST_DAY[JAA], LAST_DAY[NEXT])
]


class LedgerMachine(PhaseSteps):
    """The steps people and time take."""

    # ---- participants

    @often(18, pick=PICK, to=PICK, kind=KINDS, much=QUANTITIES, sure=st.integers(0, 2), fault=FAULTS)
    def move(
        self, pick: int, to: int, kind: MovementKind, much: tuple[str, int], sure: int, fault: str | None
    ) -> None:
        """``sure``: 0 without the tick for a voluntary retirement."""
        source, unit = self.stock(pick, kind)
        self.move_of(source, unit, (to, kind, much, sure > 0, fault))

    @often(3, pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 2), sure=st.booleans(), fault=FAULTS)
    def move_at_the_edge(
        self, pick: int, to: int, kind: MovementKind, more: int, sure: bool, fault: str | None
    ) -> None:
        """All a holder may move, or a little more."""
        account = list(self.cast.holders)[pick % len(self.cast.holders)]
        self.move_of(account, self.cast.holders[account].unit, (to, kind, ("over", more), sure, fault))

    @often(3, pick=PICK, to=PICK, kind=KINDS, more=st.integers(0, 1), fault=FAULTS)
    def move_all_that_is_free(
        self, pick: int, to: int, kind: MovementKind, more: int, fault: str | None
    ) -> None:
        """All units that are not promised, or one more, with no thought of the reserve."""
        promised = [key for key, units in self.model.promised.items() if units and key[0] in self.accounts]
        source, unit = choose(pick, promised, self.positions())  # where it matters most
        self.move_of(source, unit, (to, kind, ("free", more), True, fault))

    def move_of(
        self, source: int, unit: str, drawn: tuple[int, MovementKind, tuple[str, int], bool, str | None]
    ) -> None:
        to, kind, much, sure, fault = drawn
        self.step(fault)
        takes = [one for one in self.accounts if one != source and self.model.takes(one)]
        target = SCHEME.get(kind) or choose(to, takes, [*self.accounts, RETIREMENT, NOWHERE])
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
        if made is None:
            return
        late = kind is MovementKind.RETIRE and clock.now() >= AFTER_DEADLINE
        self.did("late retirement" if late else kind)
        self.model.post(Posting(kind, source, target, unit, quantity))
        self.last = (made, key, request, self.login(source))
        if kind is not MovementKind.RETIRE:
            assert self.model.of(source, unit) >= self.model.keeps(source, unit)

    def positions(self) -> list[tuple[int, str]]:
        return [(account, unit) for account in self.accounts for unit in (JAA, JVER, NEXT)]

    def stock(self, pick: int, kind: MovementKind) -> tuple[int, str]:
        """An account and units of it: mostly such as may leave it in this way."""
        good = [
            (account, unit)
            for account, unit in self.positions()
            if self.model.may_move(kind, account, self.elsewhere(account), unit, 1, True)
        ]
        return choose(pick, good, self.positions())

    def elsewhere(self, account: int) -> int:
        return next((one for one in self.accounts if one != account and self.model.takes(one)), account)

    def quantity(self, kind: MovementKind, source: int, unit: str, much: tuple[str, int]) -> int:
        how, figure = much
        free = self.model.free(source, unit)
        movable = free if kind is MovementKind.RETIRE else max(0, free - self.model.keeps(source, unit))
        if how == "share":
            return max(1, movable * figure // 100)
        return {"over": movable + figure, "free": free + figure}.get(how, figure)

    @often(1, lambda self: self.last is not None, other=st.booleans())
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

    @often(1, hours=st.sampled_from([0, 1, 1, -1, 24, 24, 24 * 14, 24 * 40]))
    def wait(self, hours: int) -> None:
        """The clock jumps; 0: to the next day on which the scheme changes."""
        self.step("clock")
        days = [one for one in DAYS_THAT_MATTER if one > clock.now()]
        if hours or not days:
            clock.step(timedelta(hours=hours or 1))
        else:
            clock.set_time(days[0])


class Opening(LedgerMachine):
    """Prepares what the machines begin at, step by step and without a fault."""

    name = "opening"

    def open_the_market(self) -> None:
        """Two holders of phase 2 are issued, a trader and the first holder get jVER."""
        holders = list(self.cast.holders)
        for account in (holders[0], holders[2]):
            self.propose_issue(pick_of(account, self.issuable()), 0, None)
        for account in (holders[2], self.accounts[5]):
            self.propose_jver(pick_of(account, self.accounts), 0, 250, None)
        self.confirm_all()
        assert len(self.model.postings) == 4

    def confirm_all(self) -> None:
        while self.due():
            self.confirm(1, 1, False, None)

    def trade(self) -> None:
        """Everybody is issued; units are transferred, retired, cancelled."""
        while self.issuable():
            self.propose_issue(1, 0, None)
        self.confirm_all()
        for pick, kind in enumerate([MovementKind.TRANSFER] * 4 + [MovementKind.RETIRE] * 2 + [*SCHEME]):
            self.move(4 * pick + 1, 4 * pick + 1, kind, ("share", 20), 1, None)

    def approve(self) -> None:
        """Every figure that lies with the office is approved."""
        while any(facts.report and one not in self.model.figures for one, facts in self.cast.holders.items()):
            self.approve_figure(1, 1, None)

    def freeze_and_retire(self) -> None:
        self.freeze(None)
        self.move(1, 1, MovementKind.RETIRE, ("share", 10), 1, None)

    def bank(self) -> None:
        """One holder's leftovers are carried over, another applies."""
        self.apply_for_banking(1, 30, None)
        self.decide_on_banking(1, "propose", 0, False, None)
        self.confirm_all()
        self.apply_for_banking(5, 30, None)

    def end(self) -> None:
        """Nothing waits any more, and the books were compared."""
        while any(one.state == "applied" for one in self.model.applications.values()):
            self.decide_on_banking(1, "decline", 0, False, None)
        self.compare_the_books()


#: when a machine begins, each prepared from the one before it
SEASONS = (
    ("opened", "2015-08-03 09:00", None),
    ("traded", "2015-10-05 09:00", Opening.trade),
    ("approved", "2015-11-25 09:00", Opening.approve),
    ("after the deadline", "2015-12-01 09:00", Opening.freeze_and_retire),
    ("banking", "2015-12-21 09:00", Opening.bank),
    ("after the window", "2016-02-01 09:00", Opening.end),
)


def pick_of(one: int, among: list[int]) -> int:
    """The number by which :func:`choose` takes just this one."""
    return 4 * among.index(one) + 1


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.TOKYO)


def opened(template: str, cast: Cast) -> Model:
    """Open the market in the template itself, so that each run begins there; the model of it."""
    machine = Opening({}, cast, Counter(), Path())
    machine.open(template, Model(cast), moment(SEASONS[0][1]))
    machine.open_the_market()
    machine.close()
    return machine.model


@contextmanager
def seasons(template: str, cast: Cast, start: Model, folder: Path) -> Iterator[dict[str, Start]]:
    """Databases at every season, made of one whose market was :func:`opened`; they go in the end."""
    made: dict[str, Start] = {}
    url, model = template, start
    try:
        for name, when, prepare in SEASONS:
            if prepare is not None:
                url, model = databases.copy(url, folder), deepcopy(model)
                machine = Opening({}, cast, Counter(), folder)
                machine.name = name
                machine.open(url, model, moment(when))
                prepare(machine)
                machine.all_that_must_hold_holds()
                machine.close()
            made[name] = Start(url, model, moment(when))
        yield made
    finally:
        for one in made.values():
            if one.url != template and one.url.startswith("postgresql"):
                databases.drop(one.url)


def drive(
    starts: Mapping[str, Start],
    cast: Cast,
    folder: Path,
    *,
    total: int,
    steps: int = 100,
    seed: int | None = None,
    short: bool = True,
    only: Collection[str] = (),
    wanted: Collection[str] = (),
) -> Counter[str]:
    """Drive machines of up to ``steps`` steps, ``total`` together, each on a copy of one of ``starts``.

    Twice as many steps would draw more than Hypothesis keeps of a run, which then counts as none.

    The answer counts steps, faults, acts and what came about. ``seed`` replays a campaign; ``short``: a
    failure is made short. ``only``: the acts that are taken, where not all are wanted. ``wanted``: what must
    come about: for what has not yet, portions after the first begin where it does and take its acts more
    often, and up to a third more steps are taken.

    Raises the first failure, made short, with the steps that replay it.
    """
    tally: Counter[str] = Counter()
    chosen: Mapping[str, Start] = starts
    urge: Mapping[str, int] = {}

    def machine() -> LedgerMachine:
        return LedgerMachine(chosen, cast, tally, folder, tuple(only), urge)

    lacking = set(wanted)
    while tally["steps"] < total or (lacking and tally["steps"] < total + total // 3):
        # now and then a run ends early, so that there is another round
        if seed is not None:
            machine._hypothesis_internal_use_seed = seed + tally["steps"]  # type: ignore[attr-defined]
        given = settings(
            max_examples=max(3, min(12, (total - tally["steps"]) // steps)),
            stateful_step_count=steps,
            database=None,
            derandomize=False,  # where CI is set Hypothesis would drive the same portion again and again
            deadline=None,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.large_base_example,
            ],
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if short else [Phase.generate],
        )
        # whatever gives a machine will do, says its documentation; its types want a class
        run_state_machine_as_test(machine, settings=given)  # type: ignore[arg-type]
        lacking = {what for what in wanted if not tally[f"did: {what}"]}
        urge, where = urged(lacking)
        chosen = {name: one for name, one in starts.items() if not where or name in where}
    return tally
