"""The stages of a phase follow each other: what is out of order is named, pair by pair, at its field."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import Refusal
from portal.services import phases
from tests.factories import registration as make

NAMES = [name for name, value in asdict(make.DATES).items() if isinstance(value, date)]


def found(**changed: Any) -> list[tuple[str, str | None]]:
    problems = phases.rule_problems(replace(make.DATES, **changed))
    return [(problem.refusal.name, problem.field) for problem in problems]


@pytest.mark.parametrize(("first", "last", "refusal", "field"), phases.DAYS_IN_ORDER)
def test_each_pair_may_be_one_day_and_not_a_day_the_wrong_way(
    first: str, last: str, refusal: Refusal, field: str
) -> None:
    day = getattr(make.DATES, first)
    assert (refusal.name, field) not in found(**{last: day})
    assert (refusal.name, field) in found(**{last: day - timedelta(days=1)})


def test_the_two_pairs_of_the_tester_are_named_at_the_date_that_is_too_late() -> None:
    assert found(target_report_due=date(2015, 12, 1)) == [
        ("TARGET_REPORTS_AFTER_DEADLINE", "target_report_due")
    ]
    assert found(base_report_due=date(2014, 4, 2)) == [("BASE_REPORTS_AFTER_ISSUE", "base_report_due")]
    (problem,) = phases.rule_problems(replace(make.DATES, base_report_due=date(2014, 4, 2)))
    assert problem.text("ja") == (
        "基準年度の報告書の締切は、排出枠を発行できる日（2014年4月1日）までにしてください。"
    )
    assert "1 Apr 2014" in problem.text("en")


def test_days_are_no_dates_and_everything_is_said_at_once() -> None:
    assert found(proposal_days=0) == [("NUMBER_RANGE", "proposal_days")]
    assert found(proposal_days=367) == [("NUMBER_RANGE", "proposal_days")]
    (problem,) = phases.rule_problems(replace(make.DATES, proposal_days=0))
    assert "日付" not in problem.text("ja") and "1以上366以下" in problem.text("ja")
    assert found(proposal_days=0, target_report_due=date(2015, 12, 1), banking_until=date(2015, 11, 1)) == [
        ("NUMBER_RANGE", "proposal_days"),
        ("WINDOW_ENDS_FIRST", "banking_until"),
        ("TARGET_REPORTS_AFTER_DEADLINE", "target_report_due"),
        ("BANKING_BEFORE_DEADLINE", "banking_until"),
    ]


def test_a_slip_of_the_hand_is_said_once_and_judged_against_nothing() -> None:
    assert found(retirement_deadline=date(1015, 11, 30)) == [("DATE_OUT_OF_RANGE", "retirement_deadline")]


@pytest.mark.parametrize(
    ("changed", "refusal", "field"),
    [
        ({"base_first_year": 2013}, "BASE_YEARS_REVERSED", "base_last_year"),
        ({"target_year": 2013}, "YEAR_NOT_AFTER", "target_year"),
        ({"adjustment_year": 2014}, "YEAR_NOT_AFTER", "adjustment_year"),
        ({"reporting_year": 2015}, "YEAR_NOT_AFTER", "reporting_year"),
        ({"installation_year": 20133}, "NUMBER_RANGE", "installation_year"),
        ({"number": 0}, "NUMBER_RANGE", "number"),
    ],
)
def test_each_year_comes_after_the_one_before(changed: dict[str, int], refusal: str, field: str) -> None:
    problems = phases.value_problems({**asdict(make.YEARS), **changed})
    assert [(one.refusal.name, one.field) for one in problems] == [(refusal, field)]


def test_the_calendar_of_the_briefing_is_in_order() -> None:
    for year in (2012, 2013, 2014):
        years, dates = phases.calendar_of(year)
        assert phases.value_problems({**asdict(years), **asdict(dates)}) == []


@given(
    st.dictionaries(st.sampled_from(NAMES), st.dates(date(2010, 1, 1), date(2020, 12, 31))),
    st.sets(st.sampled_from(NAMES)),
)
def test_what_is_missing_is_passed_over_and_the_rest_is_judged_the_same(
    changed: dict[str, date], missing: set[str]
) -> None:
    whole = {**asdict(make.DATES), **changed}
    said = phases.value_problems({name: None if name in missing else whole[name] for name in whole})
    expected = [
        (refusal, field)
        for first, last, refusal, field in phases.DAYS_IN_ORDER
        if whole[last] < whole[first] and not {first, last} & missing
    ]
    assert [(one.refusal, one.field) for one in said] == expected
