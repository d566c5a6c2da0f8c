"""The second book: the ledger told again by other code, from the stored rows alone (safety 10).

It shares no rule with the first: it imports neither ledger nor movement services, reads plain columns,
and knows the scheme's arithmetic only from domain §5, written down here once more. What it finds is
compared with what the portal believes. It reads in portions, as of one moment, and stops at the first
thing that differs.

Checked in ledger order: numbers without gaps; the stored bytes, their hash and their predecessor; entries
equal to the bytes; every unit class sums to zero; no account but AST-1 below zero; every posting is its
movement, of a kind that may join these two accounts, decided by a second person where two are needed;
nothing leaves AST-2, AST-101, AST-201 but by a linked correction; an issue is base − target and happens
once; outgoing movements left the commitment reserve. Then: balances, promises and the sums of each class.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

#: the accounts of the scheme, as domain §1 numbers them
MINT, RETIRED, CANCELLED, OFFSET = 1, 2, 101, 201
FINAL = (RETIRED, CANCELLED, OFFSET)
PORTION = 2_000

#: kind → (what the giving account may be, what the taking one may be), by kind of account
_MAY_JOIN = {
    "issue": ({"issuance"}, {"compliance"}),
    "issue_jver": ({"issuance"}, {"compliance", "trading"}),
    "transfer": ({"compliance", "trading"}, {"compliance", "trading"}),
    "retire": ({"compliance"}, {"retirement"}),
    "cancel": ({"compliance", "trading"}, {"cancellation"}),
    "offset": ({"compliance", "trading"}, {"offset"}),
    "carry_over": ({"compliance"}, {"compliance"}),
}
_TWO_PERSONS = {"issue", "issue_jver", "carry_over", "correction"}


@dataclass(frozen=True)
class BookResult:
    """What the second book found; ``problem`` is the first thing that differs."""

    ok: bool
    problem: str | None
    transactions: int
    entries: int
    last_number: int


class _Differs(Exception):
    pass


@dataclass
class _Holder:
    """What the reserve of one holder is made of, as of the posting looked at."""

    account: int
    unit_class: int
    #: (from, until, t-CO2) of each confirmed reduction target
    targets: list[tuple[datetime, datetime | None, int]]
    #: (since, t-CO2) of the approved target-year figure
    figure: tuple[datetime, int] | None
    #: an approval was taken back once: when the reserve was free cannot be told from the rows any more
    uncertain: bool
    issued: int = 0
    retired_jaa: int = 0
    retired_jver: int = 0


@dataclass
class _Book:
    accounts: dict[int, str]
    jver: int
    holders: dict[int, _Holder]
    #: unit class → (from, until, released by compliance, jVER counts for reserve, for compliance)
    rules: dict[int, list[tuple[datetime, datetime | None, bool, bool, bool]]]
    balances: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    reversed: set[int] = field(default_factory=set)
    number: int = 0
    entries: int = 0
    last_hash: str = ""


def compare(session: Session) -> BookResult:
    """Tell the ledger again and compare; call it in a transaction that reads as of one moment.

    Units are whole; nothing is written.
    """
    book = _open(session)
    try:
        for postings in _portions(session):
            for posting in postings:
                _posting(book, posting)
        _head(session, book)
        _left_overs(session, book)
        _balances(session, book)
        _promises(session)
        _issues(session)
    except _Differs as differs:
        return BookResult(False, str(differs), book.number, book.entries, book.number)
    return BookResult(True, None, book.number, book.entries, book.number)


def _moment(value: Any) -> datetime:
    """A stored moment as UTC; SQLite gives text or a moment without its zone."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(found, datetime)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _maybe(value: Any) -> datetime | None:
    return None if value is None else _moment(value)


def _open(session: Session) -> _Book:
    accounts = {int(n): str(kind) for n, kind in session.execute(text("SELECT id, kind FROM account"))}
    classes = {int(n): phase for n, phase in session.execute(text("SELECT id, phase_id FROM unit_class"))}
    class_of_phase = {phase: n for n, phase in classes.items() if phase is not None}
    jver = next(n for n, phase in classes.items() if phase is None)
    rules: dict[int, list[tuple[datetime, datetime | None, bool, bool, bool]]] = defaultdict(list)
    for phase, since, until, released, reserve, compliance in session.execute(
        text(
            "SELECT phase_id, created_at, superseded_at, reserve_released_by_compliance,"
            " jver_counts_for_reserve, jver_counts_for_compliance FROM phase_rule ORDER BY id"
        )
    ):
        span = (_moment(since), _maybe(until), bool(released), bool(reserve), bool(compliance))
        rules[class_of_phase[phase]].append(span)
    return _Book(accounts, jver, _holders(session, class_of_phase), dict(rules))


