"""One official answer to "did this holder comply": board, public page, closing and record say the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Refusal
from portal.models import (
    ComplianceSnapshot,
    Event,
    LedgerTransaction,
    MailMessage,
    MovementKind,
    Period,
    PublicationSubject,
    ReportState,
    UnitClass,
    UnitType,
    User,
)
from portal.permissions import Role
from portal.services import boards, compliance_records, issuance, phase_closings, reviews
from portal.services.audit import EventTag
from portal.services.boards import Outlook
from portal.services.compliance import Compliance, status
from portal.services.figures import figures_for, figures_of
from portal.services.publication_content import content_of
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports
from tests.factories import settlement as make
from tests.services.test_races import at_once

#: the last moment that counts, and the first that does not
IN_TIME, LATE = "2015-11-30 23:59:59.999", "2015-12-01 00:00"
#: approved and retired, each in time or late; corrected never, on the last day, before or after the night
DONE = ("in time", "late")
CORRECTED = ("never", "in time", "before the night", "after the night")
RETIRE = MovementKind.RETIRE


@pytest.fixture
def market(session: Session) -> Iterator[trade.Market]:
    """8,500 JAA issued; the target-year figure 7,400 waits for its approval since before the deadline."""
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.UNDER_REVIEW, Period.TARGET, 7_400)
    yield made
    session.rollback()


def approve(session: Session, market: trade.Market, wall: str) -> None:
    trade.at(wall)
    report = market.scheme.report(Period.TARGET)
    reviews.approve(session, report.id, actor=market.scheme.approver)


def retire(session: Session, market: trade.Market, wall: str, quantity: int = 7_400) -> LedgerTransaction:
    trade.at(wall)
    made = trade.move(session, market.a, RETIRE, quantity, voluntary=True)
    assert made.transaction is not None
    return made.transaction


def correct(session: Session, market: trade.Market, wrong: LedgerTransaction, wall: str) -> None:
    trade.at(wall)
    trade.undo(session, market, wrong)


def records(session: Session, market: trade.Market) -> list[ComplianceSnapshot]:
    return list(compliance_records.records_of(session, market.holder.id))


def everywhere(session: Session, market: trade.Market) -> set[str]:
    """What each place says of the holder now."""
    session.flush()
    session.expire_all()
    phase = market.holder.phase
    figures = figures_of(session, market.holder)
    (row,) = content_of(session, phase, PublicationSubject.ALLOWANCES, clock.today())["rows"]
    (standing,) = boards.phase_board(session, phase).standings
    found = {
        compliance_records.official(session, {market.holder.id: figures})[market.holder.id].value,
        status(figures, clock.now()).value,
        row["standing"],
        {Outlook.MET: "met", Outlook.MISSED: "missed"}[standing.outlook],
    }
    kept = records(session, market)
    if kept:
        totals = phase_closings.totals(session, phase)
        found |= {kept[-1].status, "met" if (totals.met, totals.missed) == (1, 0) else "missed"}
    return found


def test_every_place_says_the_same_in_every_order_of_acts(session: Session, market: trade.Market) -> None:
    tried = 0
    for approved, retired, corrected in itertools.product(DONE, DONE, CORRECTED):
        if retired == "late" and corrected == "in time":
            continue
        if approved == "late" and corrected not in ("never", "after the night"):
            continue  # missed either way
        point = session.begin_nested()
        complied = approved == retired == "in time" and corrected == "never"
        if approved == "in time":
            approve(session, market, IN_TIME)
        if retired == "in time":
            wrong = retire(session, market, IN_TIME)
            if corrected == "in time":
                correct(session, market, wrong, IN_TIME)
        if approved == "late":
            approve(session, market, LATE)
        if retired == "late":
            wrong = retire(session, market, LATE)
        if corrected == "before the night":
            correct(session, market, wrong, "2015-12-01 01:00")
        case = (approved, retired, corrected)
        before = approved == retired == "in time" and corrected in ("never", "after the night")
        trade.at("2015-12-01 02:00")
        if corrected != "in time":  # nobody has a record yet
            assert everywhere(session, market) == {"met" if before else "missed"}, case
        trade.at("2015-12-01 03:00")
        make.night(session)
        if corrected == "after the night":
            assert everywhere(session, market) == {"met" if before else "missed"}, case
            correct(session, market, wrong, "2015-12-10 10:00")
        assert everywhere(session, market) == {"met" if complied else "missed"}, case
        make.night(session)
        again = retired == "in time" and corrected in ("before the night", "after the night")
        assert len(records(session, market)) == (2 if again else 1), case
        point.rollback()
        session.expire_all()
        tried += 1
    assert tried == 11


@pytest.fixture
def complied(session: Session, market: trade.Market) -> LedgerTransaction:
    """Approved and retired in time, and frozen so; the retirement."""
    with one_transaction(session):
        approve(session, market, "2015-11-20 10:00")
        wrong = retire(session, market, IN_TIME)
        trade.at("2015-12-01 03:00")
        make.night(session)
    return wrong


def test_a_correction_after_the_record_freezes_another_beside_it_and_tells_once(
    session: Session, market: trade.Market, complied: LedgerTransaction
) -> None:
    with one_transaction(session):
        correct(session, market, complied, "2015-12-10 10:00")
    first, second = records(session, market)
    assert (first.number, first.status, first.retired, first.missing) == (1, "met", 7_400, 0)
    assert (second.number, second.status, second.retired, second.missing) == (2, "missed", 0, 7_400)
    assert (first.held, second.held, second.target_emissions) == (1_100, 8_500, 7_400)
    for _night in range(2):
        with one_transaction(session):
            make.night(session)
    assert len(records(session, market)) == 2
    tag = EventTag.COMPLIANCE_PUT_RIGHT.value
    assert session.scalar(select(func.count()).where(Event.tag == tag)) == 1
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "compliance_put_right")).all()
    readers = {mail.recipient for mail in mails}
    assert len(mails) == len(readers) and market.a.email in readers and market.b.email not in readers
    assert market.approver.email not in readers, "who confirmed it knows"
    assert market.scheme.approver.email in readers
    (told,) = [mail.body for mail in mails if mail.recipient == market.a.email]
    assert "「遵守」から「期限超過・未遵守」" in told and "第2号" in told and "7,400" in told


def test_what_leaves_the_record_as_it_was_freezes_nothing(
    session: Session, market: trade.Market, complied: LedgerTransaction
) -> None:
    with one_transaction(session):
        late = retire(session, market, "2015-12-05 10:00", 100)
        correct(session, market, late, "2015-12-06 10:00")
        moved = trade.move(session, market.a, MovementKind.TRANSFER, 10, market.trader.account.code)
        assert moved.transaction is not None
        correct(session, market, moved.transaction, "2015-12-07 10:00")
        make.night(session)
    assert len(records(session, market)) == 1


def test_a_second_correction_makes_a_third_record(session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        approve(session, market, "2015-11-20 10:00")
        parts = [retire(session, market, IN_TIME, units) for units in (7_000, 400, 50)]
        trade.at("2015-12-01 03:00")
        make.night(session)
        for place, wrong in enumerate(reversed(parts)):
            correct(session, market, wrong, f"2015-12-1{place} 10:00")
    found = [(one.number, one.status, one.retired) for one in records(session, market)]
    assert found == [(1, "met", 7_450), (2, "met", 7_400), (3, "missed", 7_000), (4, "missed", 0)]


def test_a_correction_between_the_deadline_and_a_late_night_is_found_by_that_night(
    session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        approve(session, market, "2015-11-20 10:00")
        correct(session, market, retire(session, market, IN_TIME), "2015-12-03 10:00")
        assert everywhere(session, market) == {"missed"}
        trade.at("2016-01-20 03:00")
        make.night(session)
    assert [(one.number, one.status) for one in records(session, market)] == [(1, "met"), (2, "missed")]


def test_a_reserve_is_free_though_the_figure_was_approved_late(
    session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        retire(session, market, IN_TIME)
        approve(session, market, LATE)
    figures = figures_of(session, market.holder)
    assert (figures.approved_late, figures.missing, figures.reserve) == (True, 0, 0)
    assert status(figures, clock.now()) is Compliance.MISSED


def test_in_time_jver_of_a_closed_phase_are_not_taken_back(session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        approve(session, market, "2015-11-20 10:00")
        made = issuance.propose_jver(
            session, market.holder.account.code, 400, "申請", key="jver", actor=market.officer
        )
        issuance.confirm(session, made.id, version=made.version, actor=market.approver)
        retire(session, market, IN_TIME, 7_000)
        units = session.scalars(select(UnitClass.id).where(UnitClass.unit_type == UnitType.JVER)).one()
        jver = trade.allowances.Request(kind=RETIRE, quantity="400", unit_class_id=units)
        wrong = trade.allowances.move(session, jver, key="retire-jver", actor=market.a).transaction
        assert wrong is not None
        trade.at(make.OVER)
        make.freeze(session)
        make.closed(session, market)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        correct(session, market, wrong, "2016-02-02 10:00")
    assert [one.refusal for one in raised.value.problems] == [Refusal.PHASE_CLOSED]
    assert everywhere(session, market) == {"met"}


def test_figures_put_right_are_of_the_moment_and_those_of_then_are_not(
    session: Session, market: trade.Market, complied: LedgerTransaction
) -> None:
    with one_transaction(session):
        correct(session, market, complied, "2015-12-10 10:00")
    moment = clock.end_of_day(figures_of(session, market.holder).deadline)
    ids = [market.holder.id]
    then = figures_for(session, ids, at=moment)[market.holder.id]
    right = figures_for(session, ids, at=moment, put_right=True)[market.holder.id]
    assert (then.retired, then.held, right.retired, right.held) == (7_400, 1_100, 0, 8_500)
    assert figures_for(session, ids, at=moment - timedelta(days=1), put_right=True)[ids[0]].held == 8_500


def test_login_b_and_verifiers_are_told_nothing_of_it(
    session: Session, market: trade.Market, complied: LedgerTransaction
) -> None:
    with one_transaction(session):
        correct(session, market, complied, "2015-12-10 10:00")
    office = {Role.OFFICER, Role.APPROVER, Role.VIEWER}
    told = select(User.role).join(MailMessage, MailMessage.user_id == User.id)
    roles = set(session.scalars(told.where(MailMessage.kind == "compliance_put_right")))
    assert Role.HOLDER_A in roles <= office | {Role.HOLDER_A}


def test_a_correction_that_races_with_the_nights_is_recorded_and_told_once(
    engine: Engine, session: Session, market: trade.Market, complied: LedgerTransaction
) -> None:
    trade.at("2015-12-10 10:00")
    with one_transaction(session):
        made = issuance.propose_correction(session, complied.id, "誤り", key="race", actor=market.officer)
        number, approver = made.id, market.approver.id
    session.rollback()

    def confirm(own: Session) -> str:
        issuance.confirm(own, number, version=1, actor=own.get_one(User, approver))
        return "done"

    def night(own: Session) -> str:
        make.night(own)
        return "night"

    assert at_once(engine, [night, confirm, night]) == ["night", "done", "night"]
    for _night in range(2):
        make.night(session)
    assert [(one.number, one.status) for one in records(session, market)] == [(1, "met"), (2, "missed")]
    told = select(func.count()).where(MailMessage.kind == "compliance_put_right")
    assert session.scalar(told.where(MailMessage.user_id == market.a.id)) == 1
