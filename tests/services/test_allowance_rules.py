"""Each rule of a movement: what it refuses, what it lets pass, and the order a page shows them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from portal.errors import Problem, Refusal, UnitName
from portal.models import AccountKind, AccountState, MovementKind, UnitType
from portal.services.allowance_rules import Case, Side, problems, standing
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
        "口座には7,000 JAA（コミットメントリザーブ量）を残してください。"
        "この手続きで動かせるのは1,500 JAAまでです。"
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
        ({"usable_until": date(2014, 6, 11)}, Refusal.UNIT_WINDOW_OVER),
        ({"promised": 7_001}, Refusal.UNITS_PROMISED),
    ],
)
def test_each_rule_refuses_its_case(change: dict[str, object], refusal: Refusal) -> None:
    assert refusal in refused(replace(CASE, **change))  # type: ignore[arg-type]


def test_a_suspended_account_may_receive() -> None:
    assert refused(replace(CASE, target=replace(TRADER, state=AccountState.SUSPENDED))) == []


def test_the_last_day_of_the_window_still_counts() -> None:
    assert refused(replace(CASE, today=date(2016, 1, 29))) == []


def test_all_failing_rules_are_shown_at_once_and_in_order() -> None:
    case = replace(
        CASE,
        books_disagree=True,
        source=replace(HOLDER, state=AccountState.SUSPENDED),
        usable_until=date(2014, 6, 11),
        quantity=9_000,
        target=replace(TRADER, state=AccountState.CLOSED),
        note="あ" * 101,
    )
    assert refused(case) == [
        Refusal.BOOKS_DISAGREE,
        Refusal.SOURCE_NOT_OPEN,
        Refusal.UNIT_WINDOW_OVER,
        Refusal.RESERVE,
        Refusal.TARGET_CLOSED,
        Refusal.TOO_LONG,
    ]


def test_what_cannot_be_read_stands_among_the_rules_at_its_field() -> None:
    nothing = (Problem(Refusal.REQUIRED, "quantity"), Problem(Refusal.ACCOUNT_NUMBER_SHAPE, "account"))
    case = replace(CASE, closed=True, quantity=None, target=None, note="あ" * 101, unreadable=nothing)
    assert [one.field for one in problems(case)] == ["unit", "quantity", "account", "note"]


def test_too_much_is_one_sentence_the_reserve_where_it_binds() -> None:
    over = replace(CASE, quantity=8_501)
    assert refused(over) == [Refusal.RESERVE]
    assert refused(replace(over, own_phase=False)) == [Refusal.BALANCE_SHORT]
    assert refused(replace(over, figures=replace(FIGURES, issued=1_500))) == [Refusal.BALANCE_SHORT]
    assert refused(replace(RETIRE, quantity=8_501)) == [Refusal.BALANCE_SHORT]


def test_units_that_wait_are_the_reason_where_nothing_else_is() -> None:
    held_up = replace(CASE, promised=400, quantity=1_500)
    (problem,) = problems(held_up)
    assert problem.text("ja") == (
        "残高8,500 JAAのうち400 JAAは、手続き中のため動かせません。"
        "この手続きで動かせるのは1,100 JAAまでです。"
    )
    assert "At most 1,100 JAA" in problem.text("en")
    assert refused(replace(held_up, quantity=1_501)) == [Refusal.RESERVE]  # too much without them too
    assert refused(replace(held_up, quantity=1_100)) == []
    assert refused(replace(RETIRE, promised=400)) == [Refusal.UNITS_PROMISED]
    assert refused(replace(RETIRE, promised=400, quantity=8_501)) == [Refusal.BALANCE_SHORT]


@pytest.mark.parametrize(
    "change",
    [
        {"books_disagree": True},
        {"source": replace(HOLDER, state=AccountState.SUSPENDED)},
        {"closed": True},
        {"usable_until": date(2014, 6, 11)},
    ],
)
def test_while_nothing_may_move_nothing_is_movable_whatever_is_typed(change: dict[str, object]) -> None:
    blank = replace(CASE, quantity=None, target=None)
    assert (standing(blank), blank.movable) == ([], 1_500)
    for kind in (MovementKind.TRANSFER, MovementKind.RETIRE, MovementKind.CANCEL, MovementKind.OFFSET):
        stuck = replace(blank, kind=kind, **change)  # type: ignore[arg-type]
        assert len(standing(stuck)) == 1 and stuck.movable == 0
        typed = replace(stuck, quantity=1, target=CASE.target)
        assert set(refused(typed)) >= {problem.refusal for problem in standing(stuck)}


def test_jver_are_not_retired_for_a_closed_phase_but_may_be_moved() -> None:
    jver = replace(RETIRE, unit_type=UnitType.JVER, own_phase=False, usable_until=None, quantity=1)
    closed = replace(jver, own_closed=True)
    assert (refused(jver), refused(closed)) == ([], [Refusal.RETIRE_AFTER_CLOSING])
    assert refused(replace(closed, kind=MovementKind.TRANSFER, target=TRADER)) == []
    assert refused(replace(RETIRE, closed=True, own_closed=True)) == [Refusal.PHASE_CLOSED]


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
