"""Retirement counts by its moment: what comes after the deadline meets no target (domain §5)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from portal import clock
from portal.models import LedgerTransaction, MovementKind, Period, ReportState
from portal.services import boards, positions
from portal.services.boards import Outlook
from portal.services.compliance import Compliance, Figures, status
from portal.services.figures import figures_for, figures_of
from tests.factories import allowances as make
from tests.factories import reports

RETIRE = MovementKind.RETIRE


@pytest.fixture
def market(session: Session) -> make.Market:
    """7,000 t-CO2 approved, 6,000 retired before the deadline."""
    made = make.market(session)
    reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_000)
    make.at("2015-11-20 10:00")
    make.move(session, made.a, RETIRE, 6_000)
    return made


def now(session: Session, market: make.Market) -> tuple[Figures, Compliance]:
    session.expire_all()
    figures = figures_of(session, market.holder)
    return figures, status(figures, clock.now())


def undo(session: Session, market: make.Market, transaction: int) -> None:
    make.undo(session, market, session.get_one(LedgerTransaction, transaction))


@pytest.mark.parametrize(
    ("wall", "late", "standing", "outlook"),
    [
        ("2015-11-30 23:59", 0, Compliance.MET, Outlook.MET),
        ("2015-12-01 00:00", 1_000, Compliance.MISSED, Outlook.MISSED),
    ],
)
def test_the_last_moment_of_the_deadline_day_divides_in_time_from_late(
    session: Session, market: make.Market, wall: str, late: int, standing: Compliance, outlook: Outlook
) -> None:
    make.at(wall)
    make.move(session, market.a, RETIRE, 1_000)
    make.at("2015-12-10 10:00")
    figures, found = now(session, market)
    assert (figures.missing, figures.reserve, figures.late_jaa, found) == (0, 0, late, standing)
    assert boards.outlook(figures) is outlook
    board = boards.phase_board(session, market.holder.phase)
    assert [one.outlook for one in board.standings] == [outlook]
    assert board.progress.met == (1 if outlook is Outlook.MET else 0)


def test_a_correction_counts_back_its_original_at_its_moment(session: Session, market: make.Market) -> None:
    make.move(session, market.a, RETIRE, 1_000)
    make.at("2015-12-05 10:00")
    assert now(session, market)[1] is Compliance.MET
    undo(session, market, 3)
    figures, found = now(session, market)
    assert (figures.retired, figures.retired_in_time, found) == (6_000, 6_000, Compliance.MISSED)
    late = make.move(session, market.a, RETIRE, 1_000)
    assert late.transaction is not None
    assert now(session, market)[0].late_jaa == 1_000
    undo(session, market, late.transaction.id)
    figures, _found = now(session, market)
    assert (figures.retired, figures.late_jaa) == (6_000, 0)


def test_a_past_day_knows_only_what_was_late_until_then(session: Session, market: make.Market) -> None:
    make.at("2015-12-05 10:00")
    make.move(session, market.a, RETIRE, 600)
    make.at("2015-12-07 10:00")
    make.move(session, market.a, RETIRE, 400)
    make.at("2015-12-10 10:00")
    days = (date(2015, 11, 25), date(2015, 12, 6), date(2015, 12, 10))
    found = [positions.figures_as_of(session, market.holder, day) for day in days]
    assert [one.late_jaa for one in found] == [0, 600, 1_000]
    assert [one.retired_in_time for one in found] == [6_000] * 3


def test_nobody_asked_for_needs_no_query_of_a_phase(session: Session) -> None:
    assert figures_for(session, []) == {}
