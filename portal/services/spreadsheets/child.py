"""The jailed reader: what a child of :mod:`.template` does, or ``python -m …spreadsheets.child``.

One line of JSON says what to do, the file's bytes follow; the answer goes to standard output. The
process binds itself (:mod:`.confinement`) before it looks at a single byte of the file.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from portal.services.spreadsheets import application_reading
from portal.services.spreadsheets.application_form import read_application
from portal.services.spreadsheets.calculation_form import peek_identity, read_form
from portal.services.spreadsheets.confinement import bind, leave_the_network
from portal.services.spreadsheets.form_types import (
    FormReading,
    Problem,
    expectation_from_dict,
    file_problem,
    refused,
)
from portal.services.spreadsheets.import_table import limits, of_file, read_table
from portal.services.spreadsheets.marked import Mark, mark_cells, mark_problems
from portal.services.spreadsheets.prescan import scan


def _answer(task: dict[str, Any], data: bytes) -> bytes:
    if task["mode"] == "mark":
        if scan(data):
            return b""
        problems = [Problem(**problem) for problem in task["problems"]]
        return mark_problems(data, problems, locale=task["locale"])
    if task["mode"] == "application":
        return _application(data).to_json().encode()
    if task["mode"] == "mark_table":
        return b"" if scan(data, limits()) else mark_cells(data, [Mark(*mark) for mark in task["marks"]])
    if task["mode"] == "table":
        return _table(task, data)
    reading: FormReading
    try:
        if task["mode"] == "peek":
            reading = peek_identity(data)
        else:
            reading = read_form(data, expectation_from_dict(task["expected"]))
    except MemoryError:
        reading = refused([file_problem("too_much_content", "memory")])
    return reading.to_json().encode()


def _application(data: bytes) -> application_reading.ApplicationReading:
    try:
        return read_application(data)
    except MemoryError:
        return application_reading.refused(file_problem("too_much_content", "memory"))


def _table(task: dict[str, Any], data: bytes) -> bytes:
    """The rows of a workbook for bulk import, as JSON in plain ASCII: cells may hold half a sign."""
    try:
        table = read_table(data, task["kind"])
    except MemoryError:
        table = of_file([file_problem("too_much_content", "memory")])
    return json.dumps(table.as_json()).encode()


def serve() -> None:
    """Read the task and the file from standard input, write the answer to standard output."""
    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as answer:
        task = json.loads(source.readline())
        bind(task["memory_mb"], task["seconds"])
        answer.write(_answer(task, source.read()))


def main() -> None:
    """One reading in a process of its own."""
    leave_the_network()
    serve()
    # nothing is left to be done, and less of it is allowed
    sys.stdout.flush()


if __name__ == "__main__":
    main()
