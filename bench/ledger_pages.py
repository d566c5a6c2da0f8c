"""How an account's pages and the office's lists hold with 1,000 and 1,000,000 entries, on both databases.

``python -m bench.ledger_pages [--entries 1000 1000000] [--without-sqlite] [--unverified]``: a holder and
a trader send each other units until the ledger has so many entries, nearly all theirs. The rows are made by
:func:`postings`, which keeps what the services keep (sums, balances, numbers, hashes; the ledger's proof is
asked at the end) and are written in bulk: by COPY with triggers and foreign keys off on PostgreSQL, as a
dump is restored, without the head's triggers on SQLite. Then every page is asked through the whole
application, as its reader would; told is the best of three, in milliseconds.
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, insert, text

from bench.transfer_world import WHEN, Seat, seats
from bench.transfers import new_database
from portal import clock, create_app
from portal.extensions import make_engine, make_session, upgrade_database
from portal.models import LedgerEntry, LedgerHead, LedgerTransaction, Movement, User
from portal.permissions import Role
from portal.services import ledger, posting
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests.factories import allowances as factory
from tests.factories import registration as make
from tools.throwaway_postgres import throwaway_postgres

PORTION = 20_000
MOVEMENT = (
    "id", "kind", "state", "source_id", "target_id", "unit_class_id", "quantity", "voluntary",
    "idempotency_key", "content_hash", "proposed_by_id", "proposed_at", "decided_by_id", "decided_at",
    "version",
)  # fmt: skip
TRANSACTION = (
    "id", "kind", "movement_id", "posted_at", "posted_by_id", "canonical", "previous_hash", "hash",
)  # fmt: skip
ENTRY = ("transaction_id", "account_id", "unit_class_id", "quantity")
Rows = dict[str, list[tuple[Any, ...]]]


def postings(
    seat: Seat, head: posting.Head, movement_id: int, count: int
) -> Iterator[tuple[Rows, posting.Head]]:
    """``count`` transfers in portions: there and back, a minute apart, chained on to ``head``."""
    at = datetime(2014, 6, 2, 1, 0, tzinfo=UTC)
    rows: Rows = {"movement": [], "ledger_transaction": [], "ledger_entry": []}
    number, previous = head.number, head.hash
    for place in range(count):
        number, movement_id, at = number + 1, movement_id + 1, at + timedelta(seconds=20)
        source, target = (seat.account, seat.opposite) if place % 2 == 0 else (seat.opposite, seat.account)
        units = 1 + place // 2 % 7
        sides = [(source, seat.unit_class, -units), (target, seat.unit_class, units)]
        canonical = posting.canonical_bytes(
            number=number,
            kind="transfer",
            movement_id=movement_id,
            reverses_id=None,
            posted_at=at,
            posted_by_id=seat.user,
            sides=sides,
            previous_hash=previous,
        )
        digest = hashlib.sha256(canonical).hexdigest()
        rows["movement"].append(
            (movement_id, "transfer", "executed", source, target, seat.unit_class, units, False,
             f"bench-{movement_id}", "bench", seat.user, at, seat.user, at, 1)
        )  # fmt: skip
        rows["ledger_transaction"].append(
            (number, "transfer", movement_id, at, seat.user, canonical, previous, digest)
        )
        rows["ledger_entry"].extend((number, *side) for side in sorted(sides))
        previous = digest
        if len(rows["movement"]) == PORTION or place == count - 1:
            yield rows, posting.Head(number, previous)
            rows = {name: [] for name in rows}


def _without_head_triggers(connection: Connection) -> list[str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_head'"
    found = connection.exec_driver_sql(query).all()
    for name, _sql in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [str(sql) for _name, sql in found]


def fill(engine: Engine, seat: Seat, entries: int) -> float:
    """Add transfers until the ledger holds ``entries``; the answer is the seconds it took."""
    began = time.perf_counter()
    columns = {"movement": MOVEMENT, "ledger_transaction": TRANSACTION, "ledger_entry": ENTRY}
    models: dict[str, Any] = {
        "movement": Movement, "ledger_transaction": LedgerTransaction, "ledger_entry": LedgerEntry,
    }  # fmt: skip
    with engine.begin() as connection:
        postgresql = engine.dialect.name == "postgresql"
        set_aside = [] if postgresql else _without_head_triggers(connection)
        head = posting.lock_head(connection)
        there = connection.scalar(text("SELECT count(*) FROM ledger_entry")) or 0
        movement_id = connection.scalar(text("SELECT max(id) FROM movement")) or 0
        count = (entries - there) // 4 * 2  # there and back again: the balances end as they began
        if count <= 0:
            return 0.0
        if postgresql:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for rows, after in postings(seat, head, movement_id, count):
            head = after
            for table, made in rows.items():
                if postgresql:
                    names = ", ".join(columns[table])
                    cursor = connection.connection.cursor()
                    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                        for row in made:
                            copy.write_row(row)
                else:
                    given = [dict(zip(columns[table], row, strict=True)) for row in made]
                    connection.execute(insert(models[table].__table__), given)
        connection.execute(LedgerHead.__table__.update().values(last_number=head.number, last_hash=head.hash))
        if postgresql:
            connection.execute(text("SELECT setval('movement_id_seq', (SELECT max(id) FROM movement))"))
        for trigger in set_aside:
            connection.exec_driver_sql(trigger)
        connection.execute(
            text(
                "INSERT INTO holding (account_id, unit_class_id, quantity, promised)"
                " SELECT DISTINCT e.account_id, e.unit_class_id, 0, 0 FROM ledger_entry e WHERE NOT EXISTS"
                " (SELECT 1 FROM holding h WHERE h.account_id = e.account_id"
                " AND h.unit_class_id = e.unit_class_id)"
            )
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return time.perf_counter() - began


def log_in(app: Flask, login_id: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/login", data={"login_id": login_id, "password": make.PASSWORD})
    assert answer.status_code == 302, answer.status_code
    return client


def best(work: Callable[[], Any], times: int = 3) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found) * 1000


def pages(app: Flask, seat: Seat, logins: dict[str, str], entries: int) -> dict[str, float]:
    """Milliseconds by page."""
    a, t, office = (log_in(app, logins[who]) for who in ("a", "t", "office"))

    def asked(client: FlaskClient, address: str) -> float:
        def ask() -> None:
            answer = client.get(address, follow_redirects=True)
            assert answer.status_code == 200, (address, answer.status_code)

        took = best(ask)
        print(f"  {address}: {took:,.0f} ms", flush=True)
        return took

    last = max(1, entries // 2 // 20)
    return {
        "home of the holder": asked(a, "/"),
        "balance and history, first page": asked(a, "/allowances"),
        "history, last page": asked(a, f"/allowances?page={last}"),
        "balance as of a past day": asked(a, "/allowances?asof=2014-06-05"),
        "the trader's balance and history": asked(t, "/allowances"),
        "a movement's form": asked(a, "/allowances/transfer"),
        "the office's ledger": asked(office, "/admin/ledger/"),
        "its last page": asked(office, f"/admin/ledger/?page={max(0, entries // 2 // 20 - 1)}"),
        "the office's accounts": asked(office, "/admin/account/"),
        "an account": asked(office, f"/admin/account/details/?id={seat.account}"),
    }


def measured(url: str, sizes: list[int], *, verified: bool) -> dict[int, dict[str, float]]:
    """The pages' times by the number of entries."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        seat = seats(session, 1)[0]
        with one_transaction(session):
            office = make.office(session, Role.OFFICER).login_id
        a = session.get_one(User, seat.user).login_id
        logins = {"a": a, "t": f"AST{seat.opposite}T", "office": office}
    factory.at(WHEN)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            environment="test",
            secret_key=secrets.token_hex(20),
            password_salt=secrets.token_hex(20),
            database_url=url,
            instance=Path(folder),
        )
        app = create_app(settings)
        app.config["WTF_CSRF_ENABLED"] = False
        found = {}
        for size in sizes:
            took = fill(engine, seat, size)
            clock.set_time(datetime(2015, 3, 2, 1, 0, tzinfo=UTC))
            found[size] = pages(app, seat, logins, size)
            print(f"{engine.dialect.name}: {size:,} entries, filled in {took:.0f} s", flush=True)
    if verified:
        with make_session(engine) as session:
            report = ledger.verify(session)
            assert report.ok, report.problem
    engine.dispose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--without-sqlite", action="store_true")
    parser.add_argument("--unverified", action="store_true")
    wanted = parser.parse_args()
    columns: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(throwaway_postgres())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"PostgreSQL": new_database(server, "pages")}
        if not wanted.without_sqlite:
            urls["SQLite"] = f"sqlite:///{Path(folder) / 'pages.db'}"
        for name, url in urls.items():
            for size, times in measured(url, sorted(wanted.entries), verified=not wanted.unverified).items():
                columns[f"{name}, {size:,}"] = times
    print("\n| ms | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for page in next(iter(columns.values())):
        print(f"| {page} | " + " | ".join(f"{times[page]:,.0f}" for times in columns.values()) + " |")


if __name__ == "__main__":
    main()
