"""What a new factor table does to forms and reports: old forms are refused, old figures not handed in."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from portal.errors import Refusal, Refused
from portal.models import EmissionsReport, Period, ReportState
from portal.services import report_forms, report_views, reports, reviews, verification
from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.filled import fill_form
from portal.services.transaction import one_transaction
from tests.factories import factors as make_factors
from tests.factories import reports as made
from tests.factories.factors import FREE
from tests.services.spreadsheets.samples import months

S = ReportState
POWER = {"factor": "0.000600"}


def again(session: Session, scheme: made.Scheme, report: EmissionsReport) -> None:
    """A new form, by the factors of today, registered."""
    expected = report_forms.expectation(session, report)
    years = dict.fromkeys(expected.identity.fiscal_years, months("12000000"))
    data = fill_form(expected, [("受電", "electricity", years)])
    reading = read_form(data, expected)
    reports.register_file(session, report.id, "新.xlsx", data, actor=scheme.a, reading=reading)


def test_a_form_handed_out_before_the_factors_changed_is_told_so_in_one_line(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report(Period.BASE)
        two = scheme.officer, scheme.approver
        first = _forms(session, report)
        made.at("2013-11-06 10:00")
        make_factors.changed(session, 2010, two, electricity=POWER)
        made.at("2013-11-12 10:00")
        later = _forms(session, report)
        make_factors.changed(session, 2012, two, kerosene={"calorific": "36.5"})
        made.at("2013-11-13 10:00")
        told = [_told(session, report, data) for data in (first, later, _forms(session, report))]
    assert told == [
        [("factors_superseded", "2013-11-06", "36.5")],
        [("factors_superseded", "2013-11-12", "36.5")],
        [],
    ]


def _forms(session: Session, report: EmissionsReport) -> bytes:
    expected = report_forms.expectation(session, report)
    years = dict.fromkeys(expected.identity.fiscal_years, months("12000000"))
    return fill_form(expected, [("受電", "electricity", years)])


def _told(session: Session, report: EmissionsReport, data: bytes) -> list[tuple[str, str, str]]:
    problems = read_form(data, report_forms.expectation(session, report)).problems
    return [(p.code, p.detail, p.expected.rstrip("0")) for p in problems]


@pytest.mark.parametrize("period", [Period.TARGET, Period.ADJUSTMENT])
def test_a_report_with_old_factors_is_not_handed_in_until_it_is_registered_anew(
    session: Session, period: Period
) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.NOT_SUBMITTED, period)
        year = 2014 if period is Period.TARGET else 2015
        two = scheme.officer, scheme.approver
        made.at(made.WHEN[period])
        make_factors.changed(session, year, two, kerosene={"calorific": "36.5"})
        # a factor that it does not use: its figure stands
        assert report_views.period_view(session, period, scheme.a).outdated == ()
        make_factors.changed(session, year, two, electricity=POWER)
        hand_in = reports.submit if period is Period.ADJUSTMENT else reports.request_verification
        with pytest.raises(Refused) as refused:
            hand_in(session, report.id, actor=scheme.a)
        (problem,) = refused.value.problems
        assert problem.refusal is Refusal.FACTORS_OUTDATED
        assert f"{year}年度の排出係数が、登録のあとで変わりました" in problem.text("ja")
        view = report_views.period_view(session, period, scheme.b)
        assert view.outdated == (year,)
        assert problem in view.blocked.values()
        again(session, scheme, report)
        hand_in(session, report.id, actor=scheme.a)
    assert report.state in (S.VERIFICATION_REQUESTED, S.SUBMITTED)


def test_a_report_already_with_its_verifier_goes_on_and_says_that_factors_changed(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        make_factors.changed(session, 2010, (scheme.officer, scheme.approver), electricity=POWER)
        assert report_views.report_view(session, report.id, scheme.v).outdated == (2010,)
        made.verify(session, scheme, report)
        verification.request_approval(session, report.id, actor=scheme.v)
        reviews.start_review(session, report.id, actor=scheme.officer)
        reviews.approve(session, report.id, actor=scheme.approver)
        assert report_views.report_view(session, report.id, scheme.v).outdated == ()
    assert report.confirmed_emissions == 7_460


def test_a_report_given_back_after_the_change_needs_the_new_factors(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        make_factors.changed(session, 2010, (scheme.officer, scheme.approver), electricity=POWER)
        verification.return_to_holder(session, report.id, "係数が改正されました", actor=scheme.v)
        with pytest.raises(Refused) as refused:
            reports.request_verification(session, report.id, actor=scheme.a)
    assert refused.value.refusal is Refusal.FACTORS_OUTDATED


def test_forms_handed_out_before_are_refused_as_altered_and_a_free_row_counts_in_new_ones(
    session: Session,
) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report(Period.TARGET)
        old, _reading = made.filled(session, report)
        make_factors.changed(session, 2014, (scheme.officer, scheme.approver), FREE, electricity=POWER)
        expected = report_forms.expectation(session, report)
        codes = {(p.sheet, p.cell, p.code) for p in read_form(old, expected).problems}
        assert {("排出係数", "H15", "factor_altered"), ("排出係数", "A20", "factor_altered")} <= codes
        sources = [
            ("受電", "electricity", {2014: months("1000000")}),
            ("みほん", "mihon_gas", {2014: months("120")}),
        ]
        reading = read_form(fill_form(expected, sources), expected)
    # 1,000,000 kWh × 0.0006 + 120 × 20 × 0.015 × 44/12 = 600 + 132
    assert (reading.problems, reading.emissions) == ((), 732)
