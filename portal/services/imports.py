"""Bulk imports as the office sees them: a file sent, its rows looked through, started or discarded.

An import becomes records as a whole or not at all. What takes long is the worker's (``import_jobs``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Refusal, refuse
from portal.models import (
    Import,
    ImportKind,
    ImportRow,
    ImportState,
    Job,
    JobState,
    Phase,
    RegistrationApplication,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    documents,
    import_checks,
    import_retention,
    jobs,
    once,
    transitions,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.import_jobs import CARRY_OUT, READ
from portal.services.spreadsheets import import_blank
from portal.services.spreadsheets.import_words import Finding, finding_of
from portal.services.spreadsheets.layouts.imports import MOST_ROWS

__all__ = ["AT_WORK", "MOST_ROWS", "ONLY", "PAGE", "WAITING", "Line", "Progress", "blank_workbook", "count"]
__all__ += ["discard", "findings", "is_stuck", "open_marked", "progress", "rows", "same_file", "start"]
__all__ += ["started_by", "upload"]

#: states in which the worker has the import
AT_WORK = (ImportState.UPLOADED, ImportState.RUNNING)
#: states in which a person is waited for
WAITING = (ImportState.READY, ImportState.REFUSED)
PAGE = 50


def blank_workbook(session: Session, kind: ImportKind, *, actor: User, phase_id: int | None = None) -> bytes:
    """The workbook to fill in, as .xlsx.

    That of targets names the holders of ``phase_id`` that have no target yet. Raises ``NotFound`` for
    a phase that is not there, ``Refused`` with TARGETS_ALL_THERE where no holder is without.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    if kind is ImportKind.APPLICATIONS:
        return import_blank.build(kind.value, phases=sorted(import_checks.phases(session)))
    if phase_id is None or session.get(Phase, phase_id) is None:
        raise NotFound
    filled = import_checks.without_target(session, phase_id)
    if not filled:
        raise refuse(Refusal.TARGETS_ALL_THERE)
    return import_blank.build(kind.value, filled=filled)


def upload(
    session: Session,
    kind: ImportKind,
    name: str,
    data: bytes,
    *,
    actor: User,
    limit_mb: int,
    key: str | None = None,
) -> Import:
    """Keep a workbook and let the worker read it; nothing of it is believed yet.

    Raises ``Refused`` with FILE_NEEDED, FILE_TOO_LARGE or FILE_KIND at ``file``.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    documents.check_upload(name, data, kinds=(documents.XLSX,), limit_mb=limit_mb)
    content = {"kind": kind.value, "file": hashlib.sha256(data).hexdigest()}
    made = once.earlier(session, key, "upload_import", content, actor=actor)
    if made is not None:
        return access.get_visible(session, Import, made, actor)
    document = documents.store(session, name, data, documents.XLSX, actor=actor)
    now = clock.now()
    row = Import(
        kind=kind,
        state=ImportState.UPLOADED,
        state_since=now,
        file_name=document.name,
        file_sha256=document.sha256,
        document_id=document.id,
        problems=[],
        created_by_id=actor.id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    row.job_id = jobs.enqueue(session, READ, {"import": row.id}, actor=actor).id
    audit.record(session, EventTag.IMPORT_UPLOADED, row, actor=actor, kind=kind.value, file=document.name)
    once.remember(session, key, "upload_import", content, row.id, actor=actor)
    return row


def start(
    session: Session, import_id: int, *, actor: User, version: int | None = None, key: str | None = None
) -> Import:
    """Let the worker make all rows of an import without problems. Two who press at once start it once."""
    access.check(actor, Permission.REGISTRATION_EDIT)
    row = access.get_visible(session, Import, import_id, actor, lock=True)
    if once.earlier(session, key, "start_import", {"import": import_id}, actor=actor) is not None:
        return row
    if row.kind is ImportKind.TARGETS:
        access.check(actor, Permission.TARGET_PROPOSE)
    if row.state is ImportState.REFUSED:
        raise refuse(Refusal.IMPORT_HAS_PROBLEMS)
    workflow.advance(
        session, transitions.IMPORT, row, "start", actor=actor, version=version, rows=row.rows_total
    )
    row.job_id = jobs.enqueue(session, CARRY_OUT, {"import": row.id}, actor=actor).id
    once.remember(session, key, "start_import", {"import": import_id}, row.id, actor=actor)
    return row


def discard(session: Session, import_id: int, *, actor: User, version: int | None = None) -> Import:
    """Put an import aside; its file and what its rows say are thrown away at once.

    One whose work ended without a result is ended first.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    row = access.get_visible(session, Import, import_id, actor, lock=True)
    workflow.expect_version(row, version)
    if is_stuck(row):
        action = "refuse" if row.state is ImportState.UPLOADED else "fail"
        row.problems = [Finding("gave_up").as_json()]
        workflow.advance(session, transitions.IMPORT, row, action, actor=None)
    workflow.advance(session, transitions.IMPORT, row, "discard", actor=actor)
    import_retention.clear(session, row, actor=actor)
    return row


