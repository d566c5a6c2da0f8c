"""A phase whose holders wait for their issue, and one whose time is over: for batches and closings."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from portal import clock
from portal.models import Holder, IssueBatch, Period, Phase, ReportState, User
from portal.services import (
    book_checks,
    deadline,
    issue_batches,
    jobs,
    lapses,
    phase_closings,
    second_book,
    targets,
)
from portal.services.demo.assigning import assign_holder
from tests.factories import allowances, reports
from tests.factories import registration as make
from tests.factories.replayed import replayed

#: after the banking window of the factories' phase
OVER = "2016-02-01 10:00"


@dataclass
class Cohort:
    """The market (base 10,000 − target 1,500) and two more holders of its phase."""

    market: allowances.Market
    second: Holder
    third: Holder

    @property
    def officer(self) -> User:
        return self.market.officer

    @property
    def approver(self) -> User:
        return self.market.approver

    @property
    def phase(self) -> Phase:
        return self.market.holder.phase

    @property
    def quantities(self) -> dict[int, int]:
        """What the table shows of those to whom can be issued: units by holder."""
        return {self.market.holder.id: 8_500, self.second.id: 40}


@replayed
def cohort(session: Session) -> Cohort:
    """On 8 April 2014: nothing issued; the second may get 40, the third has no confirmed figure."""
    market = allowances.market(session, issued=False)
    reports.at(reports.WHEN[Period.BASE])
    second, third = make.holder(session), make.holder(session)
    known = market.scheme
    small = reports.Scheme(second, known.verifier, known.officer, known.approver, known.viewer)
    assign_holder(session, second.id, known.verifier.id, actor=known.officer)
    reports.bring(session, small, ReportState.APPROVED, Period.BASE, 100)
    for holder, promised in ((second, 60), (third, 7)):
        target = targets.propose_target(session, holder.id, promised, actor=market.officer)
        targets.confirm_target(session, target.id, actor=market.approver)
    allowances.at("2014-04-08 09:00")
    return Cohort(market, second, third)


def batch(session: Session, made: Cohort, *, actor: User | None = None, key: str = "") -> IssueBatch:
    """The issue to both who may get one, proposed by the officer."""
    return issue_batches.propose(
        session,
        made.phase.id,
        made.quantities,
        key=key or secrets.token_hex(8),
        actor=actor or made.officer,
    )


def freeze(session: Session) -> None:
    """What the worker does in the night after the deadline: records are frozen, the books compared."""
    night(session)
    compare(session)


def night(session: Session) -> None:
    """Freeze what is due, and look again."""
    for due in deadline._passed(session):
        deadline._freeze(session, due, deadline._not_frozen(session, due))
        deadline._look_again(session, due, deadline._frozen(session, due))


def lapse(session: Session) -> None:
    """Fourteen days go by, and the night lets go what nobody confirmed."""
    clock.step(timedelta(days=14))
    session.flush()
    for step in lapses.STEPS:
        step(session)


def compare(session: Session) -> None:
    """What the worker does when it compares the books."""
    session.flush()
    night = jobs.Work(0, {}, lambda: session, 1)
    book_checks._keep(session, night, second_book.compare(session), seen=0, began=clock.now())


@replayed
def over(session: Session) -> allowances.Market:
    """The worked example after its banking window, frozen: 8,500 issued, 6,000 retired, 500 sold."""
    market = allowances.market(session)
    reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
    allowances.move(session, market.a, allowances.MovementKind.RETIRE, 6_000)
    allowances.move(session, market.a, allowances.MovementKind.TRANSFER, 500, market.trader.account.code)
    allowances.at(OVER)
    freeze(session)
    return market


def closed(session: Session, market: allowances.Market) -> Phase:
    """The market's phase, closed by two persons."""
    row = phase_closings.propose(
        session, market.holder.phase_id, reason="期が終わったため", actor=market.officer
    )
    phase_closings.confirm(session, row.id, actor=market.approver)
    return market.holder.phase
