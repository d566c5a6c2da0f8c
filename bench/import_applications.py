"""What a bulk import of 1,000 applications costs: upload, reading with judging, carrying out.

Run from the top of the project: ``python -m bench.import_applications [rows]``. On a fresh SQLite
database and, where ``PORTAL_TEST_POSTGRES_URL`` names a server, on PostgreSQL. Wall time of each step,
peak memory of the worker and of its jailed child, and the ratio to openpyxl's bare load of the file.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from openpyxl import load_workbook

from portal.extensions import make_engine, make_session, upgrade_database
from portal.models import Import, ImportState, User
from portal.services import imports
from portal.services.transaction import one_transaction, run
from tests import databases
from tests.factories import imports as make
from tests.factories import numbers
from tests.factories import registration as people

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """(seconds, what ``work`` gave)."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def peak_mib(who: int) -> float:
    """The largest memory (MiB) a process of ``who`` has had."""
    return resource.getrusage(who).ru_maxrss / 1024


_READER = """
import resource, sys
from portal.services.spreadsheets import warm
from portal.services.spreadsheets.jail import read_table_jailed
table = read_table_jailed(sys.stdin.buffer.read(), "applications")
assert table.rows, table.findings
warm.readers.stop()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def child_mib(data: bytes) -> float:
    """The child's peak (MiB), asked from a small process: a child begins with its parent's peak."""
    command = [sys.executable, "-c", _READER]
    return float(subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout)


def measure(url: str, data: bytes) -> list[tuple[str, float]]:
    """(step, seconds) of one import into the empty database at ``url``."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        with one_transaction(session):
            people.phase(session)
            officer_id = people.office(session).id
        officer = session.get_one(User, officer_id)
        upload, sent = timed(lambda: make.send(session, data, actor=officer))
        read, _ = timed(lambda: make.work(engine))
        session.rollback()
        run(session, lambda: imports.start(session, sent, actor=session.get_one(User, officer_id)))
        carry, _ = timed(lambda: make.work(engine))
        session.rollback()
        state = session.get_one(Import, sent).state
        if state is not ImportState.DONE:
            sys.exit(f"the import ended as {state}")
    engine.dispose()
    return [("upload (request)", upload), ("read and judge (worker)", read), ("carry out (worker)", carry)]


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    data = make.workbook([make.plain_holder(n) for n in range(1, rows + 1)])
    bare, _ = timed(lambda: load_workbook(io.BytesIO(data)))
    print(f"{rows:,} applications, file {len(data) / 1024:,.0f} KiB, bare openpyxl load {bare:.2f} s")
    kinds = ["sqlite", *(["postgresql"] if os.environ.get(databases.POSTGRES_URL_NAME) else [])]
    before = peak_mib(resource.RUSAGE_SELF)
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            url = databases.empty(kind, Path(folder))
            numbers.start_over()
            steps = measure(url, data)
            if kind == "postgresql":
                databases.drop(url)
        for step, seconds in steps:
            print(f"{kind:<11} {step:<24} {seconds:7.2f} s   {seconds / bare:5.1f} x the bare load")
    print(f"peak memory of the jailed child: {child_mib(data):.0f} MiB")
    after = peak_mib(resource.RUSAGE_SELF)
    print(f"peak memory of this process (as worker): {after:.0f} MiB, before the imports {before:.0f} MiB")


if __name__ == "__main__":
    main()
