"""The retirement deadline is frozen once, as it stood at 24:00 in Tokyo (domain §5)."""

from __future__ import annotations

import secrets
import threading
from datetime import date

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import (
    ComplianceSnapshot,
    Event,
    LedgerTransaction,
    MailMessage,
    MovementKind,
    Period,
    ReportState,
)
from portal.permissions import Role
from portal.services import deadline, issuance, jobs, reviews
from portal.services.audit import EventTag
from portal.services.compliance import Figures
from portal.services.figures import figures_for
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import reports as make


@pytest.fixture
def market(session: Session) -> trade.Market:
    """7,400 t approved for the target year, 8,500 JAA issued, the deadline 2015-11-30."""
    with one_transaction(session):
        made = trade.market(session)
        make.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    assert made.holder.phase.rules[-1].retirement_deadline.isoformat() == "2015-11-30"
    return made


def retire(session: Session, market: trade.Market, wall: str, quantity: int = 7_400) -> None:
    trade.at(wall)
    with one_transaction(session):
        trade.move(session, market.a, MovementKind.RETIRE, quantity)


def freeze(session: Session, wall: str) -> ComplianceSnapshot | None:
    trade.at(wall)
    session.rollback()
    engine = session.get_bind()
    deadline.freeze_compliance(jobs.Work(0, {}, lambda: make_session(engine), 1))  # type: ignore[arg-type]
    return session.scalars(select(ComplianceSnapshot).order_by(ComplianceSnapshot.number)).first()


@pytest.mark.parametrize(
    ("moment", "status", "late"),
    [
        ("2015-11-30 23:59:59.999999", "met", 0),
        ("2015-12-01 00:00:00", "missed", 7_400),
    ],
)
def test_the_last_microsecond_of_the_day_counts_and_the_next_does_not(
    session: Session, market: trade.Market, moment: str, status: str, late: int
) -> None:
    retire(session, market, moment)
    found = freeze(session, "2015-12-01 03:00")
    assert found is not None
    assert found.status == status
    assert found.retired == 7_400 - late
    assert found.missing == late
    assert found.held == (1_100 if not late else 8_500)
    assert (found.base_emissions, found.reduction_target, found.issued) == (10_000, 1_500, 8_500)


def test_nothing_is_frozen_on_the_deadline_day_itself(session: Session, market: trade.Market) -> None:
    assert freeze(session, "2015-11-30 23:59:59") is None


def test_a_late_night_finds_what_stood_at_the_deadline(session: Session, market: trade.Market) -> None:
    retire(session, market, "2015-11-20 10:00", 5_000)
    retire(session, market, "2015-12-03 10:00", 2_400)
    trade.at("2015-12-04 10:00")
    with one_transaction(session):
        wrong = session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id)).all()[1]
        proposed = issuance.propose_correction(
            session, wrong.id, "誤り", key=secrets.token_hex(8), actor=market.officer
        )
        issuance.confirm(session, proposed.id, version=proposed.version, actor=market.approver)
    found = freeze(session, "2016-01-20 03:00")
    assert found is not None
    assert (found.status, found.retired, found.missing) == ("missed", 5_000, 2_400)
    assert found.held == 3_500
    again = session.scalars(select(ComplianceSnapshot).filter_by(number=2)).one()
    assert (again.status, again.retired, again.missing) == ("missed", 0, 7_400)


def test_what_was_approved_after_the_deadline_was_not_approved_at_it(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
        report = make.bring(session, market.scheme, ReportState.UNDER_REVIEW, Period.TARGET, 7_400)
    trade.at("2015-12-01 01:00")
    with one_transaction(session):
        reviews.approve(session, report.id, actor=market.scheme.approver)
    found = freeze(session, "2015-12-01 03:00")
    assert found is not None
    assert (found.status, found.target_emissions, found.missing) == ("missed", None, None)
    # as of a past day there is what was confirmed by then
    known = {day: as_of(session, market, day) for day in ("2013-04-01", "2015-11-30", "2015-12-01")}
    assert [(one.base_emissions, one.reduction_target, one.target_emissions) for one in known.values()] == [
        (None, None, None),
        (10_000, 1_500, None),
        (10_000, 1_500, 7_400),
    ]


def as_of(session: Session, market: trade.Market, day: str) -> Figures:
    end = clock.end_of_day(date.fromisoformat(day))
    return figures_for(session, [market.holder.id], at=end)[market.holder.id]


def test_it_happens_once_and_tells_a_once(session: Session, market: trade.Market, engine: Engine) -> None:
    trade.at("2015-12-01 03:00")
    session.rollback()
    gate = threading.Barrier(2)

    def go() -> None:
        gate.wait()
        deadline.freeze_compliance(jobs.Work(0, {}, lambda: make_session(engine), 1))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    freeze(session, "2015-12-02 03:00")
    assert session.scalar(select(func.count()).select_from(ComplianceSnapshot)) == 1
    assert session.scalar(select(func.count()).where(Event.tag == EventTag.COMPLIANCE_FROZEN.value)) == 1
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "compliance_frozen")).all()
    assert [mail.recipient for mail in mails] == [market.a.email]
    assert "7,400" in mails[0].body


def test_the_night_after_the_deadline_freezes(session: Session, market: trade.Market) -> None:
    trade.at("2015-12-01 00:00")
    with one_transaction(session):
        registration.holder(session)  # too late to have had anything to do by the deadline
    trade.at("2015-12-01 03:05")
    run(session, lambda: jobs.schedule(session))
    while jobs.run_one(lambda: make_session(session.get_bind())) is not None:  # type: ignore[arg-type]
        pass
    assert session.scalars(select(ComplianceSnapshot.holder_id)).all() == [market.holder.id]


def test_login_b_hears_nothing_of_it(session: Session, market: trade.Market) -> None:
    freeze(session, "2015-12-01 03:00")
    b = next(user for user in market.holder.users if user.role is Role.HOLDER_B)
    sent = session.scalars(select(MailMessage.recipient).where(MailMessage.kind == "compliance_frozen")).all()
    assert b.email not in sent


def test_the_figures_of_a_moment_still_to_come_are_todays(session: Session, market: trade.Market) -> None:
    retire(session, market, "2015-11-20 10:00", 3_210)
    now = figures_for(session, [market.holder.id])
    later = figures_for(session, [market.holder.id], at=clock.end_of_day(clock.today()))
    assert now == later
