"""What report pages are told: actions, turns, time lines; few queries, no allowances."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, Refusal
from portal.extensions import make_session
from portal.models import Period, ReportState, User
from portal.permissions import Role
from portal.services import report_files, report_views, reports, reviews, verification
from portal.services.audit import EventTag
from portal.services.demo.assigning import assign_holder
from portal.services.report_lines import ReviewStatus
from portal.services.report_rules import Turn
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.factories import reports as made
from tests.factories.reports import PDF, Scheme

S = ReportState


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_holder_reads_what_it_may_do_and_why_not_yet(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session, assigned=False)
        made.bring(session, scheme, S.NOT_SUBMITTED)
    base, target, adjustment = report_views.holder_reports(session, scheme.a)
    assert base.actions == ("register_file", "attach_file", "remove_attachment")
    assert base.blocked["request_verification"].refusal is Refusal.NO_VERIFIER
    assert (base.turn, base.your_turn, base.verifier) == (Turn.HOLDER, True, None)
    assert target.blocked["register_file"].refusal is Refusal.PERIOD_NOT_OPEN
    assert target.actions == ()
    assert "request_verification" not in adjustment.blocked
    assert (adjustment.verified, adjustment.fiscal_years) == (False, (2015,))
    assert base.fiscal_years == (2010, 2011, 2012)
    assert base.current_file is not None
    assert base.current_file.emissions == 7_460


def test_logins_a_and_b_read_the_same(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        made.bring(session, scheme, S.UNDER_REVIEW)

    def read(who: Role) -> list[object]:
        names = [field.name for field in dataclasses.fields(report_views.ReportView)]
        views = report_views.holder_reports(session, scheme.login(who))
        return [[getattr(view, name) for name in names] for view in views]

    assert read(Role.HOLDER_A) == read(Role.HOLDER_B)


def test_the_time_line_tells_who_did_what_but_names_nobody_of_the_office(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        verification.return_to_holder(session, report.id, "11月が違います", actor=scheme.v)
    view = report_views.period_view(session, Period.BASE, scheme.a)
    newest, asked, registered, assigned = view.time_line
    assert (newest.tag, newest.reason) == (EventTag.REPORT_RETURNED, "11月が違います")
    assert (newest.actor_name, newest.actor_organisation) == (scheme.v.name, scheme.verifier.label)
    assert asked.tag is EventTag.VERIFICATION_REQUESTED
    assert (registered.emissions, registered.facts["number"]) == (7_460, 1)
    assert registered.file == view.versions[0].file
    assert (assigned.actor_name, assigned.actor_role) == (None, Role.OFFICER)
    assert view.returned_by == scheme.v
    office = report_views.report_view(session, report.id, scheme.viewer)
    assert office.time_line[-1].actor_name == scheme.officer.name
    assert office.actions == ()


def test_a_holders_refused_tries_are_not_the_verifiers_affair(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        _data, reading = made.filled(session, report)
        reports.record_refusal(session, report.id, "form.xlsx", reading, actor=scheme.a)
    tags = lambda who: {e.tag for e in report_views.report_view(session, report.id, who).time_line}  # noqa: E731
    assert EventTag.REPORT_REFUSED in tags(scheme.b)
    assert EventTag.REPORT_REFUSED not in tags(scheme.v)


def test_review_documents_decide_whose_turn_it_is(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.UNDER_REVIEW)
        look = lambda: report_views.report_view(session, report.id, scheme.v)  # noqa: E731
        assert (look().turn, look().review_status) == (Turn.SECRETARIAT, ReviewStatus.NONE)
        reviews.send_review_document(session, report.id, "期間は？", actor=scheme.officer)
        assert (look().turn, look().review_status) == (Turn.VERIFIER, ReviewStatus.WAITING)
        assert (look().your_turn, look().actions) == (True, ("answer_review",))
        verification.answer_review(session, report.id, "末日まで", "回答.pdf", PDF, actor=scheme.v)
        assert (look().turn, look().review_status) == (Turn.SECRETARIAT, ReviewStatus.ANSWERED)
        reviews.approve(session, report.id, actor=scheme.approver)
        assert (look().turn, look().review_status, look().rounds) == (Turn.NOBODY, ReviewStatus.CLOSED, 1)


def _two_holders(session: Session) -> tuple[Scheme, Scheme]:
    first = made.scheme(session)
    second = Scheme(make.holder(session), first.verifier, first.officer, first.approver, first.viewer)
    assign_holder(session, second.holder.id, first.verifier.id, actor=first.officer)
    session.flush()
    return first, second


def test_the_review_queue_holds_what_lies_with_the_secretariat(session: Session) -> None:
    with one_transaction(session):
        first, second = _two_holders(session)
        made.bring(session, first, S.APPROVAL_REQUESTED)
        made.bring(session, second, S.UNDER_REVIEW)
        made.bring(session, second, S.SUBMITTED)
    queue = report_views.review_queue(session, first.viewer)
    assert [row.state for row in queue] == [S.APPROVAL_REQUESTED, S.UNDER_REVIEW, S.SUBMITTED]
    with pytest.raises(NotAllowed):
        report_views.review_queue(session, first.v)


def test_figures_by_source_and_the_base_year_come_with_the_report(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        base = made.bring(session, scheme, S.APPROVED, tonnes=8_000)
        target = made.bring(session, scheme, S.VERIFICATION_REQUESTED, Period.TARGET, 7_400)
    (line,) = report_views.source_figures(session, target.id, scheme.v)
    assert (line.name, line.unit, int(line.emissions)) == ("受電", "kWh", 7_400)
    assert "E" not in line.activity
    assert len(report_views.source_figures(session, base.id, scheme.v)) == 3
    assert report_views.base_emissions(session, scheme.holder.id) == 8_000


def test_more_reports_and_files_need_no_more_queries(session: Session, engine: Engine) -> None:
    with one_transaction(session):
        first, second = _two_holders(session)
        made.bring(session, first, S.UNDER_REVIEW)

    def queries(work: Callable[[Session, User], object], who: int) -> int:
        session.rollback()
        with make_session(engine) as fresh:
            actor = fresh.get_one(User, who)
            with counted(engine) as seen:
                work(fresh, actor)
            return len(seen)

    holder = first.a.id
    own = queries(report_views.holder_reports, holder)
    with one_transaction(session):
        made.bring(session, second, S.UNDER_REVIEW)
        for scheme in (first, second):
            report = made.bring(session, scheme, S.NOT_SUBMITTED, Period.TARGET)
            report_files.attach_file(session, report.id, "境界図.pdf", PDF, actor=scheme.a)
            made.register(session, report, 7_000, actor=scheme.a)
    assert queries(report_views.holder_reports, holder) <= own
    assert own < 17
