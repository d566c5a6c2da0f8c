"""How long a proposal of the office waits for its second person (issue 5: 14 days, a rule of the phase).

*Decided*: everything lapses that one of the office proposes and another confirms, but reduction targets.
Those are entered for a whole phase, long before the figures are there that they are judged with; they
promise nothing, and are judged anew when they are confirmed.

*Decided*: how long a paper waits was promised when it was proposed. It is reckoned by the rule that was
in force then; a rule that is changed later shortens (and lengthens) nothing that waits already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.interfaces import ORMOption

from portal import clock
from portal.errors import Problem, Refusal
from portal.models import (
    Account,
    AccountChange,
    ApprovalRevocation,
    EmissionsReport,
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
    """How long what is proposed about the phase now will wait; 14 days where there is none."""
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


def known_phase(model: type[Any]) -> tuple[ORMOption, ...]:
    """What a list of ``model`` reads along, so that :func:`phase_of` asks nothing for each row."""
    if model is AccountChange:
        return (joinedload(AccountChange.account).joinedload(Account.holder),)
    if model is ApprovalRevocation:
        return (joinedload(ApprovalRevocation.report).joinedload(EmissionsReport.holder),)
    return ()


class Rules:
    """How long papers about some phases wait, by the rules that were in force one after the other."""

    def __init__(self, session: Session, phase_ids: Iterable[int | None]) -> None:
        """Read the rules of these phases, in one query if there are any."""
        wanted = {one for one in phase_ids if one is not None}
        query = select(
            PhaseRule.phase_id, PhaseRule.created_at, PhaseRule.superseded_at, PhaseRule.proposal_days
        ).where(PhaseRule.phase_id.in_(wanted))
        self._rules: dict[int, list[Any]] = {one: [] for one in wanted}
        for rule in session.execute(query.order_by(PhaseRule.id)) if wanted else ():
            self._rules[rule.phase_id].append(rule)

    def ends_at(self, row: Dated | Paper) -> datetime:
        """The first moment at which ``row`` can be confirmed no more."""
        if not isinstance(row, Movement | IssueBatch):
            return row.proposed_at + timedelta(days=self._days(phase_of(row), row.proposed_at))
        # participants' movements never wait: whatever is asked here has its moment
        assert row.expires_at is not None
        return row.expires_at

    def _days(self, phase_id: int | None, at: datetime) -> int:
        """The days of the rule in force at ``at``; at the very moment of a change, the longer ones."""
        if phase_id is None:
            return DAYS
        left = [one for one in self._rules[phase_id] if one.superseded_at is None or one.superseded_at >= at]
        then = [one.proposal_days for one in left if one.created_at <= at]
        # a clock that was set back finds no rule so early: the first that holds
        return max(then) if then else left[0].proposal_days if left else DAYS


def ends_of(session: Session, rows: Sequence[Dated | Paper]) -> list[datetime]:
    """:func:`ends_at` of many, in their order, with one query (see :func:`known_phase`)."""
    papers = (row for row in rows if not isinstance(row, Movement | IssueBatch))
    rules = Rules(session, map(phase_of, papers))
    return [rules.ends_at(row) for row in rows]


def ends_at(session: Session, row: Dated | Paper) -> datetime:
    """The first moment at which ``row`` can be confirmed no more."""
    return ends_of(session, [row])[0]


def problems(session: Session, row: Dated | Paper) -> list[Problem]:
    """PROPOSAL_EXPIRED once the days of ``row`` are over, whether the night has been there or not."""
    return [Problem(Refusal.PROPOSAL_EXPIRED)] if clock.now() >= ends_at(session, row) else []
