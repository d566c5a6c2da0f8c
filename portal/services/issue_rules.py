"""The rules of an issue: one ordered list, pure, for the list, the proposal and the confirmation alike.

A holder's issue is base − target, once, from a day of the phase on, within the phase's cap
(domain §5; the cap is the phase's data). Quantities in units and t-CO2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from portal.errors import Problem, Refusal, UnitName
from portal.models import MAX_QUANTITY
from portal.services.allowance_rules import Side, may_take


@dataclass(frozen=True)
class IssueCase:
    """Everything the rules of an issue look at."""

    #: the confirmed figures; ``None``: not confirmed yet
    base: int | None
    target: int | None
    account: Side
    unit_name: UnitName
    #: first day on which the phase's allowances may be issued
    opens: date
    today: date
    #: another issue to this holder stands: it is proposed, or executed and not corrected
    exists: bool = False
    #: which issue of the holder it would be: one more for each that was corrected
    attempt: int = 1
    #: what the proposal says; ``None``: nothing is proposed yet
    quantity: int | None = None
    #: the most the phase may have, and what is issued or proposed without this one
    cap: int | None = None
    issued: int = 0
    closed: bool = False

    @property
    def due(self) -> int | None:
        """base − target; ``None`` until both are confirmed."""
        return None if self.base is None or self.target is None else self.base - self.target


def most(cap: int | None) -> int:
    """The most a phase may have: its cap, or what the database can hold of a unit class."""
    return MAX_QUANTITY if cap is None else cap


Rule = Callable[[IssueCase], Problem | None]


def _approved(case: IssueCase) -> Problem | None:
    return Problem(Refusal.NOT_APPROVED) if case.base is None else None


def _has_target(case: IssueCase) -> Problem | None:
    return Problem(Refusal.NO_TARGET) if case.target is None else None


def _positive(case: IssueCase) -> Problem | None:
    if case.due is None or case.due > 0:
        return None
    return Problem(Refusal.ISSUE_NOT_POSITIVE, None, {"base": case.base, "target": case.target})


def _equals_due(case: IssueCase) -> Problem | None:
    if case.due is None or case.due <= 0 or case.quantity in (None, case.due):
        return None
    return Problem(Refusal.ISSUE_DIFFERS, None, {"quantity": case.quantity, "due": case.due})


def _not_too_early(case: IssueCase) -> Problem | None:
    if case.today >= case.opens:
        return None
    return Problem(Refusal.ISSUE_TOO_EARLY, None, {"opens": case.opens})


def _once(case: IssueCase) -> Problem | None:
    return Problem(Refusal.ISSUED_ALREADY) if case.exists else None


def _within_cap(case: IssueCase) -> Problem | None:
    wanted = case.quantity if case.quantity is not None else case.due
    if wanted is None or wanted <= 0 or case.issued + wanted <= most(case.cap):
        return None
    left = max(0, most(case.cap) - case.issued)
    return Problem(Refusal.CAP_REACHED, None, {"cap": most(case.cap), "issued": case.issued, "left": left})


def _account_takes(case: IssueCase) -> Problem | None:
    if may_take(case.account.state):
        return None
    return Problem(Refusal.TARGET_CLOSED, "account", {"account": case.account.code})


def _phase_open(case: IssueCase) -> Problem | None:
    return Problem(Refusal.PHASE_CLOSED, None, {"unit_class": case.unit_name}) if case.closed else None


#: the order in which a page shows them
RULES: tuple[Rule, ...] = (
    _approved,
    _has_target,
    _positive,
    _equals_due,
    _not_too_early,
    _once,
    _within_cap,
    _account_takes,
    _phase_open,
)


def issue_problems(case: IssueCase) -> list[Problem]:
    """Every rule an issue fails, in order; empty: it may go ahead."""
    return [problem for rule in RULES if (problem := rule(case)) is not None]
