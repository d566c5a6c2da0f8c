"""The demonstration as a test database: built once in a run, copied for each test that wants one."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.extensions import make_engine, make_session, upgrade_database
from portal.services import demo
from portal.services.transaction import one_transaction
from tests import databases

_built: list[str] = []


def build(url: str) -> None:
    """Migrate the empty database at ``url`` and play the demonstration into it, mails delivered."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        demo.build(session)
    demo.send_past_mail(lambda: make_session(engine))
    engine.dispose()


def copied(folders: pytest.TempPathFactory, into: Path) -> str:
    """The address of a fresh copy in ``into``; the first call of a run builds the original."""
    if not _built:
        url = databases.empty("sqlite", folders.mktemp("demonstration"))
        build(url)
        _built.append(url)
    return databases.copy(_built[0], into)
