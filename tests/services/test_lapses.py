"""What nobody confirmed in time lapses, whatever paper it is: judged at once, put away by night, told."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Refusal
from portal.extensions import make_session
from portal.models import (
    AccountAction,
    Event,
    Job,
    MailMessage,
    Period,
    PublicationSubject,
    ReportState,
    User,
)
from portal.services import (
    account_life,
    factor_proposals,
    jobs,
    lapses,
    phase_closings,
    phase_proposals,
    proposal_days,
    publications,
    reviews,
)
from portal.services.demo.assigning import assign_holder
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import factors, registration, reports
from tests.factories import settlement as make

Propose = Callable[[], Any]
Confirm = Callable[[int, User], object]


@dataclass
class Desk:
    """Every kind of paper, proposed by the officer; how each is confirmed."""

    officer: User
    approver: User
    papers: Mapping[str, tuple[Propose, Confirm]]


@pytest.fixture
def desk(session: Session) -> Desk:
    """A phase that may be closed, and one of its holders that came late: approved, nothing issued."""
    with one_transaction(session):
        old = make.over(session)
        holder = registration.holder(session)
        known = old.scheme
        scheme = reports.Scheme(holder, known.verifier, known.officer, known.approver, known.viewer)
        assign_holder(session, holder.id, known.verifier.id, actor=known.officer)
        report = reports.bring(session, scheme, ReportState.APPROVED, Period.BASE, 300)
    trade.at(make.OVER)
    officer = old.officer
    phase, account, market = old.holder.phase_id, old.trader.account.id, PublicationSubject.EMISSIONS

    def of(module: Any, propose: Propose, confirm: str) -> tuple[Propose, Confirm]:
        return propose, lambda number, actor: getattr(module, confirm)(session, number, actor=actor)

    papers = {
        "account_change": of(
            account_life,
            lambda: account_life.propose(session, account, AccountAction.SUSPEND, "届出", actor=officer),
            "confirm",
        ),
        "phase_closing": of(
            phase_closings,
            lambda: phase_closings.propose(session, phase, reason="終わり", actor=officer),
            "confirm",
        ),
        "phase_proposal": of(
            phase_proposals,
            lambda: phase_proposals.propose_phase(
                session, 9, registration.YEARS, registration.DATES, reason="次の期", actor=officer
            ),
            "confirm_proposal",
        ),
        "approval_revocation": of(
            reviews,
            lambda: reviews.propose_revocation(session, report.id, "誤り", actor=officer),
            "confirm_revocation",
        ),
        "factor_proposal": of(
            factor_proposals,
            lambda: factors.proposed(session, 2016, officer, factors.FREE),
            "confirm",
        ),
        "publication": of(
            publications, lambda: publications.propose(session, phase, market, actor=officer), "release"
        ),
    }
    return Desk(officer, old.approver, papers)


def proposed(session: Session, desk: Desk) -> dict[str, Any]:
    with one_transaction(session):
        return {name: propose() for name, (propose, _confirm) in desk.papers.items()}


def refused(session: Session, act: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as raised, one_transaction(session):
        act()
    return [one.refusal for one in raised.value.problems]


def night(engine: Engine, session: Session, kind: str = "expire_proposals") -> dict[str, Any]:
    """What the worker answers that does the night's work."""
    with one_transaction(session):
        job = jobs.enqueue(session, kind, {}, once_key=secrets.token_hex(8)).id
    session.rollback()
    while jobs.run_one(lambda: make_session(engine)) is not None:
        pass
    session.expire_all()
    return session.get_one(Job, job).result or {}


def test_every_paper_waits_fourteen_days_and_no_moment_longer(session: Session, desk: Desk) -> None:
    rows = proposed(session, desk)
    end = clock.now() + timedelta(days=14)
    assert {proposal_days.ends_at(session, row) for row in rows.values()} == {end}
    clock.set_time(end)
    for name, (_propose, confirm) in desk.papers.items():
        assert refused(session, lambda: confirm(rows[name].id, desk.approver)) == [  # noqa: B023
            Refusal.PROPOSAL_EXPIRED
        ], name
    clock.set_time(end - timedelta(microseconds=1))
    # what is public is what is approved, and a closing asks that nothing else waits
    for name in sorted(rows, key=lambda one: (one != "publication", one == "phase_closing")):
        with one_transaction(session):
            desk.papers[name][1](rows[name].id, desk.approver)


def test_the_night_puts_away_what_is_over_and_tells_the_office(
    engine: Engine, session: Session, desk: Desk
) -> None:
    rows = proposed(session, desk)
    end = clock.now() + timedelta(days=14)
    clock.set_time(end - timedelta(microseconds=1))
    assert night(engine, session) == {"expired": 0}
    clock.set_time(end)
    assert night(engine, session) == {"expired": len(rows)}
    assert {str(row.state) for row in rows.values()} == {"expired"}
    assert set(rows) == {one.model.__tablename__ for one in lapses.PAPERS}
    for name, row in rows.items():
        query = select(Event).where(Event.subject_type == name, Event.subject_id == row.id)
        newest = session.scalars(query.order_by(Event.id.desc()).limit(1)).one()
        assert newest.tag.endswith("_expired") and newest.actor_id is None, name
        assert (newest.facts["before"], newest.facts["after"]) == ("proposed", "expired")
    told = select(MailMessage.body).where(
        MailMessage.kind == "proposal_expired", MailMessage.recipient == desk.officer.email
    )
    bodies = session.scalars(told).all()
    assert len(bodies) == len(rows) and all("14日" in body for body in bodies)
    for words in ("の停止", "第9期の開始", "の締め", "の公表（", "の承認の取消し", "排出係数の変更"):
        assert sum(words in body for body in bodies) == 1, words
    assert night(engine, session, lapses.OF_BATCHES) == {"expired": 0}


def test_what_lapsed_is_proposed_again(engine: Engine, session: Session, desk: Desk) -> None:
    first = proposed(session, desk)
    clock.set_time(clock.now() + timedelta(days=14))
    night(engine, session)
    with one_transaction(session):
        make.compare(session)
    again = proposed(session, desk)
    assert all(again[name].id != first[name].id for name in first)


def test_the_phase_says_how_long(session: Session, desk: Desk) -> None:
    rows = proposed(session, desk)
    rule = rows["phase_closing"].phase.rules[-1]
    with one_transaction(session):
        rule.proposal_days = 5
    five = {
        name
        for name, row in rows.items()
        if (proposal_days.ends_at(session, row) - row.proposed_at).days == 5
    }
    # a trader's account and a new phase have no rule
    assert five == {"phase_closing", "publication", "approval_revocation"}
