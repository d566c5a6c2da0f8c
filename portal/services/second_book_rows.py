"""What the second book reads: plain rows of the database, in portions, without the program's models.

Nothing of the first book's code is imported here or in ``second_book.py``: a contract in
``pyproject.toml`` says so, and a fault there cannot hide itself here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

#: (account, unit class, signed units)
Side = tuple[int, int, int]
PORTION = 2_000


@dataclass
class Participant:
    """What the reserve of one holder is made of, as of the posting looked at."""

    holder: int
    account: int
    #: the JAA of the holder's own phase
    unit_class: int
    #: confirmed reduction targets in t-CO2; more than one if a target was replaced before the issue
    targets: list[int]
    #: (report, t-CO2) of the approved target-year figure
    figure: tuple[int, int] | None
    #: an approval was taken back once: the rows do not tell any more when the reserve was free
    uncertain: bool
    issued: int = 0
    retired_jaa: int = 0
    retired_jver: int = 0
    #: the figure is known to have been approved before the posting looked at
    approved: bool = False


@dataclass(frozen=True)
class ReserveReading:
    """One wording of a phase's rule about the reserve."""

    released_by_compliance: bool
    jver_counts_for_reserve: bool
    jver_counts_for_compliance: bool


@dataclass
class Scheme:
    """The rows that stay small: accounts, holders, rules of the phases."""

    #: account → its kind
    accounts: dict[int, str]
    jver: int
    #: by account
    participants: dict[int, Participant]
    #: unit class → every wording its phase ever had
    readings: dict[int, list[ReserveReading]]
    #: number → the hash that an earlier comparison has read there
    read: dict[int, str]
    #: number → unit class → units that are said to have been transferred up to it
    sent: dict[int, dict[int, int]]


@dataclass(frozen=True)
class Posting:
    """One transaction with its entries and its movement."""

    number: int
    kind: str
    reverses: int | None
    at: datetime
    by: int
    stored: bytes
    previous: str
    hash: str
    movement: dict[str, Any]
    sides: list[Side]
    #: (entry, account, unit class, what it says the account holds after it), as they were written
    stood: list[tuple[int, int, int, int]]

    @property
    def name(self) -> str:
        return f"T-{self.number:06d}"


@dataclass
class Told:
    """The book as far as it has been told."""

    number: int = 0
    entries: int = 0
    last_hash: str = ""
    balances: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    reversed: set[int] = field(default_factory=set)
    last_entry: int = 0
    latest: datetime | None = None
    #: the most by which a posting was stamped earlier than one with a lower number
    behind: timedelta = timedelta(0)
    #: unit class → units that participants sent each other
    sent: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    #: the first posting whose events say otherwise; told last, since whatever else is wrong tells more
    unwitnessed: str | None = None


def moment(value: Any) -> datetime:
    """A stored moment as UTC; SQLite gives text or a moment without its zone.

    Raises ``ValueError`` for anything else.
    """
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        raise ValueError(f"{value!r} is no moment")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def scheme(session: Session) -> Scheme:
    """The small rows, whole."""
    accounts = {int(n): str(kind) for n, kind in session.execute(text("SELECT id, kind FROM account"))}
    classes = {int(n): phase for n, phase in session.execute(text("SELECT id, phase_id FROM unit_class"))}
    class_of_phase = {phase: n for n, phase in classes.items() if phase is not None}
    jver = next((n for n, phase in classes.items() if phase is None), 0)
    readings: dict[int, list[ReserveReading]] = defaultdict(list)
    for phase, *said in session.execute(
        text(
            "SELECT DISTINCT phase_id, reserve_released_by_compliance,"
            " jver_counts_for_reserve, jver_counts_for_compliance FROM phase_rule"
        )
    ):
        readings[class_of_phase[phase]].append(ReserveReading(*map(bool, said)))
    kept: dict[int, dict[int, int]] = defaultdict(dict)
    for number, unit_class, units in session.execute(
        text("SELECT number, unit_class_id, units FROM transfer_total")
    ):
        kept[int(number)][int(unit_class)] = int(units)
    participants, read = _participants(session, class_of_phase), _read(session)
    return Scheme(accounts, jver, participants, dict(readings), read, dict(kept))


