"""One client of bench/transfers.py: the portal's service, or its statements sent by the driver alone.

``python -m bench.transfer_clients service|raw|raw-together URL SEAT`` (SEAT as JSON, of
bench/transfer_world.py) reads lines ``apart SECONDS`` or ``hot SECONDS`` and answers each with the number of
transfers made and the seconds that the processor worked for this client; ``hold`` is answered with how long a
posting holds the head of the chain.

What ``raw`` sends is what the service sends: it lets the service make one transfer of each kind, keeps the
statements and their values as the driver got them, and sends them again in the same order, in one transaction
each, fetching every row, with a fresh idempotency key and fresh Message-IDs. Nothing is judged or composed.
Its COMMIT is a round trip of its own; ``raw-together`` sends it with the last statement, as the service does.
"""

from __future__ import annotations

import json
import secrets
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from bench.transfer_world import WHEN, Seat
from portal import with_commit
from portal.extensions import make_engine, make_session
from portal.models import MovementKind, User
from portal.services import allowances, compiled
from portal.services.transaction import run
from tests.factories import allowances as factory

Transfer = Callable[[bool], None]


def service(engine: Engine, seat: Seat) -> Transfer:
    """A login that moves one unit through the service, each in a transaction of its own."""
    session = make_session(engine)
    actor = session.get_one(User, seat.user)

    def transfer(hot: bool) -> None:
        target = seat.hot if hot else seat.opposite
        request = allowances.Request(
            kind=MovementKind.TRANSFER,
            quantity="1",
            account=f"AST-{target}",
            unit_class_id=seat.unit_class,
        )
        key = secrets.token_hex(12)
        run(session, lambda: allowances.move(session, request, key=key, actor=actor).id)

    return transfer


def recorded(transfer: Transfer) -> list[tuple[str, dict[str, Any]]]:
    """The statements the service sends for one transfer, as the driver gets them."""
    sent: list[tuple[str, dict[str, Any]]] = []
    real = compiled.driver_rows

    def keep(connection: Any, statement: str, values: dict[str, Any]) -> list[Any]:
        sent.append((statement, dict(values)))
        return real(connection, statement, values)

    kept = with_commit.keep
    compiled.driver_rows, with_commit.keep = keep, lambda *_given: False
    try:
        transfer(False)
    finally:
        compiled.driver_rows, with_commit.keep = real, kept
    return sent


def connect(url: str) -> psycopg.Connection[Any]:
    to = make_url(url)
    return psycopg.connect(
        host=to.host,
        port=to.port,
        user=to.username,
        password=to.password,
        dbname=to.database,
        options="-c timezone=UTC",
    )


def fresh(values: dict[str, Any], number: object = None) -> dict[str, Any]:
    """The values of the last statement for one more movement, whose ``number`` came with the figures."""
    if "idempotency_key" not in values:
        return values
    mails = values["mails"].replace('"message_id": "<', f'"message_id": "<{secrets.token_hex(6)}')
    return {**values, "id": number, "idempotency_key": secrets.token_hex(12), "mails": mails}


def raw(
    engine: Engine, connection: psycopg.Connection[Any], seat: Seat, *, together: bool = False
) -> tuple[Transfer, Callable[[], float]]:
    """The same statements by psycopg alone over ``connection``; how long (ms) the last and its commit take.

    ``together``: the last one is sent with its COMMIT, and both are answered at once.
    """
    move = service(engine, seat)
    ways = {hot: recorded(lambda _hot, hot=hot: move(hot)) for hot in (False, True)}  # type: ignore[misc]

    def transfer(hot: bool) -> None:
        cursor, number = connection.cursor(), None
        *reads, (last, written) = ways[hot]
        for statement, values in reads:
            cursor.execute(statement, values)
            number = cursor.fetchall()[0][-1]
        with connection.pipeline() if together else nullcontext():
            cursor.execute(last, fresh(written, number))
            if together:
                cursor.execute("COMMIT")
        if not together:
            cursor.fetchall()
            connection.commit()

    def hold() -> float:
        times, number = [], None
        for _ in range(200):
            cursor = connection.cursor()
            *reads, (statement, values) = ways[False]
            for read, given in reads:
                cursor.execute(read, given)
                number = cursor.fetchall()[0][-1]
            began = time.perf_counter()
            cursor.execute(statement, fresh(values, number))
            connection.commit()
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000

    return transfer, hold


def main() -> None:
    kind, url, seat = sys.argv[1], sys.argv[2], Seat(**json.loads(sys.argv[3]))
    factory.at(WHEN)
    hold: Callable[[], float] = float
    engine = make_engine(url)
    if kind == "service":
        transfer = service(engine, seat)
    else:
        transfer, hold = raw(engine, connect(url), seat, together=kind == "raw-together")
    for _ in range(15):  # psycopg prepares what it has seen five times, PostgreSQL plans anew five times
        transfer(False)
        transfer(True)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "hold":
            print(hold(), flush=True)
            continue
        where, seconds = line.split()
        made, busy, until = 0, time.process_time(), time.perf_counter() + float(seconds)
        while time.perf_counter() < until:
            transfer(where == "hot")
            made += 1
        print(made, time.process_time() - busy, flush=True)


if __name__ == "__main__":
    main()
