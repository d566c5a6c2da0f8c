"""A class's totals are one reckoning: ledger head, closing and public page say the same, and it adds up."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.models import (
    AccountAction,
    Holding,
    LedgerTransaction,
    MovementKind,
    Period,
    PublicationState,
    PublicationSubject,
    ReportState,
    UnitClass,
)
from portal.services import issuance, phase_closings, publications, unit_totals
from portal.services.publication_content import content_of, units_of
from portal.services.transaction import one_transaction
from portal.services.unit_totals import UnitTotals
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.factories import settlement as make

ALLOWANCES = PublicationSubject.ALLOWANCES
CANCEL, OFFSET, RETIRE, TRANSFER = (
    MovementKind.CANCEL,
    MovementKind.OFFSET,
    MovementKind.RETIRE,
    MovementKind.TRANSFER,
)
#: the day on whose end the tables are made, and the first day after it
DAY, NEXT = date(2015, 12, 10), "2015-12-11 09:00"


@pytest.fixture
def market(session: Session) -> trade.Market:
    """Everything that may happen to units: 8,500 issued, 1,500 of them banked into phase 3; jVER too."""
    with one_transaction(session):
        made = trade.market(session)
        registration.phase(session, 3)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 5_000)
        trade.at("2015-11-20 10:00")
        trade.move(session, made.a, RETIRE, 5_000)
        trader, own = made.trader.account.code, made.holder.account.code
        trade.move(session, made.a, TRANSFER, 900, trader)
        trade.undo(session, made, trade.move(session, made.a, TRANSFER, 77, trader).transaction)
        trade.move(session, made.t, TRANSFER, 100, own)
        trade.move(session, made.t, CANCEL, 7)
        trade.move(session, made.t, OFFSET, 5)
        for units, wrong in ((310, False), (41, True)):
            jver = trade.jver(session, made, made.trader.account, units)
            if wrong:
                trade.undo(session, made, jver.transaction)
        trade.at("2015-12-10 10:00")
        trade.carry_over(session, made, 1_500)
        trade.at(NEXT)
    return made


def out_of_nowhere(session: Session, market: trade.Market) -> None:
    """One unit of the phase too much in the trader's account."""
    of_phase = select(Holding).join(UnitClass).where(UnitClass.phase_id == market.holder.phase_id)
    row = session.scalars(of_phase.where(Holding.account_id == market.trader.account.id)).one()
    row.quantity += 1


BEFORE = UnitTotals(
    issued=8_500,
    carried_out=1_500,
    held=1_988,
    retired=5_000,
    cancelled=7,
    offset=5,
    transferred=1_000,
)
AFTER = UnitTotals(carried_in=1_500, held=1_500, transferred=0)
JVER = UnitTotals(issued=310, held=310, transferred=0)


def head(session: Session) -> list[UnitTotals]:
    return [one.totals for one in unit_totals.every_class(session)]


def public(session: Session, phase: Any, day: date = DAY) -> list[UnitTotals]:
    return [units_of(one) for one in content_of(session, phase, ALLOWANCES, day)["sums"]["units"]]


def test_ledger_head_closing_and_public_page_say_the_same_after_a_carry_over(
    session: Session, market: trade.Market
) -> None:
    phase = market.holder.phase
    assert head(session) == [replace(one, transferred=None) for one in (BEFORE, AFTER, JVER)]
    assert all(one.adds_up for one in head(session))
    assert public(session, phase) == [BEFORE, JVER]
    closing = asdict(phase_closings.totals(session, phase))
    assert UnitTotals(**{name: closing[name] for name in asdict(BEFORE)}) == BEFORE
    third = next(one.unit_class.phase for one in unit_totals.every_class(session) if one.totals.carried_in)
    assert third is not None and public(session, third) == [AFTER, JVER]
    closing = asdict(phase_closings.totals(session, third))
    assert {name: closing[name] for name in asdict(AFTER)} == asdict(AFTER)


