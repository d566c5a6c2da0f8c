"""Uploads, attachments, verification reports and review documents: what is taken, refused, and kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import (
    ApprovalRevocation,
    Base,
    ComplianceSnapshot,
    Event,
    MailMessage,
    Movement,
    Period,
    ReportState,
    RequestAnswer,
    User,
)
from portal.permissions import Role
from portal.services import (
    issuance,
    report_files,
    report_forms,
    reports,
    reviews,
    targets,
    verification,
)
from portal.services.audit import EventTag
from portal.services.report_files import FileSource
from portal.services.transaction import one_transaction
from tests.factories import factors as make_factors
from tests.factories import registration as make
from tests.factories import reports as made
from tests.factories.reports import PDF, PNG

S = ReportState


def refused(work: Callable[[], object]) -> list[tuple[str | None, Refusal]]:
    """(field, refusal) of everything ``work`` is refused with."""
    with pytest.raises(PortalError) as caught:
        work()
    return [(problem.field, problem.refusal) for problem in caught.value.problems]


def counts(session: Session) -> dict[str, int]:
    return {
        name: session.scalar(select(func.count()).select_from(table)) or 0
        for name, table in Base.metadata.tables.items()
    }


def test_an_uploaded_form_is_read_in_the_jail_and_its_figure_registered(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report()
        name, _blank = report_forms.blank(session, report, actor=scheme.b)
        data = made.form(session, report, 8_937)
    assert name.startswith("2010～2012年度算定報告書_AST-")
    reading = reports.read_upload(session, report.id, name, data, actor=scheme.b)
    assert not session.in_transaction()
    assert (reading.ok, reading.emissions) == (True, 8_937)
    with one_transaction(session):
        key, shown = "k" * 20, report.version
        file = reports.register_file(
            session, report.id, name, data, actor=scheme.b, version=shown, key=key, reading=reading
        )
    with one_transaction(session):
        again = reports.register_file(
            session, report.id, name, data, actor=scheme.b, version=shown, key=key, reading=reading
        )
    assert again.id == file.id
    assert (report.emissions, report.current_file_id, len(report.files)) == (8_937, file.id, 1)


def test_another_holders_form_is_refused_with_its_cells_and_changes_nothing_else(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        stranger = make.holder(session)
        theirs = made.form(session, next(r for r in stranger.reports if r.period is Period.BASE))
        made.register(session, scheme.report(), actor=scheme.a)
    report = scheme.report()
    reading = reports.read_upload(session, report.id, "form.xlsx", theirs, actor=scheme.a)
    assert {problem.code for problem in reading.problems} == {"holder_wrong"}
    assert all(problem.sheet and problem.cell for problem in reading.problems)
    before = counts(session)
    register = lambda: reports.register_file(  # noqa: E731
        session, report.id, "form.xlsx", theirs, actor=scheme.a, reading=reading
    )
    assert refused(register) == [("file", Refusal.FORM_PROBLEMS)]
    session.rollback()
    with one_transaction(session):
        reports.record_refusal(session, report.id, "form.xlsx", reading, actor=scheme.a)
    after = counts(session)
    assert {name: n - before[name] for name, n in after.items() if n != before[name]} == {"event": 1}
    kept = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert (kept.tag, kept.facts["count"]) == (EventTag.REPORT_REFUSED, len(reading.problems))
    assert report.emissions == 7_460


def test_uploads_that_are_no_form_are_told_so(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report()
        good = made.form(session, report)

    def upload(name: str, data: bytes) -> Callable[[], object]:
        return lambda: reports.read_upload(session, report.id, name, data, actor=scheme.a)

    assert refused(upload("form.xlsx", b"")) == [("file", Refusal.FILE_EMPTY)]
    assert refused(upload("form.xlsx", bytes(10 * 1024**2 + 1))) == [("file", Refusal.FILE_TOO_LARGE)]
    assert refused(upload("form.xlsm", good)) == [("file", Refusal.FORM_NOT_XLSX)]
    reading = reports.read_upload(session, report.id, "form.pdf", PDF, actor=scheme.a)
    assert [problem.found for problem in reading.problems] == ["PDFファイル"]


def test_a_form_is_read_again_when_factors_changed_meanwhile(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report()
        data, reading = made.filled(session, report)
        two = scheme.officer, scheme.approver
        make_factors.changed(session, 2011, two, electricity={"factor": "0.000570"})
    with pytest.raises(Stale):
        reports.register_file(session, report.id, "form.xlsx", data, actor=scheme.a, reading=reading)


def test_the_latest_form_counts_and_earlier_ones_stay_readable(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = scheme.report()
        first = made.register(session, report, 7_512, actor=scheme.b)
        second = made.register(session, report, 7_460, actor=scheme.a)
        assert (first.version_number, second.version_number) == (1, 2)
        assert (report.emissions, report.current_file_id) == (7_460, second.id)
        _name, kind, data = report_files.open_file(session, FileSource.REPORT, first.id, actor=scheme.b)
    assert kind.endswith("spreadsheetml.sheet")
    assert data == made.form(session, report, 7_512)


def test_attachments_are_of_known_kinds_at_most_ten_and_locked_after_the_request(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.NOT_SUBMITTED)

        def attach(name: str, data: bytes) -> object:
            return report_files.attach_file(session, report.id, name, data, actor=scheme.a)

        files = [report_files.attach_file(session, report.id, "図.png", PNG, actor=scheme.a)]
        for name, data in (("図.exe", b"MZ"), ("図.svg", b"<svg/>"), ("図.xlsm", PDF)):
            assert refused(lambda n=name, d=data: attach(n, d)) == [("file", Refusal.FILE_KIND)]
        for name, data in (("図.png", PDF), ("偽.pdf", b"text")):
            assert refused(lambda n=name, d=data: attach(n, d)) == [("file", Refusal.FILE_DISGUISED)]
        for _n in range(9):
            attach("境界図.pdf", PDF)
        assert refused(lambda: attach("境界図.pdf", PDF)) == [("file", Refusal.TOO_MANY_FILES)]
        report_files.remove_attachment(session, files[0].id, actor=scheme.b)
        with pytest.raises(NotFound):
            report_files.open_file(session, "report", files[0].id, actor=scheme.a)
        attach("境界図.pdf", PDF)
        reports.request_verification(session, report.id, actor=scheme.a)
        assert refused(lambda: attach("境界図.pdf", PDF)) == [(None, Refusal.FILES_LOCKED)]
        last = report.files[-1].id
        remove = lambda: report_files.remove_attachment(session, last, actor=scheme.a)  # noqa: E731
        assert refused(remove) == [(None, Refusal.FILES_LOCKED)]


def test_everything_wrong_with_a_verification_report_is_said_at_once(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)

        def register(name: str, data: bytes, opinion: str, figure: str) -> object:
            return verification.register_verification(
                session, report.id, name, data, opinion, figure, made.work(), actor=scheme.v
            )

        assert refused(lambda: register("検証.png", PNG, "", "7461")) == [
            ("opinion", Refusal.REQUIRED),
            ("verified", Refusal.FIGURE_DIFFERS),
            ("file", Refusal.FILE_KIND),
        ]
        assert refused(lambda: register("検証.pdf", PDF, "good", "7.4e3")) == [
            ("opinion", Refusal.CHOICE_UNKNOWN),
            ("verified", Refusal.QUANTITY_SHAPE),
        ]
        register("検証.pdf", PDF, "unqualified", "７，４６０ ")


def test_an_adverse_opinion_is_registered_but_cannot_go_on(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        made.verify(session, scheme, report, "adverse")
    ask = lambda: verification.request_approval(session, report.id, actor=scheme.v)  # noqa: E731
    assert refused(ask) == [(None, Refusal.OPINION_NOT_PASSING)]
    both = lambda opinion: verification.register_and_request(  # noqa: E731
        session,
        report.id,
        "検証.pdf",
        PDF,
        opinion,
        "7460",
        made.work(opinion),
        actor=scheme.v,
        key="one-press-of-it",
    )
    with pytest.raises(PortalError), one_transaction(session):
        both("disclaimer")
    assert len(report.verification_reports) == 1
    with one_transaction(session):
        row = both("qualified")
    assert report.state is S.APPROVAL_REQUESTED
    with one_transaction(session):
        assert both("qualified").id == row.id


def test_a_new_form_needs_a_new_verification_report(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        made.verify(session, scheme, report)
        verification.return_to_holder(session, report.id, "11月が違います", actor=scheme.v)
        assert (report.returned_reason, report.returned_by_id) == ("11月が違います", scheme.v.id)
        made.register(session, report, 7_400, actor=scheme.a)
        reports.request_verification(session, report.id, actor=scheme.a)
        assert report.returned_reason is None
        ask = lambda: verification.request_approval(session, report.id, actor=scheme.v)  # noqa: E731
        assert refused(ask) == [(None, Refusal.VERIFICATION_MISSING)]


def test_a_return_to_the_verifier_keeps_its_verification_report(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.UNDER_REVIEW)
        assert refused(lambda: reviews.return_to_verifier(session, report.id, " ", actor=scheme.officer)) == [
            ("reason", Refusal.REASON_NEEDED)
        ]
        reviews.return_to_verifier(session, report.id, "日付を追記してください", actor=scheme.officer)
        verification.request_approval(session, report.id, actor=scheme.v)
    assert report.state is S.APPROVAL_REQUESTED


def test_a_send_back_request_is_answered_before_the_report_goes_on(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        made.verify(session, scheme, report)
        ask = lambda key: reports.request_send_back(  # noqa: E731
            session, report.id, "差し替えたい", actor=scheme.b, key=key
        )
        first = ask("first-page-of-the-holder")
        assert ask("first-page-of-the-holder").id == first.id
        assert refused(lambda: ask("another-page")) == [(None, Refusal.REQUEST_OPEN)]
        go_on = lambda: verification.request_approval(session, report.id, actor=scheme.v)  # noqa: E731
        assert refused(go_on) == [(None, Refusal.REQUEST_UNANSWERED)]
        verification.decline_send_back(session, report.id, "検証が済んでいます", actor=scheme.v)
        assert (first.answer, report.state) == (RequestAnswer.DECLINED, S.VERIFICATION_REQUESTED)
        second = ask("third-page-of-the-holder")
        verification.return_to_holder(session, report.id, "差し替えてください", actor=scheme.v)
    assert (second.answer, report.state) == (RequestAnswer.GRANTED, S.NOT_SUBMITTED)


def test_questions_and_answers_go_to_and_fro_in_rounds(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.UNDER_REVIEW)
        answer = lambda body: verification.answer_review(session, report.id, body, actor=scheme.v)  # noqa: E731
        ask = lambda body: reviews.send_review_document(  # noqa: E731
            session, report.id, body, "質問.pdf", PDF if body else None, actor=scheme.officer
        )
        assert refused(lambda: answer("はい")) == [(None, Refusal.NO_QUESTION)]
        assert refused(lambda: ask("")) == [("body", Refusal.REVIEW_DOCUMENT_NEEDED)]
        assert refused(lambda: ask("字" * 2_001)) == [("body", Refusal.TOO_LONG)]
        rounds = [
            ask("期間は？").round,
            answer("末日まで").round,
            ask("単位は？").round,
            answer("千Nm³").round,
        ]
    assert rounds == [1, 1, 2, 2]
    to = set(session.scalars(select(MailMessage.recipient).where(MailMessage.kind == "review_document_sent")))
    assert {scheme.v.email, scheme.officer.email, scheme.approver.email} <= to


def test_taking_an_approval_back_needs_two_people(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.APPROVED)
        second = make.office(session, Role.APPROVER)
        row = reviews.propose_revocation(session, report.id, "計算の誤り", actor=scheme.approver)
        again = lambda: reviews.propose_revocation(session, report.id, "計算の誤り", actor=second)  # noqa: E731
        assert refused(again) == [(None, Refusal.REVOCATION_OPEN)]
        confirm = lambda who: reviews.confirm_revocation(session, row.id, actor=who)  # noqa: E731
        assert refused(lambda: confirm(scheme.approver)) == [(None, Refusal.SAME_PERSON)]
        with pytest.raises(NotAllowed):
            confirm(scheme.officer)
        scheme.approver.active = False
        assert refused(lambda: confirm(second)) == [(None, Refusal.PERSON_INACTIVE)]
        scheme.approver.active = True
        with pytest.raises(NotAllowed):  # what another proposed is not the officer's to take back
            reviews.withdraw_revocation(session, row.id, actor=scheme.officer, reason="誤りではない")
        reviews.withdraw_revocation(session, row.id, actor=scheme.approver)
        assert refused(lambda: confirm(second)) == [(None, Refusal.WRONG_STATE)]
        row = reviews.propose_revocation(session, report.id, "計算の誤り", actor=scheme.officer)
        reviews.confirm_revocation(session, row.id, actor=second)
    assert (report.state, report.confirmed_emissions) == (S.UNDER_REVIEW, None)
    with one_transaction(session):
        reviews.approve(session, report.id, actor=scheme.approver)


def test_an_approval_stands_once_something_was_issued_or_closed_on_it(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        base = made.bring(session, scheme, S.APPROVED, tonnes=10_000)
        made.at("2014-04-02 10:00")
        row = reviews.propose_revocation(session, base.id, "計算の誤り", actor=scheme.officer)
        target = targets.propose_target(session, scheme.holder.id, 1_500, actor=scheme.officer)
        session.flush()
        targets.confirm_target(session, target.id, actor=scheme.approver)
        session.flush()
        issuance.propose_issue(session, scheme.holder.id, key="issue-of-this-holder", actor=scheme.officer)
        session.flush()
        confirm = lambda: reviews.confirm_revocation(session, row.id, actor=scheme.approver)  # noqa: E731
        assert refused(confirm) == [(None, Refusal.REVOKE_ISSUED)]
        report = made.bring(session, scheme, S.APPROVED, Period.TARGET)
        frozen = ComplianceSnapshot(
            holder_id=scheme.holder.id,
            deadline_at=report.state_since,
            frozen_at=report.state_since,
            status="met",
            target_emissions=report.confirmed_emissions,
            retired=0,
        )
        session.add(frozen)
        session.flush()
        propose = lambda: reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)  # noqa: E731
        assert refused(propose) == [(None, Refusal.REVOKE_RETIRED)]
    assert session.scalars(select(func.count(ApprovalRevocation.id))).one() == 1
    assert session.scalars(select(func.count(Movement.id))).one() == 1


def test_files_are_read_by_those_whose_report_it_is_and_that_is_recorded(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.UNDER_REVIEW)
        reviews.send_review_document(session, report.id, "", "質問.pdf", PDF, actor=scheme.officer)
        stranger, rival = make.holder(session), make.verifier(session)
        trader = make.trader(session).users[0]
        places = [
            ("report", report.files[0].id),
            ("verification", report.verification_reports[0].id),
            ("review", report.review_documents[0].id),
        ]
    readers: list[User] = [scheme.a, scheme.b, scheme.v, scheme.officer, scheme.viewer]
    for kind, row_id in places:
        with one_transaction(session):
            assert all(report_files.open_file(session, kind, row_id, actor=who)[2] for who in readers)
        for who in (stranger.users[0], rival.users[0]):
            with pytest.raises(NotFound):
                report_files.open_file(session, kind, row_id, actor=who)
        with pytest.raises(NotAllowed):
            report_files.open_file(session, kind, row_id, actor=trader)
    with pytest.raises(NotFound):
        report_files.open_file(session, "letter", 1, actor=scheme.officer)
    seen = session.scalars(select(Event).where(Event.tag == EventTag.DOCUMENT_DOWNLOADED)).all()
    assert len(seen) == len(places) * len(readers)
