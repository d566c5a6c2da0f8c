"""Campaigns against the ledger, longer than ``make test`` has time for; every one replays from its seed.

``python -m bench.ledger_campaign --steps 1000000 --seed 7``: the model machine with faults.
``--bank 30000`` and ``--skew 30000``: operations of several processes, every total read checked.
``--kills 200``: processes killed with -9 in the middle of commits, each form sent again.
SQLite always, PostgreSQL too when PORTAL_TEST_POSTGRES_URL names a server.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import databases
from tests.campaigns import bank, killed, ledger_machine
from tests.campaigns.driven import told
from tests.campaigns.worlds import open_world


def machine(url: str, folder: Path, steps: int, seed: int) -> str:
    """Drive the machine; what it did in a sentence. Raises the first failure, made short."""
    world = open_world(url, plenty=False)
    with ledger_machine.seasons(url, world.cast, world.model, folder) as starts:
        return told(ledger_machine.drive(starts, world.cast, folder, total=steps, seed=seed))


def campaigns(given: argparse.Namespace, folder: Path) -> list[tuple[str, Callable[[str], object]]]:
    """What was asked for: name, and what runs it on a fresh migrated database."""
    seed = given.seed

    def banking(operations: int, skew: bool) -> Callable[[str], object]:
        def work(url: str) -> object:
            world = open_world(url, unissued=20)
            return bank.campaign(url, world.cast, world.reserves, seed=seed, operations=operations, skew=skew)

        return work

    def killing(kills: int) -> Callable[[str], object]:
        def work(url: str) -> object:
            world = open_world(url, unissued=max(6, kills // 3))
            return killed.campaign(url, world.cast, seed=seed, kills=kills)

        return work

    asked: list[tuple[str, Callable[[str], object]]] = []
    if given.steps:
        asked.append(("machine", lambda url: machine(url, folder, given.steps, seed)))
    if given.bank:
        asked.append(("bank", banking(given.bank, False)))
    if given.skew:
        asked.append(("reserve skew", banking(given.skew, True)))
    if given.kills:
        asked.append(("kill -9", killing(given.kills)))
    return asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("--steps", "--bank", "--skew", "--kills"):
        parser.add_argument(name, type=int, default=0)
    parser.add_argument("--seed", type=int, default=20151130)
    parser.add_argument("--database", choices=databases.KINDS)
    given = parser.parse_args()
    kinds = ["sqlite"] + (["postgresql"] if os.environ.get(databases.POSTGRES_URL_NAME) else [])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        templates = databases.Templates(folder)
        for kind in [given.database] if given.database else kinds:
            for what, work in campaigns(given, folder):
                url = databases.copy(templates.of(kind), folder)
                began = time.monotonic()
                try:
                    print(
                        f"{kind}, {what}, seed {given.seed}: {work(url)}, {time.monotonic() - began:.0f} s",
                        flush=True,
                    )
                finally:
                    if kind == "postgresql":
                        databases.drop(url)
        templates.remove()


if __name__ == "__main__":
    main()
