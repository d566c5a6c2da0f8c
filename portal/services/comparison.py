"""Two sets of emission sources side by side: what grew, shrank, came and went. Pure and exact.

Sources are the same when name and factor are the same. *Decided*: blanks, widths and capitals of a name do
not make another source; two rows of one year with the same name and factor are one source.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import floor

#: a difference of more than this share of the figure before is pointed out
LIMIT = Fraction(10, 100)


def in_percent(share: Fraction) -> str:
    """+12.3%, −4.0%: ``share`` of a figure, halves up to one place; only tonnages are cut (domain §4).

    Whether it is more than :data:`LIMIT` is decided by the exact figure. Where one place would say otherwise,
    more are told: +10.04%, as a flagged +10.0% would be no leap at all.
    """
    size, places = abs(share) * 100, 1
    shown = _halves_up(size, places)
    while (shown > LIMIT * 100) != (size > LIMIT * 100):
        places += 1
        shown = _halves_up(size, places)
    sign = "" if share == 0 else "+" if share > 0 else "−"
    return f"{sign}{floor(shown):,}.{int(shown % 1 * 10**places):0{places}d}%"


def _halves_up(value: Fraction, places: int) -> Fraction:
    return Fraction(floor(value * 10**places + Fraction(1, 2)), 10**places)


class Change(StrEnum):
    """How a source stands on the two sides."""

    SAME = "same"  # on both sides, within the limit
    MORE = "more"  # grew by more than the limit
    LESS = "less"  # shrank by more than the limit
    NEW = "new"  # only on the later side
    GONE = "gone"  # only on the earlier side


@dataclass(frozen=True)
class Amount:
    """One source: its ``activity`` in ``unit`` and ``emissions`` in t-CO2, both exact."""

    name: str
    factor_code: str
    unit: str
    activity: Fraction
    emissions: Fraction

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same source on both sides."""
        return "".join(unicodedata.normalize("NFKC", self.name).split()).casefold(), self.factor_code


@dataclass(frozen=True)
class Row:
    """A source, or the sum of all, on both sides; ``before`` and ``after`` in t-CO2.

    ``difference`` counts a missing side as nothing; ``share`` is the difference as a part of ``before``,
    ``None`` where there is nothing to be a part of.
    """

    before: Fraction | None
    after: Fraction | None
    change: Change
    name: str = ""
    factor_code: str = ""
    unit: str = ""
    activity_before: Fraction | None = None
    activity_after: Fraction | None = None

    @property
    def difference(self) -> Fraction:
        return (self.after or Fraction(0)) - (self.before or Fraction(0))

    @property
    def share(self) -> Fraction | None:
        return self.difference / self.before if self.before and self.after is not None else None

    @property
    def pointed_out(self) -> bool:
        """Whether verifier and reviewer are pointed to it."""
        return self.change is not Change.SAME


@dataclass(frozen=True)
class Comparison:
    """Every source of either side, the later side's order first, and the sums."""

    rows: tuple[Row, ...]
    total: Row

    @property
    def pointed_out(self) -> int:
        """How many sources are pointed out; the sum is not counted."""
        return sum(row.pointed_out for row in self.rows)


def change_of(before: Fraction | None, after: Fraction | None) -> Change:
    """How one figure became the other; exactly :data:`LIMIT` is still the same. Raises ``ValueError``."""
    if before is None and after is None:
        raise ValueError("there is nothing on either side")
    if before is None:
        return Change.NEW
    if after is None:
        return Change.GONE
    if abs(after - before) <= LIMIT * before:
        return Change.SAME
    return Change.MORE if after > before else Change.LESS


def together(amounts: Iterable[Amount]) -> dict[tuple[str, str], Amount]:
    """Source → its sum, in the order in which the sources first appear."""
    found: dict[tuple[str, str], Amount] = {}
    for one in amounts:
        first = found.get(one.key)
        found[one.key] = (
            one
            if first is None
            else Amount(
                first.name,
                first.factor_code,
                first.unit,
                first.activity + one.activity,
                first.emissions + one.emissions,
            )
        )
    return found


def average(years: Iterable[Iterable[Amount]]) -> tuple[Amount, ...]:
    """The mean of several years, source by source; a source that a year lacks counts as nothing there."""
    given = [list(year) for year in years]
    summed = together(one for year in given for one in year)
    return tuple(
        Amount(
            one.name,
            one.factor_code,
            one.unit,
            one.activity / len(given),
            one.emissions / len(given),
        )
        for one in summed.values()
    )


def compare(before: Iterable[Amount], after: Iterable[Amount]) -> Comparison:
    """``after`` against ``before``, source by source and in sum."""
    old, new = together(before), together(after)
    rows = tuple(_row(old.get(key), new.get(key)) for key in dict.fromkeys([*new, *old]))
    was, now = _sum(old.values()), _sum(new.values())
    return Comparison(rows, Row(was, now, change_of(was, now)))


def _sum(amounts: Iterable[Amount]) -> Fraction:
    return sum((one.emissions for one in amounts), Fraction(0))


def _row(before: Amount | None, after: Amount | None) -> Row:
    shown = after or before
    assert shown is not None
    old = before.emissions if before is not None else None
    new = after.emissions if after is not None else None
    return Row(
        old,
        new,
        change_of(old, new),
        shown.name,
        shown.factor_code,
        shown.unit,
        before.activity if before is not None else None,
        after.activity if after is not None else None,
    )
