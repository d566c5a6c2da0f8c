"""Sources against sources: exact, complete, and pointed out above the limit only."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.services.comparison import (
    LIMIT,
    Amount,
    Change,
    average,
    change_of,
    compare,
    in_percent,
    together,
)
from portal.services.report_comparison import Against, against_version, against_years
from portal.services.spreadsheets.form_types import FormReading, SourceLine

FIGURES = st.fractions(min_value=0, max_value=10**6, max_denominator=10**4)
AMOUNTS = st.lists(
    st.builds(
        Amount,
        st.sampled_from(["受電", "都市ガス", "A重油", "ボイラー1"]),
        st.sampled_from(["electricity", "city_gas"]),
        st.just("kWh"),
        FIGURES,
        FIGURES,
    ),
    max_size=8,
)


def amount(name: str, emissions: Fraction | int, code: str = "electricity") -> Amount:
    return Amount(name, code, "kWh", Fraction(1), Fraction(emissions))


@given(AMOUNTS, AMOUNTS)
def test_every_source_of_either_side_is_there_once_and_the_sums_are_exact(
    before: list[Amount], after: list[Amount]
) -> None:
    found = compare(before, after)
    keys = [(row.name, row.factor_code) for row in found.rows]
    assert sorted(keys) == sorted({(one.name, one.factor_code) for one in [*before, *after]})
    assert sum((row.before or 0 for row in found.rows), Fraction(0)) == found.total.before
    assert sum((row.after or 0 for row in found.rows), Fraction(0)) == found.total.after
    assert found.total.before == sum((one.emissions for one in before), Fraction(0))
    assert sum((row.difference for row in found.rows), Fraction(0)) == found.total.difference


@given(AMOUNTS, AMOUNTS)
def test_seen_from_the_other_side_new_is_gone_and_differences_change_their_sign(
    before: list[Amount], after: list[Amount]
) -> None:
    there = {(row.name, row.factor_code): row for row in compare(before, after).rows}
    back = {(row.name, row.factor_code): row for row in compare(after, before).rows}
    turned = {Change.NEW: Change.GONE, Change.GONE: Change.NEW}
    for key, row in there.items():
        assert (back[key].before, back[key].after) == (row.after, row.before)
        assert back[key].difference == -row.difference
        assert (row.change in turned) == (back[key].change in turned)
        if row.change in turned:
            assert back[key].change is turned[row.change]


@given(FIGURES, FIGURES, st.fractions(min_value=Fraction(1, 1000), max_value=1000))
def test_what_is_pointed_out_differs_by_more_than_the_limit_whatever_the_unit(
    before: Fraction, after: Fraction, scale: Fraction
) -> None:
    change = change_of(before, after)
    assert (change is Change.SAME) == (abs(after - before) * 10 <= before)
    assert change is Change.SAME or (change is Change.MORE) == (after > before)
    assert change_of(before * scale, after * scale) is change


def test_exactly_the_limit_is_not_pointed_out_and_a_hair_more_is() -> None:
    hair = Fraction(1, 10**30)
    assert Fraction(1, 10) == LIMIT
    assert change_of(Fraction(100), Fraction(110)) is Change.SAME
    assert change_of(Fraction(100), Fraction(90)) is Change.SAME
    assert change_of(Fraction(100), 110 + hair) is Change.MORE
    assert change_of(Fraction(100), 90 - hair) is Change.LESS
    assert change_of(Fraction(0), Fraction(0)) is Change.SAME
    assert change_of(Fraction(0), hair) is Change.MORE
    with pytest.raises(ValueError, match="either side"):
        change_of(None, None)


def test_a_source_is_the_same_by_name_and_factor_whatever_its_blanks_and_widths() -> None:
    found = compare([amount("ボイラー 1", 5)], [amount("ﾎﾞｲﾗｰ１", 7), amount("ボイラー1", 3, "city_gas")])
    assert [(row.name, row.before, row.after, row.change) for row in found.rows] == [
        ("ﾎﾞｲﾗｰ１", 5, 7, Change.MORE),
        ("ボイラー1", None, 3, Change.NEW),
    ]
    assert found.rows[0].share == Fraction(2, 5)
    assert found.rows[1].share is None
    assert found.pointed_out == 2
    assert compare([amount("受電", 1), amount("受電", 2)], [amount("受電", 3)]).rows[0].change is Change.SAME


@given(st.lists(AMOUNTS, min_size=1, max_size=3))
def test_the_average_of_years_sums_to_the_average_of_their_sums(years: list[list[Amount]]) -> None:
    sums = [sum((one.emissions for one in year), Fraction(0)) for year in years]
    mean = average(years)
    assert sum((one.emissions for one in mean), Fraction(0)) * len(years) == sum(sums)
    assert len(together(mean)) == len(mean)


def reading(*years: tuple[int, dict[str, int]]) -> FormReading:
    lines = tuple(
        SourceLine(year, row, name, "electricity", "kWh", 1, Fraction(tonnes))  # type: ignore[arg-type]
        for year, sources in years
        for row, (name, tonnes) in enumerate(sources.items())
    )
    yearly = tuple((year, Fraction(sum(sources.values()))) for year, sources in years)
    return FormReading(True, (), "base", "AST1001", 0, yearly, lines, (), "F30", "1")


BASE = reading((2010, {"受電": 90}), (2011, {"受電": 100}), (2012, {"受電": 110, "ガス": 30}))


def test_a_base_year_form_is_compared_year_by_year_and_a_target_year_with_average_and_last_year() -> None:
    within = against_years(BASE, None)
    assert [(one.against, one.before, one.after) for one in within] == [
        (Against.YEAR_BEFORE, (2010,), (2011,)),
        (Against.YEAR_BEFORE, (2011,), (2012,)),
    ]
    assert [row.change for row in within[1].found.rows] == [Change.SAME, Change.NEW]
    mean, last = against_years(reading((2014, {"受電": 100})), BASE)
    assert (mean.against, last.against) == (Against.BASE_AVERAGE, Against.BASE_LAST_YEAR)
    assert [(row.name, row.before, row.change) for row in mean.found.rows] == [
        ("受電", 100, Change.SAME),
        ("ガス", 10, Change.GONE),
    ]
    assert (last.before, last.found.total.before) == ((2012,), 140)
    (target,) = against_years(reading((2015, {"受電": 100})), reading((2014, {"受電": 100})))
    assert (target.against, target.before, target.after) == (Against.TARGET_YEAR, (2014,), (2015,))


def test_versions_of_one_form_are_compared_by_their_averages() -> None:
    mended = reading((2010, {"受電": 90}), (2011, {"受電": 100}), (2012, {"受電": 170, "ガス": 30}))
    found = against_version((1, BASE), (2, mended))
    assert (found.against, found.before, found.after) == (Against.VERSION, (1,), (2,))
    assert [(row.before, row.after, row.change) for row in found.found.rows] == [
        (100, 120, Change.MORE),
        (10, 10, Change.SAME),
    ]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        # by the calculator: 8.555 %, 13.05 %, 13.165 %
        (Fraction(-135, 1578), "−8.6%"),
        (Fraction(-206, 1578), "−13.1%"),
        (Fraction(-42187, 320443), "−13.2%"),
        (Fraction(0), "0.0%"),
        (Fraction(1, 10), "+10.0%"),
        (Fraction(996, 10_000), "+10.0%"),
        (Fraction(1_004, 10_000), "+10.04%"),
        (Fraction(-100_001, 1_000_000), "−10.0001%"),
        (Fraction(12), "+1,200.0%"),
    ],
)
def test_a_share_is_rounded_half_up_to_one_place(share: Fraction, told: str) -> None:
    assert in_percent(share) == told


@given(st.fractions(min_value=-2, max_value=2, max_denominator=10**6))
def test_a_share_reads_as_over_the_limit_exactly_if_it_is_flagged(share: Fraction) -> None:
    read = abs(Fraction(in_percent(share).rstrip("%").replace("−", "-")) / 100)
    assert (read > LIMIT) == (abs(share) > LIMIT)
    assert abs(read - abs(share)) <= Fraction(1, 2000)
