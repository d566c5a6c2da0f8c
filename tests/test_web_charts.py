"""The pictures' arithmetic: one axis, nothing outside the drawing, parts that fill the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.models.base import MAX_QUANTITY
from portal.web_charts import BarRow, axis_step, bars, shares, stacked

QUANTITY = st.integers(0, MAX_QUANTITY)


def test_the_worked_example_stands_on_one_axis() -> None:
    chart = bars([BarRow("基準年度", 10_000), BarRow("償却済量", 5_000, "done", 2_400)], goal=7_400)
    assert [tick.value for tick in chart.ticks] == [0, 2_000, 4_000, 6_000, 8_000, 10_000]
    base, retired = chart.rows
    assert base.width == 84.0 and base.goal is None
    assert (retired.width, retired.extra_width, retired.end) == (42.0, 20.16, 62.16)
    assert retired.goal == retired.end and retired.inside


@given(st.lists(st.tuples(QUANTITY, QUANTITY), max_size=6), st.none() | QUANTITY)
def test_no_bar_and_no_mark_leaves_the_drawing(rows: list[tuple[int, int]], goal: int | None) -> None:
    chart = bars([BarRow("x", value, extra=extra) for value, extra in rows], goal)
    assert all(0 <= row.width <= row.end <= 84 for row in chart.rows)
    assert 2 <= len(chart.ticks) <= 7 and all(0 <= tick.at <= 84 for tick in chart.ticks)


def test_a_negative_figure_is_no_bar() -> None:
    with pytest.raises(ValueError, match="negative"):
        bars([BarRow("x", -1)])


@given(st.integers(1, MAX_QUANTITY))
def test_the_axis_step_is_the_smallest_round_one(largest: int) -> None:
    step = axis_step(largest)
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert step * 6 >= largest


def test_shares_and_parts_fill_what_they_should() -> None:
    half, none = shares([("登録", 25, 50), ("なし", 0, 0)])
    assert (half.width, half.whole_width, none.width) == (40.0, 80.0, 0.0)
    parts = stacked([("遵守", 3, "done"), ("なし", 0, "held"), ("未確定", 1, "rest")])
    assert [(part.start, part.width, part.dark) for part in parts] == [(0.0, 75.0, True), (75.0, 25.0, False)]
