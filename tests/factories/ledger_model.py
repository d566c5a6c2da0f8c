"""A plain book of the scheme: what the ledger's services are held against.

Nothing of ``portal.services`` computes here: the rules of domain §5 are written down a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from portal import clock
from portal.models import AccountAction, MovementKind
from tests.factories.ledger_cast import (
    AFTER_DEADLINE,
    CLOSED,
    DEADLINE,
    FIRST_DAY_OF_BANKING,
    ISSUANCE,
    JAA,
    JVER,
    LAST_DAY,
    MOST,
    NEXT,
    OPEN,
    PHASE,
    STEPS,
    UNIT,
    Cast,
)


@dataclass
class Proposal:
    """The model of a secretariat's movement."""

    kind: MovementKind
    source: int
    target: int
    unit: str
    quantity: int
    by: int
    until: datetime
    reverses: int | None = None
    into: str | None = None
    batch: bool = False
    application: int | None = None
    state: str = "proposed"


@dataclass
class Posting:
    """The model of a posted movement."""

    kind: MovementKind
    source: int
    target: int
    unit: str
    quantity: int
    reverses: int | None = None
    into: str | None = None
    at: datetime = field(default_factory=clock.now)

    def sides(self) -> Iterator[tuple[int, str, int]]:
        yield self.source, self.unit, -self.quantity
        if self.into is not None:  # a carry-over: through the issuance account into the other class
            yield ISSUANCE, self.unit, self.quantity
            yield ISSUANCE, self.into, -self.quantity
        yield self.target, self.into or self.unit, self.quantity


@dataclass
class Paper:
    """Something that waits for another person: a batch, an account's change, a revocation, a closing.

    Or for the office: a banking application. ``about``: the account, or the phase.
    """

    about: int
    by: int
    state: str = "proposed"
    quantity: int = 0
    movements: tuple[int, ...] = ()
    action: AccountAction | None = None
    until: datetime | None = None


