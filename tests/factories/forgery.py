"""What somebody with the keys of the database could do to the ledger, past triggers and constraints."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

TABLES = (
    "ledger_transaction",
    "ledger_entry",
    "ledger_head",
    "holding",
    "movement",
    "reduction_target",
    "event",
    "compliance_snapshot",
)


def unguarded(url: str) -> Engine:
    """An engine on which nothing is refused: triggers, CHECKs and foreign keys of the ledger are gone."""
    engine = create_engine(url)
    if make_url(url).get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute("PRAGMA ignore_check_constraints=ON")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    with engine.begin() as connection:
        _unlock(connection)
    return engine


def _unlock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        for (name,) in rows:
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in TABLES:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            rows = connection.execute(
                text(
                    "SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass)"
                    " AND contype IN ('c', 'f')"
                ),
                {"table": table},
            ).all()
            for (name,) in rows:
                connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    connection.execute(text("DROP INDEX uq_movement_issue_once"))
    connection.execute(text("DROP INDEX uq_movement_corrected_once"))


def rewrite(connection: Connection, number: int, **changes: Any) -> None:
    """Change a posting and its movement alike: the movement's columns, and the entries that follow."""
    movement = connection.execute(
        text("SELECT movement_id FROM ledger_transaction WHERE id = :number"), {"number": number}
    ).scalar_one()
    if changes:
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        connection.execute(text(f"UPDATE movement SET {columns} WHERE id = :id"), {**changes, "id": movement})
    row = connection.execute(text("SELECT * FROM movement WHERE id = :id"), {"id": movement}).mappings().one()
    connection.execute(
        text(
            "UPDATE ledger_transaction SET kind = :kind, reverses_id = :reverses, posted_by_id = :by"
            " WHERE id = :number"
        ),
        {"kind": row["kind"], "reverses": row["reverses_id"], "by": row["decided_by_id"], "number": number},
    )
    connection.execute(text("DELETE FROM ledger_entry WHERE transaction_id = :number"), {"number": number})
    for account, sign in ((row["source_id"], -1), (row["target_id"], 1)):
        connection.execute(
            text(
                "INSERT INTO ledger_entry"
                " (transaction_id, account_id, unit_class_id, quantity, balance_after)"
                " VALUES (:number, :account, :unit, :quantity, 0)"
            ),
            {
                "number": number,
                "account": account,
                "unit": row["unit_class_id"],
                "quantity": sign * row["quantity"],
            },
        )


def again(connection: Connection, number: int, **changes: Any) -> int:
    """Post the movement of ``number`` once more, as a movement of its own; the new number."""
    last = connection.execute(text("SELECT max(id) FROM ledger_transaction")).scalar_one()
    old = (
        connection.execute(text("SELECT * FROM ledger_transaction WHERE id = :number"), {"number": number})
        .mappings()
        .one()
    )
    row = dict(
        connection.execute(text("SELECT * FROM movement WHERE id = :id"), {"id": old["movement_id"]})
        .mappings()
        .one()
    )
    row |= {"idempotency_key": "once more", **changes}
    row.pop("id")
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    made = connection.execute(text(f"INSERT INTO movement ({columns}) VALUES ({values}) RETURNING id"), row)
    posting = dict(old) | {
        "id": last + 1,
        "movement_id": made.scalar_one(),
        "reverses_id": row["reverses_id"],
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
    }
    columns, values = ", ".join(posting), ", ".join(f":{name}" for name in posting)
    connection.execute(text(f"INSERT INTO ledger_transaction ({columns}) VALUES ({values})"), posting)
    rewrite(connection, last + 1)
    return int(last) + 1


def mend(connection: Connection, *, balances: bool = True) -> None:
    """Make chain, head and balances fit the rows again, as a careful forger would."""
    previous, number = "", 0
    rows = connection.execute(text("SELECT * FROM ledger_transaction ORDER BY id")).mappings().all()
    for row in rows:
        number = row["id"]
        sides = connection.execute(
            text(
                "SELECT account_id, unit_class_id, quantity FROM ledger_entry WHERE transaction_id = :number"
            ),
            {"number": number},
        ).all()
        at = row["posted_at"]
        at = datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at
        said = {
            "number": number,
            "kind": row["kind"],
            "movement": row["movement_id"],
            "reverses": row["reverses_id"],
            "at": at.isoformat(timespec="microseconds"),
            "by": row["posted_by_id"],
            "entries": sorted([list(side) for side in sides]),
            "previous": previous,
        }
        stored = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
        proof = hashlib.sha256(stored).hexdigest()
        connection.execute(
            text(
                "UPDATE ledger_transaction SET canonical = :stored, previous_hash = :previous, hash = :proof"
                " WHERE id = :number"
            ),
            {"stored": stored, "previous": previous, "proof": proof, "number": number},
        )
        previous = proof
    connection.execute(
        text("UPDATE ledger_head SET last_number = :number, last_hash = :proof"),
        {"number": number, "proof": previous},
    )
    if balances:
        connection.execute(
            text(
                "UPDATE holding SET quantity = (SELECT COALESCE(SUM(e.quantity), 0) FROM ledger_entry e"
                " WHERE e.account_id = holding.account_id AND e.unit_class_id = holding.unit_class_id)"
            )
        )
        _tell_balances(connection)


def _tell_balances(connection: Connection) -> None:
    """Let entries have the order of their postings, and say what was held after each."""
    rows = connection.execute(
        text(
            "SELECT id, transaction_id, account_id, unit_class_id, quantity,"
            " sum(quantity) OVER (PARTITION BY account_id, unit_class_id ORDER BY transaction_id) AS balance"
            " FROM ledger_entry ORDER BY transaction_id, id"
        )
    ).all()
    connection.execute(text("DELETE FROM ledger_entry"))
    for place, row in enumerate(rows, start=1):
        connection.execute(
            text(
                "INSERT INTO ledger_entry"
                " (id, transaction_id, account_id, unit_class_id, quantity, balance_after)"
                " VALUES (:id, :number, :account, :unit, :quantity, :balance)"
            ),
            {"id": place, "number": row[1], "account": row[2], "unit": row[3], "quantity": row[4],
             "balance": int(row[5])},
        )  # fmt: skip
