"""Deadline records, comparisons, closings and publications do not change, not even by SQL (safety 9)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Publication, PublicationSubject
from portal.services import lapses, publications
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import settlement as make

RELEASED, PROPOSED = 1, 2
#: what is tried, and which trigger speaks
FORGED = (
    ("UPDATE compliance_snapshot SET status = 'missed'", "append_only"),
    ("DELETE FROM compliance_snapshot", "append_only"),
    ("UPDATE book_check SET last_number = last_number + 1", "append_only"),
    ("DELETE FROM book_check", "append_only"),
    ("UPDATE phase_closing SET totals = '{}'", "phase_closing_decided"),
    ("UPDATE phase_closing SET reason = 'x'", "phase_closing_decided"),
    ("DELETE FROM phase_closing", "phase_closing_kept"),
    (f"UPDATE publication SET content = '{{}}' WHERE id = {RELEASED}", "publication_content"),
    (f"UPDATE publication SET content = '{{}}' WHERE id = {PROPOSED}", "publication_content"),
    (f"UPDATE publication SET proposed_by_id = 1 WHERE id = {PROPOSED}", "publication_content"),
    (f"UPDATE publication SET released_at = NULL WHERE id = {RELEASED}", "publication_content"),
    (f"DELETE FROM publication WHERE id = {PROPOSED}", "publication_kept"),
)


@pytest.fixture
def market(session: Session) -> trade.Market:
    """A closed phase with its record and a comparison; publication 1 is released, 2 is proposed."""
    with one_transaction(session):
        made = make.over(session)
        make.closed(session, made)
        rows: list[Publication] = []
        for subject in (PublicationSubject.EMISSIONS, PublicationSubject.ALLOWANCES):
            rows.append(publications.propose(session, made.holder.phase_id, subject, actor=made.officer))
        publications.release(session, rows[0].id, actor=made.approver)
        assert [one.id for one in rows] == [RELEASED, PROPOSED]
    return made


def test_what_was_recorded_does_not_change(engine: Engine, market: trade.Market) -> None:
    for statement, says in FORGED:
        with pytest.raises(DatabaseError, match=says), engine.begin() as connection:
            connection.execute(text(statement))


def test_what_is_over_stays_as_it_was_left(engine: Engine, session: Session, market: trade.Market) -> None:
    with one_transaction(session):
        publications.end(session, RELEASED, "社名の誤り", actor=market.approver)
        publications.withdraw(session, PROPOSED, actor=market.officer)
        lapses_later = publications.propose(
            session, market.holder.phase_id, PublicationSubject.ALLOWANCES, actor=market.officer
        ).id
    clock.set_time(clock.now() + timedelta(days=14))
    (lapsing,) = [one for one in lapses.STEPS if one.name == Publication.__tablename__]
    with one_transaction(session):
        assert lapsing(session) == 1
    for number in (RELEASED, PROPOSED, lapses_later):
        again = f"UPDATE publication SET ended_reason = 'x' WHERE id = {number}"
        with pytest.raises(DatabaseError, match="publication_over"), engine.begin() as connection:
            connection.execute(text(again))
