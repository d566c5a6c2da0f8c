"""Reports change hands: at once, with a reason while verification is under way, many or none (domain §4)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal.errors import NotFound, PortalError, Refusal, Stale
from portal.extensions import make_session
from portal.models import (
    EmissionsReport,
    Event,
    MailMessage,
    Period,
    ReportState,
    User,
    VerificationReport,
    Verifier,
    VerifierAssignment,
)
from portal.services import (
    access,
    assignments,
    report_files,
    report_views,
    reports,
    reviews,
    verification,
    verification_desk,
    verifiers,
)
from portal.services.audit import EventTag
from portal.services.report_files import FileSource
from portal.services.transaction import one_transaction, run
from tests.factories import registration
from tests.factories import reports as make

S = ReportState


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


def mailed(session: Session, kind: str) -> list[str]:
    return list(session.scalars(select(MailMessage.recipient).where(MailMessage.kind == kind)))


@pytest.fixture
def scheme(session: Session) -> make.Scheme:
    made = make.scheme(session)
    session.commit()
    return made


def test_a_report_under_verification_is_taken_over_with_a_reason(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
    make.verify(session, scheme, report)
    reports.request_send_back(session, report.id, "7月が違う", actor=scheme.a)
    paper = session.scalars(select(VerificationReport)).one()
    rival = registration.verifier(session)
    old, new, shown = scheme.v, rival.users[0], report.version
    take = lambda why: verifiers.assign(  # noqa: E731
        session, report.id, rival.id, actor=scheme.officer, reason=why
    )
    assert refused(lambda: take(" ")) == [Refusal.REASON_NEEDED]
    take("利益相反のおそれ")
    session.flush()
    assert report.version > shown
    # the old one: no report, no file, no act, and a mail that says so
    for work in (
        lambda: report_views.report_view(session, report.id, old),
        lambda: report_files.open_file(session, FileSource.VERIFICATION, paper.id, actor=old),
        lambda: report_files.open_file(session, FileSource.REPORT, report.current_file_id or 0, actor=old),
        lambda: verification.request_approval(session, report.id, actor=old),
        lambda: verification.decline_send_back(session, report.id, "x", actor=old),
    ):
        assert refused(work) == [Refusal.NOT_FOUND]
    assert [row for row in verification_desk.look(session, old).rows if row.id == report.id] == []
    assert mailed(session, "verifier_unassigned") == [old.email]
    # the next one: its turn, told so, without the result of the one before
    view = report_views.report_view(session, report.id, new)
    assert view.your_turn and view.send_back is not None and view.verifications == ()
    assert EventTag.VERIFICATION_REGISTERED not in {entry.tag for entry in view.time_line}
    assert "利益相反のおそれ" not in {entry.reason for entry in view.time_line}
    with pytest.raises(NotFound):
        report_files.open_file(session, FileSource.VERIFICATION, paper.id, actor=new)
    assert refused(lambda: verification.request_approval(session, report.id, actor=new)) == [
        Refusal.REQUEST_UNANSWERED
    ]
    verification.decline_send_back(session, report.id, "確認済み", actor=new)
    assert refused(lambda: verification.request_approval(session, report.id, actor=new)) == [
        Refusal.VERIFICATION_MISSING
    ]
    assert new.email in mailed(session, "verifier_takes_over")
    # holder and office keep the whole record
    for reader in (scheme.a, scheme.officer):
        whole = report_views.report_view(session, report.id, reader)
        assert len(whole.verifications) == 1
        assert EventTag.VERIFICATION_REGISTERED in {entry.tag for entry in whole.time_line}
    # later mail of the report does not reach the old one
    before = len(mailed(session, "report_returned"))
    verification.return_to_holder(session, report.id, "やり直し", actor=new)
    assert old.email not in mailed(session, "report_returned")[before:]


@pytest.mark.parametrize("state", [S.APPROVAL_REQUESTED, S.UNDER_REVIEW, S.APPROVED])
def test_under_approval_the_report_goes_back_first(
    session: Session, scheme: make.Scheme, state: ReportState
) -> None:
    report = make.bring(session, scheme, state)
    rival = registration.verifier(session).id
    take = lambda: verifiers.assign(  # noqa: E731
        session, report.id, rival, actor=scheme.officer, reason="交代"
    )
    expected = Refusal.WRONG_STATE if state is S.APPROVED else Refusal.VERIFIER_BUSY
    assert refused(take) == [expected]
    if state is not S.APPROVED:
        reviews.return_to_verifier(session, report.id, "交代のため", actor=scheme.officer)
        assert take().verifier_id == rival


def test_an_assignment_ends_with_a_reason_and_the_holder_waits_for_the_next(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.NOT_SUBMITTED)
    end = lambda why: verifiers.end_assignment(session, report.id, why, actor=scheme.officer)  # noqa: E731
    assert refused(lambda: end("")) == [Refusal.REASON_NEEDED]
    end("契約の終了")
    assert refused(lambda: end("もう一度")) == [Refusal.NO_VERIFIER]
    assert mailed(session, "verifier_unassigned") == [scheme.v.email]
    assert refused(lambda: reports.request_verification(session, report.id, actor=scheme.a)) == [
        Refusal.NO_VERIFIER
    ]
    told = session.scalars(select(Event).where(Event.tag == EventTag.VERIFIER_UNASSIGNED.value)).one()
    assert (told.reason, told.holder_id) == ("契約の終了", scheme.holder.id)
    other = scheme.report(Period.TARGET)
    assert access.get_visible(session, EmissionsReport, other.id, scheme.v) is other


def test_while_verification_is_requested_somebody_must_take_over(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
    end = lambda: verifiers.end_assignment(session, report.id, "x", actor=scheme.officer)  # noqa: E731
    assert refused(end) == [Refusal.VERIFIER_NEEDED]


def test_many_are_assigned_or_none_and_a_second_press_does_nothing_more(
    session: Session, scheme: make.Scheme
) -> None:
    other = registration.holder(session)
    rival = registration.verifier(session)
    busy = make.bring(session, scheme, S.APPROVAL_REQUESTED)
    session.commit()
    found = assignments.lines(session, [scheme.holder.id, other.id])
    assert [line.problem is None for line in found] == [False, True, True, True]
    versions = {line.report.id: line.report.version for line in found}
    give = lambda rows, to=rival.id, key=None: assignments.assign_many(  # noqa: E731
        session, rows, to, actor=scheme.officer, key=key
    )
    with pytest.raises(PortalError) as caught:
        give(versions, None)
    assert [one.refusal for one in caught.value.problems] == [
        Refusal.REQUIRED,
        Refusal.ROWS_REFUSED,
        Refusal.VERIFIER_BUSY,
    ]
    assert scheme.holder.account.code in caught.value.problems[1].text("ja")
    ready = {key: value for key, value in versions.items() if key != busy.id}
    with pytest.raises(Stale):
        give({**ready, min(ready): 99})
    assert (give(ready, key="k1"), give(ready, key="k1")) == (3, 3)
    live = session.scalars(
        select(VerifierAssignment).where(
            VerifierAssignment.ended_at.is_(None), VerifierAssignment.verifier_id == rival.id
        )
    ).all()
    assert sorted(one.report_id for one in live) == sorted(ready)
    now = {line.report.id: line.report.version for line in assignments.lines(session, [other.id])}
    assert refused(lambda: give(now)) == [Refusal.VERIFIER_SAME]
    assert refused(lambda: give({})) == [Refusal.NOTHING_CHOSEN]


def test_listing_more_holders_costs_no_more_queries(session: Session, scheme: make.Scheme) -> None:
    ids = [scheme.holder.id, *(registration.holder(session).id for _ in range(3))]
    session.commit()

    def counted(chosen: list[int]) -> int:
        session.expire_all()
        seen: list[str] = []
        note = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(session.get_bind(), "before_cursor_execute", note)
        for line in assignments.lines(session, chosen):
            assert line.report.holder.label and line.unused is False
        event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(seen)

    counted(ids)  # what the first look loads besides is not asked about
    assert counted(ids) == counted(ids[:1]) <= 5


# SQLite lets one writer in at a time: there nobody waits for a row
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_verifier_that_waits_for_the_lock_finds_the_report_gone(
    engine: Engine, session: Session, database_kind: str
) -> None:
    """PostgreSQL looks again at the locked row only, not at the assignment that made it visible."""
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
        make.verify(session, scheme, report)
        rival, ids = registration.verifier(session).id, (report.id, scheme.v.id, scheme.officer.id)
    report_id, old_id, officer_id = ids
    answers: list[object] = []

    def ask() -> None:
        with make_session(engine) as own:
            try:
                run(
                    own,
                    lambda: verification.request_approval(own, report_id, actor=own.get_one(User, old_id)),
                )
                answers.append("approved")
            except PortalError as error:
                answers.append(error.refusal)

    with make_session(engine) as office, one_transaction(office):
        verifiers.assign(
            office,
            report_id,
            office.get_one(Verifier, rival).id,
            actor=office.get_one(User, officer_id),
            reason="交代",
        )
        office.flush()
        waiter = threading.Thread(target=ask)
        waiter.start()
        waiter.join(0.5)
        assert answers == []  # it waits
    waiter.join()
    assert answers == [Refusal.NOT_FOUND]
