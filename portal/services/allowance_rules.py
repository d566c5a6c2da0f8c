"""The rules of movements: one ordered list, pure, used before the button and again under lock.

Each rule looks at the same :class:`Case` and returns a :class:`Problem` or ``None``; a page shows
all failing ones in this order (architecture, habit 2), which is that of its fields. The first of them,
:data:`STANDING`, hold whatever is typed: a page asks them before anything is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from portal.errors import Problem, Refusal, UnitName
from portal.models import AccountKind, AccountState, MovementKind, UnitType
from portal.services.compliance import Figures

#: where each kind may come from and go to (domain §5)
_OWN = frozenset({AccountKind.COMPLIANCE, AccountKind.TRADING})
SOURCES = {
    MovementKind.ISSUE: frozenset({AccountKind.ISSUANCE}),
    MovementKind.ISSUE_JVER: frozenset({AccountKind.ISSUANCE}),
    MovementKind.TRANSFER: _OWN,
    MovementKind.RETIRE: frozenset({AccountKind.COMPLIANCE}),
    MovementKind.CANCEL: _OWN,
    MovementKind.OFFSET: _OWN,
    MovementKind.CARRY_OVER: frozenset({AccountKind.COMPLIANCE}),
}
TARGETS = {
    MovementKind.ISSUE: frozenset({AccountKind.COMPLIANCE}),
    MovementKind.ISSUE_JVER: _OWN,
    MovementKind.TRANSFER: _OWN,
    MovementKind.RETIRE: frozenset({AccountKind.RETIREMENT}),
    MovementKind.CANCEL: frozenset({AccountKind.CANCELLATION}),
    MovementKind.OFFSET: frozenset({AccountKind.OFFSET}),
    MovementKind.CARRY_OVER: frozenset({AccountKind.COMPLIANCE}),
}
#: characters of a note
NOTE_LIMIT = 100
#: the fields of a movement's page from top to bottom; what belongs to none stands above them
_FIELDS = (None, "unit", "quantity", "voluntary", "account", "note")


def may_give(state: AccountState | None) -> bool:
    """Whether an account in this state lets units go (safety 5)."""
    return state is AccountState.OPEN


def may_take(state: AccountState | None) -> bool:
    """Whether an account in this state takes units: a suspended one does (decided), a closed one does not."""
    return state is not AccountState.CLOSED


@dataclass(frozen=True)
class Side:
    """One account of a movement, as the rules see it; ``kind`` ``None``: no such account."""

    code: str
    kind: AccountKind | None
    state: AccountState | None


@dataclass(frozen=True)
class Case:
    """Everything the rules of a participant's movement look at. Quantities in units."""

    kind: MovementKind
    quantity: int | None  # None: not readable; its own problem says so
    source: Side
    target: Side | None  # None: not readable or not typed
    unit_type: UnitType
    unit_name: UnitName
    own_phase: bool  # the units are JAA of the source holder's phase
    held: int
    promised: int
    figures: Figures | None  # None: the source is no holder's account
    usable_until: date | None  # last day of the phase's banking window; None: no limit
    today: date
    voluntary: bool = False
    closed: bool = False  # the phase of the units, or the one they would go to, is closed
    books_disagree: bool = False  # the newest comparison with the second book found a difference
    own_closed: bool = False  # the phase of the source's holder is closed
    note: str = ""
    unreadable: tuple[Problem, ...] = ()  # what was typed and cannot be read

    @property
    def available(self) -> int:
        return max(0, self.held - self.promised)

    @property
    def kept(self) -> int:
        """What of these units must stay in the account: the reserve, where it binds."""
        bound = self.unit_type is UnitType.JAA and self.own_phase and self.kind is not MovementKind.RETIRE
        return self.figures.reserve if bound and self.figures is not None else 0

    @property
    def most(self) -> int:
        """The largest quantity by the account's figures alone."""
        return max(0, self.available - self.kept)

    @property
    def held_up(self) -> bool:
        """Whether it would pass but for the units that are promised to a movement that waits."""
        if self.quantity is None:
            return False
        return self.most < self.quantity <= self.held - self.kept

    @property
    def movable(self) -> int:
        """The largest quantity this kind of movement may take: 0 while nothing may move at all."""
        return 0 if standing(self) else self.most

    @property
    def more_than_needed(self) -> bool:
        """Whether it retires more than what is still to retire; never before that is known."""
        missing = self.figures.missing if self.figures is not None else None
        if self.kind is not MovementKind.RETIRE or missing is None or self.quantity is None:
            return False
        return self.quantity > missing


Rule = Callable[[Case], Problem | None]


def _books_agree(case: Case) -> Problem | None:
    return Problem(Refusal.BOOKS_DISAGREE) if case.books_disagree else None


def _source_open(case: Case) -> Problem | None:
    if may_give(case.source.state):
        return None
    return Problem(Refusal.SOURCE_NOT_OPEN, None, {"account": case.source.code})