def test_the_totals_of_a_day_are_those_of_its_end_and_stay_so(session: Session, market: trade.Market) -> None:
    phase = market.holder.phase
    eve = replace(BEFORE, carried_out=0, held=BEFORE.held + 1_500)
    before = public(session, phase, date(2015, 12, 9))
    assert before == [eve, JVER] and all(one.adds_up for one in before)
    with one_transaction(session):
        trade.move(session, market.t, TRANSFER, 3, market.holder.account.code)
        trade.move(session, market.t, CANCEL, 2)
    assert public(session, phase) == [BEFORE, JVER]
    assert head(session)[0] == replace(BEFORE, held=1_986, cancelled=9, transferred=None)


def test_a_table_is_released_while_the_phase_lives_on(session: Session, market: trade.Market) -> None:
    phase_id = market.holder.phase_id
    with one_transaction(session):
        trade.at("2015-12-10 09:00")
        leaving = registration.trader(session).account
        trade.at(NEXT)
        row = publications.propose(session, phase_id, ALLOWANCES, actor=market.officer, day=DAY)
    assert row.content["sums"]["trading_accounts"] == 2
    trade.at("2015-12-15 09:00")
    with one_transaction(session):
        trade.move(session, market.t, TRANSFER, 3, market.holder.account.code)
        registration.trader(session)
        trade.take(session, market, leaving, AccountAction.CLOSE)
        assert publications.release_problems(session, row, market.approver) == []
        publications.release(session, row.id, actor=market.approver)
    assert row.state is PublicationState.RELEASED and row.content["as_of"] == DAY.isoformat()


def test_a_company_that_was_renamed_makes_the_day_read_otherwise(
    session: Session, market: trade.Market
) -> None:
    with one_transaction(session):
        row = publications.propose(session, market.holder.phase_id, ALLOWANCES, actor=market.officer)
        market.holder.representative.name = "みほん新社名株式会社"
        session.flush()
        assert publications.outdated(session, row)


def test_a_day_that_is_not_over_is_not_published(session: Session, market: trade.Market) -> None:
    with pytest.raises(PortalError) as raised, one_transaction(session):
        today = date(2015, 12, 11)
        publications.propose(session, market.holder.phase_id, ALLOWANCES, actor=market.officer, day=today)
    assert [one.refusal for one in raised.value.problems] == [Refusal.PUBLICATION_DAY_OPEN]


def test_a_proposal_older_than_its_term_is_not_released(session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        row = publications.propose(session, market.holder.phase_id, ALLOWANCES, actor=market.officer)
    trade.at("2015-12-25 09:00")
    found = publications.release_problems(session, row, market.approver)
    assert [one.refusal for one in found] == [Refusal.PROPOSAL_EXPIRED]


def test_units_that_appear_from_nowhere_are_seen_and_nothing_is_published_on_them(
    session: Session, market: trade.Market
) -> None:
    out_of_nowhere(session, market)
    session.flush()
    first = head(session)[0]
    assert (first.came, first.elsewhere, first.adds_up) == (7_000, 7_001, False)
    with pytest.raises(PortalError) as raised:
        publications.propose(session, market.holder.phase_id, ALLOWANCES, actor=market.officer)
    assert [one.refusal for one in raised.value.problems] == [Refusal.TOTALS_NOT_EVEN]
    session.rollback()


# ---- closing asks the books


def standing(session: Session, market: trade.Market) -> list[Refusal]:
    found = phase_closings.closing_problems(session, market.holder.phase)
    return [one.refusal for one in found]


def test_a_phase_is_closed_only_on_books_that_were_compared_after_its_last_posting(session: Session) -> None:
    with one_transaction(session):
        market = make.over(session)
    assert standing(session, market) == []
    with one_transaction(session):
        trade.at("2016-02-02 10:00")
        number = session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id.desc())).first()
        assert number is not None
        trade.undo(session, market, number)
    assert standing(session, market) == [Refusal.CLOSING_NOT_COMPARED]
    with one_transaction(session):
        jver = issuance.propose_jver(
            session, market.trader.account.code, 3, "申請", key="j", actor=market.officer
        )
        make.compare(session)
        trade.confirmed(session, market, jver)
    assert standing(session, market) == [], "a posting of other units asks for no other comparison"
    out_of_nowhere(session, market)
    make.compare(session)
    assert standing(session, market) == [Refusal.BOOKS_DISAGREE, Refusal.TOTALS_NOT_EVEN]
    session.rollback()
