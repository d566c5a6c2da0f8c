"""What the factories play again is what the services made, and is played in its own circumstances only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.extensions import make_engine, make_session
from portal.models import Base, User
from portal.permissions import Role
from portal.services import mail, registration
from portal.settings import Settings
from tests import databases
from tests.factories import allowances, numbers, replayed
from tests.factories import registration as make

#: what is chosen by chance
BY_CHANCE = {"idempotency_key", "fs_uniquifier", "message_id", "password"}


def everything(session: Session) -> dict[str, list[Any]]:
    session.flush()
    found = {}
    for table in Base.metadata.sorted_tables:
        kept = [column for column in table.columns if column.name not in BY_CHANCE]
        found[table.name] = sorted(map(repr, session.execute(select(*kept))))
    return found


def test_a_market_played_again_is_the_market_row_by_row(
    session: Session, database_kind: str, database_templates: databases.Templates, tmp_path: Path
) -> None:
    allowances.at("2013-10-01 09:00")
    allowances.market(session)  # kept now, if no test before had it
    session.rollback()
    numbers.start_over()
    url = databases.copy(database_templates.of(database_kind), tmp_path)
    engine = make_engine(url)
    with make_session(engine) as again:
        allowances.at("2013-10-01 09:00")
        played = allowances.market(again)
        rows = everything(again)
        people = [user.login_id for user in (played.a, played.t, played.officer)]
    engine.dispose()
    if database_kind == "postgresql":
        databases.drop(url)
    third = databases.copy(database_templates.of(database_kind), tmp_path)
    numbers.start_over()
    engine = make_engine(third)
    with make_session(engine) as fresh:
        allowances.at("2013-10-01 09:00")
        made = allowances.market.__wrapped__(fresh)  # type: ignore[attr-defined]
        assert people == [user.login_id for user in (made.a, made.t, made.officer)]
        anew = everything(fresh)
        assert [name for name, found in anew.items() if found != rows[name]] == []
    engine.dispose()
    if database_kind == "postgresql":
        databases.drop(third)


@pytest.fixture
def accepts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the service is asked to accept somebody."""
    asked: list[int] = []
    accept = registration.accept

    def counted(session: Session, application_id: int, **options: Any) -> Any:
        asked.append(application_id)
        return accept(session, application_id, **options)

    monkeypatch.setattr(make.registration, "accept", counted)
    return asked


def test_another_state_another_address_and_another_moment_are_another_call(
    engine: Engine, accepts: list[int]
) -> None:
    def trader(moment: str = "2013-10-01 09:00", before: bool = False) -> int:
        numbers.start_over()
        done = len(accepts)
        with make_session(engine) as session:
            allowances.at(moment)
            if before:
                session.add(make.office(session, Role.VIEWER, "viewer"))
            made = make.trader(session)
            session.scalars(select(User).where(User.trader_id == made.id)).one()
            session.rollback()
        return len(accepts) - done

    kind = engine.dialect.name
    assert trader() == 1
    if kind == "sqlite":  # a server counts on where something was rolled back, which is another state
        assert trader() == 0
    assert trader(before=True) == 1
    assert trader("2013-10-02 09:00") == 1
    mail.configure(Settings(base_url="https://other.example"))
    assert trader() == 1


def test_what_was_made_under_a_patch_is_not_played_without_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mails() -> int:
        numbers.start_over()
        with make_session(engine) as session:
            allowances.at("2013-10-01 09:00")
            make.trader(session)
            count = len(everything(session)["mail_message"])
            session.rollback()
        return count

    sent = mails()
    assert sent > 0
    with monkeypatch.context() as patch:
        replayed.patches = patch
        patch.setattr(registration, "notify", lambda *args, **options: None)
        assert mails() == 0
    replayed.patches = monkeypatch
    assert mails() == sent