def _source_kind(case: Case) -> Problem | None:
    if case.source.kind in SOURCES[case.kind]:
        return None
    return Problem(Refusal.SOURCE_KIND, None, {"account": case.source.code})


def _target_exists(case: Case) -> Problem | None:
    if case.target is None or case.target.kind is not None:
        return None
    return Problem(Refusal.ACCOUNT_UNKNOWN, "account", {"account": case.target.code})


def _target_differs(case: Case) -> Problem | None:
    if case.target is None or case.target.code != case.source.code or case.kind is MovementKind.CARRY_OVER:
        return None
    return Problem(Refusal.ACCOUNT_SAME, "account")


def _target_kind(case: Case) -> Problem | None:
    if case.target is None or case.target.kind is None or case.target.kind in TARGETS[case.kind]:
        return None
    return Problem(Refusal.TARGET_KIND, "account", {"account": case.target.code})


def _target_not_closed(case: Case) -> Problem | None:
    if case.target is None or may_take(case.target.state):
        return None
    return Problem(Refusal.TARGET_CLOSED, "account", {"account": case.target.code})


def _phase_open(case: Case) -> Problem | None:
    if not case.closed:
        return None
    return Problem(Refusal.PHASE_CLOSED, "unit", {"unit_class": case.unit_name})


def _in_window(case: Case) -> Problem | None:
    # a closed phase says so itself, and more exactly than its window
    if case.closed or case.usable_until is None or case.today <= case.usable_until:
        return None
    figures = {"unit_class": case.unit_name, "until": case.usable_until}
    return Problem(Refusal.UNIT_WINDOW_OVER, "unit", figures)


def _unit_usable(case: Case) -> Problem | None:
    if case.kind is not MovementKind.RETIRE or case.unit_type is not UnitType.JAA or case.own_phase:
        return None
    return Problem(Refusal.UNIT_NOT_USABLE, "unit", {"unit_class": case.unit_name})


def _own_phase_open(case: Case) -> Problem | None:
    # its JAA say so themselves; jVER belong to no phase and would go on moving what was retired in it
    if case.kind is not MovementKind.RETIRE or case.unit_type is UnitType.JAA or not case.own_closed:
        return None
    return Problem(Refusal.RETIRE_AFTER_CLOSING, "unit", {"unit_class": case.unit_name})


def _balance(case: Case) -> Problem | None:
    # where something must be kept, the reserve says how much may move: one mistake, one sentence
    if case.quantity is None or case.quantity <= case.available or case.kept or case.held_up:
        return None
    return Problem(
        Refusal.BALANCE_SHORT,
        "quantity",
        {
            "available": case.available,
            "missing": case.quantity - case.available,
            "unit": case.unit_type.value,
        },
    )


def _reserve(case: Case) -> Problem | None:
    if case.quantity is None or not case.kept or case.quantity <= case.most or case.held_up:
        return None
    return Problem(Refusal.RESERVE, "quantity", {"reserve": case.kept, "movable": case.most})


def _not_promised(case: Case) -> Problem | None:
    # the cause is neither balance nor reserve: without what waits it would pass
    if not case.held_up:
        return None
    figures = {
        "held": case.held,
        "promised": case.promised,
        "movable": case.most,
        "unit": case.unit_type.value,
    }
    return Problem(Refusal.UNITS_PROMISED, "quantity", figures)


def _no_more_than_needed(case: Case) -> Problem | None:
    if case.voluntary or not case.more_than_needed or case.figures is None:
        return None
    return Problem(Refusal.RETIRE_MORE_THAN_NEEDED, "voluntary", {"missing": case.figures.missing})


def _note_fits(case: Case) -> Problem | None:
    return Problem(Refusal.TOO_LONG, "note", {"limit": NOTE_LIMIT}) if len(case.note) > NOTE_LIMIT else None


#: what holds whatever is typed; fails one of them, nothing of these units moves this way
STANDING: tuple[Rule, ...] = (
    _books_agree,
    _source_open,
    _source_kind,
    _phase_open,
    _in_window,
    _unit_usable,
    _own_phase_open,
)
#: the order in which a page shows them
RULES: tuple[Rule, ...] = (
    *STANDING,
    _balance,
    _reserve,
    _not_promised,
    _no_more_than_needed,
    _target_exists,
    _target_differs,
    _target_kind,
    _target_not_closed,
    _note_fits,
)


def standing(case: Case) -> list[Problem]:
    """Every failing rule that holds whatever is typed, in order."""
    return _failing(STANDING, case)


def problems(case: Case) -> list[Problem]:
    """Everything that cannot be read and every failing rule, in the order of the fields; empty: it may go."""
    found = [*case.unreadable, *_failing(RULES, case)]
    return sorted(found, key=lambda one: _FIELDS.index(one.field))


def _failing(rules: Iterable[Rule], case: Case) -> list[Problem]:
    return [problem for rule in rules if (problem := rule(case)) is not None]
