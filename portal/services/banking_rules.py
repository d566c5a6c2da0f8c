"""The rules of banking: ordered lists, pure, for page, application, decision and second person alike.

What the account must allow stands in ``allowance_rules``, and comes behind (domain §5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from portal.errors import Problem, Refusal
from portal.services.allowance_rules import Case, problems


@dataclass(frozen=True)
class ApplicationCase:
    """What the rules of an application look at."""

    opens: date
    until: date
    today: date
    #: the phase after is opened: there are allowances the units may become
    has_next: bool
    #: another application of the holder waits
    waits: bool
    #: what is wrong with the quantity that was typed
    slip: Problem | None
    movement: Case


def _in_window(case: ApplicationCase) -> Problem | None:
    if case.opens <= case.today <= case.until:
        return None
    return Problem(Refusal.BANKING_CLOSED, None, {"opens": case.opens, "closes": case.until})


def _next_phase_open(case: ApplicationCase) -> Problem | None:
    return None if case.has_next else Problem(Refusal.BANKING_NO_NEXT)


def _one_at_a_time(case: ApplicationCase) -> Problem | None:
    return Problem(Refusal.BANKING_OPEN) if case.waits else None


def _quantity_readable(case: ApplicationCase) -> Problem | None:
    return case.slip


#: the order in which the page of the application shows them
APPLICATION_RULES: tuple[Callable[[ApplicationCase], Problem | None], ...] = (
    _in_window,
    _next_phase_open,
    _one_at_a_time,
    _quantity_readable,
)


@dataclass(frozen=True)
class CarryOverCase:
    """What the rules of proposing a carry-over look at; its confirmation asks those of the movement again."""

    #: the application waits to be decided
    waits: bool
    #: another carry-over of it is proposed
    proposed: bool
    movement: Case


def _application_waits(case: CarryOverCase) -> Problem | None:
    return None if case.waits else Problem(Refusal.WRONG_STATE)


def _proposed_once(case: CarryOverCase) -> Problem | None:
    # of an application that was decided nobody waits for the proposal
    return Problem(Refusal.BANKING_PENDING) if case.proposed and case.waits else None


#: the order in which the page of the decision shows them
CARRY_OVER_RULES: tuple[Callable[[CarryOverCase], Problem | None], ...] = (
    _application_waits,
    _proposed_once,
)


def application_problems(case: ApplicationCase) -> list[Problem]:
    """Every rule an application fails, in order; empty: it may be made."""
    found = [problem for rule in APPLICATION_RULES if (problem := rule(case)) is not None]
    return found + problems(case.movement)


def carry_over_problems(case: CarryOverCase) -> list[Problem]:
    """Every rule a carry-over fails, in order; of an application that is decided nothing else is asked."""
    found = [problem for rule in CARRY_OVER_RULES if (problem := rule(case)) is not None]
    return found or problems(case.movement)
