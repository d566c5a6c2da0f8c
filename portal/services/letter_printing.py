"""Printing many letters: asked for by a clerk, done by the worker, all of it in one transaction.

Hashing some hundred passwords and setting as many letters takes tens of seconds, and nobody may
wait for it. So passwords, the sealed PDF and the kept copies are made first, from what was read;
then, under lock, what was read must still be so, or all is made anew. Either every letter is printed
or none: a worker that dies in between has changed nothing, and a second run finds the work done.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import InUse, NotAllowed, NotFound, Problem, Refusal, Refused, refuse
from portal.models import BatchState, Letter, LetterBatch, LetterState, User
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    jobs,
    letter_batches,
    letter_pdf,
    letter_present,
    letter_words,
    letters,
    once,
    sealed,
    transitions,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.jobs import LeaseLost, Work, WorkFailed
from portal.services.letter_pdf import LetterContent
from portal.services.passwords import InitialPassword, make_initial_password
from portal.services.registration_data import glyph_problem
from portal.services.transaction import begin_reading, run

PRINT = "print_letters"
#: decided: one printing is one stack of paper; 500 letters are set in about a minute
MOST = 500
#: what may be printed once more with others: what came back, and a stack that was lost before it was posted
AGAIN = frozenset({LetterState.PRINTED, LetterState.RETURNED})
#: how often letters may change under our hands before the work is put off
TRIES = 4
#: argon2 works outside Python's lock; more threads than processors gain nothing
THREADS = min(4, os.cpu_count() or 1)


class Unprintable(Exception):
    """Letters that cannot be set: nothing is printed, and they are named."""

    def __init__(self, problem: Problem, numbers: Sequence[str]) -> None:
        super().__init__(problem.refusal.value)
        self.problem, self.numbers = problem, numbers


@dataclass(frozen=True)
class Ready:
    """Everything made outside: what was read, and what comes of it."""

    batch_id: int
    #: the version of each letter that was asked for: a later one is somebody else's print
    versions: Mapping[int, int]
    #: what was read, by the letter's id, in the order of printing
    read: Mapping[int, LetterContent]
    made: Mapping[str, InitialPassword]
    printed: Mapping[int, LetterContent]
    copies: Mapping[int, bytes]
    sealed: bytes


def waiting_ids(session: Session) -> list[int]:
    """The letters that wait to be printed, the oldest first, as many as one printing takes."""
    query = select(Letter.id).where(Letter.state == LetterState.WAITING)
    return list(session.scalars(query.order_by(Letter.created_at, Letter.id).limit(MOST)))


def start(
    session: Session,
    letter_ids: Collection[int],
    public_key: bytes,
    *,
    actor: User,
    also: Collection[LetterState] = (),
    instead_of: int | None = None,
    key: str | None = None,
) -> LetterBatch:
    """Queue the printing of ``letter_ids`` as one PDF, sealed for the holder of ``public_key``'s other half.

    Those that wait are printed, and those in a state of ``also`` (of ``AGAIN``) once more. What
    somebody else printed before the work is done is left out and named. ``instead_of``: a finished
    PDF of the actor's that cannot be opened any more, which is destroyed first. Raises ``Refused``
    with LETTERS_NONE, LETTERS_TOO_MANY, or BATCH_OPEN while the actor's last PDF was not fetched.
    """
    access.check(actor, Permission.LETTER_PRINT)
    ids = sorted(set(letter_ids))
    states = {LetterState.WAITING, *AGAIN.intersection(also)}
    content = {"letters": ids, "states": sorted(states)}
    # two windows of one clerk: the second finds what the first began
    once.hold(session, actor)
    made = once.earlier(session, key, "print_letters", content, actor=actor)
    if made is not None:
        return access.get_visible(session, LetterBatch, made, actor)
    if len(ids) > MOST:
        raise refuse(Refusal.LETTERS_TOO_MANY, limit=MOST)
    letter_batches.tidy_up(session)
    if instead_of is not None:
        letter_batches.destroy(session, instead_of, actor=actor)
    if letter_batches.unfinished(session, actor) is not None:
        raise refuse(Refusal.BATCH_OPEN)
    chosen = select(Letter.id, Letter.version).where(Letter.id.in_(ids), Letter.state.in_(states))
    versions = {letter_id: version for letter_id, version in session.execute(chosen)}
    if not versions:
        raise refuse(Refusal.LETTERS_NONE)
    batch = LetterBatch(
        state=BatchState.QUEUED,
        letter_ids=ids,
        letters=len(versions),
        left_out=[],
        public_key=public_key,
        created_by_id=actor.id,
        created_at=clock.now(),
    )
    session.add(batch)
    session.flush()
    payload = {"batch": batch.id, "versions": {str(one): version for one, version in versions.items()}}
    batch.job_id = jobs.enqueue(session, PRINT, payload, actor=actor).id
    audit.record(session, EventTag.LETTER_BATCH_QUEUED, batch, actor=actor, count=len(versions))
    once.remember(session, key, "print_letters", content, batch.id, actor=actor)
    return batch


# ---- the worker


@jobs.handler(PRINT)
def print_together(work: Work) -> dict[str, Any]:
    """Print the letters of a batch. A batch that is printed already, or failed, is left as it is."""
    batch_id = int(work.payload["batch"])
    versions = {int(one): int(version) for one, version in work.payload["versions"].items()}
    try:
        return _print(work, batch_id, versions)
    except Unprintable as found:
        _fail(work, batch_id, [found.problem], found.numbers)
    except (Refused, NotAllowed, NotFound) as refused:
        _fail(work, batch_id, refused.problems, ())
    except (LeaseLost, WorkFailed):
        raise
    except Exception:
        if work.claim >= jobs.LAST_TRY:
            _note_failure(work, batch_id, (), ())
        raise
    raise AssertionError("unreachable")


def _print(work: Work, batch_id: int, versions: Mapping[int, int]) -> dict[str, Any]:
    for _ in range(TRIES):
        ready = _make_ready(work, batch_id, versions)
        if ready is None:
            return {}
        with work.open_session() as session:
            if run(session, lambda: _carry_out(session, ready)):  # noqa: B023
                return {"printed": len(ready.read)}
    raise InUse


def _fail(work: Work, batch_id: int, problems: Sequence[Problem], numbers: Sequence[str]) -> None:
    _note_failure(work, batch_id, problems, numbers)
    raise WorkFailed(", ".join(one.refusal.value for one in problems))


def _note_failure(work: Work, batch_id: int, problems: Sequence[Problem], numbers: Sequence[str]) -> None:
    def note(session: Session) -> None:
        batch = letter_batches.locked(session, batch_id)
        if batch is not None and batch.state is BatchState.QUEUED:
            letter_batches.fail(session, batch, problems, numbers)

    with work.open_session() as session:
        run(session, lambda: note(session))


# ---- outside


def _make_ready(work: Work, batch_id: int, versions: Mapping[int, int]) -> Ready | None:
    """Passwords, the sealed PDF and the copies; ``None`` if the batch is done with."""
    with work.open_session() as session:
        begin_reading(session)
        batch = session.get(LetterBatch, batch_id)
        if batch is None or batch.state is not BatchState.QUEUED:
            return None
        public_key, about = batch.public_key, letter_batches.about(batch)
        read = _read(session, _unchanged(session, versions))
    if not read:
        raise refuse(Refusal.LETTERS_NONE)
    _check(read)
    logins = list(dict.fromkeys(login.login_id for one in read.values() for login in one.logins))
    count = _Count(work, len(logins) + 2 * len(read))
    made = _passwords(logins, count)
    printed = {letter_id: letters.with_passwords(one, made) for letter_id, one in read.items()}
    # the PDF is readable in memory only
    pdf = sealed.seal(letter_pdf.render_letters(printed.values(), told=count.add), public_key, about)
    copies = {}
    for letter_id, one in printed.items():
        copies[letter_id] = letters.typeset(letter_words.blackened(one))
        count.add(1)
    return Ready(batch_id, versions, read, made, printed, copies, pdf)


def _unchanged(session: Session, versions: Mapping[int, int], *, lock: bool = False) -> list[Letter]:
    """The letters that nobody printed since they were asked for."""
    query = select(Letter).where(Letter.id.in_(versions)).order_by(Letter.id)
    if lock:
        query = query.with_for_update(of=Letter).execution_options(populate_existing=True)
    return [letter for letter in session.scalars(query) if letter.version == versions[letter.id]]


def _read(session: Session, rows: Sequence[Letter]) -> dict[int, LetterContent]:
    """What would be printed today, in the order of the post; letters to one reader lie together."""
    found = letter_present.presents(session, rows)
    order = sorted(found, key=lambda one: (letter_present.address_order(found[one].address), one))
    return {letter_id: found[letter_id] for letter_id in order}


def _check(read: Mapping[int, LetterContent]) -> None:
    """Raises ``Unprintable`` naming the letters whose words the font lacks."""
    problems = {
        one.number: problem
        for one in read.values()
        if (problem := glyph_problem("".join(letter_pdf.letter_texts(one)), "letters"))
    }
    if problems:
        raise Unprintable(next(iter(problems.values())), list(problems))


class _Count:
    """How far the work is; told now and then, for each telling is a transaction."""

    def __init__(self, work: Work, total: int) -> None:
        self._work, self._total, self._done, self._told = work, total, 0, -1
        self.add(0)

    def add(self, steps: int) -> None:
        self._done += steps
        percent = 100 * self._done // self._total
        if percent >= self._told + 5 or self._done == self._total:
            self._work.progress(self._done, self._total)
            self._told = percent


def _passwords(login_ids: Sequence[str], count: _Count) -> dict[str, InitialPassword]:
    """A password for each login: one that stands on two letters has the same on both."""
    made = {}
    with ThreadPoolExecutor(THREADS) as threads:
        for login_id, password in zip(
            login_ids, threads.map(lambda _: make_initial_password(), login_ids), strict=True
        ):
            made[login_id] = password
            count.add(1)
    return made


# ---- in one transaction


def _carry_out(session: Session, ready: Ready) -> bool:
    """Print all of it, if everything still is as it was read; whether the batch is done with."""
    batch = letter_batches.locked(session, ready.batch_id)
    if batch is None or batch.state is not BatchState.QUEUED:
        return True
    actor = access.check(session.get_one(User, batch.created_by_id), Permission.LETTER_PRINT)
    asked = {letter.id: letter.number for letter in _asked(session, batch)}
    rows = {letter.id: letter for letter in _unchanged(session, ready.versions, lock=True)}
    if _read(session, list(rows.values())) != ready.read:
        return False
    letters.give_passwords(session, ready.made, actor=actor)
    for letter_id in ready.read:
        letters.record_printing(
            session,
            rows[letter_id],
            ready.printed[letter_id],
            ready.copies[letter_id],
            actor=actor,
            batch=batch.id,
        )
    letters.tell_of_passwords(session, list(rows.values()), actor=actor)
    session.flush()
    left_out = [number for letter_id, number in asked.items() if letter_id not in ready.read]
    _finish(session, batch, ready, left_out, actor)
    return True


def _asked(session: Session, batch: LetterBatch) -> Sequence[Any]:
    query = select(Letter.id, Letter.number).where(Letter.id.in_(batch.letter_ids)).order_by(Letter.id)
    return session.execute(query).all()


def _finish(session: Session, batch: LetterBatch, ready: Ready, left_out: list[str], actor: User) -> None:
    batch.letter_ids = list(ready.read)
    batch.letters = len(ready.read)
    batch.left_out = left_out
    batch.ready_at = clock.now()
    batch.until = batch.ready_at + letter_batches.KEPT
    batch.sealed = ready.sealed  # with the state in one write: the database wants both or neither
    workflow.advance(
        session,
        transitions.LETTER_BATCH,
        batch,
        "finish",
        actor=actor,
        count=batch.letters,
        left_out=left_out,
    )
    key = f"{letter_batches.DESTROY}:{batch.id}"
    jobs.enqueue(session, letter_batches.DESTROY, {}, once_key=key, at=batch.until)
