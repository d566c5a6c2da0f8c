"""How long the second book takes for many postings, and its memory: ``python -m bench.second_book [number]``.

A holder and a trader send each other units until there are so many postings, written in bulk as
``bench/ledger_pages.py`` writes them. SQLite always, PostgreSQL when PORTAL_TEST_POSTGRES_URL names a server.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.ledger_pages import fill
from bench.transfer_world import seats
from portal.extensions import make_engine, make_session, upgrade_database
from portal.services import second_book
from portal.services.second_book import BookResult
from portal.services.snapshot import one_moment
from tests import databases
from tests.factories import numbers

POSTINGS = 100_000


def filled(url: str, postings: int) -> float:
    """Put about so many postings into the empty database at ``url``; the seconds it took."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        seat = seats(session, 1)[0]
    took = fill(engine, seat, 2 * postings)
    engine.dispose()
    return took


def compared(url: str) -> BookResult:
    """What the second book says of the ledger at ``url``; its cost is told."""
    engine = make_engine(url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    with make_session(engine) as session:
        one_moment(session)
        result = second_book.compare(session)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{engine.dialect.name}: {result.transactions:,} transactions, {result.entries:,} entries read in"
        f" {time.monotonic() - began:.1f} s ({time.process_time() - cpu:.1f} s of processor time),"
        f" {more:.0f} MB more memory than writing them took",
        flush=True,
    )
    engine.dispose()
    return result


def main() -> None:
    postings = int(sys.argv[1]) if len(sys.argv) > 1 else POSTINGS
    kinds = ["sqlite"] + (["postgresql"] if os.environ.get(databases.POSTGRES_URL_NAME) else [])
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            numbers.start_over()
            url = databases.empty(kind, Path(folder))
            try:
                print(f"{kind}: filled in {filled(url, postings):.0f} s", flush=True)
                result = compared(url)
            finally:
                if kind == "postgresql":
                    databases.drop(url)
        if not result.ok:
            sys.exit(f"the books differ: {result.problem}")


if __name__ == "__main__":
    main()
