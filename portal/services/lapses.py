"""Proposals that nobody confirmed in time lapse in the night: one work for every kind of paper.

What lapses, and when: :mod:`portal.services.proposal_days`. Each has a transaction of its own, so that
nobody waits for two locks in the wrong order; its event is written and the office told. One that cannot
lapse stands in no other's way: the work goes on, and fails at its end with the names of all such.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import InUse
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
from portal.services.jobs import Work, WorkFailed
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

log = logging.getLogger(__name__)

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


def due(session: Session, kind: Lapsing) -> list[int]:
    """The papers of ``kind`` whose days are over, by their ids: two queries.

    All that wait are looked at: they are few, two persons' work of two weeks.
    """
    model, now = kind.model, clock.now()
    query = select(model).where(model.state == "proposed").options(*proposal_days.known_phase(model))
    waiting = session.scalars(query.order_by(model.id)).all()
    ends = proposal_days.ends_of(session, waiting)
    return [row.id for row, end in zip(waiting, ends, strict=True) if end <= now]


def expire(session: Session, row_id: int, *, kind: Lapsing) -> bool:
    """Let a paper of ``kind`` go if it still waits, in a transaction of its own; whether it did."""
    row = _locked(session, kind, row_id)
    if row.state != "proposed" or not proposal_days.problems(session, row):
        return False
    _lapse(session, kind, row)
    return True


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


@dataclass(frozen=True)
class Step:
    """What is due of one kind of proposal, and how one of it goes."""

    name: str
    due: Callable[[Session], list[int]]
    expire: Callable[[Session, int], bool]

    def __call__(self, session: Session) -> int:
        """Let all that is due go in one transaction; returns how many."""
        return sum(self.expire(session, one) for one in self.due(session))


MOVEMENTS = Step("movement", issuance.due, issuance.expire)
STEPS: tuple[Step, ...] = (
    MOVEMENTS,
    Step("issue_batch", issue_batches.due, issue_batches.expire),
    *(Step(one.model.__tablename__, partial(due, kind=one), partial(expire, kind=one)) for one in PAPERS),
)


@jobs.handler("expire_proposals", nightly=True)
def expire_proposals(work: Work) -> dict[str, Any]:
    """Let proposals lapse that nobody confirmed in time (domain §5).

    Raises ``WorkFailed`` at the end with the kind and id of each that could not. A database that is out
    of reach stands in every paper's way, and is tried again later.
    """
    expired, failed = 0, []
    with work.open_session() as session:
        for step in STEPS:
            for row_id in run(session, partial(step.due, session)):
                try:
                    expired += run(session, partial(step.expire, session, row_id))
                except (InUse, OperationalError, InterfaceError):
                    raise
                except Exception as error:
                    log.exception("the %s %s could not lapse", step.name, row_id)
                    failed.append(f"{step.name} {row_id} ({type(error).__name__})")
    if failed:
        raise WorkFailed(f"{expired} lapsed, these could not: {', '.join(failed)}")
    return {"expired": expired}


#: what waits in a queue under the old name is done all the same
jobs.handler(OF_BATCHES)(expire_proposals)
