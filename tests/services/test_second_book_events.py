"""Records and kinds that are changed behind the guards are named, not stumbled over."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.services import ledger_proof, second_book
from portal.services.transaction import one_transaction
from tests.factories import forgery, settlement


def test_a_record_says_what_its_event_told(session: Session, engine: Engine, database_url: str) -> None:
    with one_transaction(session):
        settlement.over(session)
    assert second_book.compare(session).problem is None
    session.rollback()
    engine.dispose()
    forger = forgery.unguarded(database_url)
    found = {}
    forged = {
        "status": "UPDATE compliance_snapshot SET status = 'missed'",
        "retired": "UPDATE compliance_snapshot SET retired = 5999",
        "event": "DELETE FROM event WHERE tag = 'compliance_frozen'",
    }
    with forger.connect() as connection, Session(bind=connection) as book:
        for name, statement in forged.items():
            connection.execute(text(statement))
            found[name] = second_book.compare(book).problem or "nothing"
            connection.rollback()
        for table in ("ledger_transaction", "movement"):
            connection.execute(text(f"UPDATE {table} SET kind = 'gift' WHERE id = 2"))
            unread = ledger_proof.verify(book)
            assert (unread.problem or "").startswith("T-000002 cannot be read: 'gift' "), table
            assert unread.transaction_id == 2 and unread.transactions == 1
            connection.rollback()
    forger.dispose()
    for name, said in found.items():
        assert said.startswith("the deadline's record 1 says {'status': "), (name, said)
