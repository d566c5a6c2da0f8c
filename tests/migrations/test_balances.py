"""Balances beside old entries are worked out on the way up; the guards of the ledger stand as they stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from portal.extensions import make_engine, make_session
from portal.models import MovementKind
from portal.services import ledger_proof, second_book, transfer_totals
from portal.services.transaction import one_transaction
from tests.factories import allowances
from tests.migrations.test_migrations import go, rows, run

BEFORE, BALANCES = "20261126_3_settlement", "20261126_4_balances"
ENTRIES = "SELECT id, account_id, quantity, balance_after FROM ledger_entry ORDER BY id"
HEAD = "SELECT last_number, last_hash, latest_at FROM ledger_head"


@pytest.fixture
def traded(empty_database_url: str) -> Iterator[Engine]:
    """A database in which units moved to and fro, once by a clock that had been put back."""
    engine = make_engine(empty_database_url)
    go(engine, "head")
    with make_session(engine) as session, one_transaction(session):
        market = allowances.market(session)
        for wall, kind, quantity in (
            ("2014-06-02 10:00:00", MovementKind.TRANSFER, 300),
            ("2014-06-02 10:00:05", MovementKind.RETIRE, 800),
            ("2014-06-02 09:59:58", MovementKind.TRANSFER, 20),
        ):
            allowances.at(wall)
            to = market.trader.account.code if kind is MovementKind.TRANSFER else ""
            allowances.move(session, market.a, kind, quantity, to)
    yield engine
    engine.dispose()


def guards(engine: Engine) -> dict[str, Any]:
    """Every trigger with its words, and whether it is awake."""
    query = {
        "sqlite": "SELECT name, sql, '' FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid), CAST(tgenabled AS text) FROM pg_trigger"
        " WHERE NOT tgisinternal",
    }
    return {name: (words, awake) for name, words, awake in rows(engine, query[engine.dialect.name])}


def added_up(engine: Engine) -> list[Any]:
    """The sums of transfers, kept at every posting."""
    kept = "SELECT number, unit_class_id, units FROM transfer_total ORDER BY number, unit_class_id"
    assert rows(engine, kept) == []
    with make_session(engine) as session, one_transaction(session):
        transfer_totals.add_up(session, every=1, most=100)
    return rows(engine, kept)


def test_balances_are_worked_out_for_what_was_posted_before(traded: Engine) -> None:
    added = added_up(traded)
    assert [units for _number, _unit_class, units in added if units] == [300, 300, 320]
    go(traded, BALANCES, down=True)
    entries, head, awake = rows(traded, ENTRIES), rows(traded, HEAD), guards(traded)
    go(traded, BEFORE, down=True)
    assert guards(traded) == awake
    go(traded, BALANCES)
    assert (rows(traded, ENTRIES), rows(traded, HEAD), guards(traded)) == (entries, head, awake)
    ((behind,),) = rows(traded, "SELECT behind FROM ledger_head")
    assert 7 <= behind <= 9  # SQLite reads moments kept as text less finely, and bounds them more widely
    for refused in ("UPDATE ledger_entry SET balance_after = 0", "DELETE FROM ledger_entry"):
        with pytest.raises(DatabaseError, match="append_only"):
            run(traded, refused)
    go(traded, "head")
    assert added_up(traded) == added  # sums of transfers are not taken down and up: the night makes them anew
    with make_session(traded) as session:
        assert ledger_proof.verify(session).ok
        assert second_book.compare(session).problem is None
