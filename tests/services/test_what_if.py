"""What if I retire X and buy Y: a pure function of figures; doing it in the ledger gives the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from portal import clock
from portal.models import MovementKind, Period, ReportState
from portal.services.compliance import Compliance, Figures, lacking, status, what_if
from portal.services.figures import figures_of
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports
from tests.services.test_compliance import LAST_MOMENT, figures

units = st.integers(0, 20_000)


@given(units, units, st.none() | units)
def test_nothing_comes_from_nowhere(retire: int, buy: int, emitted: int | None) -> None:
    now = figures(target_emissions=emitted, held=8_500)
    then = what_if(now, LAST_MOMENT, retire=retire, buy=buy)
    assert then.held + then.retired == now.held + now.retired + buy
    assert lacking(then) == (max(0, retire - buy - 8_500), 0)
    assert (then.missing is None) == (emitted is None)
    assert what_if(now, LAST_MOMENT) == now


@given(units, units, units)
def test_more_retired_never_leaves_more_to_retire_or_to_keep(few: int, more: int, emitted: int) -> None:
    now = figures(target_emissions=emitted)
    less, much = (what_if(now, LAST_MOMENT, retire=n) for n in sorted((few, more)))
    assert (less.missing or 0) >= (much.missing or 0)
    assert less.reserve >= much.reserve


def test_what_would_be_retired_after_the_deadline_meets_no_target() -> None:
    now = figures(target_emissions=7_400)
    late = datetime(2015, 12, 1, tzinfo=clock.TOKYO)
    assert status(what_if(now, LAST_MOMENT, retire=7_400), LAST_MOMENT) is Compliance.MET
    then = what_if(now, late, retire=7_400)
    assert (then.missing, status(then, late)) == (0, Compliance.MISSED)


@pytest.mark.parametrize("wall", ["2015-11-20 10:00", "2015-12-10 10:00"])
def test_doing_it_gives_the_same_figures(session: Session, wall: str) -> None:
    """Eight plans, each from where the one before led, on the real ledger."""
    with one_transaction(session):
        made = trade.market(session)
        trade.move(session, made.a, MovementKind.TRANSFER, 1_500, made.trader.account.code)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    trade.at(wall)
    for buy, retire in ((0, 1), (400, 0), (1, 2_400), (99, 0), (0, 4_000), (1_000, 998), (0, 1), (0, 500)):
        now = read(session, made)
        then = what_if(now, clock.now(), retire=retire, buy=buy)
        with one_transaction(session):
            if buy:
                trade.move(session, made.t, MovementKind.TRANSFER, buy, made.holder.account.code)
            if retire:
                trade.move(session, made.a, MovementKind.RETIRE, retire, voluntary=True)
        done = read(session, made)
        assert done == then
        assert (done.movable, done.reserve, done.missing) == (then.movable, then.reserve, then.missing)
        assert status(done, clock.now()) is status(then, clock.now())


def read(session: Session, made: trade.Market) -> Figures:
    session.expire_all()
    return figures_of(session, made.holder)


def test_promised_units_cannot_be_retired() -> None:
    now = replace(figures(), promised=500)
    assert lacking(what_if(now, LAST_MOMENT, retire=8_000)) == (0, 0)
    assert lacking(what_if(now, LAST_MOMENT, retire=8_001)) == (1, 0)
    assert lacking(what_if(now, LAST_MOMENT, retire_jver=3)) == (0, 3)