def _holders(session: Session, class_of_phase: dict[Any, int]) -> dict[int, _Holder]:
    """By account number."""
    targets: dict[int, list[tuple[datetime, datetime | None, int]]] = defaultdict(list)
    for holder, since, until, quantity in session.execute(
        text(
            "SELECT holder_id, confirmed_at, superseded_at, quantity FROM reduction_target"
            " WHERE state = 'confirmed'"
        )
    ):
        targets[holder].append((_moment(since), _maybe(until), int(quantity)))
    figures = {
        holder: (_moment(since), int(figure))
        for holder, since, figure in session.execute(
            text(
                "SELECT holder_id, confirmed_at, confirmed_emissions FROM emissions_report"
                " WHERE period = 'target' AND confirmed_emissions IS NOT NULL"
            )
        )
    }
    revoked = {
        holder
        for (holder,) in session.execute(
            text(
                "SELECT r.holder_id FROM approval_revocation v JOIN emissions_report r ON r.id = v.report_id"
                " WHERE v.state = 'confirmed' AND r.period = 'target'"
            )
        )
    }
    return {
        int(account): _Holder(
            int(account), class_of_phase[phase], targets[holder], figures.get(holder), holder in revoked
        )
        for account, holder, phase in session.execute(
            text("SELECT a.id, h.id, h.phase_id FROM account a JOIN holder h ON h.id = a.holder_id")
        )
    }


@dataclass(frozen=True)
class _Posting:
    number: int
    kind: str
    reverses: int | None
    at: datetime
    by: int
    stored: bytes
    previous: str
    hash: str
    movement: dict[str, Any]
    sides: list[tuple[int, int, int]]

    @property
    def name(self) -> str:
        return f"T-{self.number:06d}"


_POSTINGS = text(
    "SELECT t.id, t.kind, t.reverses_id, t.posted_at, t.posted_by_id, t.canonical, t.previous_hash, t.hash,"
    " t.movement_id, m.kind AS m_kind, m.state AS m_state, m.source_id, m.target_id, m.unit_class_id,"
    " m.target_class_id, m.quantity, m.reverses_id AS m_reverses, m.proposed_by_id, m.decided_by_id"
    " FROM ledger_transaction t LEFT JOIN movement m ON m.id = t.movement_id"
    " WHERE t.id > :last ORDER BY t.id LIMIT :portion"
)
_ENTRIES = text(
    "SELECT transaction_id, account_id, unit_class_id, quantity FROM ledger_entry"
    " WHERE transaction_id BETWEEN :first AND :last"
)


def _portions(session: Session) -> Iterator[list[_Posting]]:
    last = 0
    while True:
        rows = session.execute(_POSTINGS, {"last": last, "portion": PORTION}).mappings().all()
        if not rows:
            return
        sides: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        span = {"first": rows[0]["id"], "last": rows[-1]["id"]}
        for number, account, unit_class, quantity in session.execute(_ENTRIES, span):
            sides[number].append((int(account), int(unit_class), int(quantity)))
        yield [
            _Posting(
                int(row["id"]),
                str(row["kind"]),
                row["reverses_id"],
                _moment(row["posted_at"]),
                int(row["posted_by_id"]),
                bytes(row["canonical"]),
                str(row["previous_hash"]),
                str(row["hash"]),
                dict(row),
                sorted(sides[row["id"]]),
            )
            for row in rows
        ]
        last = rows[-1]["id"]


def _posting(book: _Book, posting: _Posting) -> None:
    book.number += 1
    if posting.number != book.number:
        raise _Differs(f"T-{book.number:06d} is missing")
    _chain(book, posting)
    _movement(book, posting)
    _reserve(book, posting)
    _add(book, posting)
    book.last_hash = posting.hash


def _chain(book: _Book, posting: _Posting) -> None:
    name = posting.name
    if hashlib.sha256(posting.stored).hexdigest() != posting.hash:
        raise _Differs(f"{name}: the hash is not that of the stored bytes")
    if posting.previous != book.last_hash:
        raise _Differs(f"{name} does not follow the hash of its predecessor")
    try:
        said = json.loads(posting.stored)
    except ValueError as error:
        raise _Differs(f"{name}: the stored bytes cannot be read") from error
    row = {
        "number": posting.number,
        "kind": posting.kind,
        "movement": posting.movement["movement_id"],
        "reverses": posting.reverses,
        "by": posting.by,
        "entries": [list(side) for side in posting.sides],
        "previous": posting.previous,
    }
    for key, value in row.items():
        if said.get(key) != value:
            raise _Differs(f"{name}: the rows say {value!r} for {key}, the stored bytes {said.get(key)!r}")
    if _moment(said.get("at")) != posting.at:
        raise _Differs(f"{name}: the moment differs from the stored bytes")


