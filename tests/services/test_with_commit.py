"""The last statement of a transaction goes with its COMMIT: all of it lasts, or nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from psycopg.types.string import StrDumper
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from portal import with_commit
from portal.models import Account, Event, Holding, LedgerTransaction, MailMessage, Movement, MovementKind
from portal.services import ledger_proof
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make

INSERT = "INSERT INTO trial VALUES (%(word)s)"


@pytest.fixture
def database_kind() -> str:
    """SQLite has no round trip to save: nothing is kept there."""
    return "postgresql"


@pytest.fixture
def trial(session: Session) -> Session:
    """A table of words, none of them twice."""
    session.execute(text("CREATE TABLE trial (word text PRIMARY KEY)"))
    session.commit()
    return session


def keep(session: Session, word: str) -> None:
    assert with_commit.keep(session.connection(), INSERT, {"word": word})


def words(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT word FROM trial ORDER BY word")))


def unguarded(session: Session, statement: str) -> None:
    """What the triggers would refuse."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text(statement))
    session.commit()


def test_what_was_kept_lasts_with_what_went_before(trial: Session) -> None:
    trial.execute(text("INSERT INTO trial VALUES ('a')"))
    keep(trial, "b")
    trial.commit()
    assert words(trial) == ["a", "b"]


def test_it_is_sent_before_what_the_transaction_still_executes(trial: Session) -> None:
    keep(trial, "a")
    assert words(trial) == ["a"]
    keep(trial, "b")
    keep(trial, "c")
    trial.commit()
    assert words(trial) == ["a", "b", "c"]


def test_a_rollback_forgets_it(trial: Session) -> None:
    keep(trial, "a")
    trial.rollback()
    trial.execute(text("INSERT INTO trial VALUES ('b')"))
    trial.commit()
    assert words(trial) == ["b"]


def test_a_session_that_ends_forgets_it(engine: Engine, trial: Session) -> None:
    keep(trial, "a")
    trial.close()
    for _ in range(5):  # whichever connection of the pool it was
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
    assert words(trial) == []


def test_its_failure_fails_the_commit_and_the_session_goes_on(trial: Session) -> None:
    keep(trial, "a")
    trial.commit()
    with pytest.raises(IntegrityError, match="trial_pkey") as told, one_transaction(trial):
        trial.execute(text("INSERT INTO trial VALUES ('b')"))
        keep(trial, "a")
    assert "'a'" not in str(told.value.statement)
    assert words(trial) == ["a"]
    keep(trial, "c")
    trial.commit()
    assert words(trial) == ["a", "c"]


def test_a_connection_that_breaks_before_the_commit_is_replaced(
    trial: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OperationalError) as told, one_transaction(trial):
        keep(trial, "a")
        driver = trial.connection().connection.driver_connection
        assert driver is not None
        driver.close()
    assert told.value.connection_invalidated
    assert words(trial) == [] and not caplog.records
    keep(trial, "b")
    trial.commit()
    assert words(trial) == ["b"]


class _Unspeakable(str):
    """A value at which whoever sends it is interrupted."""


class _Interrupts(StrDumper):
    def dump(self, obj: object) -> bytes:
        raise KeyboardInterrupt


def test_a_connection_whose_commit_was_interrupted_goes_to_nobody_else(trial: Session) -> None:
    driver: Any = trial.connection().connection.driver_connection
    driver.adapters.register_dumper(_Unspeakable, _Interrupts)
    keep(trial, _Unspeakable("a"))
    with pytest.raises(KeyboardInterrupt), one_transaction(trial):
        pass
    assert words(trial) == []
    assert trial.connection().connection.driver_connection is not driver


def test_it_is_sent_before_what_goes_past_sqlalchemys_compiler(trial: Session) -> None:
    keep(trial, "a")
    assert trial.connection().exec_driver_sql("SELECT word FROM trial").scalars().all() == ["a"]


def test_what_was_kept_before_a_savepoint_stays_when_that_is_given_up(trial: Session) -> None:
    keep(trial, "a")
    with suppress(IntegrityError), trial.begin_nested():
        trial.execute(text("INSERT INTO trial VALUES ('b'), ('a')"))
    trial.commit()
    assert words(trial) == ["a"]


def test_what_is_judged_at_the_commit_is_told_as_the_databases_refusal(trial: Session) -> None:
    trial.execute(
        text("CREATE TABLE about (word text REFERENCES trial DEFERRABLE INITIALLY DEFERRED NOT NULL)")
    )
    trial.commit()
    with pytest.raises(IntegrityError, match="about_word_fkey"), one_transaction(trial):
        trial.execute(text("INSERT INTO about VALUES ('x')"))
        keep(trial, "a")
    assert words(trial) == []


def test_whoever_listens_for_commits_of_all_engines_hears_of_it_before_it_is_sent(
    trial: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign that kills processes in mid-commit rests on it."""
    order: list[str] = []
    run_it = with_commit._run

    def sent(*given: Any, **more: Any) -> None:
        order.append("sent")
        run_it(*given, **more)

    def heard(_connection: Connection) -> None:
        order.append("heard")

    monkeypatch.setattr(with_commit, "_run", sent)
    event.listen(Engine, "commit", heard)
    try:
        keep(trial, "a")
        trial.commit()
    finally:
        event.remove(Engine, "commit", heard)
    assert order == ["heard", "sent"]


def test_inside_a_savepoint_nothing_is_kept(trial: Session) -> None:
    with trial.begin_nested():
        assert not with_commit.keep(trial.connection(), INSERT, {"word": "a"})


def test_the_work_is_done_once_more_when_the_commit_finds_a_lost_race(trial: Session) -> None:
    """As when the statement had been answered before: the same key then gives the first answer."""
    trial.execute(text("ALTER TABLE trial ADD CONSTRAINT done_once CHECK (word <> 'lost')"))
    trial.commit()
    tries: list[str] = []

    def work() -> str:
        tries.append("lost" if not tries else "won")
        keep(trial, tries[-1])
        return tries[-1]

    assert run(trial, work) == "won"
    assert tries == ["lost", "won"] and words(trial) == ["won"]


def test_a_movement_without_a_posting_never_lasts(session: Session) -> None:
    """Nobody reads the statement's answer before the COMMIT: it fails by itself when nothing was posted."""
    with one_transaction(session):
        market = make.market(session)
    user, code = market.a, market.trader.account.code
    counted = (Account, Event, Holding, LedgerTransaction, MailMessage, Movement)

    def counts() -> list[int]:
        found = [session.scalar(select(func.count()).select_from(one)) or 0 for one in counted]
        session.rollback()
        return found

    before = counts()
    session.execute(text("CREATE TABLE kept_head AS SELECT * FROM ledger_head"))
    unguarded(session, "DELETE FROM ledger_head")
    with pytest.raises(DBAPIError, match="division by zero"):
        run(session, lambda: make.move(session, user, MovementKind.TRANSFER, 5, code).id)
    assert counts() == before
    unguarded(session, "INSERT INTO ledger_head SELECT * FROM kept_head")
    run(session, lambda: make.move(session, user, MovementKind.TRANSFER, 5, code).id)
    assert ledger_proof.verify(session).ok
