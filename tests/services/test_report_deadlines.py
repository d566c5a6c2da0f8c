"""Who is late or will be: one rule, written twice (for a page, for a list), with one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Period, ReportState
from portal.services import report_deadlines
from portal.services.report_deadlines import (
    Concern,
    Deadlines,
    concern,
    concerned,
    counts,
    day_expression,
    standing_of,
)
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.factories import reports

S = ReportState
#: the days on which a report's standing turns
DATES = (
    *("base_report_from", "base_report_due", "issue_from", "target_report_from", "target_report_due"),
    *("retirement_deadline", "adjustment_report_from", "adjustment_report_due"),
)
VERIFIED = [one for one in S if one not in (S.SUBMITTED, S.RECEIVED)]
ADJUSTMENT = [S.NOT_SUBMITTED, S.SUBMITTED, S.RECEIVED]
DAYS = Deadlines(date(2015, 4, 1), date(2015, 7, 31), date(2015, 11, 30))


@pytest.mark.parametrize(
    ("state", "today", "expected"),
    [
        (S.NOT_SUBMITTED, "2015-03-31", None),  # not open yet
        (S.NOT_SUBMITTED, "2015-06-30", None),
        (S.NOT_SUBMITTED, "2015-07-01", Concern.DUE_SOON),
        (S.NOT_SUBMITTED, "2015-07-31", Concern.DUE_SOON),  # the last day counts whole
        (S.NOT_SUBMITTED, "2015-08-01", Concern.OVERDUE),
        (S.VERIFICATION_REQUESTED, "2015-07-31", None),
        (S.VERIFICATION_REQUESTED, "2015-08-01", Concern.VERIFICATION_LATE),
        (S.APPROVAL_REQUESTED, "2015-10-30", None),
        (S.APPROVAL_REQUESTED, "2015-10-31", Concern.APPROVAL_SOON),
        (S.UNDER_REVIEW, "2015-11-30", Concern.APPROVAL_SOON),
        (S.UNDER_REVIEW, "2015-12-01", Concern.APPROVAL_LATE),
        (S.VERIFICATION_REQUESTED, "2015-12-01", Concern.APPROVAL_LATE),
        (S.SUBMITTED, "2016-12-01", None),
        (S.APPROVED, "2016-12-01", None),
        (S.RECEIVED, "2016-12-01", None),
    ],
)
def test_the_day_decides(state: ReportState, today: str, expected: Concern | None) -> None:
    assert concern(state, DAYS, date.fromisoformat(today)) is expected


@pytest.fixture
def scheme(session: Session, running_clock: None) -> Iterator[reports.Scheme]:
    with one_transaction(session):
        made = reports.scheme(session)
    yield made


def test_a_list_and_a_page_say_the_same(session: Session, scheme: reports.Scheme) -> None:
    """The SQL of the lists is the pure rule: around every day on which it turns, in every state."""
    turns = [day for name in DATES if isinstance(day := getattr(make.DATES, name), date)]
    turns += [day - timedelta(days=report_deadlines.WARNED_DAYS) for day in turns]
    met = set()
    for day, off, place in product(turns, (-1, 0, 1), range(len(VERIFIED))):
        reports.at(f"{day + timedelta(days=off)} 12:00")
        for period in Period:
            states = ADJUSTMENT if period is Period.ADJUSTMENT else VERIFIED
            state = states[place % len(states)]
            figure = 7 if state in (S.APPROVED, S.RECEIVED) else None
            row = EmissionsReport.id == scheme.report(period).id
            session.execute(
                update(EmissionsReport).where(row).values(state=state, confirmed_emissions=figure)
            )
        session.expire_all()
        standings = {one.id: standing_of(one) for one in session.scalars(select(EmissionsReport))}
        pure = {key: one.concern for key, one in standings.items() if one.concern is not None}
        listed = {one: {row.id for row in session.execute(concerned(one))} for one in set(pure.values())}
        assert listed == {one: {key for key in pure if pure[key] is one} for one in listed}
        assert {row.id for row in session.execute(concerned())} == set(pure)
        assert counts(session) == {one: list(pure.values()).count(one) for one in Concern}
        days = select(EmissionsReport.id, day_expression()).where(EmissionsReport.id.in_(pure))
        assert dict(session.execute(days).all()) == {key: standings[key].day for key in pure}
        met |= set(pure.values())
    assert met == set(Concern)


def test_the_days_are_tokyos(session: Session, scheme: reports.Scheme) -> None:
    reports.at("2014-01-31 23:59")
    assert counts(session)[Concern.DUE_SOON] == 1 and counts(session)[Concern.OVERDUE] == 0
    reports.at("2014-02-01 00:00")
    assert counts(session)[Concern.OVERDUE] == 1
    report = scheme.report()
    assert standing_of(report).days_left == (make.DATES.base_report_due - clock.today()).days == -1
