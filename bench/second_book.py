"""How long the second book takes for many postings, and its memory: ``python -m bench.second_book [number]``.

Postings are written in bulk (a bench may): transfers of one unit between two traders, chained as the
ledger chains them. SQLite always, PostgreSQL when PORTAL_TEST_POSTGRES_URL names a server.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_engine, make_session
from portal.models import LedgerEntry, LedgerHead, LedgerTransaction, Movement, MovementKind, MovementState
from portal.services import ledger, second_book
from portal.services.snapshot import one_moment
from tests import databases
from tests.campaigns.worlds import World, open_world

PORTION = 5_000


def _moved(movement: int, source: int, target: int, jver: int, login: int) -> dict[str, object]:
    return {
        "id": movement,
        "kind": MovementKind.TRANSFER,
        "state": MovementState.EXECUTED,
        "source_id": source,
        "target_id": target,
        "unit_class_id": jver,
        "quantity": 1,
        "voluntary": False,
        "idempotency_key": f"bench-{movement}",
        "content_hash": "x",
        "proposed_by_id": login,
        "proposed_at": clock.now(),
        "decided_by_id": login,
        "decided_at": clock.now(),
        "version": 1,
    }


def fill(connection: Connection, world: World, postings: int) -> None:
    """Let the two traders send one unit to and fro."""
    traders, jver = list(world.cast.traders.items()), world.cast.classes["jVER"]
    number, previous = connection.execute(text("SELECT last_number, last_hash FROM ledger_head")).one()
    movement = connection.execute(select(Movement.id).order_by(Movement.id.desc()).limit(1)).scalar_one()
    now = clock.now()
    held = {account: ledger.balance(Session(connection), account, jver) for account, _login in traders}
    for first in range(0, postings, PORTION):
        rows: dict[type, list[dict[str, object]]] = {Movement: [], LedgerTransaction: [], LedgerEntry: []}
        for place in range(first, min(first + PORTION, postings)):
            number, movement = number + 1, movement + 1
            (source, login), (target, _login) = traders if place % 2 == 0 else traders[::-1]
            sides = [(source, jver, -1), (target, jver, 1)]
            stored = ledger.canonical_bytes(
                number=number,
                kind="transfer",
                movement_id=movement,
                reverses_id=None,
                posted_at=now,
                posted_by_id=login,
                sides=sides,
                previous_hash=previous,
            )
            proof = hashlib.sha256(stored).hexdigest()
            rows[Movement].append(_moved(movement, source, target, jver, login))
            rows[LedgerTransaction].append(
                {
                    "id": number,
                    "kind": MovementKind.TRANSFER,
                    "movement_id": movement,
                    "posted_at": now,
                    "posted_by_id": login,
                    "canonical": stored,
                    "previous_hash": previous,
                    "hash": proof,
                }
            )
            for a, c, q in sides:
                held[a] += q
                rows[LedgerEntry].append(
                    {
                        "transaction_id": number,
                        "account_id": a,
                        "unit_class_id": c,
                        "quantity": q,
                        "balance_after": held[a],
                    }
                )
            previous = proof
        for model, some in rows.items():
            connection.execute(insert(model), some)
    connection.execute(update(LedgerHead).values(last_number=number, last_hash=previous, latest_at=now))


def main() -> None:
    postings = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    postings -= postings % 2  # to and fro: balances end where they began
    kinds = ["sqlite"] + (["postgresql"] if os.environ.get(databases.POSTGRES_URL_NAME) else [])
    with tempfile.TemporaryDirectory() as folder:
        templates = databases.Templates(Path(folder))
        for kind in kinds:
            url = templates.of(kind)
            world = open_world(url)
            engine = make_engine(url)
            with engine.begin() as connection:
                fill(connection, world, postings)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began, cpu = time.monotonic(), time.process_time()
            with make_session(engine) as session:
                one_moment(session)
                result = second_book.compare(session)
            assert result.ok, result.problem
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(
                f"{kind}: {result.transactions} transactions, {result.entries} entries agree in"
                f" {time.monotonic() - began:.1f} s ({time.process_time() - cpu:.1f} s of processor time),"
                f" {more:.0f} MB more memory than writing them took",
                flush=True,
            )
            engine.dispose()
        templates.remove()


if __name__ == "__main__":
    main()
