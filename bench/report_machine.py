"""The report machine for as long as one likes.

``python -m bench.report_machine --seed 7 --runs 200 --steps 60``: any order of acts on one report, by
anybody, with retries, old pages, rollbacks and a jumping clock, against a model in plain Python. On
SQLite; ``--postgresql`` takes the server in PORTAL_TEST_POSTGRES_URL. A failure prints the steps; the
same seed plays them again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

from hypothesis import seed as seeded

from portal.extensions import upgrade_database
from tests import databases
from tests.factories import report_machine


def main() -> None:
    """Run it and say how long it took."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--runs", type=int, default=100)
    ask.add_argument("--steps", type=int, default=60)
    ask.add_argument("--postgresql", action="store_true")
    ask.add_argument("--no-shrink", action="store_true", help="print the first steps that fail")
    given = ask.parse_args()
    kind = "postgresql" if given.postgresql else "sqlite"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        url = databases.empty(kind, folder)
        try:
            upgrade_database(url)
            cast = report_machine.prepared(url)
            began = perf_counter()
            report_machine.play(
                url,
                folder,
                cast,
                runs=given.runs,
                steps=given.steps,
                seed=seeded(given.seed),
                shrink=not given.no_shrink,
            )
            took = perf_counter() - began
        finally:
            if kind == "postgresql":
                databases.drop(url)
    print(
        f"{kind}: 0 of {given.runs} runs of up to {given.steps} steps failed, seed {given.seed}, {took:.0f} s"
    )


if __name__ == "__main__":
    main()
