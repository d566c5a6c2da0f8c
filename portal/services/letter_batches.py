"""Many waiting letters printed as one PDF in address order (issue 3).

The PDF holds initial passwords, so it lies in the database only sealed: for a key whose private half
is in the cookie of whoever asked. It can be fetched for an hour, or until its owner has it destroyed.
How it is asked for and made stands in ``letter_printing``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, refuse
from portal.models import BatchState, Job, JobState, Letter, LetterBatch, LetterState, User
from portal.permissions import Permission
from portal.services import access, audit, jobs, sealed, transitions, workflow
from portal.services.audit import EventTag
from portal.services.jobs import Work
from portal.services.transaction import run

DESTROY = "destroy_letters"
#: how long the PDF can be fetched (decided)
KEPT = timedelta(hours=1)


def unfinished(session: Session, actor: User) -> LetterBatch | None:
    """The printing of ``actor`` that is being made, or that can be fetched and was not yet."""
    own = select(LetterBatch).where(LetterBatch.created_by_id == actor.id)
    recent = own.order_by(LetterBatch.created_at.desc(), LetterBatch.id.desc()).limit(20)
    return next(
        (
            one
            for one in session.scalars(recent)
            if one.state is BatchState.QUEUED
            or (one.state is BatchState.READY and one.fetched_at is None and not is_over(one))
        ),
        None,
    )


def lives(session: Session, actor: User) -> bool:
    """Whether any PDF of ``actor`` lies here."""
    query = select(LetterBatch.id).where(
        LetterBatch.created_by_id == actor.id, LetterBatch.state.in_([BatchState.QUEUED, BatchState.READY])
    )
    return session.scalars(query.limit(1)).first() is not None


def is_over(batch: LetterBatch) -> bool:
    """Whether the PDF's time has passed, destroyed already or not."""
    return batch.until is not None and clock.now() >= batch.until


def locked(session: Session, batch_id: int) -> LetterBatch | None:
    """The batch, read anew and locked."""
    query = select(LetterBatch).where(LetterBatch.id == batch_id).with_for_update(of=LetterBatch)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def about(batch: LetterBatch) -> bytes:
    """What the sealed bytes are bound to."""
    return f"letter_batch:{batch.id}".encode()


def fetch(session: Session, batch_id: int, private_key: bytes | None, *, actor: User) -> bytes:
    """The PDF, for whoever asked for it and holds the key.

    Raises ``Refused``: BATCH_GONE after its time, BATCH_ELSEWHERE for anybody else or another
    browser, WRONG_STATE if there is none yet.
    """
    access.check(actor, Permission.LETTER_PRINT)
    batch = locked(session, batch_id)
    if batch is None:
        raise NotFound
    if batch.state is BatchState.GONE or (batch.state is BatchState.READY and is_over(batch)):
        raise refuse(Refusal.BATCH_GONE)
    if batch.state is not BatchState.READY or batch.sealed is None:
        raise refuse(Refusal.WRONG_STATE)
    if batch.created_by_id != actor.id or private_key is None:
        raise refuse(Refusal.BATCH_ELSEWHERE)
    try:
        pdf = sealed.open_sealed(batch.sealed, private_key, about(batch))
    except sealed.CannotOpen as error:
        raise refuse(Refusal.BATCH_ELSEWHERE) from error
    batch.fetched_at = clock.now()
    audit.record(session, EventTag.LETTER_BATCH_FETCHED, batch, actor=actor, count=batch.letters)
    return pdf


def destroy(session: Session, batch_id: int, *, actor: User) -> LetterBatch:
    """Destroy the PDF: its owner has it on paper. A second press finds it destroyed.

    Raises ``Refused``: BATCH_ELSEWHERE for another's, WRONG_STATE if there is none yet.
    """
    access.check(actor, Permission.LETTER_PRINT)
    batch = locked(session, batch_id)
    if batch is None:
        raise NotFound
    if batch.created_by_id != actor.id:
        raise refuse(Refusal.BATCH_ELSEWHERE)
    if batch.state is not BatchState.GONE:
        _destroy(session, batch, actor)
    return batch


def _destroy(session: Session, batch: LetterBatch, actor: User | None) -> None:
    if batch.state is BatchState.READY:
        batch.sealed = None  # with the state in one write: the database wants both or neither
    workflow.advance(session, transitions.LETTER_BATCH, batch, "destroy", actor=actor, count=batch.letters)


def tidy_up(session: Session) -> int:
    """Destroy what is over its time; call failed what no worker will finish. How many of both."""
    over = select(LetterBatch).where(LetterBatch.state == BatchState.READY, LetterBatch.until <= clock.now())
    given_up = (
        select(LetterBatch)
        .join(Job, Job.id == LetterBatch.job_id)
        .where(LetterBatch.state == BatchState.QUEUED, Job.state == JobState.FAILED)
    )
    rows = {
        query: session.scalars(query.with_for_update(of=LetterBatch).order_by(LetterBatch.id)).all()
        for query in (over, given_up)
    }
    for batch in rows[over]:
        _destroy(session, batch, None)
    for batch in rows[given_up]:
        fail(session, batch, [])
    return sum(len(found) for found in rows.values())


def fail(
    session: Session, batch: LetterBatch, problems: Sequence[Problem], letters: Sequence[str] = ()
) -> None:
    """Note that nothing was printed, why, and because of which letters."""
    why = {
        "problems": [[one.refusal.value, dict(one.figures)] for one in problems[:3]],
        "letters": list(letters[:5]),
    }
    batch.last_error = json.dumps(why, ensure_ascii=False)
    workflow.advance(
        session,
        transitions.LETTER_BATCH,
        batch,
        "fail",
        actor=None,
        codes=[one.refusal.value for one in problems],
        letters=why["letters"],
    )


def why_failed(batch: LetterBatch) -> tuple[list[Problem], list[str]]:
    """What stood against it, and the numbers of the letters it was about."""
    kept: dict[str, Any] = json.loads(batch.last_error or '{"problems": [], "letters": []}')
    found = [Problem(Refusal(code), None, figures) for code, figures in kept["problems"]]
    return found, [str(number) for number in kept["letters"]]


def to_post(session: Session, batch: LetterBatch) -> list[Letter]:
    """The letters of this printing that are not posted yet; one printed again since is another paper."""
    if batch.ready_at is None:
        return []
    query = select(Letter).where(
        Letter.id.in_(batch.letter_ids),
        Letter.state == LetterState.PRINTED,
        Letter.printed_at <= batch.ready_at,
    )
    return list(session.scalars(query.order_by(Letter.id)))


def unfetched(session: Session, letters: Sequence[Letter]) -> list[Letter]:
    """Those of ``letters`` whose last printing is a PDF that nobody ever downloaded: there is no paper.

    One query: the printings that were made and never fetched are few.
    """
    made = select(LetterBatch).where(LetterBatch.ready_at.is_not(None), LetterBatch.fetched_at.is_(None))
    ready = {(letter_id, batch.ready_at) for batch in session.scalars(made) for letter_id in batch.letter_ids}
    return [
        letter
        for letter in letters
        if letter.printed_at is not None
        and any(one == letter.id and at is not None and letter.printed_at <= at for one, at in ready)
    ]


@jobs.handler(DESTROY)
def destroy_overdue(work: Work) -> dict[str, Any]:
    """Destroy every PDF whose time has passed."""
    with work.open_session() as session:
        return {"ended": run(session, lambda: tidy_up(session))}
