"""Two people at one report in the same moment, on both databases: one effect, the other is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import Refusal
from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    Event,
    FileKind,
    MailMessage,
    ReportFile,
    ReportState,
    User,
)
from portal.permissions import Role
from portal.services import report_files, reports, review_desk, reviews, verification
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import reports as made
from tests.services.test_races import at_once

S = ReportState
Work = Callable[..., object]
TOLD = {Refusal.WRONG_STATE, Refusal.STALE_PAGE}


class World:
    """A report in a state, the version that both pages show, and the people, as plain numbers."""

    def __init__(self, session: Session, state: S, *, asked_back: bool = False) -> None:
        with one_transaction(session):
            scheme = made.scheme(session)
            second = registration.office(session, Role.APPROVER)
            report = made.bring(session, scheme, state)
            if asked_back:
                reports.request_send_back(session, report.id, "差し替えたい", actor=scheme.a)
            session.flush()
            self.report, self.version = report.id, report.version
            self.people = {
                "a": scheme.a.id,
                "b": scheme.b.id,
                "v": scheme.v.id,
                "officer": scheme.officer.id,
                "approver": scheme.approver.id,
                "second": second.id,
            }
        session.rollback()

    def by(self, who: str, work: Work, *given: Any, **named: Any) -> Callable[[Session], str]:
        """``work`` of ``who``, from a page that shows the version of the start."""

        def act(session: Session) -> str:
            actor = session.get_one(User, self.people[who])
            work(session, self.report, *given, actor=actor, version=self.version, **named)
            return "done"

        return act


def outcome(engine: Engine, *acts: Callable[[Session], str]) -> list[object]:
    answers = at_once(engine, list(acts))
    assert answers.count("done") == 1, answers
    return [answer for answer in answers if answer != "done"]


def events(session: Session, report: int, *tags: EventTag) -> int:
    session.rollback()
    query = select(func.count(Event.id)).where(
        Event.subject_type == "emissions_report",
        Event.subject_id == report,
        Event.tag.in_([tag.value for tag in tags]),
    )
    return session.scalar(query) or 0


def test_of_approve_and_return_one_happens(engine: Engine, session: Session) -> None:
    world = World(session, S.UNDER_REVIEW)
    told = outcome(
        engine,
        world.by("approver", reviews.approve),
        world.by("second", reviews.return_to_verifier, "日付がない"),
    )
    assert set(told) <= TOLD
    session.rollback()
    report = session.get_one(EmissionsReport, world.report)
    assert (report.state is S.APPROVED) == (report.confirmed_emissions == 7_460)
    assert report.state in (S.APPROVED, S.VERIFICATION_REQUESTED)
    tags = EventTag.REPORT_APPROVED, EventTag.REPORT_RETURNED_TO_VERIFIER
    assert events(session, world.report, *tags) == 1


def test_a_review_that_four_start_at_once_starts_once(engine: Engine, session: Session) -> None:
    world = World(session, S.APPROVAL_REQUESTED)
    told = outcome(
        engine,
        *(world.by(who, reviews.start_review) for who in ("officer", "approver", "second", "officer")),
    )
    assert len(told) == 3 and set(told) <= TOLD
    assert events(session, world.report, EventTag.REVIEW_STARTED) == 1
    query = select(func.count(MailMessage.id)).where(MailMessage.kind == "review_started")
    readers = select(func.count(func.distinct(MailMessage.recipient))).where(
        MailMessage.kind == "review_started"
    )
    assert session.scalar(query) == session.scalar(readers)


def test_a_send_back_is_granted_or_declined(engine: Engine, session: Session) -> None:
    world = World(session, S.VERIFICATION_REQUESTED, asked_back=True)

    def grant(session: Session, report: int, **more: Any) -> object:
        return verification.grant_send_back(session, report, **more)

    told = outcome(
        engine, world.by("v", grant), world.by("v", verification.decline_send_back, "検証済みです")
    )
    assert set(told) <= TOLD
    tags = EventTag.SEND_BACK_GRANTED, EventTag.SEND_BACK_DECLINED
    assert events(session, world.report, *tags) == 1


def test_two_logins_of_a_holder_hand_in_or_register_not_both(engine: Engine, session: Session) -> None:
    world = World(session, S.NOT_SUBMITTED)
    told = outcome(
        engine,
        world.by("a", reports.request_verification),
        world.by("b", report_files.attach_file, "境界図.pdf", made.PDF),
    )
    assert set(told) <= TOLD | {Refusal.FILES_LOCKED}
    query = select(func.count(ReportFile.id)).where(ReportFile.kind == FileKind.ATTACHMENT)
    requested = events(session, world.report, EventTag.VERIFICATION_REQUESTED)
    assert requested + (session.scalar(query) or 0) == 1


def test_one_key_pressed_four_times_at_once_sends_one_question(engine: Engine, session: Session) -> None:
    world = World(session, S.UNDER_REVIEW)
    ask = world.by("officer", reviews.send_review_document, "期間は？", key="one-page-of-the-officer")
    assert at_once(engine, [ask] * 4) == ["done"] * 4
    assert events(session, world.report, EventTag.REVIEW_DOCUMENT_SENT) == 1


def test_one_report_has_one_person_in_charge(engine: Engine, session: Session) -> None:
    world = World(session, S.UNDER_REVIEW)
    told = outcome(engine, *(world.by(who, review_desk.take) for who in ("officer", "approver", "second")))
    assert told == [Refusal.CLERK_ALREADY] * 2
    assert events(session, world.report, EventTag.REPORT_CLERK_CHOSEN) == 1


@pytest.mark.parametrize("confirmers", [("approver", "second")])
def test_a_revocation_is_confirmed_once(
    engine: Engine, session: Session, confirmers: tuple[str, ...]
) -> None:
    world = World(session, S.APPROVED)
    with one_transaction(session):
        officer = session.get_one(User, world.people["officer"])
        row_id = reviews.propose_revocation(session, world.report, "計算の誤り", actor=officer).id
    session.rollback()

    def confirm(who: str) -> Callable[[Session], str]:
        def act(session: Session) -> str:
            actor = session.get_one(User, world.people[who])
            reviews.confirm_revocation(session, row_id, actor=actor)
            return "done"

        return act

    told = outcome(engine, *(confirm(who) for who in confirmers))
    assert set(told) <= TOLD
    assert events(session, world.report, EventTag.REVOCATION_CONFIRMED) == 1
    row = session.get_one(ApprovalRevocation, row_id)
    assert row.confirmed_by_id in [world.people[who] for who in confirmers]
