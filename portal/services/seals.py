"""Each night's seals over history: whoever changes it past the database's guards is found (safety 9).

The night takes the SHA-256 of what each table has got since its last seal, chained to that one, and
recomputes every earlier seal. Who rewrites rows and seals alike is found by a hash that was written down
elsewhere (``portal ledger seals``). What is hashed does not depend on the database: it is the same on SQLite
and PostgreSQL, before and after a backup is restored.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal import clock
from portal.models import LedgerHead, RecordSeal
from portal.services import jobs
from portal.services.jobs import Work, WorkFailed
from portal.services.outbox import OpenSession
from portal.services.snapshot import one_moment
from portal.services.transaction import is_busy, run

log = logging.getLogger(__name__)

#: executed movements, by the number of their posting: that order is the ledger's, not a sequence's
POSTINGS = "movement"
#: table → its shapes, the first is number 1: the columns that are hashed, the row's number first. A seal is
#: recomputed in its own shape: who adds a column to a table adds a shape, and changes none that stands here.
#: ``:`` marks how a column is read (``_READ``). Not sealed: ledger entries and sums of transfers. The hash of
#: their posting covers the first, both books make the second anew each night.
SHAPES: Mapping[str, tuple[str, ...]] = {
    "event": ("id at:moment tag actor_id subject_type subject_id holder_id reason facts:json",),
    "registration_version": (
        "id holder_id trader_id verifier_id valid_from:moment cause cause_id facts:json actor_id",
    ),
    "participant_note": ("id holder_id trader_id verifier_id text created_by_id created_at:moment",),
    "compliance_snapshot": (
        "id holder_id number deadline_at:moment frozen_at:moment status target_emissions retired missing"
        " base_emissions reduction_target issued held",
    ),
    "book_check": (
        "id ok:flag problem transactions entries last_number started_at:moment finished_at:moment"
        " asked_by_id",
    ),
    POSTINGS: (
        "id kind movement_id reverses_id posted_at:moment posted_by_id previous_hash hash m.id m.kind m.state"
        " m.source_id m.target_id m.unit_class_id m.target_class_id m.quantity m.holder_id m.attempt"
        " m.reverses_id m.note m.reason m.voluntary:flag m.idempotency_key m.content_hash m.proposed_by_id"
        " m.proposed_at:moment m.expires_at:moment m.decided_by_id m.decided_at:moment m.batch_id m.version",
    ),
}
_FROM = {POSTINGS: "ledger_transaction t LEFT JOIN movement m ON m.id = t.movement_id"}
PORTION = 2_000
#: milliseconds that a night waits for those who write to a table; others who would write wait as long at most
PATIENCE = 2_000
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr).encode


def _moment(value: Any) -> Any:
    """In UTC with microseconds; what is no moment stays what it is, and differs."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        return found.isoformat(timespec="microseconds")
    except (ValueError, TypeError, AttributeError, OverflowError):
        return value


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _flag(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


_READ: Mapping[str, Callable[[Any], Any]] = {"moment": _moment, "json": _json, "flag": _flag}


@dataclass
class Checked:
    """The seals of one table, recomputed. ``wrong``: what differs, in words for the operator."""

    table: str
    newest: RecordSeal | None = None
    wrong: list[str] = field(default_factory=list)


def check(session: Session, table: str) -> Checked:
    """Recompute every seal of ``table`` in one reading of its rows, in portions."""
    found = Checked(table)
    seals = session.scalars(
        select(RecordSeal).where(RecordSeal.table_name == table).order_by(RecordSeal.up_to)
    ).all()
    previous, after = "", 0
    for shape, group in groupby(seals, key=lambda one: one.shape):
        several = list(group)
        if not 0 < shape <= len(SHAPES[table]):
            found.wrong.append(f"{table}: a seal of {_night(several[0])} has a shape that is none")
            previous, after, found.newest = several[-1].hash, several[-1].up_to, several[-1]
            continue
        rows = _rows(session, table, shape, after, several[-1].up_to)
        row = next(rows, None)
        for seal in several:
            digest, count = _begin(table, shape, previous), 0
            while row is not None and row[0] <= seal.up_to:
                digest.update(row[1])
                count += 1
                row = next(rows, None)
            if _end(digest, seal.up_to, count, seal.at) != seal.hash or seal.previous_hash != previous:
                found.wrong.append(_differs(table, after + 1, seal, count))
            previous, after, found.newest = seal.hash, seal.up_to, seal
    return found


def _next(session: Session, last: RecordSeal | None, table: str, up_to: int) -> RecordSeal | None:
    """The seal over what came since ``last`` up to the number ``up_to``; none if nothing came."""
    after, previous = (last.up_to, last.hash) if last is not None else (0, "")
    shape, at = len(SHAPES[table]), clock.now()
    digest, count = _begin(table, shape, previous), 0
    for _number, row in _rows(session, table, shape, after, up_to):
        digest.update(row)
        count += 1
    if count == 0:
        return None
    proof = _end(digest, up_to, count, at)
    return RecordSeal(
        table_name=table, shape=shape, up_to=up_to, rows=count, hash=proof, previous_hash=previous, at=at
    )


def _begin(table: str, shape: int, previous: str) -> Any:
    return hashlib.sha256(_encode([table, shape, previous]).encode() + b"\n")


def _end(digest: Any, up_to: int, count: int, at: datetime) -> str:
    digest.update(_encode([up_to, count, _moment(at)]).encode() + b"\n")
    return str(digest.hexdigest())


def _rows(session: Session, table: str, shape: int, after: int, up_to: int) -> Iterator[tuple[int, bytes]]:
    """(number, canonical bytes) of the rows behind ``after`` up to ``up_to``, in the order of numbers."""
    query, readers = _query(table, shape)
    while True:
        found = session.execute(query, {"after": after, "up_to": up_to}).all()
        for one in found:
            values = list(one)
            for place, read in readers:
                values[place] = read(values[place])
            yield values[0], _encode(values).encode() + b"\n"
        if len(found) < PORTION:
            return
        after = found[-1][0]


def _query(table: str, shape: int) -> tuple[Select[Any], list[tuple[int, Callable[[Any], Any]]]]:
    columns = [one.partition(":") for one in SHAPES[table][shape - 1].split()]
    named: list[ColumnElement[Any]] = [
        literal_column(name if "." in name else f"t.{name}") for name, _mark, _how in columns
    ]
    number: ColumnElement[int] = literal_column("t.id")
    query = (
        select(*named)
        .select_from(text(_FROM.get(table, f"{table} t")))
        .where(number > bindparam("after"), number <= bindparam("up_to"))
        .order_by(number)
        .limit(PORTION)
    )
    return query, [(place, _READ[how]) for place, (_name, _mark, how) in enumerate(columns) if how]


def _night(seal: RecordSeal) -> str:
    return clock.in_tokyo(seal.at).date().isoformat()


def _row(table: str, number: int) -> str:
    return f"T-{number:06d}" if table == POSTINGS else str(number)


def told(seal: RecordSeal) -> str:
    """A seal as it is written down: how far it reaches, and its hash."""
    return f"up to {_row(seal.table_name, seal.up_to)}, {seal.hash}"


def _differs(table: str, first: int, seal: RecordSeal, count: int) -> str:
    span = f"{_row(table, first)}–{_row(table, seal.up_to)}"
    rows = f" ({seal.rows} rows then, {count} now)" if count != seal.rows else ""
    return f"{table} {span} is not what was sealed in the night of {_night(seal)}{rows}"


def _settled(open_session: OpenSession, table: str) -> int | None:
    """The highest number of ``table`` behind which no other can appear; ``None`` if it cannot be told now.

    A sequence gives numbers in another order than transactions end in. The lock waits for whoever has
    written to the table and not ended yet, in a transaction that does nothing else; nobody's row is read.
    """
    with open_session() as session:
        if table == POSTINGS or session.get_bind().dialect.name == "sqlite":
            one_moment(session)
        else:
            session.execute(text(f"SET LOCAL lock_timeout = {PATIENCE}"))
            try:
                session.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            except OperationalError as error:
                if not is_busy(error):
                    raise
                log.warning("%s is not sealed tonight: it is being written to", table)
                return None
        if table == POSTINGS:
            return session.scalars(select(LedgerHead.last_number)).one()
        number: ColumnElement[int] = literal_column("id")
        highest = select(func.max(number)).select_from(text(table))
        return int(session.scalar(highest) or 0)


@jobs.handler("seal_history", nightly=True)
def seal_history(work: Work) -> dict[str, Any]:
    """Recompute all seals, then seal what is new; fails with what differs, having sealed all the same."""
    wrong: list[list[str]] = []
    sealed, skipped = 0, []
    for done, table in enumerate(SHAPES):
        work.progress(done, len(SHAPES))
        up_to = _settled(work.open_session, table)
        with work.open_session() as session:
            one_moment(session)
            found = check(session, table)
            wrong.append(found.wrong)
            new = None if up_to is None else _next(session, found.newest, table, up_to)
        if new is not None:
            with work.open_session() as session:
                sealed += run(session, partial(_keep, session, new))
        elif up_to is None:
            skipped.append(table)
    if any(wrong):
        raise WorkFailed(in_words(wrong))
    return {"seals": sealed, "skipped": skipped}


def _keep(session: Session, seal: RecordSeal) -> int:
    """Whoever was faster (a worker whose lease ran out) has sealed it: then there is nothing to do."""
    newest = session.scalars(
        select(RecordSeal.hash)
        .where(RecordSeal.table_name == seal.table_name)
        .order_by(RecordSeal.up_to.desc())
        .limit(1)
    ).one_or_none()
    if (newest or "") != seal.previous_hash:
        return 0
    session.add(seal)
    return 1


def in_words(wrong: list[list[str]]) -> str:
    """The first difference of each table, and how many more there are."""
    first = [one[0] for one in wrong if one]
    more = sum(map(len, wrong)) - len(first)
    return "; ".join([*first, *([f"and {more} more"] if more else [])])


def unknown(session: Session, hashes: Sequence[str]) -> list[str]:
    """Those of ``hashes`` that no seal has: the seals were written anew, or cut off."""
    there = set(session.scalars(select(RecordSeal.hash).where(RecordSeal.hash.in_(hashes))))
    return [one for one in hashes if one not in there]
