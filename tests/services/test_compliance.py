"""Reserve and compliance are pure functions: the worked examples of the scheme, line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import clock
from portal.services.compliance import Compliance, Figures, ReserveRule, reserve, status

DEADLINE = date(2015, 11, 30)
LAST_MOMENT = datetime(2015, 11, 30, 23, 59, 59, 999_000, tzinfo=clock.TOKYO)


def figures(**values: object) -> Figures:
    start: dict[str, object] = {
        "base_emissions": 10_000,
        "reduction_target": 1_500,
        "issued": 8_500,
        "target_emissions": None,
        "retired_jaa": 0,
        "retired_jver": 0,
        "held": 8_500,
        "promised": 0,
        "rule": ReserveRule(),
        "deadline": DEADLINE,
    }
    return Figures(**{**start, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "retired", "approved", "reserved", "movable"),
    [
        (8_500, 0, None, 7_000, 1_500),
        (7_000, 0, None, 7_000, 0),
        (7_400, 0, None, 7_000, 400),
        (2_400, 5_000, None, 2_000, 400),
        (0, 7_400, 7_400, 0, 0),
    ],
)
def test_the_worked_example_holds_at_every_step(
    held: int, retired: int, approved: int | None, reserved: int, movable: int
) -> None:
    now = figures(held=held, retired_jaa=retired, target_emissions=approved)
    assert (now.reserve, now.movable) == (reserved, movable)


def test_over_achievement_frees_the_whole_surplus() -> None:
    now = figures(target_emissions=6_000, retired_jaa=6_000, held=2_500)
    assert (now.reserve, now.movable) == (0, 2_500)
    assert status(now, LAST_MOMENT) is Compliance.MET


def test_a_small_site_whose_target_exceeds_its_issue_has_no_reserve() -> None:
    now = figures(base_emissions=100, reduction_target=60, issued=40, held=40)
    assert (now.reserve, now.movable) == (0, 40)


def test_jver_count_for_compliance_but_not_for_the_reserve() -> None:
    before = figures(retired_jver=1_000)
    assert before.reserve == 7_000
    met = figures(target_emissions=7_400, retired_jaa=6_400, retired_jver=1_000, held=2_100)
    assert status(met, LAST_MOMENT) is Compliance.MET
    assert met.reserve == 0


def test_the_deadline_day_counts_to_its_last_moment_in_tokyo() -> None:
    short = figures(target_emissions=7_400, retired_jaa=7_399)
    assert status(short, LAST_MOMENT) is Compliance.SHORT
    assert status(short, LAST_MOMENT + timedelta(milliseconds=1)) is Compliance.MISSED


def test_an_unapproved_figure_is_unconfirmed_and_missed_after_the_deadline() -> None:
    assert status(figures(), LAST_MOMENT) is Compliance.UNCONFIRMED
    assert status(figures(), LAST_MOMENT + timedelta(days=1)) is Compliance.MISSED


def test_late_retirement_does_not_comply_though_nothing_is_missing() -> None:
    late = figures(target_emissions=7_400, retired_jaa=7_400, late_jaa=1, held=0)
    assert status(late, LAST_MOMENT + timedelta(days=30)) is Compliance.MISSED
    assert (late.retired_in_time, late.missing, late.reserve) == (7_399, 0, 0)


def test_whose_figure_is_approved_after_the_deadline_has_missed_it_whatever_was_retired_in_time() -> None:
    in_time = figures(target_emissions=7_000, retired_jaa=7_400, late_jaa=400)
    assert status(in_time, LAST_MOMENT + timedelta(days=30)) is Compliance.MET
    late = replace(in_time, approved_late=True)
    assert status(late, LAST_MOMENT + timedelta(days=30)) is Compliance.MISSED
    assert (late.emissions_in_time, late.missing, late.reserve) == (None, 0, 0)


def test_late_jver_take_nothing_away_where_jver_do_not_count() -> None:
    rule = ReserveRule(jver_counts_for_compliance=False)
    now = figures(target_emissions=7_400, retired_jaa=7_400, retired_jver=50, late_jver=50, rule=rule)
    assert (now.retired_in_time, figures(retired_jver=50, late_jver=50).retired_in_time) == (7_400, 0)
    assert status(now, LAST_MOMENT + timedelta(days=30)) is Compliance.MET


def test_units_promised_to_a_pending_movement_are_not_movable() -> None:
    assert figures(held=7_400, promised=300).movable == 100


def test_what_must_be_bought_counts_held_jver_too() -> None:
    now = figures(target_emissions=9_000, held=8_500, held_jver=200)
    assert (now.missing, now.to_buy) == (9_000, 300)


units = st.integers(min_value=0, max_value=10**9)


@given(units, units, units, units, st.none() | units)
def test_moving_the_largest_movable_amount_never_breaks_the_reserve(
    issued: int, target: int, retired: int, held: int, approved: int | None
) -> None:
    now = figures(
        issued=issued, reduction_target=target, retired_jaa=retired, held=held, target_emissions=approved
    )
    assert 0 <= now.movable <= now.held
    if now.movable:
        assert now.held - now.movable >= reserve(now)


@given(units, units, units, st.none() | units)
def test_retiring_never_raises_the_reserve(
    issued: int, target: int, retired: int, approved: int | None
) -> None:
    before = figures(issued=issued, reduction_target=target, retired_jaa=retired, target_emissions=approved)
    after = figures(
        issued=issued, reduction_target=target, retired_jaa=retired + 1, target_emissions=approved
    )
    assert after.reserve <= before.reserve