def is_stuck(row: Import) -> bool:
    """Whether the worker gave the import's work up without a word about it (it died too often)."""
    return row.state in AT_WORK and row.job is not None and row.job.state is JobState.FAILED


def open_marked(session: Session, import_id: int, *, actor: User) -> tuple[str, str, bytes]:
    """(name, media type, bytes) of the workbook with its problems marked; ``NotFound`` if there is none."""
    access.check(actor, Permission.REGISTRATION_VIEW)
    row = access.get_visible(session, Import, import_id, actor)
    if row.marked is None:
        raise NotFound
    audit.record(session, EventTag.DOCUMENT_DOWNLOADED, row, actor=actor, file=row.marked.name)
    return row.marked.name, row.marked.media_type, documents.read(session, row.marked)


@dataclass(frozen=True)
class Progress:
    """How far the worker is: ``total`` is unknown while the file is being opened."""

    state: ImportState
    done: int
    total: int | None


def progress(row: Import) -> Progress:
    """How far the work on an import is."""
    job = row.job
    if job is None or row.state is ImportState.RUNNING:
        # all rows are one transaction: there is no half to tell of
        return Progress(row.state, 0, None)
    return Progress(row.state, job.progress, job.total)


@dataclass(frozen=True)
class Line:
    """One row as the preview shows it."""

    row: ImportRow
    problems: tuple[Finding, ...]
    #: the number of the application it became
    number: str | None = None


def _with_any(column: Any) -> ColumnElement[bool]:
    """Whether a JSON list holds anything, on both databases."""
    return cast(column, String) != "[]"


ONLY = {"bad": _with_any(ImportRow.problems), "similar": _with_any(ImportRow.similar)}


def rows(session: Session, import_id: int, *, page: int = 0, only: str = "") -> list[Line]:
    """One page of an import's rows in their order; ``only``: ``bad`` or ``similar``."""
    query = _rows(select(ImportRow), import_id, only).order_by(ImportRow.position)
    found = list(session.scalars(query.limit(PAGE).offset(page * PAGE)))
    numbers = _numbers(session, [one.made_id for one in found if one.made_id is not None])
    return [
        Line(one, tuple(finding_of(each) for each in one.problems), numbers.get(one.made_id or 0))
        for one in found
    ]


def _rows(query: Any, import_id: int, only: str) -> Any:
    narrowed = query.where(ImportRow.import_id == import_id)
    return narrowed.where(ONLY[only]) if only in ONLY else narrowed


def count(session: Session, import_id: int, only: str = "") -> int:
    """How many rows :func:`rows` has in all."""
    return int(session.scalar(_rows(select(func.count()).select_from(ImportRow), import_id, only)) or 0)


def _numbers(session: Session, made: list[int]) -> dict[int, str]:
    query = select(RegistrationApplication.id, RegistrationApplication.number)
    return {key: number for key, number in session.execute(query.where(RegistrationApplication.id.in_(made)))}


def findings(row: Import) -> list[Finding]:
    """What is wrong with the file as a whole, or why nothing was made."""
    return [finding_of(one) for one in row.problems]


def same_file(session: Session, row: Import) -> Import | None:
    """An earlier import that was carried out from the same bytes."""
    query = (
        select(Import)
        .where(
            Import.file_sha256 == row.file_sha256,
            Import.id != row.id,
            Import.state == ImportState.DONE,
            Import.kind == row.kind,
        )
        .order_by(Import.id.desc())
        .limit(1)
    )
    return session.scalars(query).one_or_none()


def started_by(session: Session, row: Import) -> User | None:
    """Who let it be carried out."""
    if row.state not in (ImportState.RUNNING, ImportState.DONE, ImportState.FAILED) or row.job is None:
        return None
    maker = session.get(Job, row.job_id)
    return session.get(User, maker.created_by_id) if maker is not None and maker.created_by_id else None
