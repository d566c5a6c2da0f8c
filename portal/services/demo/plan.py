"""The figures of the demonstration: fixed seed, unique figures, published sums (domain §5).

Phase 2: 50 holders, base-year emissions 149,015 t-CO2, reduction targets 12,865 t-CO2. The first
holder is the worked example; the last is the small site whose reserve is 0.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

SEED = 20151015
HOLDERS = 50
BASE_SUM = 149_015
TARGET_SUM = 12_865


class Progress(StrEnum):
    """How far a holder's target year has come on the demonstration's day."""

    EXAMPLE = "example"  # the worked example: approved, 2,400 still to retire
    MET = "met"
    TO_RETIRE = "to_retire"  # approved, holds enough
    TO_BUY = "to_buy"  # approved, holds too little
    REVIEW = "review"
    APPROVAL = "approval"
    VERIFICATION = "verification"
    SENT_BACK = "sent_back"  # verification requested, send-back request waiting
    FROM_REVIEW = "from_review"  # returned to the verifier by the secretariat
    RETURNED = "returned"  # returned to the holder by the verifier
    REGISTERED = "registered"  # a file, but no request yet
    NOTHING = "nothing"


_PROGRESS = (
    [Progress.EXAMPLE]
    + [Progress.MET] * 20
    + [Progress.TO_RETIRE] * 12
    + [Progress.TO_BUY] * 3
    + [Progress.REVIEW] * 3
    + [Progress.APPROVAL] * 3
    + [Progress.VERIFICATION] * 3
    + [Progress.SENT_BACK, Progress.FROM_REVIEW, Progress.RETURNED, Progress.REGISTERED, Progress.NOTHING]
)


@dataclass(frozen=True)
class HolderPlan:
    """One holder of phase 2: t-CO2 and units, whole."""

    position: int
    base: int
    target: int
    emissions: int
    sells: int
    progress: Progress

    @property
    def issued(self) -> int:
        return self.base - self.target


def holders() -> list[HolderPlan]:
    """The 50 plans in registration order; the same every time."""
    dice = random.Random(SEED)
    bases = [10_000, *_shares(dice, 48, BASE_SUM - 10_000 - 100, 700), 100]
    cuts = [1_500, *_cuts(dice, bases[1:-1], TARGET_SUM - 1_500 - 60), 60]
    progress = _PROGRESS + [Progress.TO_RETIRE] * (HOLDERS - len(_PROGRESS))
    # the small site stands last in the registration and first among those who have retired nothing
    progress = [*progress[:20], *progress[21:], progress[20]]
    plans = []
    for position, (base, cut, far) in enumerate(zip(bases, cuts, progress, strict=True)):
        issued = base - cut
        sells = 0
        if 1 <= position <= 8:
            sells = cut - dice.randint(1, 9)
        emissions = issued - sells - dice.randint(3, max(4, issued // 30))
        if far is Progress.EXAMPLE:
            sells, emissions = 1_500, 7_400
        if far is Progress.TO_BUY:
            emissions = issued + dice.randint(50, 300)
        plans.append(HolderPlan(position, base, cut, emissions, sells, far))
    return plans


def _shares(dice: random.Random, count: int, total: int, least: int) -> list[int]:
    """``count`` different whole numbers ≥ ``least`` that sum to ``total``."""
    weights = [dice.lognormvariate(0, 0.7) for _ in range(count)]
    spare = total - least * count
    found = [least + int(spare * weight / sum(weights)) for weight in weights]
    return _different(found, total)


def _cuts(dice: random.Random, bases: list[int], total: int) -> list[int]:
    """Reduction targets in proportion to the base-year figures, different, summing to ``total``."""
    weights = [base * dice.uniform(0.6, 1.4) for base in bases]
    found = [max(20, int(total * weight / sum(weights))) for weight in weights]
    return _different(found, total)


def _different(found: list[int], total: int) -> list[int]:
    seen: set[int] = set()
    for index, value in enumerate(found):
        while value in seen:
            value += 1
        seen.add(value)
        found[index] = value
    largest = found.index(max(found))
    found[largest] += total - sum(found)
    if found[largest] <= 0 or len(set(found)) != len(found):
        raise ValueError("the seed does not give different figures; choose another")
    return found
