"""Transfers a second: the service, its own statements sent bare, pgbench and two Django ledgers.

Run from the top of the project: ``python -m bench.transfers [--rounds 5] [--seconds 2]
[--without-rivals]``. All run on one throw-away PostgreSQL (``tools/throwaway_postgres``), one after the
other in each round, so that a noisy machine is noisy for all; told are the medians and the ratios. Three
ways: one client; eight clients, each between accounts of its own; eight that all pay into one account.

(a) service: ``allowances.move`` with rules, audit, chain and mails, in ``transaction.run``.
(b) raw: the same statements with the same values sent by psycopg alone (``bench/transfer_clients.py``), with
a COMMIT of its own, and with one that goes together with the last statement as the service's does.
(c) pgbench: its TPC-B-like script; scale 10, for the hot account scale 1 (one branch).
(d) django-hordak: ``transfer_to`` behind a guard (both rows locked, the balance looked at).
(e) django-ledger: ``commit_txs``, one posted journal entry of two transactions.
Before each round every database is vacuumed and analysed, as autovacuum does each minute (a throw-away
server's naps for ten): else all would run on plans made for empty tables.
(d) and (e) are installed from ``bench/rivals.txt`` into a throw-away environment; if that fails, it is said.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from bench.transfer_world import as_rows, seats
from portal.extensions import make_engine, make_session, upgrade_database
from portal.services import ledger_proof
from tools.system_parts import find_postgresql
from tools.throwaway_postgres import throwaway_postgres

HERE = Path(__file__).resolve().parent
CLIENTS = 8
WAYS = {
    "one client": ("apart", 1),
    "8 clients apart": ("apart", CLIENTS),
    "8 on one account": ("hot", CLIENTS),
}
#: the service and its statements sent bare: what ``bench.transfer_clients`` calls them
OWN = {"service": "service", "raw psycopg": "raw", "raw, COMMIT with the last": "raw-together"}
#: transfers a second of one contender, way by way
Measure = Callable[[str, int, float], float]


@dataclass
class Client:
    """A process that answers one line with one line."""

    process: subprocess.Popen[str]

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"a client ended: {self.process.args!r}")
        return said.strip()


@contextmanager
def clients(commands: list[list[str]]) -> Iterator[list[Client]]:
    """The processes, ready; they end with the block."""
    started: list[Client] = []
    try:
        for command in commands:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
            )
            started.append(Client(process))
        for one in started:
            one.answer()
        yield started
    finally:
        for one in started:
            assert one.process.stdin is not None
            one.process.stdin.close()
            one.process.wait(timeout=60)


def by_clients(all_of_them: list[Client]) -> Measure:
    def measure(way: str, count: int, seconds: float) -> float:
        busy = all_of_them[:count]
        for one in busy:
            one.tell(f"{way} {seconds}")
        return sum(int(one.answer().split()[0]) for one in busy) / seconds

    return measure


def new_database(url: str, name: str) -> str:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def looked_after(server: str) -> None:
    """Do what autovacuum does, in every database of the server."""
    engine = create_engine(server)
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT datname FROM pg_database WHERE datallowconn")).all()
    engine.dispose()
    for name in names:
        engine = create_engine(make_url(server).set(database=name), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM (ANALYZE, SKIP_LOCKED)"))
        engine.dispose()


def portal_commands(url: str) -> dict[str, list[list[str]]]:
    """How the clients of the service and the bare ones are started, on a market made for them."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        found = as_rows(seats(session, len(OWN) * CLIENTS))
    engine.dispose()
    start = [sys.executable, "-m", "bench.transfer_clients"]
    return {
        who: [[*start, kind, url, json.dumps(seat)] for seat in found[n * CLIENTS : (n + 1) * CLIENTS]]
        for n, (who, kind) in enumerate(OWN.items())
    }


def by_pgbench(url: str) -> Measure:
    binaries = find_postgresql()
    assert binaries is not None
    to = make_url(url)
    environment = {
        "PGHOST": str(to.host),
        "PGPORT": str(to.port),
        "PGUSER": str(to.username),
        "PGPASSWORD": str(to.password),
    }

    def call(*arguments: str) -> str:
        made = subprocess.run(
            [str(binaries / "pgbench"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout

    for way, scale in (("apart", "10"), ("hot", "1")):
        call("-i", "-q", "-s", scale, str(make_url(new_database(url, f"pgbench_{way}")).database))

    def measure(way: str, count: int, seconds: float) -> float:
        said = call(
            "-n", "-M", "prepared", "-c", str(count), "-T", str(max(1, round(seconds))), f"pgbench_{way}"
        )
        found = re.search(r"tps = ([0-9.]+)", said)
        assert found is not None, said
        return float(found[1])

    return measure


def rival_commands(url: str, folder: Path) -> dict[str, list[list[str]]]:
    """How the clients of the rivals are started; empty if they cannot be installed here."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    got = subprocess.run(
        [python, "-m", "pip", "install", "-q", "-r", str(HERE / "rivals.txt")], capture_output=True, text=True
    )
    if got.returncode != 0:
        print(f"The rivals could not be installed: {got.stderr.strip().splitlines()[-1]}\n")
        return {}
    found = {}
    for who in ("hordak", "ledger"):
        to = make_url(new_database(url, f"rival_{who}"))
        where = [str(to.host), str(to.port), str(to.username), str(to.password), str(to.database)]
        start = [python, "-W", "ignore", str(HERE / "rival_worker.py"), who, *where]
        subprocess.run([*start, "0", str(CLIENTS), "setup"], check=True)
        found[f"django-{who}"] = [[*start, str(n), str(CLIENTS), "client"] for n in range(CLIENTS)]
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """The medians, each with the service's ratio to it, round by round."""
    lines = ["| transfers a second | " + " | ".join(WAYS) + " |", "|---|" + "---:|" * len(WAYS)]
    for who, ways in found.items():
        cells = []
        for way, rates in ways.items():
            ratio = statistics.median(
                ours / theirs for ours, theirs in zip(found["service"][way], rates, strict=True)
            )
            told = "" if who == "service" else f" (service {ratio:.2f} of it)"
            cells.append(f"{statistics.median(rates):,.0f}{told}")
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--without-rivals", action="store_true")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(throwaway_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = new_database(server, "portal")
        kinds = portal_commands(own)
        if not wanted.without_rivals:
            kinds |= rival_commands(server, folder)
        running = {who: stack.enter_context(clients(commands)) for who, commands in kinds.items()}
        measures = {who: by_clients(them) for who, them in running.items()}
        measures["pgbench TPC-B"] = by_pgbench(server)
        found: dict[str, dict[str, list[float]]] = {who: {way: [] for way in WAYS} for who in measures}
        for _ in range(wanted.rounds):
            looked_after(server)
            for way, (where, count) in WAYS.items():
                for who, measure in measures.items():
                    found[who][way].append(measure(where, count, wanted.seconds))
        print(table(found))
        first = running["raw psycopg"][0]
        first.tell("hold")
        held = float(first.answer())
        print(f"\nA posting holds the head of the chain for {held:.2f} ms (median of 200, one client):")
        print(f"no more than {1000 / held:,.0f} postings a second, however many accounts and processors.")
        engine = make_engine(own)
        with make_session(engine) as session:
            report = ledger_proof.verify(session)
        engine.dispose()
        said = "right" if report.ok else report.problem
        print(f"\nThe ledger afterwards: {report.transactions:,} transactions, {said}")


if __name__ == "__main__":
    main()
