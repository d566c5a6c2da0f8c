"""Taking an approval back: while nothing rests on the figure, told once, and to everybody (domain §4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, Refused
from portal.extensions import make_session
from portal.models import EmissionsReport, Event, MailMessage, Period, Phase, PublicationSubject, ReportState
from portal.services import (
    case_files,
    deadline,
    jobs,
    publication_watch,
    publications,
    queues,
    reports,
    reviews,
    timeline,
    verification,
)
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import reports as make
from tests.participant.visitor import Visitor, words

S = ReportState


@pytest.fixture
def scheme(session: Session) -> make.Scheme:
    made = make.scheme(session)
    session.commit()
    return made


def mails(session: Session, kind: str) -> list[MailMessage]:
    return list(session.scalars(select(MailMessage).where(MailMessage.kind == kind)))


def night(session: Session, work: Any) -> Any:
    session.commit()
    done = work(jobs.Work(0, {}, lambda: make_session(session.get_bind()), 1))  # type: ignore[arg-type]
    session.expire_all()
    return done


def revoke(session: Session, scheme: make.Scheme, report: EmissionsReport) -> None:
    row = reviews.propose_revocation(session, report.id, "検針の誤り", actor=scheme.officer)
    reviews.confirm_revocation(session, row.id, actor=scheme.approver)
    session.flush()


def approve_again(session: Session, scheme: make.Scheme, report: EmissionsReport, tonnes: int) -> None:
    """Back to the holder, who mends its figure, and through again."""
    reviews.return_to_verifier(session, report.id, "数値", actor=scheme.officer)
    verification.return_to_holder(session, report.id, "数値", actor=scheme.v)
    make.register(session, report, tonnes, actor=scheme.a)
    reports.request_verification(session, report.id, actor=scheme.a)
    checked = replace(make.work(), confirmed=True)
    verification.register_and_request(
        session, report.id, "検証.pdf", make.PDF, "unqualified", tonnes, checked, actor=scheme.v
    )
    reviews.start_review(session, report.id, actor=scheme.officer)
    reviews.approve(session, report.id, actor=scheme.approver)
    session.flush()


@pytest.mark.parametrize("in_time", [True, False])
def test_only_a_record_that_rests_on_the_figure_keeps_it(
    session: Session, scheme: make.Scheme, in_time: bool
) -> None:
    day = scheme.holder.phase.rules[-1].retirement_deadline
    report = make.bring(session, scheme, S.APPROVED if in_time else S.UNDER_REVIEW, Period.TARGET)
    if in_time:
        make.at(f"{day} 23:59:59.999999")
        row = reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)
        assert reviews.revocation_problem(session, report) is None
        # the date decides, whether or not the night's record is made yet
        make.at(f"{day + timedelta(days=1)} 00:00")
        with pytest.raises(Refused) as raised:
            reviews.confirm_revocation(session, row.id, actor=scheme.approver)
        assert [one.refusal for one in raised.value.problems] == [Refusal.REVOKE_RETIRED]
        reviews.withdraw_revocation(session, row.id, actor=scheme.officer)
        with pytest.raises(Refused):
            reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)
    make.at(f"{day + timedelta(days=1)} 03:00")
    assert night(session, deadline.freeze_compliance)["frozen"] == 1
    if in_time:
        with pytest.raises(Refused):
            reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)
        return
    make.at(f"{day + timedelta(days=10)} 10:00")
    reviews.approve(session, report.id, actor=scheme.approver)
    assert reviews.revocation_problem(session, report) is None
    phase = session.get_one(Phase, scheme.holder.phase_id)
    phase.closed_at = clock.now()
    session.flush()
    assert reviews.revocation_problem(session, report) is not None
    phase.closed_at = None
    revoke(session, scheme, report)
    assert report.state is S.UNDER_REVIEW and report.confirmed_emissions is None


def test_a_withdrawn_revocation_is_told_and_stays_on_the_reports_page(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, S.APPROVED)
        row = reviews.propose_revocation(session, report.id, "誤り", actor=scheme.officer)
        reviews.withdraw_revocation(session, row.id, actor=scheme.officer, reason="誤りではなかった")
    told = mails(session, "proposal_withdrawn")
    assert scheme.approver.email in {mail.recipient for mail in told}
    assert all("誤りではなかった" in mail.body and "承認の取消し" in mail.body for mail in told)
    with one_transaction(session):
        revoke(session, scheme, session.get_one(EmissionsReport, report.id))
    page = Clerk(app, session, "viewer").get(f"/admin/report/details/?id={report.id}").text
    line = page.split('id="log"', 1)[1]
    assert "承認の取消しの起案を取り下げました" in line
    assert line.count("承認を取り消しました") == 1


def test_a_revocation_is_one_thing_in_case_file_and_in_the_holders_events(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.APPROVED)
    revoke(session, scheme, report)
    case = case_files.gather(session, report.id, actor=scheme.viewer)
    tag = EventTag.REVOCATION_CONFIRMED.value
    assert [event.tag for event in case.events].count(tag) == 1
    assert EventTag.REVOCATION_PROPOSED.value in {event.tag for event in case.events}
    found = timeline.own_events(session, scheme.a, size=100).happenings
    assert [one.event.tag for one in found if one.event is not None].count(tag) == 1


def test_each_approval_in_the_holders_events_says_its_own_figure(app: Flask, session: Session) -> None:
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, S.APPROVED)
        revoke(session, scheme, report)
        approve_again(session, scheme, report, 7_300)
        login = scheme.a.login_id
    page = words(Visitor(app, login).get("/events"))
    assert page.count("排出量が7,460 t-CO2に確定しました") == 1
    assert page.count("排出量が7,300 t-CO2に確定しました") == 1


def published(session: Session, scheme: make.Scheme) -> Any:
    row = publications.propose(
        session, scheme.holder.phase_id, PublicationSubject.EMISSIONS, actor=scheme.officer
    )
    session.flush()
    publications.release(session, row.id, actor=scheme.approver)
    session.flush()
    return row


def waits(session: Session) -> int:
    kind = queues.QueueKind.PUBLICATIONS_OUTDATED
    return next(one.count for one in queues.queues(session) if one.kind is kind)


def test_a_public_table_that_the_record_leaves_behind_is_told_once_and_waits(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.APPROVED)
    row = published(session, scheme)
    assert waits(session) == 0
    revoke(session, scheme, report)
    assert row.differs_since is not None and waits(session) == 1
    told = mails(session, "publication_outdated")
    # not whoever took the approval back
    assert scheme.officer.email in {mail.recipient for mail in told}
    assert night(session, publication_watch.compare_publications) == {"differ": 1}
    assert len(mails(session, "publication_outdated")) == len(told)
    events = select(Event).where(Event.tag == EventTag.PUBLICATION_OUTDATED.value)
    assert len(session.scalars(events).all()) == 1
    # the same figure approved again: the table is true again
    reviews.approve(session, report.id, actor=scheme.approver)
    assert night(session, publication_watch.compare_publications) == {"differ": 0}
    assert row.differs_since is None and waits(session) == 0


def test_the_lists_of_the_office_show_what_differs(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        scheme = make.scheme(session)
        report = make.bring(session, scheme, S.APPROVED)
        published(session, scheme)
        revoke(session, scheme, report)
    clerk = Clerk(app, session, "viewer")
    page = clerk.get("/admin/publication/differing/").text
    assert "記録と違ってきています" in page
    assert "記録と違ってきた公表" in clerk.get("/admin/").text


def test_whoever_stands_in_a_table_is_told_that_it_is_replaced_or_ended(
    session: Session, scheme: make.Scheme
) -> None:
    report = make.bring(session, scheme, S.APPROVED)
    published(session, scheme)
    revoke(session, scheme, report)
    approve_again(session, scheme, report, 7_300)
    row = published(session, scheme)
    first, second = [m for m in mails(session, "publication_released") if m.recipient == scheme.a.email]
    assert "差し替え" not in first.body and "差し替え" in second.body
    publications.end(session, row.id, "計画の見直し", actor=scheme.approver)
    (ended,) = mails(session, "publication_ended")
    assert ended.recipient == scheme.a.email and "計画の見直し" not in ended.body


def test_who_was_told_what_to_retire_is_told_that_it_is_open_again(
    app: Flask, session: Session, scheme: make.Scheme
) -> None:
    make.bring(session, scheme, S.APPROVED)
    report = make.bring(session, scheme, S.APPROVED, Period.TARGET)
    revoke(session, scheme, report)
    a, b = scheme.a.id, scheme.b.id
    logins = scheme.a.login_id, scheme.b.login_id
    told = {one.user_id: one.body for one in mails(session, "approval_revoked")}
    session.commit()
    assert "未定に戻りました" in told[a]
    # login B, the verifier and the office read of the report alone
    assert [who for who, body in told.items() if "償却" in body] == [a] and b in told
    home = Visitor(app, logins[0]).get("/home")
    assert "償却が必要な量は未定に戻りました" in words(home)
    assert "算定報告書は、事務局の承認を待っています。" in words(home) and "/reports/target" in home.text
    assert "償却" not in words(Visitor(app, logins[1]).get("/home"))
