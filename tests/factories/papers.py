"""Every kind of paper that one of the office proposes and another confirms, ready to be proposed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.models import AccountAction, Period, PublicationSubject, ReportState, User
from portal.services import (
    account_life,
    factor_proposals,
    phase_closings,
    phase_proposals,
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


def desk_of(session: Session) -> Desk:
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
