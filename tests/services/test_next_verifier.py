"""What a verifier takes over is its own work, and nothing of the one before (domain §4, safety 15)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, ReportState, User, Verifier
from portal.participant.report_words import sentence
from portal.services import (
    report_files,
    report_rules,
    report_views,
    reports,
    reviews,
    verification,
    verification_desk,
    verifiers,
)
from portal.services.audit import EventTag
from portal.services.report_lines import ReviewStatus
from portal.services.report_rules import Turn
from portal.services.report_timeline import TimeLineEntry
from tests.factories import registration
from tests.factories import reports as make

S = ReportState
#: words that only the verifier before, its holder and the office have to do with
BETWEEN_THEM = ("7月の検針票がない", "様式の印がない", "その必要はない")


@pytest.fixture
def scheme(session: Session) -> make.Scheme:
    made = make.scheme(session)
    session.commit()
    return made


def later() -> None:
    clock.set_time(clock.now() + timedelta(hours=1))


def taken_over(session: Session, scheme: make.Scheme) -> tuple[EmissionsReport, Verifier, User]:
    """Its first verifier returned it, verified it and sent it on; the office gave it back, another has it."""
    report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
    reports.request_send_back(session, report.id, "差し替えたい", actor=scheme.a)
    verification.decline_send_back(session, report.id, BETWEEN_THEM[2], actor=scheme.v)
    verification.return_to_holder(session, report.id, BETWEEN_THEM[0], actor=scheme.v)
    reports.request_verification(session, report.id, actor=scheme.a)
    make.verify(session, scheme, report)
    verification.request_approval(session, report.id, actor=scheme.v)
    later()
    reviews.return_to_verifier(session, report.id, BETWEEN_THEM[1], actor=scheme.officer)
    rival = registration.verifier(session)
    verifiers.assign(session, report.id, rival.id, actor=scheme.officer, reason="利益相反のおそれ")
    session.flush()
    return report, rival, rival.users[0]


def test_the_next_verifier_reads_nothing_that_the_one_before_did_or_was_told(
    session: Session, scheme: make.Scheme
) -> None:
    report, rival, new = taken_over(session, scheme)
    view = report_views.report_view(session, report.id, new)
    told = repr(
        [
            (sentence(entry, new), entry.actor_name, entry.actor_organisation, entry.reason, entry.facts)
            for entry in view.time_line
        ]
    )
    for word in (scheme.v.name, scheme.verifier.label, "利益相反", *BETWEEN_THEM):
        assert word not in told
    assert rival.label in told
    # the office returned another's paper: nothing was returned to this one
    assert view.returned_reason is None and view.returned_by is None
    assert [one.returned for one in verification_desk.look(session, new).rows] == [False]
    # holder and office keep the whole of it
    for reader in (scheme.a, scheme.officer):
        reasons = {entry.reason for entry in report_views.report_view(session, report.id, reader).time_line}
        assert set(BETWEEN_THEM) <= reasons


def test_a_return_by_the_verifier_before_is_no_word_to_the_next_one(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.VERIFICATION_REQUESTED)
    verification.return_to_holder(session, report.id, BETWEEN_THEM[0], actor=scheme.v)
    rival = registration.verifier(session)
    verifiers.assign(session, report.id, rival.id, actor=scheme.officer)
    session.flush()
    theirs = report_views.report_view(session, report.id, rival.users[0])
    assert theirs.returned_reason is None and theirs.returned_by is None
    assert EventTag.REPORT_RETURNED not in {entry.tag for entry in theirs.time_line}
    own = report_views.report_view(session, report.id, scheme.a)
    assert own.returned_reason == BETWEEN_THEM[0]


def test_a_file_that_was_taken_off_is_not_named_to_the_verifier(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.NOT_SUBMITTED)
    gone = report_files.attach_file(session, report.id, "別の会社の図.pdf", make.PDF, actor=scheme.a)
    report_files.attach_file(session, report.id, "境界図.pdf", make.PDF, actor=scheme.a)
    report_files.remove_attachment(session, gone.id, actor=scheme.a)
    session.flush()
    told = [entry.facts.get("filename") for entry in _line(session, report, scheme.v)]
    assert "境界図.pdf" in told and "別の会社の図.pdf" not in told
    assert "別の会社の図.pdf" in [entry.facts.get("filename") for entry in _line(session, report, scheme.a)]


def _line(session: Session, report: EmissionsReport, reader: User) -> tuple[TimeLineEntry, ...]:
    return report_views.report_view(session, report.id, reader).time_line


def test_a_verification_report_of_the_verifier_before_counts_for_nothing_and_says_so(
    session: Session, scheme: make.Scheme
) -> None:
    report, _rival, new = taken_over(session, scheme)
    view = report_views.report_view(session, report.id, scheme.a)
    assert view.verification is None
    assert [(row.current, row.replaced) for row in view.verifications] == [(False, True)]
    verification.register_verification(
        session, report.id, "検証.pdf", make.PDF, "unqualified", report.emissions, make.work(), actor=new
    )
    session.flush()
    view = report_views.report_view(session, report.id, scheme.a)
    assert [(row.current, row.replaced) for row in view.verifications] == [(False, True), (True, False)]
    assert view.verification == view.verifications[1]


def ask(session: Session, scheme: make.Scheme, report: EmissionsReport) -> None:
    reviews.send_review_document(session, report.id, "期間は？", actor=scheme.officer)
    session.flush()


def turns(session: Session, scheme: make.Scheme, report: EmissionsReport) -> tuple[Turn, bool]:
    """(whose turn it is, whether the verifier's desk shows a question): function and SQL alike."""
    session.expire(report)
    turn = report_rules.turn(report_rules.facts_of(report))
    for wanted in Turn:
        desk = verification_desk.look(session, scheme.v, verification_desk.Wanted(wanted))
        found = [row.question_open for row in desk.rows if row.id == report.id]
        if found:
            assert wanted is turn
            return turn, found[0]
    raise AssertionError


@pytest.mark.parametrize("way", ["returned", "revoked"])
def test_a_question_of_an_earlier_review_keeps_nobody_waiting(
    session: Session, scheme: make.Scheme, way: str
) -> None:
    report = make.bring(session, scheme, S.UNDER_REVIEW)
    ask(session, scheme, report)
    assert turns(session, scheme, report) == (Turn.VERIFIER, True)
    later()
    if way == "returned":
        reviews.return_to_verifier(session, report.id, "数値", actor=scheme.officer)
        session.flush()
        view = report_views.report_view(session, report.id, scheme.a)
        assert view.review_status is ReviewStatus.CLOSED
        make.verify(session, scheme, report)
        verification.request_approval(session, report.id, actor=scheme.v)
        reviews.start_review(session, report.id, actor=scheme.officer)
    else:
        reviews.approve(session, report.id, actor=scheme.approver)
        row = reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)
        reviews.confirm_revocation(session, row.id, actor=scheme.approver)
    session.flush()
    assert turns(session, scheme, report) == (Turn.SECRETARIAT, False)
    # asked anew, it waits again; answered, it does not
    ask(session, scheme, report)
    assert turns(session, scheme, report) == (Turn.VERIFIER, True)
    verification.answer_review(session, report.id, "暦月", actor=scheme.v)
    session.flush()
    assert turns(session, scheme, report) == (Turn.SECRETARIAT, False)
