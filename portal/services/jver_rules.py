"""The rules of a jVER issue: one ordered list, pure, for preview, proposal and confirmation alike.

jVER are issued to any account of a participant, by application (domain §5). Quantities in units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portal.errors import Problem, Refusal
from portal.models import MAX_QUANTITY, MovementKind
from portal.services.allowance_rules import TARGETS, Side, may_take


@dataclass(frozen=True)
class JverCase:
    """Everything the rules of a jVER issue look at."""

    #: ``None``: not readable; its kind ``None``: there is no such account
    account: Side | None
    quantity: int | None
    #: jVER issued and not corrected, and what others propose
    issued: int
    #: what is wrong with the writing of the three fields, each at its own
    unreadable: tuple[Problem, ...] = ()

    def slip(self, field: str) -> Problem | None:
        """What is wrong with the writing of ``field``."""
        return next((one for one in self.unreadable if one.field == field), None)


Rule = Callable[[JverCase], Problem | None]


def _account_readable(case: JverCase) -> Problem | None:
    return case.slip("account")


def _account_exists(case: JverCase) -> Problem | None:
    if case.account is None or case.account.kind is not None:
        return None
    return Problem(Refusal.ACCOUNT_UNKNOWN, "account", {"account": case.account.code})


def _account_kind(case: JverCase) -> Problem | None:
    kind = case.account.kind if case.account is not None else None
    if case.account is None or kind is None or kind in TARGETS[MovementKind.ISSUE_JVER]:
        return None
    return Problem(Refusal.TARGET_KIND, "account", {"account": case.account.code})


def _account_not_closed(case: JverCase) -> Problem | None:
    if case.account is None or may_take(case.account.state):
        return None
    return Problem(Refusal.TARGET_CLOSED, "account", {"account": case.account.code})


def _quantity_readable(case: JverCase) -> Problem | None:
    return case.slip("quantity")


def _within_bounds(case: JverCase) -> Problem | None:
    # what the database can hold of a unit class: every account's balance lies below
    if case.quantity is None or case.issued + case.quantity <= MAX_QUANTITY:
        return None
    left = max(0, MAX_QUANTITY - case.issued)
    figures = {"most": MAX_QUANTITY, "issued": case.issued, "left": left}
    return Problem(Refusal.JVER_BOUND, "quantity", figures)


def _reason_given(case: JverCase) -> Problem | None:
    return case.slip("reason")


#: the order of the page's fields
RULES: tuple[Rule, ...] = (
    _account_readable,
    _account_exists,
    _account_kind,
    _account_not_closed,
    _quantity_readable,
    _within_bounds,
    _reason_given,
)


def jver_problems(case: JverCase) -> list[Problem]:
    """Every rule a jVER issue fails, in order; empty: it may go ahead."""
    return [problem for rule in RULES if (problem := rule(case)) is not None]
