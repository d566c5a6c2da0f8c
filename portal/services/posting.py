"""Writing a posting: the chain's next transaction, its entries and the balances, in one order.

The only statements that write ledger tables. On PostgreSQL a participant's whole movement is one
statement, so that the head of the chain, which puts all postings in one queue, is held for as short as
can be; on SQLite, where whoever writes is alone, the same rows are written one after the other.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from portal.models import Event, Holding, LedgerEntry, LedgerHead, LedgerTransaction, MailMessage, Movement
from portal.services.compiled import Prepared

Side = tuple[int, int, int]  # account, unit class, signed units

#: stands in a mail's text where the ledger number comes, which nobody knows before the head is locked;
#: made anew for each process, so that no name that somebody types can hold it
NUMBER_COMES = f"\uf8ff{secrets.token_hex(8)}\uf8ff"


@dataclass(frozen=True)
class Head:
    """Where the chain ends; how far its moments go, and lag behind its numbers (models/ledger)."""

    number: int
    hash: str
    latest_at: datetime | None = None
    behind: int = 0

    def moments(self, posted_at: datetime) -> dict[str, Any]:
        """What the head says of its moments with a posting stamped ``posted_at`` more."""
        latest = max(self.latest_at or posted_at, posted_at)
        lag = -((posted_at - latest) // timedelta(seconds=1))  # rounded up
        return {"latest_at": latest, "behind": max(self.behind, lag)}


@dataclass(frozen=True)
class Posted:
    """What was written."""

    number: int
    movement_id: int
    hash: str

    @property
    def code(self) -> str:
        return ledger_code(self.number)


@dataclass(frozen=True)
class Act:
    """A movement that is made and executed at once, with all it leaves: columns of the rows to write."""

    movement: Mapping[str, Any]
    sides: Sequence[Side]
    event: Mapping[str, Any]
    mails: Sequence[Mapping[str, Any]]
    posted_at: datetime
    posted_by_id: int


def ledger_code(number: int) -> str:
    """The ledger number as it is printed: T-000214."""
    return f"T-{number:06d}"


def canonical_bytes(
    *,
    number: int,
    kind: str,
    movement_id: int,
    reverses_id: int | None,
    posted_at: datetime,
    posted_by_id: int,
    sides: Iterable[Side],
    previous_hash: str,
) -> bytes:
    """The bytes a transaction is made of; their SHA-256 is its hash."""
    return json.dumps(
        {
            "number": number,
            "kind": kind,
            "movement": movement_id,
            "reverses": reverses_id,
            "at": posted_at.isoformat(timespec="microseconds"),
            "by": posted_by_id,
            "entries": sorted([list(side) for side in sides]),
            "previous": previous_hash,
        },
        separators=(",", ":"),
        sort_keys=True,
    ).encode()


def lock_head(connection: Connection) -> Head:
    """The end of the chain, locked until the transaction ends: postings stand in one queue."""
    row = connection.execute(_HEAD).one()
    return Head(*row)


def write(
    connection: Connection,
    *,
    kind: str,
    movement_id: int,
    reverses_id: int | None,
    sides: Sequence[Side],
    posted_at: datetime,
    posted_by_id: int,
) -> Posted:
    """Write the next transaction with its entries and move the balances and the head with it."""
    head = lock_head(connection)
    number = head.number + 1
    canonical = canonical_bytes(
        number=number,
        kind=kind,
        movement_id=movement_id,
        reverses_id=reverses_id,
        posted_at=posted_at,
        posted_by_id=posted_by_id,
        sides=sides,
        previous_hash=head.hash,
    )
    posted = Posted(number, movement_id, hashlib.sha256(canonical).hexdigest())
    connection.execute(
        _TRANSACTION,
        {
            "id": number,
            "kind": kind,
            "movement_id": movement_id,
            "reverses_id": reverses_id,
            "posted_at": posted_at,
            "posted_by_id": posted_by_id,
            "canonical": canonical,
            "previous_hash": head.hash,
            "hash": posted.hash,
        },
    )
    rows = [
        {
            "transaction_id": number,
            "account_id": account,
            "unit_class_id": unit_class,
            "quantity": quantity,
            "balance_after": _move_balance(connection, account, unit_class, quantity),
        }
        for account, unit_class, quantity in sorted(sides)
    ]
    connection.execute(_ENTRY, rows)
    moved = {"last_number": number, "last_hash": posted.hash, **head.moments(posted_at)}
    connection.execute(_MOVE_HEAD, moved)
    return posted


def _move_balance(connection: Connection, account: int, unit_class: int, quantity: int) -> int:
    """Move the balance; the answer is what the account holds now."""
    values = {"at_account": account, "at_class": unit_class, "by": quantity}
    now: int | None = connection.execute(_MOVE_BALANCE, values).scalar()
    if now is None:
        row = {"account_id": account, "unit_class_id": unit_class, "quantity": quantity, "promised": 0}
        connection.execute(_BALANCE, row)
        return quantity
    return now


def carry_out(session: Session, act: Act) -> int:
    """Write everything of ``act``; its accounts must be locked and its rules judged.

    The answer is the movement's number. On PostgreSQL all goes with the COMMIT, when ``act`` brings the
    number of its movement along.
    """
    session.flush()
    at_once = session.connection().dialect.name == "postgresql" and act.movement.get("id") is not None
    return (_at_once if at_once else one_by_one)(session, act)


def one_by_one(session: Session, act: Act) -> int:
    """The same rows one after the other, on either database."""
    connection = session.connection()
    row = {name: value for name, value in act.movement.items() if value is not None or name != "id"}
    key = connection.execute(_MOVEMENT, row).inserted_primary_key
    assert key is not None
    movement_id = int(key[0])
    posted = write(
        connection,
        kind=act.movement["kind"],
        movement_id=movement_id,
        reverses_id=None,
        sides=act.sides,
        posted_at=act.posted_at,
        posted_by_id=act.posted_by_id,
    )
    connection.execute(_EVENT, {**act.event, "subject_id": movement_id})
    queue_mails(connection, ((mail, posted.code) for mail in act.mails))
    return movement_id


def queue_mails(connection: Connection, mails: Iterable[tuple[Mapping[str, Any], str]]) -> None:
    """Queue mails that were written before the ledger number was known, each with its number."""
    told = [
        {
            **mail,
            "subject": mail["subject"].replace(NUMBER_COMES, code),
            "body": mail["body"].replace(NUMBER_COMES, code),
        }
        for mail, code in mails
    ]
    if told:
        connection.execute(_MAIL, told)


def _at_once(session: Session, act: Act) -> int:
    # the canonical bytes with a gap for what only the head and the new movement know
    opening, closing = (
        canonical_bytes(
            number=0,
            kind=act.movement["kind"],
            movement_id=0,
            reverses_id=None,
            posted_at=act.posted_at,
            posted_by_id=act.posted_by_id,
            sides=act.sides,
            previous_hash="",
        )
        .decode()
        .split('0,"number":0,"previous":""')
    )
    accounts, classes, quantities = zip(*sorted(act.sides), strict=True)
    _WHOLE_ACT.run_last(
        session,
        {
            **act.movement,
            "opening": opening,
            "closing": closing,
            "posted_by_id": act.posted_by_id,
            "posted_at": act.posted_at,
            "accounts": list(accounts),
            "classes": list(classes),
            "quantities": list(quantities),
            "event_tag": act.event["tag"],
            "event_holder_id": act.event["holder_id"],
            "event_facts": json.dumps(act.event["facts"], ensure_ascii=False),
            "mails": json.dumps(act.mails, ensure_ascii=False, default=str),
            "gap": NUMBER_COMES,
        },
    )
    return int(act.movement["id"])


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_HEAD = select(
    *(_table(LedgerHead).c[name] for name in ("last_number", "last_hash", "latest_at", "behind"))
).with_for_update()
_MOVEMENT, _EVENT, _MAIL = insert(_table(Movement)), insert(_table(Event)), insert(_table(MailMessage))
_TRANSACTION, _ENTRY = insert(_table(LedgerTransaction)), insert(_table(LedgerEntry))
_BALANCE, _MOVE_HEAD = insert(_table(Holding)), update(_table(LedgerHead))
_MOVE_BALANCE = (
    update(_table(Holding))
    .where(
        _table(Holding).c.account_id == bindparam("at_account"),
        _table(Holding).c.unit_class_id == bindparam("at_class"),
    )
    .values(quantity=_table(Holding).c.quantity + bindparam("by"))
    .returning(_table(Holding).c.quantity)
)

#: what a mail's row takes from its message; the rest is the same for all that are queued
_MAIL_COLUMNS = {
    "kind": "text",
    "locale": "text",
    "recipient": "text",
    "recipient_name": "text",
    "user_id": "bigint",
    "about_allowances": "boolean",
    "subject": "text",
    "body": "text",
    "message_id": "text",
    "state": "text",
    "attempts": "integer",
    "next_try_at": "timestamptz",
    "last_error": "text",
    "created_at": "timestamptz",
}
_FILLED = {"subject", "body"}
_MOVEMENT_COLUMNS = (
    "id, kind, state, source_id, target_id, unit_class_id, quantity, note, voluntary, idempotency_key,"
    " content_hash, proposed_by_id, proposed_at, decided_by_id, decided_at, version"
)
# every part of this text is a constant; values come beside it. A balance that "moved" did not see may have
# been opened while this waited for the head: many pay into one account at a time, so "opened" adds to it
_ACT_TEXT = f"""
WITH head AS MATERIALIZED (
  SELECT last_number + 1 AS number, last_hash AS previous FROM ledger_head WHERE id = 1 FOR UPDATE
), made AS (
  INSERT INTO movement ({_MOVEMENT_COLUMNS})
  VALUES ({", ".join(f"%({name})s" for name in _MOVEMENT_COLUMNS.split(", "))}) RETURNING id
), body AS MATERIALIZED (
  SELECT head.number, head.previous, made.id AS movement_id,
    convert_to(CAST(%(opening)s AS text) || made.id || ',"number":' || head.number || ',"previous":"'
      || head.previous || '"' || CAST(%(closing)s AS text), 'UTF8') AS canonical
  FROM made CROSS JOIN head
), posted AS (
  INSERT INTO ledger_transaction
    (id, kind, movement_id, posted_at, posted_by_id, canonical, previous_hash, hash)
  SELECT number, %(kind)s, movement_id, %(posted_at)s, %(posted_by_id)s, canonical, previous,
    encode(sha256(canonical), 'hex') FROM body
  RETURNING id AS number, movement_id, hash,
    'T-' || lpad(CAST(id AS text), greatest(6, length(CAST(id AS text))), '0') AS code
), side AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(%(accounts)s AS bigint[]), CAST(%(classes)s AS bigint[]), CAST(%(quantities)s AS bigint[])
  ) AS given (account_id, unit_class_id, quantity)
), moved AS (
  UPDATE holding SET quantity = holding.quantity + side.quantity FROM posted CROSS JOIN side
  WHERE holding.account_id = side.account_id AND holding.unit_class_id = side.unit_class_id
  RETURNING holding.account_id, holding.unit_class_id, holding.quantity AS balance
), opened AS (
  INSERT INTO holding (account_id, unit_class_id, quantity, promised)
  SELECT account_id, unit_class_id, quantity, 0 FROM side
  WHERE (account_id, unit_class_id) NOT IN (SELECT account_id, unit_class_id FROM moved)
  ON CONFLICT ON CONSTRAINT pk_holding DO UPDATE SET quantity = holding.quantity + excluded.quantity
  RETURNING account_id, unit_class_id, quantity AS balance
), entered AS (
  INSERT INTO ledger_entry (transaction_id, account_id, unit_class_id, quantity, balance_after)
  SELECT posted.number, account_id, unit_class_id, side.quantity, stood.balance
  FROM posted CROSS JOIN side JOIN (SELECT * FROM moved UNION ALL SELECT * FROM opened) AS stood
    USING (account_id, unit_class_id)
  ORDER BY account_id, unit_class_id
), on_with_the_head AS (
  UPDATE ledger_head SET last_number = posted.number, last_hash = posted.hash,
    latest_at = greatest(latest_at, CAST(%(posted_at)s AS timestamptz)),
    behind = greatest(
      behind, CAST(ceil(extract(epoch FROM latest_at - CAST(%(posted_at)s AS timestamptz))) AS bigint))
  FROM posted WHERE ledger_head.id = 1
), recorded AS (
  INSERT INTO event (at, tag, actor_id, subject_type, subject_id, holder_id, facts)
  SELECT %(posted_at)s, %(event_tag)s, %(posted_by_id)s, 'movement', movement_id,
    CAST(%(event_holder_id)s AS bigint), CAST(%(event_facts)s AS json) FROM posted
), told AS (
  INSERT INTO mail_message ({", ".join(_MAIL_COLUMNS)})
  SELECT {
    ", ".join(
        f"replace(mail.{name}, %(gap)s, posted.code)" if name in _FILLED else f"mail.{name}"
        for name in _MAIL_COLUMNS
    )
}
  FROM posted CROSS JOIN json_to_recordset(CAST(%(mails)s AS json))
    AS mail ({", ".join(f"{name} {kind}" for name, kind in _MAIL_COLUMNS.items())})
)
SELECT 1 / count(*) AS one FROM posted
"""  # noqa: S608
# nobody looks before the COMMIT: without a posting (a chain without a head) the division fails it
_WHOLE_ACT = Prepared(("one",), lambda _dialect: _ACT_TEXT)
