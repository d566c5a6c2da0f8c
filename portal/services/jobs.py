"""Background work: queued in a transaction, claimed with a lease, run by the worker.

A piece of work runs at least once: a worker that dies leaves a lease that runs out. So every work
must bear being done again; it opens its own transactions and says how far it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Job, JobState, User
from portal.services import issuance, ledger
from portal.services.outbox import OpenSession, pause
from portal.services.snapshot import one_moment
from portal.services.transaction import run

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
LAST_TRY = 5
NIGHT = time(3, 0)  # Tokyo


class WorkFailed(Exception):
    """The work is done and found something wrong; trying again would find the same."""


@dataclass(frozen=True)
class Work:
    """What a piece of work gets: its payload, sessions of its own, and a way to tell how far it is."""

    job_id: int
    payload: dict[str, Any]
    open_session: OpenSession

    def progress(self, done: int, total: int) -> None:
        """Tell ``done`` of ``total`` and hold the lease for longer."""
        change = (
            update(Job)
            .where(Job.id == self.job_id)
            .values(total=total, progress=min(done, total), leased_until=clock.now() + LEASE)
        )
        with self.open_session() as session:
            run(session, lambda: session.execute(change))


Handler = Callable[[Work], dict[str, Any]]

#: every kind of work the worker knows; services that bring their own register it
HANDLERS: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the work of ``kind``."""

    def keep(work: Handler) -> Handler:
        if kind in HANDLERS:
            raise ValueError(f"the work {kind} has two handlers")
        HANDLERS[kind] = work
        return work

    return keep


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any] | None = None,
    *,
    once_key: str | None = None,
    at: datetime | None = None,
    actor: User | None = None,
) -> Job:
    """Queue a piece of work from ``at`` on (now).

    With ``once_key`` an earlier piece of that name is the answer.
    Raises ``KeyError`` for a kind nobody handles.
    """
    if kind not in HANDLERS:
        raise KeyError(kind)
    if once_key is not None:
        earlier = session.scalars(select(Job).where(Job.once_key == once_key)).one_or_none()
        if earlier is not None:
            return earlier
    now = clock.now()
    job = Job(
        kind=kind,
        state=JobState.QUEUED,
        payload=payload or {},
        next_try_at=at or now,
        once_key=once_key,
        created_by_id=actor.id if actor is not None else None,
        created_at=now,
    )
    session.add(job)
    session.flush()
    return job


def run_one(open_session: OpenSession) -> str | None:
    """Claim and run the work that waits longest; its kind, or ``None`` if nothing waits."""
    with open_session() as session:
        claimed = run(session, lambda: _claim(session))
    if claimed is None:
        return None
    job_id, kind, payload, lease = claimed
    try:
        result = HANDLERS[kind](Work(job_id, payload, open_session))
    except WorkFailed as error:
        _finish(open_session, job_id, state=JobState.FAILED, last_error=str(error)[:500], result={})
    except Exception as error:
        log.exception("job %s (%s) failed", job_id, kind)
        _try_again(open_session, job_id, lease, f"{type(error).__name__}: {error}")
    else:
        _finish(open_session, job_id, state=JobState.DONE, last_error=None, result=result)
    return kind


def _claim(session: Session) -> tuple[int, str, dict[str, Any], datetime] | None:
    now = clock.now()
    job = session.scalars(
        select(Job)
        .where(
            Job.kind.in_(HANDLERS),
            Job.next_try_at <= now,
            or_(
                Job.state == JobState.QUEUED,
                (Job.state == JobState.RUNNING) & (Job.leased_until <= now),
            ),
        )
        .order_by(Job.next_try_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if job is None:
        return None
    lease = now + LEASE
    change = {"state": JobState.RUNNING, "leased_until": lease, "attempts": job.attempts + 1}
    session.execute(update(Job).where(Job.id == job.id).values(**change))
    return job.id, job.kind, dict(job.payload), lease


def _finish(open_session: OpenSession, job_id: int, **values: Any) -> None:
    change = (
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING)
        .values(finished_at=clock.now(), leased_until=None, **values)
    )
    with open_session() as session:
        run(session, lambda: session.execute(change))


def _try_again(open_session: OpenSession, job_id: int, lease: datetime, why: str) -> None:
    def mark(session: Session) -> None:
        attempts = session.scalar(select(Job.attempts).where(Job.id == job_id)) or 0
        last = attempts >= LAST_TRY
        now = clock.now()
        session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.RUNNING)
            .values(
                state=JobState.FAILED if last else JobState.QUEUED,
                last_error=why[:500],
                leased_until=None,
                next_try_at=now + pause(attempts),
                finished_at=now if last else None,
            )
        )

    with open_session() as session:
        run(session, lambda: mark(session))


def schedule(session: Session) -> None:
    """Queue what comes round: the nightly proof of the ledger, and the proposals that lapse each day."""
    today = clock.today()
    _nightly(session, "ledger_verify", today)
    _nightly(session, "expire_proposals", today)


def _nightly(session: Session, kind: str, day: date) -> None:
    enqueue(session, kind, once_key=f"{kind}:{day.isoformat()}", at=clock.at_tokyo(day, NIGHT))


@handler("ledger_verify")
def verify_ledger(work: Work) -> dict[str, Any]:
    """Recompute every sum and balance (safety 10) on a snapshot, without standing in anybody's way."""
    with work.open_session() as session:
        one_moment(session)
        report = ledger.verify(session)
    if not report.ok:
        raise WorkFailed(report.problem or "the ledger is wrong")
    return {"transactions": report.transactions, "entries": report.entries}


@handler("expire_proposals")
def expire_proposals(work: Work) -> dict[str, Any]:
    """Let proposals lapse that nobody confirmed in time (domain §5)."""
    with work.open_session() as session:
        return {"expired": run(session, lambda: issuance.expire_due(session))}
