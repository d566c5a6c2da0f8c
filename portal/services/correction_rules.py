"""The rules of a correction: one ordered list, pure, for question, proposal and confirmation alike.

A wrong movement is posted back as its mirror image, once (domain §5). Quantities in units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portal.errors import Problem, Refusal, UnitName
from portal.models import MovementKind
from portal.services.allowance_rules import Side, may_give, may_take


@dataclass(frozen=True)
class CorrectionCase:
    """Everything the rules of a correction look at."""

    #: what the wrong movement was
    kind: MovementKind
    #: another correction of it is proposed or executed
    exists: bool
    #: where its units went, and give them back; where they came from, and return to
    source: Side
    target: Side
    unit_name: UnitName
    quantity: int
    held: int
    #: by other proposals than this one
    promised: int
    closed: bool = False

    @property
    def available(self) -> int:
        return max(0, self.held - self.promised)

    @property
    def can_be(self) -> bool:
        """Whether movements of this kind are ever posted back."""
        return self.kind not in (MovementKind.CORRECTION, MovementKind.CARRY_OVER)


Rule = Callable[[CorrectionCase], Problem | None]


def _no_correction(case: CorrectionCase) -> Problem | None:
    return Problem(Refusal.REVERSAL_OF_REVERSAL) if case.kind is MovementKind.CORRECTION else None


def _no_carry_over(case: CorrectionCase) -> Problem | None:
    return Problem(Refusal.REVERSAL_OF_CARRY_OVER) if case.kind is MovementKind.CARRY_OVER else None


def _once(case: CorrectionCase) -> Problem | None:
    return Problem(Refusal.REVERSED_ALREADY) if case.exists else None


def _source_open(case: CorrectionCase) -> Problem | None:
    if may_give(case.source.state):
        return None
    return Problem(Refusal.SOURCE_NOT_OPEN, None, {"account": case.source.code})


def _target_not_closed(case: CorrectionCase) -> Problem | None:
    if may_take(case.target.state):
        return None
    return Problem(Refusal.TARGET_CLOSED, "account", {"account": case.target.code})


def _phase_open(case: CorrectionCase) -> Problem | None:
    # units of a closed phase never move again, not even by a correction (decided)
    return Problem(Refusal.PHASE_CLOSED, None, {"unit_class": case.unit_name}) if case.closed else None


def _units_there(case: CorrectionCase) -> Problem | None:
    # of what cannot be posted back, or is already, nothing is asked for
    if not case.can_be or case.exists or case.quantity <= case.available:
        return None
    figures = {
        "account": case.source.code,
        "available": case.available,
        "missing": case.quantity - case.available,
        "unit": case.unit_name.unit,
    }
    return Problem(Refusal.REVERSAL_UNITS_GONE, None, figures)


#: the order in which a page shows them
RULES: tuple[Rule, ...] = (
    _no_correction,
    _no_carry_over,
    _once,
    _source_open,
    _target_not_closed,
    _phase_open,
    _units_there,
)


def correction_problems(case: CorrectionCase) -> list[Problem]:
    """Every rule a correction fails, in order; empty: it may go ahead. The reserve does not bind it."""
    return [problem for rule in RULES if (problem := rule(case)) is not None]
