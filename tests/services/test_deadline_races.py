"""The night's record waits for whoever was stamped before the deadline and has not committed (domain §5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    MailMessage,
    MovementKind,
    Period,
    PhaseProposal,
    ProposalState,
    ReportState,
    User,
)
from portal.permissions import Role
from portal.services import compliance_records, deadline, jobs, phase_proposals, phases, reviews
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as trade
from tests.factories import reports
from tests.services.test_locked_meanwhile import wait_for

BEFORE, AFTER = "2015-11-30 23:59:59.9", "2015-12-01 00:00:05"
Act = Callable[[Session], object]


@pytest.fixture
def database_kind() -> str:
    """Writers on SQLite come one after another and are stamped when it is their turn."""
    return "postgresql"


@pytest.fixture
def market(session: Session) -> trade.Market:
    """8,500 JAA issued; the target-year figure 6,000 waits for its approval."""
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.UNDER_REVIEW, Period.TARGET, 6_000)
    return made


def night(engine: Engine) -> None:
    deadline.freeze_compliance(jobs.Work(0, {}, lambda: make_session(engine), 1))


@contextmanager
def during_the_night(engine: Engine) -> Iterator[None]:
    """The night begins at :data:`AFTER`; what is inside goes on once it has to wait for somebody."""
    trade.at(AFTER)
    thread = threading.Thread(target=night, args=(engine,))
    thread.start()
    try:
        wait_for(engine)
        yield
    finally:
        thread.join()


def approve(session: Session) -> object:
    report = session.scalars(select(EmissionsReport).filter_by(state=ReportState.UNDER_REVIEW)).one()
    return reviews.approve(session, report.id, actor=approver(session))


def revoke(session: Session) -> object:
    row = session.scalars(select(ApprovalRevocation)).one()
    return reviews.confirm_revocation(session, row.id, actor=approver(session))


def put_off(session: Session) -> object:
    row = session.scalars(select(PhaseProposal).filter_by(state=ProposalState.PROPOSED)).one()
    return phase_proposals.confirm_proposal(session, row.id, actor=approver(session))


def retire(session: Session) -> object:
    a = session.scalars(select(User).filter_by(role=Role.HOLDER_A)).one()
    return trade.move(session, a, MovementKind.RETIRE, 6_000)


def approver(session: Session) -> User:
    return session.scalars(select(User).filter_by(role=Role.APPROVER).order_by(User.id)).all()[0]


def prepare(session: Session, market: trade.Market, act: Act) -> None:
    """What the act confirms was proposed an hour before the deadline."""
    trade.at("2015-11-30 23:00")
    if act is not retire:
        trade.move(session, market.a, MovementKind.RETIRE, 6_000, voluntary=True)
    if act is not approve:
        report = market.scheme.report(Period.TARGET)
        reviews.approve(session, report.id, actor=market.scheme.approver)
    if act is revoke:
        reviews.propose_revocation(session, report.id, "見直し", actor=market.officer)
    if act is put_off:
        now = phases.dates_of(phases.rule_in_force(session, market.holder.phase))
        later = replace(now, retirement_deadline=date(2015, 12, 15))
        phase_proposals.propose_rule(
            session, market.holder.phase_id, later, reason="大雪", actor=market.officer
        )


def just_before(session: Session, market: trade.Market, act: Act) -> int:
    """The market made ready for ``act``, at the last moment before the deadline; its holder."""
    with one_transaction(session):
        prepare(session, market, act)
    holder = market.holder.id
    session.rollback()
    trade.at(BEFORE)
    return holder


@pytest.mark.parametrize(("act", "kept"), [(approve, [(1, "met")]), (revoke, [(1, "missed")]), (put_off, [])])
def test_what_was_decided_at_the_last_moment_is_what_the_record_says(
    engine: Engine, session: Session, market: trade.Market, act: Act, kept: list[tuple[int, str]]
) -> None:
    holder = just_before(session, market, act)
    with make_session(engine) as own:
        act(own)
        own.flush()
        with during_the_night(engine):
            own.commit()
    trade.at("2015-12-02 03:00")
    night(engine)
    assert [(one.number, one.status) for one in compliance_records.records_of(session, holder)] == kept


def test_a_retirement_that_waits_for_the_chain_at_midnight_is_in_time_and_nobody_is_told_otherwise(
    engine: Engine, session: Session, market: trade.Market
) -> None:
    holder = just_before(session, market, retire)

    def moved() -> None:
        with make_session(engine) as own:
            run(own, lambda: retire(own))

    thread = threading.Thread(target=moved)
    with engine.connect() as somebody:
        somebody.execute(text("SELECT 1 FROM ledger_head FOR UPDATE"))
        thread.start()
        wait_for(engine)
        trade.at(AFTER)
        frozen = threading.Thread(target=night, args=(engine,))
        frozen.start()
        wait_for(engine, 2)
        somebody.rollback()
    thread.join()
    frozen.join()
    assert [(one.number, one.status) for one in compliance_records.records_of(session, holder)] == [
        (1, "met")
    ]
    mails = session.scalars(select(MailMessage.body).where(MailMessage.kind == "compliance_frozen")).all()
    assert len(mails) == 1 and "遵守" in mails[0] and "未遵守" not in mails[0]
    assert session.scalar(select(func.count()).where(MailMessage.kind == "compliance_put_right")) == 0
