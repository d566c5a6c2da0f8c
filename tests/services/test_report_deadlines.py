"""Who is late or will be: one rule, written twice (for a page, for a list), with one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Period, ReportState
from portal.services import report_deadlines
from portal.services.report_deadlines import Concern, Deadlines, concern, concerned, counts, standing_of
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.factories import reports

S = ReportState
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
    """The SQL of the lists is the pure rule, on any day and in any state that a period may have."""
    verified = [one for one in S if one not in (S.SUBMITTED, S.RECEIVED)]
    adjustment = [S.NOT_SUBMITTED, S.SUBMITTED, S.RECEIVED]
    rows = {period: scheme.report(period).id for period in Period}
    start = date(2013, 3, 1)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.sampled_from(verified),
        st.sampled_from(verified),
        st.sampled_from(adjustment),
        st.integers(0, 1_400),
    )
    def same(base: ReportState, target: ReportState, last: ReportState, day: int) -> None:
        reports.at(f"{start + timedelta(days=day)} 12:00")
        for period, state in zip(Period, (base, target, last), strict=True):
            figure = 7 if state in (S.APPROVED, S.RECEIVED) else None
            session.execute(
                update(EmissionsReport)
                .where(EmissionsReport.id == rows[period])
                .values(state=state, confirmed_emissions=figure)
            )
        session.expire_all()
        pure = {
            one.id: found
            for one in session.scalars(select(EmissionsReport))
            if (found := standing_of(one).concern) is not None
        }
        for wanted in Concern:
            listed = {row.id for row in session.execute(concerned(wanted))}
            assert listed == {row_id for row_id, found in pure.items() if found is wanted}
        assert {row.id for row in session.execute(concerned())} == set(pure)
        assert counts(session) == {one: list(pure.values()).count(one) for one in Concern}
        expression = report_deadlines.day_expression()
        days = dict(
            session.execute(select(EmissionsReport.id, expression).where(EmissionsReport.id.in_(pure))).all()
        )
        assert days == {one: standing_of(session.get_one(EmissionsReport, one)).day for one in pure}

    same()


def test_the_days_are_tokyos(session: Session, scheme: reports.Scheme) -> None:
    reports.at("2014-01-31 23:59")
    assert counts(session)[Concern.DUE_SOON] == 1 and counts(session)[Concern.OVERDUE] == 0
    reports.at("2014-02-01 00:00")
    assert counts(session)[Concern.OVERDUE] == 1
    report = scheme.report()
    assert standing_of(report).days_left == (make.DATES.base_report_due - clock.today()).days == -1
