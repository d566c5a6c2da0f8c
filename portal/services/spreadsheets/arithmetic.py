"""Emissions arithmetic: exact, never binary floating point (domain §4)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import floor

from portal.services.spreadsheets.form_types import Factor

#: t-CO2 per t-C.
CARBON_TO_CO2 = Fraction(44, 12)


def per_unit(factor: Factor) -> Fraction:
    """t-CO2 per unit of activity: calorific value × carbon × 44/12 for a fuel, the factor for an energy.

    Raises ``ValueError`` when the factor lacks the figures of its kind.
    """
    if factor.kind == "fuel":
        if factor.calorific is None or factor.carbon is None:
            raise ValueError(f"fuel {factor.code} needs its calorific value and its carbon factor")
        return Fraction(factor.calorific) * Fraction(factor.carbon) * CARBON_TO_CO2
    if factor.factor is None:
        raise ValueError(f"energy {factor.code} needs its factor")
    return Fraction(factor.factor)


def emissions(activity: Decimal, factor: Factor) -> Fraction:
    """t-CO2 of ``activity`` (in the factor's unit), to full precision."""
    return Fraction(activity) * per_unit(factor)


def reported(totals: Iterable[Fraction]) -> int:
    """The figure a form reports, whole t-CO2: the mean of its years' totals, cut down once at the end.

    Each year's total keeps its full precision until then; one year is its own mean.
    """
    years = list(totals)
    return floor(sum(years, Fraction(0)) / len(years))


def acceptable_totals(totals: Iterable[Fraction]) -> set[int]:
    """The totals a correct form may show: the exact one, and the one its ROUND(…, 6) leads to.

    They differ only when the exact figure lies less than a millionth of a tonne below a whole one.
    """
    years = list(totals)
    mean = sum(years, Fraction(0)) / len(years)
    return {floor(mean), floor(round(mean, 6))}
