"""The ledger on both databases: it balances, it remembers, it refuses to forget."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.models import BookCheck, Holding, LedgerEntry, LedgerTransaction, MovementKind
from portal.services import issuance, ledger, ledger_proof
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.factories import forgery


@pytest.fixture
def traded(session: Session) -> make.Market:
    """A market in which 1,500 were sold and 5,000 retired."""
    with one_transaction(session):
        made = make.market(session)
        make.move(session, made.a, MovementKind.TRANSFER, 1_500, made.trader.account.code)
        make.move(session, made.a, MovementKind.RETIRE, 5_000)
    return made


def test_every_posting_sums_to_zero_and_balances_equal_their_entries(
    session: Session, traded: make.Market
) -> None:
    report = ledger_proof.verify(session)
    assert report.ok, report.problem
    assert (report.transactions, report.entries) == (3, 6)
    (units,) = report.sums
    assert units.issued == units.elsewhere == 8_500


def test_transactions_are_numbered_without_gaps_and_chained(session: Session, traded: make.Market) -> None:
    rows = session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id)).all()
    assert [row.code for row in rows] == ["T-000001", "T-000002", "T-000003"]
    assert [row.previous_hash for row in rows] == ["", rows[0].hash, rows[1].hash]


def test_history_cannot_be_changed_even_by_sql(engine: Engine, session: Session, traded: make.Market) -> None:
    session.rollback()
    for table, change in (
        ("ledger_entry", "quantity = quantity + 1"),
        ("ledger_transaction", "kind = 'transfer'"),
        ("event", "tag = 'x'"),
    ):
        # SQLite knows no TRUNCATE
        emptied = (
            f"TRUNCATE {table} CASCADE" if engine.dialect.name == "postgresql" else f"DELETE FROM {table}"
        )
        for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}", emptied):
            with pytest.raises(DatabaseError, match="append_only"), engine.begin() as connection:
                connection.execute(text(statement))


def test_a_balance_below_zero_is_refused_by_the_database_itself(
    engine: Engine, session: Session, traded: make.Market
) -> None:
    session.rollback()
    with (
        pytest.raises(DatabaseError, match=r"not_below_zero|promised_is_there"),
        engine.begin() as connection,
    ):
        connection.execute(text("UPDATE holding SET quantity = -1 WHERE account_id > 1000"))


Proven = Callable[..., ledger_proof.LedgerReport]


@pytest.fixture
def forged(session: Session, traded: make.Market, database_url: str) -> Iterator[Proven]:
    """What the proof says of what somebody with the keys of the database has done, which is then undone."""
    session.rollback()
    open_book = forgery.unguarded(database_url)

    def proven(*statements: str) -> ledger_proof.LedgerReport:
        with open_book.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            with Session(bind=connection, join_transaction_mode="control_fully") as forging:
                report = ledger_proof.verify(forging)
                forging.expunge_all()
            connection.rollback()
        return report

    yield proven
    open_book.dispose()


POSTED = "WHERE id = (SELECT movement_id FROM ledger_transaction WHERE id = 3)"
#: what is done → the first wrong transaction, and words of what is said of it
FORGED = {
    "UPDATE ledger_entry SET quantity = quantity * 2 WHERE transaction_id = 2": (2, "differ"),
    "UPDATE ledger_transaction SET posted_by_id = 1 WHERE id = 2": (2, "differ"),
    "UPDATE ledger_transaction SET hash = 'x' WHERE id = 1": (1, "hash"),
    "UPDATE ledger_transaction SET previous_hash = 'x' WHERE id = 3": (3, "predecessor"),
    "UPDATE ledger_head SET last_number = 2": (2, "head"),
    "UPDATE ledger_entry SET balance_after = 1 WHERE transaction_id = 2 AND quantity > 0": (2, "holds 1"),
    "UPDATE ledger_entry SET id = id + 99 WHERE transaction_id = 2": (3, "order"),
    "UPDATE ledger_head SET latest_at = NULL": (3, "moments"),
    **{
        f"UPDATE movement SET {change} {POSTED}": (3, "T-000003 differs from its movement")
        for change in ("quantity = quantity + 1", "kind = 'cancel'", "target_id = 101", "state = 'withdrawn'")
    },
    "DELETE FROM ledger_transaction WHERE id = 2": (2, "T-000002 is missing"),
    "DELETE FROM ledger_transaction WHERE id = 3": (3, "head"),
}


def test_a_forged_past_is_found_and_the_first_wrong_transaction_named(forged: Proven) -> None:
    assert forged().ok
    found = {statement: forged(statement) for statement in FORGED}
    assert {statement: (one.ok, one.transaction_id) for statement, one in found.items()} == {
        statement: (False, number) for statement, (number, _words) in FORGED.items()
    }
    assert [s for s, (_number, words) in FORGED.items() if words not in str(found[s].problem)] == []


def test_a_ledger_that_was_cut_off_at_its_end_is_told_by_what_still_speaks_of_it(
    session: Session, forged: Proven
) -> None:
    found = {"transactions": 3, "entries": 6, "last_number": 3}
    with one_transaction(session):
        session.add(BookCheck(ok=True, started_at=clock.now(), finished_at=clock.now(), **found))
    last = "(SELECT {} FROM ledger_transaction WHERE id = 2)"
    entries = "FROM ledger_entry e WHERE (e.account_id, e.unit_class_id) = (h.account_id, h.unit_class_id)"
    done: list[str] = []
    # each time the forger is more careful
    for statements, says in (
        (("DELETE FROM ledger_entry WHERE transaction_id = 3", "DELETE FROM ledger_transaction WHERE id = 3"),
         "the head of the chain"),
        ((f"UPDATE ledger_head SET last_number = 2, last_hash = {last.format('hash')},"
          f" latest_at = {last.format('posted_at')}",
          f"UPDATE holding AS h SET quantity = (SELECT coalesce(sum(e.quantity), 0) {entries})"),
         "movement 3 was executed; T-000003"),
        (("DELETE FROM movement WHERE id = 3",), "a comparison of the books has read T-000003"),
    ):  # fmt: skip
        done += statements
        report = forged(*done)
        assert (report.ok, report.transaction_id) == (False, 3)
        assert says in str(report.problem)


def test_a_promise_that_no_proposal_made_is_named(
    engine: Engine, session: Session, traded: make.Market
) -> None:
    code = traded.trader.account.code
    with one_transaction(session):
        issuance.propose_correction(session, 2, "口座番号の誤り", key="undo", actor=traded.officer)
    assert ledger_proof.verify(session).ok
    for promised in (1_499, 0):
        session.rollback()
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE holding SET promised = {promised} WHERE promised > 0"))
        report = ledger_proof.verify(session)
        assert not report.ok
        assert f"{code} has promised {promised}" in str(report.problem)


def test_a_balance_that_is_not_its_entries_is_named(
    engine: Engine, session: Session, traded: make.Market
) -> None:
    code = traded.holder.account.code
    session.rollback()
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE holding SET quantity = quantity + 1 WHERE account_id = {code.removeprefix('AST-')}")
        )
    report = ledger_proof.verify(session)
    assert not report.ok
    assert code in str(report.problem)


def test_an_unbalanced_posting_is_a_programming_error_and_writes_nothing(
    session: Session, traded: make.Market
) -> None:
    movement = session.scalars(select(LedgerTransaction)).first()
    assert movement is not None
    before = session.scalars(select(LedgerEntry.id)).all()
    with pytest.raises(ValueError, match="sum to zero"):
        ledger.post(session, movement.movement, [(1, 1, -5), (2, 1, 4)], actor=traded.a)
    assert session.scalars(select(LedgerEntry.id)).all() == before
    assert session.scalars(select(Holding.promised)).all()
