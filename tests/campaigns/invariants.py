"""What must hold after every step, read from the tables by SQL and held against the model (safety 1 to 9)."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.factories.ledger_cast import CLOSED, ISSUANCE
from tests.factories.ledger_model import Model, Paper

_HOLDINGS = "SELECT account_id, unit_class_id, quantity, promised FROM holding"
_FINAL = "(2, 101, 201)"
_NEVER = (
    # 4: once for each holder, or corrected in between
    "SELECT count(*) FROM (SELECT m.holder_id FROM movement m"
    " JOIN ledger_transaction t ON t.movement_id = m.id"
    " WHERE m.kind = 'issue' AND NOT EXISTS (SELECT 1 FROM ledger_transaction b WHERE b.reverses_id = t.id)"
    " GROUP BY m.holder_id HAVING count(*) > 1) AS twice",
    # 5: nothing, but for units that could not move any more (the triggers know the day exactly)
    "SELECT count(*) FROM holding h JOIN account a ON a.id = h.account_id"
    " JOIN unit_class u ON u.id = h.unit_class_id LEFT JOIN phase p ON p.id = u.phase_id"
    " LEFT JOIN phase_rule r ON r.phase_id = p.id AND r.superseded_at IS NULL"
    f" WHERE a.state = '{CLOSED}' AND (h.promised <> 0 OR h.quantity <> 0 AND p.closed_at IS NULL"
    " AND (r.id IS NULL OR a.closed_at <= r.banking_until))",
    # 6
    "SELECT count(*) FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id"
    f" WHERE e.quantity < 0 AND e.account_id IN {_FINAL} AND t.kind <> 'correction'",
    # 8
    "SELECT count(*) FROM movement WHERE state = 'executed'"
    " AND kind IN ('issue', 'issue_jver', 'correction', 'carry_over')"
    " AND (decided_by_id IS NULL OR decided_by_id = proposed_by_id)",
    # 1: whole and positive, and nothing is posted that is no executed movement
    "SELECT count(*) FROM movement WHERE quantity < 1 OR quantity > 9007199254740991",
    "SELECT count(*) FROM ledger_transaction t JOIN movement m ON m.id = t.movement_id"
    " WHERE m.state <> 'executed' OR m.kind <> t.kind",
)
_ONCE = (
    "SELECT (SELECT last_number FROM ledger_head), (SELECT last_hash FROM ledger_head),"
    " (SELECT count(*) FROM ledger_transaction), (SELECT hash FROM ledger_transaction WHERE id = {seen}),"
    " (SELECT count(*) FROM event), " + ", ".join(f"({one})" for one in _NEVER)
)
_WAITING = {
    "account_change": "changes",
    "approval_revocation": "revocations",
    "banking_application": "applications",
    "issue_batch": "batches",
    "movement": "proposals",
    "phase_closing": "closings",
}
_STATES = " UNION ALL ".join(
    [
        *(f"SELECT '{one}', state, count(*) FROM {one} GROUP BY state" for one in _WAITING),
        "SELECT 'account', state, count(*) FROM account WHERE id > 1000 GROUP BY state",
        "SELECT 'phase', 'closed', count(*) FROM phase WHERE closed_at IS NOT NULL",
        "SELECT 'snapshot', 'frozen', count(DISTINCT holder_id) FROM compliance_snapshot",
    ]
)


class Watch:
    """Looks after each step, from a connection of its own; remembers how far the history had grown."""

    def __init__(self, url: str) -> None:
        self.seen, self.hash, self.events = 0, None, 0
        where = make_url(url)
        self.connection: Any
        if where.get_backend_name() == "sqlite":
            self.connection = sqlite3.connect(str(where.database), isolation_level=None)
        else:
            plain = where.set(drivername="postgresql").render_as_string(hide_password=False)
            self.connection = psycopg.connect(plain, autocommit=True)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """What has been committed."""
        return list(self.connection.execute(query))

    def look(self, model: Model) -> None:
        """Raise ``AssertionError`` if the tables differ from the model, or hold what can never be."""
        balances(self.read(_HOLDINGS), model)
        (once,) = self.read(_ONCE.format(seen=self.seen))
        number, last, count, known, events, *never = once
        assert never == [0] * len(_NEVER), f"what can never be: {never}"
        # 7 and 9: as many postings as the model knows, and the old ones are what they were
        assert number == count == len(model.postings)
        assert known == self.hash, f"T-{self.seen:06d} has changed"
        assert events >= self.events, "an event is gone"
        self.seen, self.hash, self.events = number, last or None, events
        states(self.read(_STATES), model)
        reserves(model)


def balances(rows: Iterable[tuple[Any, ...]], model: Model) -> None:
    """1 and 2: every balance and promise is the model's, nothing below zero, every class sums to zero."""
    units = {number: unit for unit, number in model.cast.classes.items()}
    held, promised, sums = {}, {}, dict.fromkeys(units.values(), 0)
    for account, number, quantity, waiting in rows:
        held[(account, units[number])], promised[(account, units[number])] = quantity, waiting
        sums[units[number]] += quantity
        assert account == ISSUANCE or 0 <= waiting <= quantity
    assert _there(held) == _there(model.held)
    assert _there(promised) == _there(model.promised)
    assert set(sums.values()) == {0}


def states(rows: Iterable[tuple[Any, ...]], model: Model) -> None:
    """What waits, was decided and stands is in the state that the model says, each as often."""
    found: Counter[tuple[Any, ...]] = Counter()
    for what, state, count in rows:
        found[(what, state)] = count
    papers: dict[str, dict[int, Paper]] = {one: getattr(model, name) for one, name in _WAITING.items()}
    due: Counter[tuple[Any, ...]] = Counter(
        (one, paper.state) for one, some in papers.items() for paper in some.values()
    )
    # participants' movements are posted at once and no proposals
    due[("movement", "executed")] = len(model.postings)
    due.update(("account", state) for state in model.states.values())
    due[("phase", "closed")], due[("snapshot", "frozen")] = len(model.closed), len(model.frozen)
    assert +found == +due


def reserves(model: Model) -> None:
    """3: no holder is below its reserve but by a correction or a figure that was taken back."""
    for account, facts in model.cast.holders.items():
        if model.of(account, facts.unit) >= model.reserve(account):
            model.excused.discard(account)
        else:
            assert account in model.excused, f"AST-{account} is below its reserve"


def _there(figures: dict[tuple[int, str], int]) -> dict[tuple[int, str], int]:
    return {key: figure for key, figure in figures.items() if figure}
