"""A phase whose forms cannot be is not opened; a form of before is told as one, not as altered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from openpyxl import Workbook
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.models import AccountState, Period, ReportState
from portal.services import factors, phases, report_forms, reports, verification
from portal.services.report_deadlines import Concern, standing_of
from portal.services.report_rules import rule_of, window
from portal.services.spreadsheets.form_styles import fixed
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import reports as make

S = ReportState


def against(session: Session, **years: int) -> list[tuple[Refusal, str | None]]:
    found = phases.opening_problems(session, 9, replace(registration.YEARS, **years), registration.DATES)
    return [(problem.refusal, problem.field) for problem in found]


def test_a_base_year_longer_than_a_form_holds_is_refused_before_the_phase_opens(session: Session) -> None:
    assert against(session) == []
    assert against(session, base_first_year=2009) == [(Refusal.BASE_YEARS_SPAN, "base_last_year")]


def test_factor_tables_that_no_form_can_show_side_by_side_keep_a_phase_shut(session: Session) -> None:
    """Their years were in no phase's base years: nobody judged them beside each other when they came."""
    with one_transaction(session):
        factors.ensure_factors(session, [1995])
        table = factors.default_factors()
        other = [replace(one, unit="MJ") if one.code == "electricity" else one for one in table]
        factors.replace_table(session, 1995, other)
    assert not factors.fit_together(session, [1995, 1996])
    assert factors.fit_together(session, [1995]) and factors.fit_together(session, [1996, 1997])
    years = {"base_first_year": 1995, "base_last_year": 1996}
    assert (Refusal.BASE_FACTORS_DIFFER, "base_last_year") in against(session, **years)


def test_a_form_that_cannot_be_made_is_refused_with_a_reason(session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
        scheme.holder.phase.base_first_year -= 1
        factors.ensure_factors(session, [scheme.holder.phase.base_first_year])
    with pytest.raises(PortalError) as caught:
        report_forms.blank(session, scheme.report(), actor=scheme.a)
    assert [one.refusal for one in caught.value.problems] == [Refusal.FORM_IMPOSSIBLE]


def test_who_was_in_time_and_got_it_back_is_not_made_late(session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
    due = window(rule_of(scheme.holder.phase), Period.BASE)[1]
    make.at(f"{date.fromordinal(due.toordinal() + 3)} 10:00")
    verification.return_to_holder(session, report.id, "11月", actor=scheme.v)
    reports.request_verification(session, report.id, actor=scheme.a)
    assert not report.late
    session.rollback()


def test_who_left_the_scheme_is_late_with_nothing(session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
    report = scheme.report()
    make.at("2014-12-01 10:00")
    assert standing_of(report).concern is Concern.OVERDUE
    scheme.holder.account.state = AccountState.CLOSED
    assert standing_of(report).concern is None and standing_of(report).day is None
    session.rollback()


def test_a_name_that_begins_with_an_equals_sign_is_no_formula_in_a_form() -> None:
    book = Workbook()
    assert book.active is not None
    assert fixed(book.active, "A1", "=1+1株式会社").data_type == "s"
    assert fixed(book.active, "A2", 3).data_type == "n"
