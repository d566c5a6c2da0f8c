"""Comparing the ledger with the second book: each night and when asked, without stopping business.

The comparison reads as of one moment; its result is a row, an event and, if the books disagree, a mail.
What it means for movements: ``services/books.py``.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import clock
from portal.models import BookCheck, Job, JobState, User
from portal.permissions import Permission
from portal.services import access, audit, books, jobs, second_book
from portal.services.audit import EventTag
from portal.services.jobs import Work, WorkFailed
from portal.services.mail import MailKind, notify
from portal.services.second_book import BookResult
from portal.services.snapshot import one_moment
from portal.services.transaction import run

log = logging.getLogger(__name__)

KIND = "compare_books"
PROBLEM_LIMIT = 2000


def ask(session: Session, *, actor: User) -> Job:
    """Let the worker compare the books now; a second press while that waits asks nothing more.

    Raises ``NotAllowed``.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    # two presses at the same moment: the second one finds what the first has asked for
    session.execute(select(User.id).where(User.id == actor.id).with_for_update())
    waiting = underway(session)
    if waiting is not None:
        return waiting
    return jobs.enqueue(session, KIND, {"asked_by": actor.id}, actor=actor)


def underway(session: Session) -> Job | None:
    """The comparison that runs or is due, if there is one; not the one that waits for the night."""
    return session.scalars(
        select(Job)
        .where(
            Job.kind == KIND,
            or_(
                Job.state == JobState.RUNNING,
                (Job.state == JobState.QUEUED) & (Job.next_try_at <= clock.now()),
            ),
        )
        .order_by(Job.id)
        .limit(1)
    ).one_or_none()


@jobs.handler(KIND, nightly=True)
def compare_books(work: Work) -> dict[str, Any]:
    """Compare as of one moment, then write down what was found; what cannot be read does not agree."""
    began = clock.now()
    with work.open_session() as session:
        one_moment(session)
        earlier = books.newest(session)
        seen = earlier.id if earlier is not None else 0
        try:
            result = second_book.compare(session)
        except DBAPIError as error:
            if work.claim < jobs.LAST_TRY:
                raise  # the server may be back for the next try
            # nobody knows whether the books agree: as long as that is so, nothing moves
            log.exception("the second book could not be told")
            result = BookResult(False, f"the rows cannot be read: {type(error.orig).__name__}", 0, 0, 0)
    with work.open_session() as session:
        run(session, lambda: _keep(session, work, result, seen=seen, began=began))
    if not result.ok:
        raise WorkFailed(result.problem or "the books disagree")
    return {"transactions": result.transactions, "entries": result.entries}


def _keep(session: Session, work: Work, result: BookResult, *, seen: int, began: Any) -> None:
    newer = books.newest(session)
    if result.ok and newer is not None and newer.id > seen and not newer.ok:
        # it was found while this comparison read older rows: that one has the last word
        log.warning("a comparison of the books that agrees is older than one that does not")
        return
    asked_by = work.payload.get("asked_by")
    actor = session.get(User, int(asked_by)) if asked_by is not None else None
    problem = result.problem[:PROBLEM_LIMIT] if result.problem is not None else None
    check = BookCheck(
        ok=result.ok,
        problem=problem,
        transactions=result.transactions,
        entries=result.entries,
        last_number=result.last_number,
        started_at=began,
        finished_at=clock.now(),
        asked_by_id=actor.id if actor is not None else None,
    )
    session.add(check)
    session.flush()
    audit.record(
        session,
        EventTag.BOOKS_COMPARED if result.ok else EventTag.BOOKS_DISAGREED,
        check,
        actor=actor,
        transactions=result.transactions,
        last_number=result.last_number,
        sha256=result.last_hash or None,
        problem=problem,
    )
    if problem is not None:
        notify(session, MailKind.BOOKS_DISAGREED, actor=actor, problem=problem)