def _read(session: Session) -> dict[int, str]:
    """What the events of comparisons that agreed say of where they ended; one a night, so few."""
    of_comparisons = "SELECT facts FROM event WHERE subject_type = 'book_check' AND tag = 'books_compared'"
    rows = session.execute(text(of_comparisons))
    told = [json.loads(facts) if isinstance(facts, str) else facts for (facts,) in rows]
    return {int(one["last_number"]): str(one["sha256"]) for one in told if one.get("sha256")}


def _participants(session: Session, class_of_phase: dict[Any, int]) -> dict[int, Participant]:
    targets: dict[int, list[int]] = defaultdict(list)
    for holder, quantity in session.execute(
        text("SELECT holder_id, quantity FROM reduction_target WHERE state = 'confirmed'")
    ):
        targets[holder].append(int(quantity))
    figures = {
        holder: (int(report), int(figure))
        for holder, report, figure in session.execute(
            text(
                "SELECT holder_id, id, confirmed_emissions FROM emissions_report"
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
        int(account): Participant(
            int(holder),
            int(account),
            class_of_phase[phase],
            targets[holder],
            figures.get(holder),
            holder in revoked,
        )
        for account, holder, phase in session.execute(
            text("SELECT a.id, h.id, h.phase_id FROM account a JOIN holder h ON h.id = a.holder_id")
        )
    }


_POSTINGS = text(
    "SELECT t.id, t.kind, t.reverses_id, t.posted_at, t.posted_by_id, t.canonical, t.previous_hash, t.hash,"
    " t.movement_id, m.kind AS m_kind, m.state AS m_state, m.source_id, m.target_id, m.unit_class_id,"
    " m.target_class_id, m.quantity, m.holder_id, m.reverses_id AS m_reverses, m.proposed_by_id,"
    " m.decided_by_id, o.kind AS o_kind, o.source_id AS o_source, o.target_id AS o_target,"
    " o.unit_class_id AS o_class, o.quantity AS o_quantity"
    " FROM ledger_transaction t LEFT JOIN movement m ON m.id = t.movement_id"
    " LEFT JOIN ledger_transaction w ON w.id = t.reverses_id LEFT JOIN movement o ON o.id = w.movement_id"
    " WHERE t.id > :last ORDER BY t.id LIMIT :portion"
)
_ENTRIES = text(
    "SELECT transaction_id, account_id, unit_class_id, quantity, id, balance_after FROM ledger_entry"
    " WHERE transaction_id BETWEEN :first AND :last ORDER BY id"
)


def portions(session: Session) -> Iterator[list[Posting]]:
    """All postings in ledger order, :data:`PORTION` at a time, so that memory stays bounded."""
    last = -1
    while True:
        rows = session.execute(_POSTINGS, {"last": last, "portion": PORTION}).mappings().all()
        if not rows:
            return
        sides: dict[int, list[Side]] = defaultdict(list)
        stood: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
        span = {"first": rows[0]["id"], "last": rows[-1]["id"]}
        for number, account, unit_class, quantity, entry, after in session.execute(_ENTRIES, span):
            sides[number].append((int(account), int(unit_class), int(quantity)))
            stood[number].append((int(entry), int(account), int(unit_class), int(after)))
        yield [
            Posting(
                int(row["id"]),
                str(row["kind"]),
                row["reverses_id"],
                moment(row["posted_at"]),
                int(row["posted_by_id"]),
                bytes(row["canonical"]),
                str(row["previous_hash"]),
                str(row["hash"]),
                dict(row),
                sorted(sides[row["id"]]),
                stood[row["id"]],
            )
            for row in rows
        ]
        last = rows[-1]["id"]


def comes_after_approval(session: Session, movement: int, report: int) -> bool:
    """Whether a movement was made after its holder's figure was approved.

    Events say so by their order: a clock may have been set back meanwhile. Where an event is missing
    the answer is yes: the second book must not stop the scheme by a guess.
    """
    query = text(
        "SELECT max(id) FROM event"
        " WHERE subject_type = :subject_type AND subject_id = :subject_id AND tag = :tag"
    )
    approved = session.scalar(
        query, {"subject_type": "emissions_report", "subject_id": report, "tag": "report_approved"}
    )
    moved = session.scalar(
        query, {"subject_type": "movement", "subject_id": movement, "tag": "movement_executed"}
    )
    return approved is None or moved is None or bool(approved < moved)
