"""Proposals that nobody confirmed in time lapse in the night: one work for every kind of paper.

What lapses, and when: :mod:`portal.services.proposal_days`. Each has a transaction of its own, so that
nobody waits for two locks in the wrong order; its event is written and the office told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    AccountChange,
    ApprovalRevocation,
    EmissionsReport,
    FactorProposal,
    PhaseClosing,
    PhaseProposal,
    Publication,
)
from portal.services import (
    account_life,
    factor_proposals,
    issuance,
    issue_batches,
    jobs,
    phase_closings,
    phase_proposals,
    proposal_days,
    publications,
    reviews,
    workflow,
)
from portal.services.jobs import Work
from portal.services.proposal_days import Paper
from portal.services.transaction import run
from portal.services.transitions import (
    ACCOUNT_CHANGE,
    FACTOR_PROPOSAL,
    PHASE_CLOSING,
    PHASE_PROPOSAL,
    PUBLICATION,
    REVOCATION,
)
from portal.services.workflow import Workflow

#: what the work was called while issues to a whole phase had one of their own
OF_BATCHES = "expire_issue_batches"


@dataclass(frozen=True)
class Lapsing:
    """How one kind of paper leaves its queue."""

    model: type[Any]
    workflow: Workflow
    #: what mails call it, Japanese and English
    words: Callable[[Any], tuple[str, str]]
    #: what its event says besides, and whose it is
    facts: Callable[[Any], Mapping[str, Any]]
    #: the row that every act on the paper locks before it
    behind: Callable[[Any], tuple[type[Any], int]] | None = None
    #: what the paper keeps about its end
    ended: Callable[[Any], object] = lambda _row: None


PAPERS = (
    Lapsing(
        AccountChange,
        ACCOUNT_CHANGE,
        account_life.words_of,
        account_life.facts_of,
        behind=lambda row: (type(row.account), row.account_id),
    ),
    Lapsing(
        ApprovalRevocation,
        REVOCATION,
        lambda row: reviews.words_of(row.report),
        lambda row: {"holder_id": row.report.holder_id},
        behind=lambda row: (EmissionsReport, row.report_id),
        ended=reviews.lapsed,
    ),
    Lapsing(PhaseProposal, PHASE_PROPOSAL, phase_proposals.words_of, lambda row: {"number": row.number}),
    Lapsing(PhaseClosing, PHASE_CLOSING, phase_closings.words_of, lambda row: {"phase": row.phase.number}),
    Lapsing(FactorProposal, FACTOR_PROPOSAL, factor_proposals.words_of, factor_proposals.facts_of),
    Lapsing(
        Publication, PUBLICATION, publications.words_of, publications.facts_of, ended=publications.lapsed
    ),
)


def expire_papers(session: Session, kind: Lapsing, *, limit: int | None = None) -> int:
    """Let the papers of ``kind`` go whose days are over, ``limit`` of them; returns how many.

    All that wait are looked at: they are few, two persons' work of two weeks.
    """
    model = kind.model
    waiting = session.scalars(select(model).where(model.state == "proposed").order_by(model.id)).all()
    due = [row.id for row in waiting if proposal_days.problems(session, row)][:limit]
    for row_id in due:
        row = _locked(session, kind, row_id)
        if row.state == "proposed" and proposal_days.problems(session, row):
            _lapse(session, kind, row)
    return len(due)


def _locked(session: Session, kind: Lapsing, row_id: int) -> Any:
    if kind.behind is not None:
        behind, number = kind.behind(session.get_one(kind.model, row_id))
        _lock(session, behind, number)
    return _lock(session, kind.model, row_id)


def _lock(session: Session, model: type[Any], row_id: int) -> Any:
    query = select(model).where(model.id == row_id).with_for_update(of=model)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _lapse(session: Session, kind: Lapsing, row: Paper) -> None:
    words, days = kind.words(row), (proposal_days.ends_at(session, row) - row.proposed_at).days
    with session.no_autoflush:
        kind.ended(row)
        workflow.advance(session, kind.workflow, row, "expire", actor=None, **kind.facts(row))
    issuance.tell_expired(session, row, words, days)


#: what lets one proposal go for each call, and says whether there was one
STEPS: tuple[Callable[..., int], ...] = (
    issuance.expire_due,
    issue_batches.expire_due,
    *(partial(expire_papers, kind=kind) for kind in PAPERS),
)


@jobs.handler("expire_proposals", nightly=True)
def expire_proposals(work: Work) -> dict[str, Any]:
    """Let proposals lapse that nobody confirmed in time (domain §5)."""
    with work.open_session() as session:
        expired = 0
        for step in STEPS:
            while run(session, partial(step, session, limit=1)):
                expired += 1
        return {"expired": expired}


#: what waits in a queue under the old name is done all the same
jobs.handler(OF_BATCHES)(expire_proposals)
