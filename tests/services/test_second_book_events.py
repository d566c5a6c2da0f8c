"""A deadline's record that is changed behind the guards is named by the second book."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.services import second_book
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
    forger.dispose()
    for name, said in found.items():
        assert said.startswith("the deadline's record 1 says {'status': "), (name, said)
