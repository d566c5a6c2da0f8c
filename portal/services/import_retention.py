"""What an import leaves behind: its file and what its rows say are personal data, thrown away in time.

Decided: at once when an import is discarded, otherwise 30 days after it ended. How many rows there were,
the numbers of what was made, the file's name and fingerprint, and the events stay.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Import, ImportRow, ImportState, User
from portal.services import audit, jobs, kept_files
from portal.services.audit import EventTag
from portal.services.jobs import Work
from portal.services.transaction import run

#: how long the file and the rows of an import that has ended are kept
KEPT = timedelta(days=30)
#: states in which nobody needs the rows' contents for the work
ENDED = (ImportState.DISCARDED, ImportState.REFUSED, ImportState.FAILED, ImportState.DONE)


def last_day(row: Import) -> date:
    """The last day (Tokyo) on which the file and the rows of an import that has ended can be seen."""
    return clock.in_tokyo(row.state_since + KEPT).date()


def clear(session: Session, row: Import, *, actor: User | None) -> None:
    """Throw away the file, its marked copy and what the rows say of an import that has ended; once."""
    if row.cleared_at is not None:
        return
    files = [one for one in (row.document, row.marked) if one is not None]
    row.document = row.marked = None
    row.cleared_at = clock.now()
    session.flush()
    for file in files:
        kept_files.delete_document(session, file)
    rows = ImportRow.import_id == row.id
    session.execute(delete(ImportRow).where(rows, ImportRow.made_id.is_(None)))
    nothing: dict[str, Any] = {"label": "", "values": {}, "problems": [], "similar": []}
    session.execute(update(ImportRow).where(rows).values(nothing))
    # a refused row's contents stand in these too
    row.problems = [{**one, "found": ""} for one in row.problems]
    audit.record(session, EventTag.IMPORT_CLEARED, row, actor=actor, rows=row.rows_total)


@jobs.handler("forget_imports", nightly=True)
def forget_imports(work: Work) -> dict[str, Any]:
    """Clear what ended long enough ago, each import in a transaction of its own."""
    due = (
        select(Import.id)
        .where(Import.cleared_at.is_(None), Import.state.in_(ENDED), Import.state_since < clock.now() - KEPT)
        .order_by(Import.id)
    )
    with work.open_session() as session:
        ids = run(session, lambda: list(session.scalars(due)))
        return {"cleared": sum(run(session, lambda one=one: _forget(session, one)) for one in ids)}  # type: ignore[misc]


def _forget(session: Session, import_id: int) -> int:
    query = select(Import).where(Import.id == import_id).with_for_update(of=Import)
    row = session.scalars(query.execution_options(populate_existing=True)).one()
    if row.cleared_at is not None or row.state not in ENDED:
        return 0
    clear(session, row, actor=None)
    return 1
