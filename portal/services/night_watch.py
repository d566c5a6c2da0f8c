"""What failed in the night, and comparisons that come no more: shown on the office's home, mailed once.

Work of the night that failed for good stands there until the same work succeeds. A comparison of the
books older than :data:`STALE` is no agreement any more, whatever it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import BookCheck, Event, Job, JobState
from portal.services import audit, books
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.outbox import OpenSession
from portal.services.transaction import begin_reading, run

#: how old the newest comparison may be (decided: it is made each night)
STALE = timedelta(days=2)
COMPARISON = "compare_books"
#: what comes round each night, as people call it: Japanese, English
NAMES: Mapping[str, tuple[str, str]] = {
    "ledger_verify": ("台帳の検証", "proof of the ledger"),
    COMPARISON: ("帳簿の照合", "comparison of the books"),
    "freeze_compliance": ("償却期限の記録", "record of the retirement deadline"),
    "expire_proposals": ("起案の失効", "lapse of proposals"),
    "remind": ("期限のお知らせ", "reminders"),
    "forget_imports": ("一括登録の古いファイルの消去", "deletion of old import files"),
    "compare_publications": ("公表した表と記録の照合", "comparison of published tables with the record"),
    "forget_old_attempts": ("ログインの失敗の記録の消去", "deletion of old log-in failures"),
    "add_up_transfers": ("移転量の累計", "running totals of transfers"),
    "look_at_guards": ("データベースの保護の点検", "look at the guards of the database"),
    "seal_history": ("履歴の封印", "seals over history"),
}


@dataclass(frozen=True)
class Trouble:
    """What the office must know of its nights. ``compared_at``: the last comparison, if that is too old."""

    failed: tuple[Job, ...]
    compared_at: datetime | None


def trouble(session: Session) -> Trouble:
    """What stands now; three small queries. A disagreement of the books is told elsewhere, not here."""
    newest = books.newest(session)
    old = newest is not None and newest.finished_at < clock.now() - STALE
    return Trouble(
        tuple(_failed(session, newest)), newest.finished_at if newest is not None and old else None
    )


def _failed(session: Session, newest: BookCheck | None) -> list[Job]:
    """The work of each kind that ended last, where it failed."""
    known = [kind for kind in NAMES if kind != COMPARISON or newest is None or newest.ok]
    last = (
        select(func.max(Job.id))
        .where(Job.kind.in_(known), Job.state.in_([JobState.DONE, JobState.FAILED]))
        .group_by(Job.kind)
    )
    return list(
        session.scalars(select(Job).where(Job.id.in_(last), Job.state == JobState.FAILED).order_by(Job.id))
    )


def tell(open_session: OpenSession) -> int:
    """Mail the secretariat what it was not told yet, each thing once; how many. Run by the worker."""
    with open_session() as session:
        begin_reading(session)
        if not any(_untold(session)):
            return 0
        return run(session, lambda: _tell(session))


def _untold(session: Session) -> tuple[list[Job], BookCheck | None]:
    found = trouble(session)
    jobs = [one for one in found.failed if not _told(session, EventTag.NIGHT_WORK_FAILED, one)]
    newest = books.newest(session) if found.compared_at is not None else None
    if newest is not None and _told(session, EventTag.BOOKS_NOT_COMPARED, newest):
        newest = None
    return jobs, newest


def _told(session: Session, tag: EventTag, subject: Job | BookCheck) -> bool:
    query = select(Event.id).where(
        Event.subject_type == type(subject).__tablename__,
        Event.subject_id == subject.id,
        Event.tag == tag.value,
    )
    return session.scalar(query.limit(1)) is not None


def _tell(session: Session) -> int:
    # two workers at one moment: the second waits here and finds what the first has told
    jobs, old = _untold(session)
    for model, rows in ((Job, [one.id for one in jobs]), (BookCheck, [old.id] if old is not None else [])):
        session.execute(select(model.id).where(model.id.in_(rows)).order_by(model.id).with_for_update())
    jobs, old = _untold(session)
    for job in jobs:
        problem = job.last_error or ""
        audit.record(session, EventTag.NIGHT_WORK_FAILED, job, actor=None, kind=job.kind, problem=problem)
        notify(session, MailKind.NIGHT_WORK_FAILED, work=NAMES[job.kind], problem=problem)
    if old is not None:
        audit.record(session, EventTag.BOOKS_NOT_COMPARED, old, actor=None)
        notify(session, MailKind.BOOKS_NOT_COMPARED, since=old.finished_at)
    return len(jobs) + (old is not None)
