"""How an account's pages and the office's lists hold with 1,000 and 1,000,000 entries, on both databases.

``python -m bench.ledger_pages [--entries 1000 1000000] [--without-sqlite] [--unverified]``: a holder and a
trader send each other units until the ledger has so many entries, nearly all theirs; one retirement lies at
the very beginning, and thirty holders wait for their issue. The rows are made by :func:`postings`, which
keeps what the services keep (sums, balances, numbers, hashes, events; the ledger's proof is asked at the end)
and are written in bulk: by COPY with triggers and foreign keys off on PostgreSQL, as a dump is restored,
without the head's triggers on SQLite. Then every page is asked through the whole application, as its reader
would; told is the best of three, in milliseconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.orm import Session

from bench.transfer_world import WHEN, Seat, seats, to_be_issued
from bench.transfers import new_database
from portal import clock, create_app
from portal.extensions import db_session, make_engine, make_session, session_factory, upgrade_database
from portal.models import (
    Event,
    Holder,
    LedgerEntry,
    LedgerHead,
    LedgerTransaction,
    Movement,
    MovementKind,
    Phase,
    Publication,
    PublicationSubject,
    User,
)
from portal.permissions import Role
from portal.services import ledger, ledger_proof, posting, publications, transfer_totals
from portal.services.transaction import one_transaction, run
from portal.settings import Settings
from tests.factories import allowances as factory
from tests.factories import registration as make
from tools.throwaway_postgres import throwaway_postgres

#: when the table for the public is proposed
NEXT_DAY = "2014-06-03 10:00"
PORTION = 20_000
MOVEMENT = (
    "id", "kind", "state", "source_id", "target_id", "unit_class_id", "quantity", "voluntary",
    "idempotency_key", "content_hash", "proposed_by_id", "proposed_at", "decided_by_id", "decided_at",
    "version",
)  # fmt: skip
TRANSACTION = (
    "id", "kind", "movement_id", "posted_at", "posted_by_id", "canonical", "previous_hash", "hash",
)  # fmt: skip
ENTRY = ("transaction_id", "account_id", "unit_class_id", "quantity", "balance_after")
EVENT = ("at", "tag", "actor_id", "subject_type", "subject_id", "holder_id", "facts")
COLUMNS = {"movement": MOVEMENT, "ledger_transaction": TRANSACTION, "ledger_entry": ENTRY, "event": EVENT}
MODELS: dict[str, Any] = {
    "movement": Movement,
    "ledger_transaction": LedgerTransaction,
    "ledger_entry": LedgerEntry,
    "event": Event,
}
#: the first day's movements fit on a statement of paper; from then on there are more
SLOW, PACE, SLOW_PACE = 500, timedelta(seconds=20), timedelta(seconds=100)
FIRST_DAY, LATER_DAY = "2014-06-02", "2014-06-05"
Rows = dict[str, list[tuple[Any, ...]]]


def postings(
    seat: Seat, holder: int, head: posting.Head, movement_id: int, count: int, held: dict[int, int]
) -> Iterator[tuple[Rows, posting.Head]]:
    """``count`` transfers in portions: there and back, :data:`PACE` apart, chained on to ``head``.

    ``held``: what the two accounts hold before.
    """
    at = max(datetime(2014, 6, 2, 1, 0, tzinfo=UTC), head.latest_at or datetime.min.replace(tzinfo=UTC))
    rows: Rows = {name: [] for name in COLUMNS}
    number, previous = head.number, head.hash
    for place in range(count):
        number, movement_id = number + 1, movement_id + 1
        at += SLOW_PACE if number < SLOW else PACE
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
        for account, unit_class, quantity in sorted(sides):
            held[account] += quantity
            rows["ledger_entry"].append((number, account, unit_class, quantity, held[account]))
        moved = {"kind": "transfer", "quantity": units, "source": f"AST-{source}", "target": f"AST-{target}"}
        facts = {"before": "proposed", "after": "executed", **moved}
        rows["event"].append((at, "movement_executed", seat.user, "movement", movement_id, holder, facts))
        previous = digest
        if len(rows["movement"]) == PORTION or place == count - 1:
            yield rows, posting.Head(number, previous, at, head.behind)
            rows = {name: [] for name in rows}


def _without_head_triggers(connection: Connection) -> list[str]:
    # and what has each posting wait for the head, which here moves over all of them at once
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        " AND (tbl_name = 'ledger_head' OR name = 'ledger_transaction_unfinished')"
    )
    found = connection.exec_driver_sql(query).all()
    for name, _sql in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [str(sql) for _name, sql in found]


def fill(engine: Engine, seat: Seat, entries: int) -> float:
    """Add transfers until the ledger holds ``entries``; the answer is the seconds it took."""
    began = time.perf_counter()
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
        holder = connection.scalars(select(User.holder_id).where(User.id == seat.user)).one() or 0
        held = {
            account: ledger.balance(Session(connection), account, seat.unit_class)
            for account in (seat.account, seat.opposite)
        }
        for rows, after in postings(seat, holder, head, movement_id, count, held):
            head = after
            for table, made in rows.items():
                if postgresql:
                    names = ", ".join(COLUMNS[table])
                    cursor = connection.connection.cursor()
                    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                        for row in made:
                            copy.write_row([json.dumps(one) if isinstance(one, dict) else one for one in row])
                else:
                    given = [dict(zip(COLUMNS[table], row, strict=True)) for row in made]
                    connection.execute(insert(MODELS[table].__table__), given)
        connection.execute(
            update(LedgerHead).values(
                last_number=head.number, last_hash=head.hash, latest_at=head.latest_at, behind=head.behind
            )
        )
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
        connection.exec_driver_sql("VACUUM ANALYZE" if postgresql else "ANALYZE")
    return time.perf_counter() - began


def log_in(app: Flask, login_id: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/login", data={"login_id": login_id, "password": make.PASSWORD})
    assert answer.status_code == 302, answer.status_code
    return client


def best(work: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found) * 1000


def addresses(engine: Engine, seat: Seat) -> dict[str, tuple[str, str]]:
    """Who asks for what, by what it is called."""
    middle, early = places(engine, seat)
    with engine.begin() as connection:
        publication = connection.scalars(select(Publication.id)).first()
        phase = connection.scalars(select(Phase.number).order_by(Phase.id)).first()
    span, propose = "/allowances/statement{}?from={}&to={}", f"/admin/{{}}/propose/?phase={phase}"
    return {
        "home of the holder": ("a", "/"),
        "its events": ("a", "/events"),
        "balance and history, first page": ("a", "/allowances"),
        "history, in the middle": ("a", f"/allowances?before={middle}"),
        "history, the last page": ("a", f"/allowances?before={early}"),
        "balance as of a past day": ("a", "/allowances?asof=2014-06-05"),
        "history of one day": ("a", f"/allowances?from={LATER_DAY}&to={LATER_DAY}"),
        "the one retirement": ("a", "/allowances?kind=retire"),
        "a rare counterparty": ("a", "/allowances?other=AST-2"),
        "a counterparty that is none": ("a", "/allowances?other=%E3%81%BF%E3%81%BB%E3%82%93"),
        "what came in": ("a", "/allowances?way=in"),
        "statement, page (one day)": ("a", span.format("", LATER_DAY, LATER_DAY)),
        "statement, page (all: too long)": ("a", span.format("", "2014-04-01", "2015-03-01")),
        "statement, Excel (one day)": ("a", span.format(".xlsx", LATER_DAY, LATER_DAY)),
        "statement, PDF (the first day)": ("a", span.format(".pdf", FIRST_DAY, FIRST_DAY)),
        "the trader's balance and history": ("t", "/allowances"),
        "a movement's form": ("a", "/allowances/transfer"),
        "the office's home": ("office", "/admin/"),
        "the office's ledger": ("office", "/admin/ledger/"),
        "its last page": ("office", "/admin/ledger/?page={last}"),
        "ledger, one day": ("office", f"/admin/ledger/?flt2_2={LATER_DAY}&flt3_3={LATER_DAY}"),
        "ledger, jVER (none)": ("office", "/admin/ledger/?flt1_1=1"),
        "ledger, retirements (one)": ("office", "/admin/ledger/?flt0_0=retire"),
        "all movements": ("office", "/admin/movement/"),
        "movements, one day": ("office", f"/admin/movement/?flt2_2={LATER_DAY}&flt3_3={LATER_DAY}"),
        "one posting": ("office", "/admin/ledger/details/?id=5"),
        "the office's accounts": ("office", "/admin/account/"),
        "an account": ("office", f"/admin/account/details/?id={seat.account}"),
        "issuing": ("office", "/admin/issue/"),
        "issuing a whole phase": ("office", propose.format("issue_batch")),
        "a proposed publication": ("office", f"/admin/publication/details/?id={publication}"),
        "proposing one of yesterday": (
            "office",
            f"/admin/publication/propose/?phase={phase}&subject=allowances",
        ),
        "closing a phase": ("office", f"/admin/phase_closing/propose/?phase={phase}"),
        "the compliance board": ("office", "/admin/outlook/"),
    }


def pages(
    app: Flask, asking: dict[str, tuple[str, str]], logins: dict[str, str], size: int, times: int
) -> dict[str, float]:
    """Milliseconds by page, the best of ``times``."""
    readers = {who: log_in(app, login) for who, login in logins.items()}

    def asked(client: FlaskClient, address: str) -> float:
        def ask() -> None:
            answer = client.get(address, follow_redirects=True)
            assert answer.status_code in (200, 422), (address, answer.status_code)

        took = best(ask, times)
        print(f"  {address}: {took:,.0f} ms", flush=True)
        return took

    last = max(0, size // 2 // 20 - 1)
    return {name: asked(readers[who], address.format(last=last)) for name, (who, address) in asking.items()}


def places(engine: Engine, seat: Seat) -> list[int]:
    """Entries of the holder's account: one in the middle, one near the beginning."""
    own = (LedgerEntry.account_id == seat.account, LedgerEntry.unit_class_id == seat.unit_class)
    with engine.begin() as connection:
        count = connection.scalar(select(func.count()).select_from(LedgerEntry).where(*own)) or 0
        query = select(LedgerEntry.id).where(*own).order_by(LedgerEntry.id)
        return [connection.scalars(query.offset(place).limit(1)).one() for place in (count // 2, 15)]


def measured(
    url: str, sizes: list[int], *, verified: bool, waiting: int = 30, times: int = 3
) -> dict[int, dict[str, float]]:
    """The pages' times by the number of entries, each the best of ``times``; ``waiting`` for their issue."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        seat = seats(session, 1)[0]
        with one_transaction(session):
            officer = make.office(session, Role.OFFICER)
            office = officer.login_id
            to_be_issued(session, waiting)
            factory.at(WHEN)
            holder = session.get_one(User, seat.user)
            factory.move(session, holder, MovementKind.RETIRE, 10)
            phase = session.scalars(select(Holder.phase_id).where(Holder.id == holder.holder_id)).one()
            factory.at(NEXT_DAY)  # a table tells of days that are over
            publications.propose(session, phase, PublicationSubject.ALLOWANCES, actor=officer)
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
            with make_session(engine) as session:  # as the night does
                while run(
                    session, partial(transfer_totals.add_up, session, every=transfer_totals.EVERY, most=20)
                ):
                    pass
            clock.set_time(datetime(2015, 3, 2, 1, 0, tzinfo=UTC))
            found[size] = pages(app, addresses(engine, seat), logins, size, times)
            print(f"{engine.dialect.name}: {size:,} entries, filled in {took:.0f} s", flush=True)
        # the application's own connections
        db_session.remove()
        session_factory.kw["bind"].dispose()
    if verified:
        with make_session(engine) as session:
            report = ledger_proof.verify(session)
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