def _movement(book: _Book, posting: _Posting) -> None:
    name, row = posting.name, posting.movement
    if row["m_kind"] is None or row["m_state"] != "executed":
        raise _Differs(f"{name} has no executed movement")
    if (row["m_kind"], row["m_reverses"]) != (posting.kind, posting.reverses):
        raise _Differs(f"{name} is of another kind than its movement")
    if posting.kind in _TWO_PERSONS and row["decided_by_id"] in (None, row["proposed_by_id"]):
        raise _Differs(f"{name} was not decided by a second person")
    quantity, source, target = int(row["quantity"]), int(row["source_id"]), int(row["target_id"])
    unit = int(row["unit_class_id"])
    due = [(source, unit, -quantity), (target, unit, quantity)]
    if posting.kind == "carry_over":
        into = int(row["target_class_id"])
        due = [(source, unit, -quantity), (MINT, unit, quantity), (MINT, into, -quantity)]
        due.append((target, into, quantity))
    if sorted(due) != posting.sides:
        raise _Differs(f"{name}: the entries are not those of its movement")
    if posting.kind == "correction":
        if posting.reverses in book.reversed:
            raise _Differs(f"{name} reverses T-{posting.reverses or 0:06d} once more")
        book.reversed.add(posting.reverses or 0)
        return
    giving, taking = _MAY_JOIN[posting.kind]
    if book.accounts.get(source) not in giving or book.accounts.get(target) not in taking:
        raise _Differs(f"{name}: {posting.kind} may not join AST-{source} and AST-{target}")


def _reserve(book: _Book, posting: _Posting) -> None:
    """Domain §5: every outgoing movement but retirement leaves the reserve in the account."""
    if posting.kind not in ("transfer", "cancel", "offset"):
        return
    row = posting.movement
    holder = book.holders.get(int(row["source_id"]))
    if holder is None or holder.unit_class != int(row["unit_class_id"]) or holder.uncertain:
        return
    left = book.balances[(holder.account, holder.unit_class)] - int(row["quantity"])
    due = _due_reserve(book, holder, posting.at)
    if left < due:
        raise _Differs(f"{posting.name} left {left} units in AST-{holder.account}, the reserve was {due}")


def _due_reserve(book: _Book, holder: _Holder, at: datetime) -> int:
    _since, _until, released, in_reserve, in_compliance = next(
        rule
        for rule in reversed(book.rules[holder.unit_class])
        if rule[0] <= at or rule is book.rules[holder.unit_class][0]
    )
    figure = holder.figure
    if released and figure is not None and figure[0] <= at:
        retired = holder.retired_jaa + (holder.retired_jver if in_compliance else 0)
        if retired >= figure[1]:
            return 0
    target = next(
        (q for since, until, q in holder.targets if since <= at and (until is None or at < until)), 0
    )
    retired = holder.retired_jaa + (holder.retired_jver if in_reserve else 0)
    return max(0, holder.issued - target - retired)


def _add(book: _Book, posting: _Posting) -> None:
    sums: dict[int, int] = defaultdict(int)
    for account, unit_class, quantity in posting.sides:
        sums[unit_class] += quantity
        if quantity < 0 and account in FINAL and posting.kind != "correction":
            raise _Differs(f"{posting.name} takes units out of AST-{account}")
        book.balances[(account, unit_class)] += quantity
        if account != MINT and book.balances[(account, unit_class)] < 0:
            raise _Differs(f"{posting.name} takes AST-{account} below zero")
    if any(sums.values()):
        raise _Differs(f"{posting.name} does not sum to zero")
    book.entries += len(posting.sides)
    for account, unit_class, quantity in posting.sides:
        holder = book.holders.get(account)
        if holder is not None:
            _count(book, holder, posting, unit_class, quantity)


