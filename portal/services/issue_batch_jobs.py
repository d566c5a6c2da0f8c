"""Executing a batch of issues: a small one at once, a large one by the worker (nothing slow in a request)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import InUse, NotFound, PortalError, Refused
from portal.models import IssueBatch, IssueBatchState, Job, JobState, User
from portal.permissions import Permission
from portal.services import access, issue_batches, jobs, workflow
from portal.services.jobs import Work, WorkFailed
from portal.services.transaction import run

EXECUTE = "issue_batch_execute"
#: movements that a request executes itself
AT_ONCE = 30
_AT_WORK = (JobState.QUEUED, JobState.RUNNING)


def confirm(session: Session, batch_id: int, *, version: int | None, actor: User) -> IssueBatch:
    """The second person confirms. Every rule is checked under lock here and again when it is executed.

    A batch of more than :data:`AT_ONCE` movements is handed to the worker and stays proposed until
    then; who presses twice gets the same work. Raises ``Refused`` with all that stands against it.
    """
    access.check(actor, Permission.MOVEMENT_CONFIRM)
    batch = issue_batches.locked(session, batch_id, actor)
    if batch.count <= AT_ONCE:
        return issue_batches.execute_all(session, batch_id, version=version, actor=actor)
    workflow.expect_version(batch, version)
    found = issue_batches.confirm_problems(session, batch, actor)
    if found:
        raise Refused(*found)
    newest = newest_job(session, batch_id)
    if newest is None or newest.state not in _AT_WORK:
        turn = 1 if newest is None else int((newest.once_key or "0").rpartition(":")[2]) + 1
        payload = {"batch": batch_id, "version": batch.version, "actor": actor.id}
        jobs.enqueue(session, EXECUTE, payload, once_key=f"{EXECUTE}:{batch_id}:{turn}", actor=actor)
    return batch


def newest_job(session: Session, batch_id: int) -> Job | None:
    """The last work on a batch, if there was any."""
    query = select(Job).where(Job.kind == EXECUTE, Job.once_key.like(f"{EXECUTE}:{batch_id}:%"))
    return session.scalars(query.order_by(Job.id.desc()).limit(1)).one_or_none()


def is_at_work(job: Job | None) -> bool:
    """Whether the worker has the batch, or will have it."""
    return job is not None and job.state in _AT_WORK


@jobs.handler(EXECUTE)
def execute_batch(work: Work) -> dict[str, Any]:
    """Post every movement of a confirmed batch in one transaction, or none and say why.

    Done again after a crash it finds the batch executed, or nothing done: one transaction.
    """
    batch_id, version = int(work.payload["batch"]), int(work.payload["version"])
    try:
        with work.open_session() as session:
            return {"executed": run(session, lambda: _execute(session, work, batch_id, version))}
    except InUse:
        raise
    except PortalError as refused:
        # the same would be found again: the page says it in the reader's language
        raise WorkFailed(",".join(one.refusal.name for one in refused.problems)) from refused


def _execute(session: Session, work: Work, batch_id: int, version: int) -> int:
    actor = session.get(User, int(work.payload["actor"]))
    if actor is None:
        raise NotFound
    batch = session.get(IssueBatch, batch_id)
    if batch is not None and batch.state is IssueBatchState.EXECUTED:
        return batch.count  # the worker before ended between the commit and its word about it
    return issue_batches.execute_all(session, batch_id, version=version, actor=actor).count
