"""What the events say of postings and records, for the second book: who made, who decided, what (safety 13).

The chain's bytes name who posted; the maker of a proposal and what a record said stand in no hash. Whoever
changes them behind the database's guards must change their events too, and just so. As in
``second_book.py`` nothing of the first book's code is imported here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.services.second_book_rows import Posting


@dataclass(frozen=True)
class Said:
    """One event about a movement."""

    tag: str
    actor: int | None
    facts: Mapping[str, Any]


_OF_MOVEMENTS = text(
    "SELECT e.subject_id, e.tag, e.actor_id, e.facts FROM ledger_transaction t"
    " JOIN event e ON e.subject_type = 'movement' AND e.subject_id = t.movement_id"
    " AND e.tag IN ('movement_proposed', 'movement_executed')"
    " WHERE t.id BETWEEN :first AND :last"
)
#: what was told of a record when it was kept, and when a later one took its place
_OF_RECORDS = text(
    "SELECT s.id, s.status, s.retired, s.missing, e.facts FROM compliance_snapshot s"
    " LEFT JOIN event e ON e.subject_type = 'compliance_snapshot' AND e.subject_id = s.id"
    " AND e.tag IN ('compliance_frozen', 'compliance_put_right') ORDER BY s.id"
)


def events_of(session: Session, some: Sequence[Posting]) -> dict[int, list[Said]]:
    """The events about the movements of a portion of postings, by movement; one query."""
    found: dict[int, list[Said]] = defaultdict(list)
    span = {"first": some[0].number, "last": some[-1].number}
    for movement, tag, actor, facts in session.execute(_OF_MOVEMENTS, span):
        found[int(movement)].append(Said(str(tag), actor, _read(facts)))
    return found


def _read(facts: Any) -> Mapping[str, Any]:
    return dict(json.loads(facts) if isinstance(facts, str) else facts)


def witnessed(posting: Posting, said: Mapping[int, list[Said]], two_persons: bool) -> str | None:
    """What differs between a posting's movement and its events: one of its execution, one of its proposal.

    Where one act does both there is no proposal, and its maker is who decided it.
    """
    row, name = posting.movement, posting.name
    own = said.get(int(row["movement_id"]), [])
    executed = [one for one in own if one.tag == "movement_executed"]
    proposed = [one for one in own if one.tag == "movement_proposed"]
    if len(executed) != 1:
        return f"{name}: {len(executed)} events say that its movement was executed"
    if len(proposed) != (1 if two_persons else 0):
        return f"{name}: {len(proposed)} events say that its movement was proposed"
    kept: dict[str, Any] = {"kind": row["m_kind"], "quantity": int(row["quantity"])}
    for one in own:
        for key, value in kept.items():
            if one.facts.get(key) != value:
                return f"{name}: its event says {one.facts.get(key)!r} for {key}, its movement {value!r}"
    accounts = {"source": f"AST-{row['source_id']}", "target": f"AST-{row['target_id']}"}
    for key, code in accounts.items():
        if executed[0].facts.get(key, code) != code:
            return f"{name}: its event says {executed[0].facts[key]} for {key}, its movement {code}"
    if executed[0].actor != row["decided_by_id"]:
        return f"{name}: its event says that another person decided its movement"
    maker = proposed[0].actor if two_persons else row["decided_by_id"]
    if maker != row["proposed_by_id"]:
        return f"{name}: its event says that another person made its movement"
    return None


def records(session: Session) -> str | None:
    """What differs between a record of a deadline and the event that told of it."""
    for number, status, retired, missing, facts in session.execute(_OF_RECORDS):
        told = _read(facts) if facts is not None else {}
        kept = {"status": status, "retired": retired, "missing": missing}
        if {key: told.get(key) for key in kept} != kept:
            return f"the deadline's record {number} says {kept}, its event {told or 'nothing'}"
    return None
