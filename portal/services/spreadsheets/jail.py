"""Reads uploaded forms in a child process that cannot harm: the only way in for the web process.

safety.md "Uploads". Whatever happens in the child (time, memory, a crash) comes back as a problem.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from portal.services.spreadsheets import application_reading, warm
from portal.services.spreadsheets.application_reading import ApplicationReading
from portal.services.spreadsheets.form_types import (
    FormExpectation,
    FormReading,
    Problem,
    expectation_to_dict,
    file_problem,
    refused,
)
from portal.services.spreadsheets.import_table import Table, of_file, table_of
from portal.services.spreadsheets.marked import Mark
from portal.services.spreadsheets.prescan import scan_directory

_CHILD = "portal.services.spreadsheets.child"


def read_form_jailed(
    data: bytes, expected: FormExpectation, *, seconds: int = 10, memory_mb: int = 256
) -> FormReading:
    """:func:`.calculation_form.read_form` in a child with ``seconds`` of time and ``memory_mb`` MiB.

    Never raises for a bad file.
    """
    task = {"mode": "read", "expected": expectation_to_dict(expected)}
    return _reading(task, data, seconds, memory_mb)


def peek_jailed(data: bytes, *, seconds: int = 10, memory_mb: int = 256) -> FormReading:
    """:func:`.calculation_form.peek_identity` in a child. Never raises for a bad file."""
    return _reading({"mode": "peek"}, data, seconds, memory_mb)


def mark_jailed(
    data: bytes,
    problems: Sequence[Problem],
    *,
    locale: str = "ja",
    seconds: int = 10,
    memory_mb: int = 256,
) -> bytes | None:
    """The workbook with its ``problems`` marked, or ``None`` when the file cannot be opened at all."""
    if scan_directory(data):
        return None
    task = {"mode": "mark", "locale": locale, "problems": [vars(problem) for problem in problems]}
    answer = _run(task, data, seconds, memory_mb)
    return answer if isinstance(answer, bytes) and answer.startswith(b"PK") else None


def read_application_jailed(data: bytes, *, seconds: int = 10, memory_mb: int = 256) -> ApplicationReading:
    """:func:`.application_form.read_application` in a child. Never raises for a bad file."""
    answer = _answer({"mode": "application"}, data, seconds, memory_mb)
    if isinstance(answer, list):
        return application_reading.refused(*answer)
    try:
        return ApplicationReading.from_json(answer.decode())
    except (ValueError, KeyError, TypeError, AttributeError):
        return application_reading.refused(file_problem("reader_failed"))


#: 2,000 rows take some 4 s and 70 MiB (``bench/import_applications.py``); Excel writes readings besides
TABLE_SECONDS = 60
TABLE_MEMORY_MB = 512


def read_table_jailed(
    data: bytes, kind: str, *, seconds: int = TABLE_SECONDS, memory_mb: int = TABLE_MEMORY_MB
) -> Table:
    """:func:`.import_table.read_table` in a child; the worker's, never a request's.

    Never raises for a bad file.
    """
    problems = scan_directory(data)
    if problems:
        return of_file(problems)
    answer = _run({"mode": "table", "kind": kind}, data, seconds, memory_mb)
    if isinstance(answer, Problem):
        return of_file([answer])
    try:
        return table_of(json.loads(answer))
    except (ValueError, KeyError, TypeError):
        return of_file([file_problem("reader_failed")])


def mark_table_jailed(
    data: bytes, marks: Sequence[Mark], *, seconds: int = TABLE_SECONDS, memory_mb: int = TABLE_MEMORY_MB
) -> bytes | None:
    """The workbook of an import with ``marks``, or ``None`` when it cannot be opened at all."""
    if scan_directory(data):
        return None
    answer = _run({"mode": "mark_table", "marks": [list(mark) for mark in marks]}, data, seconds, memory_mb)
    return answer if isinstance(answer, bytes) and answer.startswith(b"PK") else None


def _reading(task: dict[str, Any], data: bytes, seconds: int, memory_mb: int) -> FormReading:
    answer = _answer(task, data, seconds, memory_mb)
    if isinstance(answer, list):
        return refused(answer)
    try:
        return FormReading.from_json(answer.decode())
    except (ValueError, KeyError, TypeError):
        return refused([file_problem("reader_failed")])


def _answer(task: dict[str, Any], data: bytes, seconds: int, memory_mb: int) -> bytes | list[Problem]:
    """The child's answer to a file whose directory is in order, or what is wrong."""
    problems = scan_directory(data)
    if problems:
        return problems
    answer = _run(task, data, seconds, memory_mb)
    return [answer] if isinstance(answer, Problem) else answer


def _run(task: dict[str, Any], data: bytes, seconds: int, memory_mb: int) -> bytes | Problem:
    """The child's answer, or why there is none."""
    order = json.dumps({**task, "seconds": seconds, "memory_mb": memory_mb}, ensure_ascii=False)
    # Both ways through files, not pipes: nobody waits for the other's reading or writing, and the
    # child's file-size limit bounds what it answers.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(order.encode() + b"\n" + data)
        given.flush()
        try:
            code = _warm(given, answer, seconds)
            if code is None:
                code = _alone(given, answer, seconds)
        except subprocess.TimeoutExpired:
            return file_problem("reader_timeout", f"{seconds}秒")
        except OSError as error:
            return file_problem("reader_failed", type(error).__name__)
        if code < 0:
            return file_problem("reader_timeout", f"signal {-code}")
        if code:
            return file_problem("reader_failed", f"{code}")
        answer.seek(0)
        return answer.read()


def _warm(given: IO[bytes], answer: IO[bytes], seconds: int) -> int | None:
    """How the reading ended that the warm process forked; ``None`` when it breaks, and breaks again."""
    for _ in range(2):
        _rewound(given, answer)
        try:
            return warm.readers.read(given, answer, seconds)
        except warm.Broken:
            continue
    return None


def _alone(given: IO[bytes], answer: IO[bytes], seconds: int) -> int:
    """How the reading in a process of its own ended: slow to begin, and needs nothing that can break."""
    _rewound(given, answer)
    done = subprocess.run(
        [sys.executable, *warm.OPTIONS, _CHILD],
        stdin=given,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        cwd=warm.ROOT,
        env={},
        timeout=seconds,
        check=False,
    )
    return done.returncode


def _rewound(given: IO[bytes], answer: IO[bytes]) -> None:
    given.seek(0)
    answer.seek(0)
    answer.truncate()
