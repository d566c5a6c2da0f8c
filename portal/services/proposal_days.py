"""How long a proposal of the office waits for its second person (issue 5: 14 days, a rule of the phase).

*Decided*: everything lapses that one of the office proposes and another confirms, but reduction targets.
Those are entered for a whole phase, long before the figures are there that they are judged with; they
promise nothing, and are judged anew when they are confirmed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal
from portal.models import (
    AccountChange,
    ApprovalRevocation,
    FactorProposal,
    IssueBatch,
    Movement,
    PhaseClosing,
    PhaseProposal,
    PhaseRule,
    Publication,
)

#: what keeps its own last moment, and what is reckoned from the day it was proposed
Dated = Movement | IssueBatch
Paper = AccountChange | ApprovalRevocation | FactorProposal | PhaseClosing | PhaseProposal | Publication
DAYS = 14


def expiry(session: Session, phase_id: int | None) -> timedelta:
    """How long a proposal about the phase waits; 14 days where there is none."""
    days = None
    if phase_id is not None:
        days = session.scalar(
            select(PhaseRule.proposal_days).where(
                PhaseRule.phase_id == phase_id, PhaseRule.superseded_at.is_(None)
            )
        )
    return timedelta(days=days or DAYS)


def phase_of(row: Paper) -> int | None:
    """The phase whose rule says how long ``row`` waits.

    None for a trader's account, a factor table and a phase that is not opened yet.
    """
    match row:
        case AccountChange():
            return row.account.holder.phase_id if row.account.holder is not None else None
        case ApprovalRevocation():
            return row.report.holder.phase_id
        case FactorProposal():
            return None
    return row.phase_id


def ends_at(session: Session, row: Dated | Paper) -> datetime:
    """The first moment at which ``row`` can be confirmed no more."""
    if not isinstance(row, Movement | IssueBatch):
        return row.proposed_at + expiry(session, phase_of(row))
    # participants' movements never wait: whatever is asked here has its moment
    assert row.expires_at is not None
    return row.expires_at


def problems(session: Session, row: Dated | Paper) -> list[Problem]:
    """PROPOSAL_EXPIRED once the days of ``row`` are over, whether the night has been there or not."""
    return [Problem(Refusal.PROPOSAL_EXPIRED)] if clock.now() >= ends_at(session, row) else []
