"""The arithmetic of the pictures: pure functions from whole figures to percent of the drawing's width.

The drawing itself is ``templates/macros/charts.html``. Percentages are rounded to two places for
the page only; no figure is ever computed back from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

_Place = Callable[[int], float]

#: the part of the width that bars may fill, so that the figure beside the longest bar has its place
_BARS_WIDTH = 84
#: the same when the longest bar is followed by the words of what is missing
_WIDTH_BEFORE_WORDS = 72
_SHARES_WIDTH = 80
#: a bar wider than this carries its figure inside when something follows it
_INSIDE_FROM = 14


@dataclass(frozen=True)
class BarRow:
    """One bar: ``value`` and the dashed ``extra`` still missing, in one unit (t-CO2 or units)."""

    label: str
    value: int
    fill: str = "fact"
    extra: int = 0
    extra_label: str = ""


@dataclass(frozen=True)
class Tick:
    """A mark of the axis: its figure and its place in percent."""

    value: int
    at: float


@dataclass(frozen=True)
class DrawnBar:
    """A bar in percent of the drawing; ``goal`` is the dashed mark that crosses this row."""

    label: str
    value: int
    fill: str
    width: float
    extra: int
    extra_label: str
    extra_width: float
    end: float
    inside: bool
    goal: float | None
    goal_from: int
    goal_to: int


@dataclass(frozen=True)
class BarChart:
    """Bars on one axis with its ticks."""

    rows: tuple[DrawnBar, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Share:
    """Done of all, in percent of the drawing."""

    label: str
    done: int
    whole: int
    width: float
    whole_width: float


@dataclass(frozen=True)
class Part:
    """One part of a stacked bar; ``dark`` says that its figure is written in white."""

    label: str
    value: int
    fill: str
    start: float
    width: float
    middle: float
    dark: bool


def axis_step(largest: int, most: int = 6) -> int:
    """The smallest step of 1, 2 or 5 times a power of ten that needs at most ``most`` steps."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * most >= largest:
                return step * factor
        step *= 10


def bars(rows: Sequence[BarRow], goal: int | None = None) -> BarChart:
    """Place ``rows`` on one axis from zero; ``goal`` draws a dashed mark from row to row.

    Negative values cannot be drawn and raise ``ValueError``.
    """
    if any(row.value < 0 or row.extra < 0 for row in rows):
        raise ValueError("a bar cannot be negative")
    largest = max([row.value + row.extra for row in rows] + [goal or 0, 1])
    step = axis_step(largest)
    worded = any(row.extra_label and row.value + row.extra == largest for row in rows)
    scale = Fraction(_WIDTH_BEFORE_WORDS if worded else _BARS_WIDTH, largest)
    count = largest // step

    def at(value: int) -> float:
        return round(float(value * scale), 2)

    drawn = tuple(_drawn(row, at, goal) for row in rows)
    return BarChart(drawn, tuple(Tick(n * step, at(n * step)) for n in range(count + 1)))


def _drawn(row: BarRow, at: _Place, goal: int | None) -> DrawnBar:
    end = at(row.value + row.extra)
    touches = goal is not None and goal in (row.value, row.value + row.extra)
    return DrawnBar(
        label=row.label,
        value=row.value,
        fill=row.fill,
        width=at(row.value),
        extra=row.extra,
        extra_label=row.extra_label,
        extra_width=round(end - at(row.value), 2),
        end=end,
        inside=bool(row.extra) and at(row.value) >= _INSIDE_FROM,
        goal=at(goal) if goal is not None and touches else None,
        goal_from=0 if row.extra else 78,
        goal_to=22 if row.extra else 100,
    )


def shares(rows: Sequence[tuple[str, int, int]]) -> tuple[Share, ...]:
    """``rows`` of (label, done, all); every whole has the same width, nothing of nothing is empty."""
    return tuple(
        Share(
            label,
            done,
            whole,
            round(float(Fraction(done * _SHARES_WIDTH, whole)), 2) if whole else 0.0,
            float(_SHARES_WIDTH),
        )
        for label, done, whole in rows
    )


def stacked(parts: Sequence[tuple[str, int, str]]) -> tuple[Part, ...]:
    """``parts`` of (label, value, fill) as one bar over the whole width; parts of zero are left out."""
    total = sum(value for _label, value, _fill in parts)
    placed: list[Part] = []
    before = 0
    for label, value, fill in parts:
        if value <= 0:
            continue
        start = Fraction(before * 100, total)
        width = Fraction(value * 100, total)
        placed.append(
            Part(
                label,
                value,
                fill,
                round(float(start), 2),
                round(float(width), 2),
                round(float(start + width / 2), 2),
                fill in {"done", "fact"},
            )
        )
        before += value
    return tuple(placed)
