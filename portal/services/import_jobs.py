"""The worker's half of a bulk import: the file read and judged, its rows carried out or not at all.

Both pieces of work may be done twice (a worker that dies is followed by another): each ends in one
transaction that first looks whether the import still waits for just this piece of work.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import InUse, NotFound, PortalError, Problem, Refusal, Refused
from portal.models import Import, ImportKind, ImportRow, ImportState, Job, User
from portal.permissions import Permission
from portal.services import (
    access,
    documents,
    import_checks,
    import_rows,
    jobs,
    registration_batch,
    targets,
    transitions,
    workflow,
)
from portal.services.import_rows import Judged
from portal.services.jobs import Work
from portal.services.mail import MailKind, notify
from portal.services.registration_data import ApplicationData, data_from_json
from portal.services.spreadsheets.import_table import MOST_FINDINGS, Row, Table
from portal.services.spreadsheets.import_words import Finding, refused
from portal.services.spreadsheets.jail import mark_table_jailed, read_table_jailed
from portal.services.spreadsheets.layouts.imports import MOST_ROWS
from portal.services.spreadsheets.marked import Mark
from portal.services.transaction import begin_reading, end_reading, run

log = logging.getLogger(__name__)

READ = "import_read"
CARRY_OUT = "import_carry_out"
#: rows judged between two words about the progress
_STEP = 200
#: what a person can still look through in the marked file
_MOST_MARKS = 1_000


def _waits(session: Session, work: Work, state: ImportState, *, lock: bool = True) -> Import | None:
    """The import this work is about, locked unless it is only read, if it still waits for it."""
    query = select(Import).where(Import.id == int(work.payload["import"]))
    if lock:
        query = query.with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None or row.state is not state or row.job_id != work.job_id:
        return None
    return row


# ---- reading


@jobs.handler(READ)
def read(work: Work) -> dict[str, Any]:
    """Read the uploaded workbook in the jail, judge every row, keep all of it with its problems."""
    with work.open_session() as session:
        begin_reading(session)
        row = _waits(session, work, ImportState.UPLOADED, lock=False)
        if row is None or row.document is None:
            return {}
        kind, name, data = row.kind, row.file_name, documents.read(session, row.document)
        locale = row.created_by.locale
        end_reading(session)
    try:
        judged, findings = _judged(work, kind, read_table_jailed(data, kind.value))
    except jobs.LeaseLost:
        raise
    except Exception:
        if work.claim >= jobs.LAST_TRY:
            _keep(work, [], [Finding("gave_up")], None)
        raise
    marks = [*findings, *(one for row in judged for one in row.findings)]
    marked = _marked(data, marks, locale)
    _keep(work, judged, findings, (f"印付き_{name}", marked) if marked is not None else None)
    return {"rows": len(judged), "bad": sum(1 for one in judged if one.findings)}


def _judged(work: Work, kind: ImportKind, table: Table) -> tuple[list[Judged], list[Finding]]:
    findings = list(table.findings)
    total = len(table.rows)
    if total > MOST_ROWS:
        findings.append(refused(Problem(Refusal.IMPORT_TOO_MANY, None, {"limit": MOST_ROWS})))
    elif total == 0 and not findings:
        findings.append(refused(Problem(Refusal.IMPORT_EMPTY)))
    if findings:
        # rows of a file whose columns are not certain are not judged: half of it would be noise
        return [], findings
    work.progress(0, total)
    with work.open_session() as session:
        begin_reading(session)
        phases = import_checks.phases(session)
        end_reading(session)
    made: list[Judged] = []
    for number, row in enumerate(table.rows, 1):
        columns = table.columns.get(row.sheet, {})
        if kind is ImportKind.APPLICATIONS:
            made.append(import_rows.application(row, columns, phases))
        else:
            made.append(import_rows.target(row, columns))
        if number % _STEP == 0:
            work.progress(number, total)
    with work.open_session() as session:
        begin_reading(session)
        _against_register(session, kind, made)
        end_reading(session)
    work.progress(total, total)
    return made, []


def _against_register(session: Session, kind: ImportKind, rows: Sequence[Judged]) -> None:
    check = import_checks.applications if kind is ImportKind.APPLICATIONS else import_checks.targets
    check(session, rows)


def _marked(data: bytes, findings: Sequence[Finding], locale: str) -> bytes | None:
    marks = [Mark(one.sheet, one.cell, one.message(locale)) for one in findings if one.cell]
    return mark_table_jailed(data, marks[:_MOST_MARKS]) if marks else None


def _keep(
    work: Work, judged: Sequence[Judged], findings: Sequence[Finding], marked: tuple[str, bytes] | None
) -> None:
    def keep(session: Session) -> None:
        row = _waits(session, work, ImportState.UPLOADED)
        if row is None:
            return
        row.rows_total = len(judged)
        row.rows_bad = sum(1 for one in judged if one.findings)
        row.problems = [one.as_json() for one in findings[:MOST_FINDINGS]]
        if marked is not None:
            row.marked_id = documents.store(session, *marked, documents.XLSX, actor=row.created_by).id
        if judged:
            session.execute(insert(ImportRow), [_stored(row.id, n, one) for n, one in enumerate(judged, 1)])
        good = not row.problems and not row.rows_bad
        facts: dict[str, Any] = {"rows": row.rows_total, "bad": row.rows_bad}
        workflow.advance(session, transitions.IMPORT, row, "pass" if good else "refuse", actor=None, **facts)
        if not good:
            _tell(session, row, row.created_by, ("不備があります", "there are problems"))

    with work.open_session() as session:
        run(session, lambda: keep(session))


def _stored(import_id: int, position: int, one: Judged) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "position": position,
        "sheet": one.row.sheet,
        "row_number": one.row.number,
        "label": one.label,
        "values": one.values,
        "problems": [finding.as_json() for finding in one.in_order()],
        "similar": one.similar,
    }


def _tell(session: Session, row: Import, user: User, outcome: tuple[str, str]) -> None:
    # the file may have been thrown away meanwhile (retention): the mail then names its number
    file = row.document.name if row.document is not None else f"No. {row.id}"
    notify(session, MailKind.IMPORT_ENDED, user=user, row=row, outcome=outcome, file=file)


# ---- carrying out


@jobs.handler(CARRY_OUT)
def carry_out(work: Work) -> dict[str, Any]:
    """Make all rows of a started import in one transaction, or none and say why."""
    try:
        with work.open_session() as session:
            return {"made": run(session, lambda: _carry_out(session, work))}
    except InUse:
        raise
    except PortalError as refusal:
        _fail(work, [refused(one) for one in refusal.problems])
        return {"made": 0}
    except Exception:
        if work.claim >= jobs.LAST_TRY:
            _fail(work, [Finding("gave_up")])
        raise


def _carry_out(session: Session, work: Work) -> int:
    row = _waits(session, work, ImportState.RUNNING)
    if row is None:
        return 0
    starter = _starter(session, work, row)
    rows = list(
        session.scalars(select(ImportRow).where(ImportRow.import_id == row.id).order_by(ImportRow.position))
    )
    make = _make_applications if row.kind is ImportKind.APPLICATIONS else _make_targets
    made = make(session, rows, starter)
    session.flush()
    session.execute(
        update(ImportRow),
        [{"id": one.id, "made_id": made_id} for one, made_id in zip(rows, made, strict=True)],
    )
    row.finished_at = clock.now()
    workflow.advance(session, transitions.IMPORT, row, "finish", actor=None, rows=len(made))
    count = f"{len(made):,}"
    english = "1 row was imported" if len(made) == 1 else f"{count} rows were imported"
    _tell(session, row, starter, (f"{count}件を取り込みました", english))
    return len(made)


def _starter(session: Session, work: Work, row: Import) -> User:
    """Whoever had it carried out: not always who uploaded the file."""
    started_by = session.get_one(Job, work.job_id).created_by_id
    return session.get_one(User, started_by) if started_by is not None else row.created_by


def _make_applications(session: Session, rows: Sequence[ImportRow], actor: User) -> list[int]:
    items = [data_from_json(one.values) for one in rows]
    # the series are held from here on, so that nobody records one of these meanwhile
    numbers = registration_batch.reserve_numbers(session, items)
    _not_overtaken(session, rows, items)
    made = registration_batch.record_applications(session, items, numbers, actor=actor)
    return [one.id for one in made]


def _not_overtaken(session: Session, rows: Sequence[ImportRow], items: Sequence[ApplicationData]) -> None:
    """Refuse with IMPORT_OVERTAKEN if the register has come to stand against a row since the preview."""
    again = [
        Judged(Row(one.sheet, one.row_number), {}, one.label, {}, data=data)
        for one, data in zip(rows, items, strict=True)
    ]
    import_checks.applications(session, again)
    if any(one.findings for one in again):
        raise Refused(Problem(Refusal.IMPORT_OVERTAKEN))


def _make_targets(session: Session, rows: Sequence[ImportRow], actor: User) -> list[int]:
    """Propose each target by the rules of the desk; those who confirm get one mail for all of them."""
    access.check(actor, Permission.TARGET_PROPOSE)
    made = []
    for one in rows:
        try:
            target = targets.propose_target(
                session, one.values["holder_id"], one.values["quantity"], actor=actor, tell=False
            )
        except (Refused, NotFound) as overtaken:
            raise Refused(Problem(Refusal.IMPORT_OVERTAKEN)) from overtaken
        made.append(target.id)
    total = sum(int(one.values["quantity"]) for one in rows)
    notify(session, MailKind.TARGETS_TO_CONFIRM, actor=actor, count=len(made), quantity=total)
    return made


def _fail(work: Work, findings: Sequence[Finding]) -> None:
    def fail(session: Session) -> None:
        row = _waits(session, work, ImportState.RUNNING)
        if row is None:
            return
        row.problems = [one.as_json() for one in findings]
        codes = [one.code for one in findings]
        workflow.advance(session, transitions.IMPORT, row, "fail", actor=None, problems=codes)
        _tell(session, row, _starter(session, work, row), ("取り込めませんでした", "nothing was imported"))

    with work.open_session() as session:
        run(session, lambda: fail(session))
