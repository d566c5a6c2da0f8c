"""Background work: queued in a transaction, claimed with a lease, run by the worker.

A piece of work runs at least once: a worker that dies leaves a lease that runs out. So every work
must bear being done again; it opens its own transactions and says how far it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Table, or_, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Job, JobState, User
from portal.services import ledger_proof, logins
from portal.services.documents import insert_if_absent
from portal.services.outbox import OpenSession, pause
from portal.services.snapshot import one_moment
from portal.services.transaction import run

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
LAST_TRY = 5
NIGHT = time(3, 0)  # Tokyo


class LeaseLost(Exception):
    """The lease ran out meanwhile and somebody else has the work: stop, and write nothing about it."""


class WorkFailed(Exception):
    """The work is done and found something wrong; trying again would find the same."""


@dataclass(frozen=True)
class Work:
    """What a piece of work gets: its payload, sessions of its own, and a way to tell how far it is."""

    job_id: int
    payload: dict[str, Any]
    open_session: OpenSession
    #: the how-manieth claim this is: it tells this worker's lease from that of the next
    claim: int

    def progress(self, done: int, total: int) -> None:
        """Tell ``done`` of ``total`` and hold the lease for longer.

        Raises ``LeaseLost`` if the lease ran out and another worker has the work now.
        """
        now = clock.now()
        if not _change(self, total=total, progress=min(done, total), leased_until=now + LEASE):
            raise LeaseLost


Handler = Callable[[Work], dict[str, Any]]

#: every kind of work the worker knows; services that bring their own register it
HANDLERS: dict[str, Handler] = {}


#: the kinds that come round each night
NIGHTLY: list[str] = []


def handler(kind: str, *, nightly: bool = False) -> Callable[[Handler], Handler]:
    """Register the decorated function as the work of ``kind``, perhaps once each night."""

    def keep(work: Handler) -> Handler:
        if kind in HANDLERS:
            raise ValueError(f"the work {kind} has two handlers")
        HANDLERS[kind] = work
        if nightly:
            NIGHTLY.append(kind)
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
    values: dict[str, Any] = {
        "kind": kind,
        "state": JobState.QUEUED,
        "payload": payload or {},
        "next_try_at": at or now,
        "once_key": once_key,
        "created_by_id": actor.id if actor is not None else None,
        "created_at": now,
    }
    if once_key is not None:
        # two workers begin the same day at the same moment: the slower one finds the other's
        table = Job.__table__
        assert isinstance(table, Table)
        insert_if_absent(session, table, **values)
        return session.scalars(select(Job).where(Job.once_key == once_key)).one()
    job = Job(**values)
    session.add(job)
    session.flush()
    return job


def run_one(open_session: OpenSession) -> str | None:
    """Claim and run the work that waits longest; its kind, or ``None`` if nothing waits."""
    with open_session() as session:
        claimed = run(session, lambda: _claim(session))
    if claimed is None:
        return None
    job_id, kind, payload, claim = claimed
    work = Work(job_id, payload, open_session, claim)
    try:
        result = HANDLERS[kind](work)
    except LeaseLost:
        log.warning("job %s (%s) took longer than its lease; another worker has it", job_id, kind)
    except WorkFailed as error:
        _finish(work, state=JobState.FAILED, last_error=str(error)[:500], result={})
    except Exception as error:
        log.exception("job %s (%s) failed", job_id, kind)
        _try_again(work, f"{type(error).__name__}: {error}")
    else:
        _finish(work, state=JobState.DONE, last_error=None, result=result)
    return kind


def _claim(session: Session) -> tuple[int, str, dict[str, Any], int] | None:
    now = clock.now()
    _end_deadly(session, now)
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
    claim = job.attempts + 1
    found = job.id, job.kind, dict(job.payload), claim
    change = {"state": JobState.RUNNING, "leased_until": now + LEASE, "attempts": claim}
    session.execute(update(Job).where(Job.id == job.id).values(**change))
    return found


def _end_deadly(session: Session, now: datetime) -> None:
    """What was claimed for the last time and whose worker never came back has failed: it may be the cause."""
    session.execute(
        update(Job)
        .where(Job.state == JobState.RUNNING, Job.leased_until <= now, Job.attempts >= LAST_TRY)
        .values(
            state=JobState.FAILED,
            leased_until=None,
            finished_at=now,
            last_error=f"the worker ended during this work, {LAST_TRY} times",
        )
        .execution_options(synchronize_session=False)
    )


def _change(work: Work, **values: Any) -> bool:
    """Write about the work as long as this claim of it stands; whether it does."""
    change = (
        update(Job)
        .where(Job.id == work.job_id, Job.state == JobState.RUNNING, Job.attempts == work.claim)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    with work.open_session() as session:
        return bool(getattr(run(session, lambda: session.execute(change)), "rowcount", 0))


def _finish(work: Work, **values: Any) -> None:
    _change(work, finished_at=clock.now(), leased_until=None, **values)


def _try_again(work: Work, why: str) -> None:
    last, now = work.claim >= LAST_TRY, clock.now()
    _change(
        work,
        state=JobState.FAILED if last else JobState.QUEUED,
        last_error=why[:500],
        leased_until=None,
        next_try_at=now + pause(work.claim),
        finished_at=now if last else None,
    )


def schedule(session: Session) -> None:
    """Queue what comes round each night: the proof of the ledger, what lapses, what is forgotten."""
    today = clock.today()
    for kind in NIGHTLY:
        enqueue(session, kind, once_key=f"{kind}:{today.isoformat()}", at=clock.at_tokyo(today, NIGHT))


@handler("ledger_verify", nightly=True)
def verify_ledger(work: Work) -> dict[str, Any]:
    """Recompute every sum and balance (safety 10) on a snapshot, without standing in anybody's way."""
    with work.open_session() as session:
        one_moment(session)
        report = ledger_proof.verify(session)
    if not report.ok:
        raise WorkFailed(report.problem or "the ledger is wrong")
    return {"transactions": report.transactions, "entries": report.entries}


@handler("forget_old_attempts", nightly=True)
def forget_old_attempts(work: Work) -> dict[str, Any]:
    """Drop the counters of failed log-ins that stop nobody any more."""
    with work.open_session() as session:
        return {"forgotten": run(session, lambda: logins.forget_old_attempts(session))}
