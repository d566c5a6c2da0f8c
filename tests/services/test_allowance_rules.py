"""Each rule of a movement: what it refuses, what it lets pass, and the order a page shows them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from portal.errors import Refusal, UnitName
from portal.models import AccountKind, AccountState, MovementKind, UnitType
from portal.services.allowance_rules import Case, Side, problems
from portal.services.compliance import Figures, ReserveRule

OPEN = AccountState.OPEN
HOLDER = Side("AST-1001", AccountKind.COMPLIANCE, OPEN)
TRADER = Side("AST-1002", AccountKind.TRADING, OPEN)
FIGURES = Figures(
    base_emissions=10_000,
    reduction_target=1_500,
    issued=8_500,
    target_emissions=None,
    retired_jaa=0,
    retired_jver=0,
    held=8_500,
    promised=0,
    rule=ReserveRule(),
    deadline=date(2015, 11, 30),
)
CASE = Case(
    kind=MovementKind.TRANSFER,
    quantity=1_500,
    source=HOLDER,
    target=TRADER,
    unit_type=UnitType.JAA,
    unit_name=UnitName("JAA", 2),
    own_phase=True,
    held=8_500,
    promised=0,
    figures=FIGURES,
    usable_until=date(2016, 1, 29),
    today=date(2014, 6, 12),
)
RETIRE = replace(
    CASE, kind=MovementKind.RETIRE, target=Side("AST-2", AccountKind.RETIREMENT, OPEN), quantity=8_500
)


def refused(case: Case) -> list[Refusal]:
    return [problem.refusal for problem in problems(case)]


def test_a_movement_that_leaves_exactly_the_reserve_goes_ahead() -> None:
    assert refused(CASE) == []


def test_one_unit_more_is_refused_and_names_reserve_and_movable() -> None:
    (problem,) = problems(replace(CASE, quantity=1_501))
    assert problem.refusal is Refusal.RESERVE
    assert problem.text("ja") == (
        "口座には7,000 JAA（コミットメントリザーブ量）を残してください。移転できるのは1,500 JAAまでです。"
    )
    assert "1,500 JAA can be moved" in problem.text("en")


def test_retirement_need_not_leave_the_reserve() -> None:
    assert refused(RETIRE) == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"source": replace(HOLDER, state=AccountState.SUSPENDED)}, Refusal.SOURCE_NOT_OPEN),
        ({"source": replace(HOLDER, state=AccountState.CLOSED)}, Refusal.SOURCE_NOT_OPEN),
        ({"source": Side("AST-2", AccountKind.RETIREMENT, OPEN)}, Refusal.SOURCE_KIND),
        ({"target": Side("AST-9999", None, None)}, Refusal.ACCOUNT_UNKNOWN),
        ({"target": HOLDER}, Refusal.ACCOUNT_SAME),
        ({"target": Side("AST-101", AccountKind.CANCELLATION, OPEN)}, Refusal.TARGET_KIND),
        ({"target": replace(TRADER, state=AccountState.CLOSED)}, Refusal.TARGET_CLOSED),
        ({"usable_until": date(2014, 6, 11)}, Refusal.UNIT_NOT_USABLE),
        ({"promised": 7_001}, Refusal.BALANCE_SHORT),
    ],
)
def test_each_rule_refuses_its_case(change: dict[str, object], refusal: Refusal) -> None:
    assert refusal in refused(replace(CASE, **change))  # type: ignore[arg-type]


def test_a_suspended_account_may_receive() -> None:
    assert refused(replace(CASE, target=replace(TRADER, state=AccountState.SUSPENDED))) == []


def test_the_last_day_of_the_window_still_counts() -> None:
    assert refused(replace(CASE, today=date(2016, 1, 29))) == []


def test_all_failing_rules_are_shown_at_once_and_in_order() -> None:
    case = replace(CASE, quantity=9_000, target=replace(TRADER, state=AccountState.CLOSED))
    assert refused(case) == [Refusal.BALANCE_SHORT, Refusal.RESERVE, Refusal.TARGET_CLOSED]


def test_retiring_more_than_needed_wants_an_explicit_word() -> None:
    approved = replace(FIGURES, target_emissions=7_400)
    too_much = replace(RETIRE, quantity=7_401, figures=approved)
    assert refused(too_much) == [Refusal.RETIRE_MORE_THAN_NEEDED]
    assert refused(replace(too_much, voluntary=True)) == []
    assert refused(replace(too_much, quantity=7_400)) == []


def test_units_of_another_phase_cannot_be_retired_but_jver_can() -> None:
    assert refused(replace(RETIRE, own_phase=False)) == [Refusal.UNIT_NOT_USABLE]
    assert refused(replace(RETIRE, own_phase=False, unit_type=UnitType.JVER, usable_until=None)) == []


def test_a_trader_has_no_reserve_and_cannot_retire() -> None:
    trader = replace(CASE, source=TRADER, target=HOLDER, figures=None, own_phase=False, quantity=8_500)
    assert refused(trader) == []
    assert Refusal.SOURCE_KIND in refused(replace(RETIRE, source=TRADER, figures=None, own_phase=False))
