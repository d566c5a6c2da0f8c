"""One row in each list of what waits for the office besides its own desk: proposals, applications, checks."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    BankingApplication,
    BookCheck,
    DecisionState,
    IssueBatch,
    IssueBatchState,
    PhaseClosing,
    ProposalState,
    PublicationSubject,
    UnitClass,
    User,
)
from portal.services import publications
from tests.factories import factors
from tests.factories.allowances import Market


def waiting_rows(session: Session, market: Market, officer: User) -> None:
    """A factor table, a publication, a banking application, a batch, a closing and a check of the books."""
    now, phase_id = clock.now(), market.holder.phase_id
    factors.proposed(session, 2016, officer, factors.FREE, electricity={"factor": "0.000570"})
    publications.propose(session, phase_id, PublicationSubject.EMISSIONS, actor=officer)
    own = session.scalars(select(UnitClass).where(UnitClass.phase_id == phase_id)).one()
    other = session.scalars(select(UnitClass).where(UnitClass.phase_id.is_(None))).one()
    session.add_all(
        [
            BankingApplication(
                holder=market.holder,
                unit_class_id=own.id,
                target_class_id=other.id,
                quantity=1,
                state=DecisionState.APPLIED,
                applied_by_id=market.a.id,
                applied_at=now,
            ),
            IssueBatch(
                phase_id=phase_id,
                state=IssueBatchState.PROPOSED,
                count=1,
                total=1,
                proposed_by_id=officer.id,
                proposed_at=now,
                expires_at=now + timedelta(days=14),
            ),
            PhaseClosing(
                phase_id=phase_id,
                state=ProposalState.PROPOSED,
                reason="期の終わりのため",
                proposed_by_id=officer.id,
                proposed_at=now,
            ),
            BookCheck(
                ok=True,
                transactions=1,
                entries=2,
                last_number=1,
                started_at=now,
                finished_at=now,
                asked_by_id=officer.id,
            ),
        ]
    )
    session.flush()
