"""The rules of movements: one ordered list, pure, used before the button and again under lock.

Each rule looks at the same :class:`Case` and returns a :class:`Problem` or ``None``; a page shows
all failing ones in this order (architecture, habit 2).
"""

from __future__ import annotations

from collections.abc import Callable
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

    @property
    def available(self) -> int:
        return max(0, self.held - self.promised)

    @property
    def movable(self) -> int:
        """The largest quantity this kind of movement may take."""
        if self.kind is MovementKind.RETIRE or self.figures is None or not self._reserved:
            return self.available
        return max(0, self.available - self.figures.reserve)

    @property
    def _reserved(self) -> bool:
        return self.unit_type is UnitType.JAA and self.own_phase


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


def _unit_usable(case: Case) -> Problem | None:
    # a closed phase says so itself, and more exactly than its window
    in_time = case.closed or case.usable_until is None or case.today <= case.usable_until
    wrong_phase = case.kind is MovementKind.RETIRE and case.unit_type is UnitType.JAA and not case.own_phase
    if in_time and not wrong_phase:
        return None
    return Problem(Refusal.UNIT_NOT_USABLE, "unit", {"unit_class": case.unit_name})


def _balance(case: Case) -> Problem | None:
    if case.quantity is None or case.quantity <= case.available:
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
    if case.quantity is None or case.kind is MovementKind.RETIRE:
        return None
    if case.figures is None or not case._reserved or case.quantity <= case.movable:
        return None
    if case.figures.reserve == 0:
        return None  # nothing to keep: the balance rule says what is wrong
    return Problem(Refusal.RESERVE, "quantity", {"reserve": case.figures.reserve, "movable": case.movable})


def _no_more_than_needed(case: Case) -> Problem | None:
    if case.kind is not MovementKind.RETIRE or case.voluntary or case.quantity is None:
        return None
    missing = case.figures.missing if case.figures is not None else None
    if missing is None or case.quantity <= missing:
        return None
    return Problem(Refusal.RETIRE_MORE_THAN_NEEDED, "voluntary", {"missing": missing})


#: the order in which a page shows them
RULES: tuple[Rule, ...] = (
    _books_agree,
    _source_open,
    _source_kind,
    _balance,
    _reserve,
    _no_more_than_needed,
    _target_exists,
    _target_differs,
    _target_kind,
    _target_not_closed,
    _phase_open,
    _unit_usable,
)


def problems(case: Case) -> list[Problem]:
    """Every failing rule, in order; empty: the movement may go ahead."""
    return [problem for rule in RULES if (problem := rule(case)) is not None]