def _count(book: _Book, holder: _Holder, posting: _Posting, unit_class: int, quantity: int) -> None:
    """Issued to and retired from the holder; a correction gives or takes back what the other side shows."""
    other = {account for account, _class, _q in posting.sides if account != holder.account}
    own, jver = unit_class == holder.unit_class, unit_class == book.jver
    if posting.kind in ("issue", "correction") and own and MINT in other:
        holder.issued += quantity
    if posting.kind in ("retire", "correction") and RETIRED in other:
        holder.retired_jaa -= quantity if own else 0
        holder.retired_jver -= quantity if jver else 0


def _head(session: Session, book: _Book) -> None:
    number, last_hash = session.execute(text("SELECT last_number, last_hash FROM ledger_head")).one()
    if (int(number), str(last_hash)) != (book.number, book.last_hash):
        raise _Differs(f"the chain ends at T-{book.number:06d}, its head says T-{int(number):06d}")


def _left_overs(session: Session, book: _Book) -> None:
    """Entries without a transaction, and executed movements that were never posted."""
    lost = session.execute(
        text(
            "SELECT e.id FROM ledger_entry e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id"
            " WHERE t.id IS NULL LIMIT 1"
        )
    ).first()
    if lost is not None:
        raise _Differs(f"entry {lost[0]} belongs to no transaction")
    unposted = session.execute(
        text(
            "SELECT m.id FROM movement m LEFT JOIN ledger_transaction t ON t.movement_id = m.id"
            " WHERE m.state = 'executed' AND t.id IS NULL LIMIT 1"
        )
    ).first()
    if unposted is not None:
        raise _Differs(f"movement {unposted[0]} is called executed and was never posted")


def _balances(session: Session, book: _Book) -> None:
    kept = {
        (int(account), int(unit_class)): int(quantity)
        for account, unit_class, quantity in session.execute(
            text("SELECT account_id, unit_class_id, quantity FROM holding")
        )
    }
    for account, unit_class in sorted({*kept, *book.balances}):
        here, there = kept.get((account, unit_class), 0), book.balances.get((account, unit_class), 0)
        if here != there:
            raise _Differs(
                f"AST-{account}: the balance of unit class {unit_class} is {here}, the second book says {there}"
            )
    for unit_class in sorted({unit_class for _account, unit_class in book.balances}):
        issued = -book.balances[(MINT, unit_class)]
        elsewhere = sum(q for (a, c), q in book.balances.items() if c == unit_class and a != MINT)
        if issued != elsewhere:
            raise _Differs(f"unit class {unit_class}: {issued} issued, {elsewhere} found")


def _promises(session: Session) -> None:
    waiting: dict[tuple[int, int], int] = defaultdict(int)
    for account, unit_class, quantity in session.execute(
        text(
            "SELECT source_id, unit_class_id, quantity FROM movement"
            " WHERE state = 'proposed' AND kind IN ('correction', 'carry_over')"
        )
    ):
        waiting[(int(account), int(unit_class))] += int(quantity)
    kept = {
        (int(account), int(unit_class)): int(promised)
        for account, unit_class, promised in session.execute(
            text("SELECT account_id, unit_class_id, promised FROM holding WHERE promised <> 0")
        )
    }
    for key in sorted({*waiting, *kept}):
        if waiting.get(key, 0) != kept.get(key, 0):
            raise _Differs(
                f"AST-{key[0]} has promised {kept.get(key, 0)} of unit class {key[1]},"
                f" its proposals sum to {waiting.get(key, 0)}"
            )


def _issues(session: Session) -> None:
    """Every holder's issue that stands is base − target, and there is one at most."""
    rows = session.execute(
        text(
            "SELECT a.id, count(m.id), sum(m.quantity), max(r.confirmed_emissions), max(g.quantity)"
            " FROM movement m JOIN holder h ON h.id = m.holder_id JOIN account a ON a.holder_id = h.id"
            " JOIN ledger_transaction t ON t.movement_id = m.id"
            " LEFT JOIN ledger_transaction back ON back.reverses_id = t.id"
            " LEFT JOIN emissions_report r ON r.holder_id = h.id AND r.period = 'base'"
            " LEFT JOIN reduction_target g ON g.holder_id = h.id AND g.state = 'confirmed'"
            " AND g.superseded_at IS NULL"
            " WHERE m.kind = 'issue' AND m.state = 'executed' AND back.id IS NULL"
            " GROUP BY a.id ORDER BY a.id"
        )
    )
    for account, count, quantity, base, target in rows:
        if int(count) != 1:
            raise _Differs(f"AST-{account} was issued units {count} times")
        if base is None or target is None or int(quantity) != int(base) - int(target):
            raise _Differs(f"AST-{account} was issued {quantity} units, base − target is {base} − {target}")