@dataclass
class Model:
    """The plain book: balances, promises, and everything that waits or was decided."""

    cast: Cast
    held: dict[tuple[int, str], int] = field(default_factory=dict)
    promised: dict[tuple[int, str], int] = field(default_factory=dict)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    postings: dict[int, Posting] = field(default_factory=dict)
    issued: Counter[int] = field(default_factory=Counter)
    retired_units: Counter[tuple[int, str]] = field(default_factory=Counter)
    states: dict[int, str] = field(default_factory=dict)
    left: dict[int, datetime] = field(default_factory=dict)
    figures: dict[int, int] = field(default_factory=dict)
    applications: dict[int, Paper] = field(default_factory=dict)
    batches: dict[int, Paper] = field(default_factory=dict)
    changes: dict[int, Paper] = field(default_factory=dict)
    revocations: dict[int, Paper] = field(default_factory=dict)
    closings: dict[int, Paper] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    #: (retired, held) as the deadline found them
    frozen: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: the figures that were approved when the deadline had passed
    late_figures: set[int] = field(default_factory=set)
    #: holders whose record of the deadline rests on a figure
    resting: set[int] = field(default_factory=set)
    disagree: bool = False
    #: the last posting that a comparison of the books has read
    compared: int = 0
    #: holders that may be below their reserve, for something else than an outgoing movement lowered them
    excused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.states = dict.fromkeys([*self.cast.holders, *self.cast.traders], OPEN)
        facts = {account: self.cast.holders[account].reported for account in self.cast.approved}
        self.figures = {account: figure for account, figure in facts.items() if figure is not None}

    # ---- what is there

    def of(self, account: int, unit: str) -> int:
        return self.held.get((account, unit), 0)

    def free(self, account: int, unit: str) -> int:
        return self.of(account, unit) - self.promised.get((account, unit), 0)

    def promise(self, account: int, unit: str, quantity: int) -> None:
        self.promised[(account, unit)] = self.promised.get((account, unit), 0) + quantity

    def post(self, posting: Posting) -> None:
        for account, unit, quantity in posting.sides():
            self.held[(account, unit)] = self.of(account, unit) + quantity
        original = self.postings[posting.reverses] if posting.reverses else posting
        signed = posting.quantity if posting.reverses is None else -posting.quantity
        if original.kind is MovementKind.ISSUE:
            self.issued[original.target] += signed
        if original.kind is MovementKind.RETIRE:
            self.retired_units[(original.source, original.unit)] += signed
        if posting.reverses is not None:
            self.excused |= {posting.source, posting.target} & set(self.cast.holders)
        self.postings[len(self.postings) + 1] = posting

    def retired(self, account: int) -> int:
        """JAA of the own phase and jVER."""
        own = self.cast.holders[account].unit
        return self.retired_units[(account, own)] + self.retired_units[(account, JVER)]

    def retired_in_time(self, account: int) -> int:
        """Retired before the deadline's end, without what was corrected since."""
        own, back = self.cast.holders[account].unit, {one.reverses for one in self.postings.values()}
        return sum(
            one.quantity
            for number, one in self.postings.items()
            if one.kind is MovementKind.RETIRE
            and (one.source, one.at < AFTER_DEADLINE) == (account, True)
            and one.unit in (own, JVER)
            and number not in back
        )

    def at_the_deadline(self, account: int) -> tuple[int, int]:
        """(retired, held) by what was posted before the deadline's end."""
        own, retired, held = self.cast.holders[account].unit, 0, 0
        for one in self.postings.values():
            if one.at >= AFTER_DEADLINE:
                continue
            original = self.postings[one.reverses] if one.reverses else one
            if original.kind is MovementKind.RETIRE and original.source == account:
                retired += one.quantity if one.reverses is None else -one.quantity
            held += sum(q for who, unit, q in one.sides() if (who, unit) == (account, own))
        return retired, held

    def reserve(self, account: int) -> int:
        """max(0, issued − target − retired JAA); 0 once the approved figure is retired (domain §5)."""
        facts, figure = self.cast.holders[account], self.figures.get(account)
        if figure is not None and self.retired(account) >= figure:
            return 0
        jaa = self.issued[account] - self.retired_units[(account, facts.unit)]
        return max(0, jaa - facts.target)

    def keeps(self, account: int, unit: str) -> int:
        """What must stay of ``unit`` when something goes out."""
        facts = self.cast.holders.get(account)
        return self.reserve(account) if facts is not None and facts.unit == unit else 0

    def shut(self, *units: str | None) -> bool:
        """Whether the phase of one of the units is closed."""
        return any(PHASE.get(unit or "") in self.closed for unit in units)

    def gives(self, account: int) -> bool:
        return self.states.get(account, OPEN) == OPEN

    def takes(self, account: int) -> bool:
        return self.states.get(account, OPEN) != CLOSED

    # ---- what is legal

    def may_move(
        self, kind: MovementKind, source: int, target: int, unit: str, quantity: int, sure: bool
    ) -> bool:
        """Whether a participant's movement is legal."""
        facts = self.cast.holders.get(source)
        if self.disagree or not self.gives(source) or self.shut(unit):
            return False
        if kind is MovementKind.RETIRE and (facts is None or unit not in (facts.unit, JVER)):
            return False
        if kind is MovementKind.RETIRE and facts is not None and facts.phase in self.closed:
            return False  # the phase's totals are closed: nothing is retired for it any more, jVER neither
        if kind is MovementKind.TRANSFER and (
            target not in self.states or target == source or not self.takes(target)
        ):
            return False
        if not 1 <= quantity <= MOST or quantity > self.free(source, unit):
            return False
        if unit in LAST_DAY and clock.today() > LAST_DAY[unit]:
            return False
        if kind is not MovementKind.RETIRE:
            return self.leaves_the_reserve(source, unit, quantity)
        figure = self.figures.get(source)
        return sure or figure is None or quantity <= max(0, figure - self.retired(source))

    def leaves_the_reserve(self, source: int, unit: str, quantity: int, own: int = 0) -> bool:
        """``own``: what this very movement has promised already."""
        keeps = self.keeps(source, unit)
        return keeps == 0 or quantity <= self.free(source, unit) + own - keeps

    def may_issue(self, account: int, but: Proposal | None = None) -> bool:
        """Once (``but`` a proposal itself), while account and phase take units."""
        states = {
            one.state
            for one in self.proposals.values()
            if (one.kind, one.target) == (MovementKind.ISSUE, account) and one is not but
        }
        made = self.issued[account] > 0
        return (
            not made
            and "proposed" not in states
            and self.takes(account)
            and not self.shut(self.cast.holders[account].unit)
        )

    def may_correct(self, number: int) -> bool:
        wrong = self.postings[number]
        live = any(
            one.reverses == number and one.state in ("proposed", "executed")
            for one in self.proposals.values()
        )
        return (
            wrong.kind not in (MovementKind.CORRECTION, MovementKind.CARRY_OVER)
            and not live
            and self.gives(wrong.target)
            and self.takes(wrong.source)
            and not self.shut(wrong.unit)
            and not self.counted(wrong)
            and self.free(wrong.target, wrong.unit) >= wrong.quantity
        )

    def counted(self, wrong: Posting) -> bool:
        """Whether the totals of a closed phase count a retirement, as they do of jVER."""
        retired = wrong.kind is MovementKind.RETIRE
        return retired and self.cast.holders[wrong.source].phase in self.closed

    def may_carry_over(self, account: int, quantity: int, own: int = 0) -> bool:
        """Whether units may go into the next phase; ``own``: promised to this very carry-over."""
        unit = self.cast.holders[account].unit
        return (
            self.gives(account)
            and not self.shut(unit, NEXT)
            and 1 <= quantity <= min(MOST, self.free(account, unit) + own)
            and self.leaves_the_reserve(account, unit, quantity, own)
        )

    def may_confirm(self, one: Proposal, checker: int) -> bool:
        if one.batch or not self.second_person(one.by, checker) or clock.now() >= one.until:
            return False
        if one.state != "proposed" or (self.disagree and one.kind is not MovementKind.CORRECTION):
            return False
        if one.kind is MovementKind.ISSUE:
            return self.may_issue(one.target, one)
        if one.kind is MovementKind.CARRY_OVER:
            return self.may_carry_over(one.source, one.quantity, one.quantity)
        if one.reverses is not None and self.counted(self.postings[one.reverses]):
            return False
        return self.gives(one.source) and self.takes(one.target) and not self.shut(one.unit)

    def second_person(self, proposer: int, checker: int) -> bool:
        return checker in self.cast.approvers and checker != proposer

    def waits(self, account: int) -> bool:
        """Whether a movement or an application about the account waits."""
        moving = any(
            one.state == "proposed" and account in (one.source, one.target) for one in self.proposals.values()
        )
        return moving or any(
            one.state == "applied" and one.about == account for one in self.applications.values()
        )

    def may_become(self, account: int, action: AccountAction) -> bool:
        """Whether an account may take this step of its life."""
        if self.states.get(account) not in STEPS[action][0]:
            return False
        if action is not AccountAction.CLOSE:
            return True
        return not self.waits(account) and not any(
            quantity and not self.stuck(unit) for (who, unit), quantity in self.held.items() if who == account
        )

    def stuck(self, unit: str) -> bool:
        """Whether units stay where they are for good: their window is over, or their phase closed."""
        return self.shut(unit) or (unit in LAST_DAY and clock.today() > LAST_DAY[unit])

    def may_close(self, phase: int) -> bool:
        """Whether a phase can be shut: its window is over, all is frozen, nothing of its units waits."""
        unit = UNIT[phase]
        moving = any(
            one.state == "proposed" and unit in (one.unit, one.into) for one in self.proposals.values()
        )
        waiting = any(
            one.state == "applied" and not one.movements and unit in (self.cast.holders[one.about].unit, NEXT)
            for one in self.applications.values()
        )
        there = [account for account, facts in self.cast.holders.items() if facts.phase == phase]
        frozen = all(account in self.frozen for account in there if self.owes(account))
        over = clock.today() > LAST_DAY[unit]
        return phase not in self.closed and over and frozen and self.agreed(unit) and not (moving or waiting)

    def agreed(self, unit: str) -> bool:
        """Whether the second book agrees, and has read the last posting of the unit."""
        numbers = [
            number
            for number, one in self.postings.items()
            if unit in {what for _account, what, _quantity in one.sides()}
        ]
        return not self.disagree and max(numbers, default=0) <= self.compared

    def open_paper(self, papers: dict[int, Paper], about: int, state: str = "proposed") -> bool:
        return any((one.about, one.state) == (about, state) for one in papers.values())

    def is_waiting(self, papers: str) -> bool:
        """Whether one of these papers waits for another person."""
        return any(one.state == "proposed" for one in getattr(self, papers).values())

    def in_the_banking_window(self) -> bool:
        return FIRST_DAY_OF_BANKING <= clock.today() <= LAST_DAY[JAA]

    def is_past_deadline(self) -> bool:
        return clock.today() > DEADLINE

    def following(self, unit: str) -> str:
        """The unit of the phase after it."""
        return UNIT[PHASE[unit] + 1]

    def may_apply(self, account: int, quantity: int) -> bool:
        """Whether a holder may apply for banking: in its window, into a phase that is there, once."""
        unit = self.cast.holders[account].unit
        return (
            PHASE[unit] + 1 in UNIT
            and FIRST_DAY_OF_BANKING <= clock.today() <= LAST_DAY[unit]
            and not self.open_paper(self.applications, account, "applied")
            and self.may_carry_over(account, quantity)
        )

    def may_confirm_batch(self, one: Paper, checker: int) -> bool:
        until = one.until
        return (
            not self.disagree
            and self.second_person(one.by, checker)
            and until is not None
            and clock.now() < until
            and all(
                self.may_issue(movement.target, movement)
                for movement in (self.proposals[number] for number in one.movements)
            )
        )

    def approve(self, account: int) -> None:
        """The figure of a holder's target year is approved."""
        self.figures[account] = self.cast.holders[account].reported or 0
        (self.late_figures.add if self.is_past_deadline() else self.late_figures.discard)(account)

    def freeze(self, due: dict[int, tuple[int, int]]) -> None:
        """What the deadline found is written down: (retired, held) of each holder."""
        self.frozen |= due
        self.resting |= due.keys() & self.figures.keys() - self.late_figures

    def may_revoke(self, account: int) -> bool:
        """Whether the approval may be taken back: not once the deadline counts it, nor of a closed phase."""
        counts = account in self.resting or (self.is_past_deadline() and account not in self.late_figures)
        return account in self.figures and not counts and self.cast.holders[account].phase not in self.closed

    def owes(self, account: int) -> bool:
        """Whether a holder was in the scheme until the deadline."""
        return self.left.get(account, AFTER_DEADLINE) >= AFTER_DEADLINE
