"""The demonstration as a test database: built once in a run, copied for each test that wants one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from portal.extensions import make_engine, make_session, upgrade_database
from portal.services import demo
from portal.services.demo import reporting
from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.filled import fill_form
from portal.services.transaction import one_transaction
from tests import databases

_forms: dict[Any, Any] = {}


def build(url: str) -> None:
    """Migrate the empty database at ``url`` and play the demonstration into it, mails delivered.

    The same forms are handed in on every database: they are filled and read once in a process.
    """
    upgrade_database(url)
    engine = make_engine(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "fill_form", _once(fill_form))
        patch.setattr(reporting, "read_form", _once(read_form))
        with make_session(engine) as session, one_transaction(session):
            demo.build(session)
    demo.send_past_mail(lambda: make_session(engine))
    engine.dispose()


def _once(work: Callable[..., Any]) -> Callable[..., Any]:
    """``work``, whose answers cannot be changed: they are bytes or frozen."""

    def done(*given: Any) -> Any:
        key = (work.__name__, *(one if isinstance(one, bytes) else repr(one) for one in given))
        if key not in _forms:
            _forms[key] = work(*given)
        return _forms[key]

    return done


def copied(folders: pytest.TempPathFactory, into: Path) -> str:
    """The address of a fresh copy in ``into``; the first call of a run builds the original.

    Of two workers the second waits for the first: its own would take as long.
    """
    shared = folders.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    original = shared / "demonstration.db"
    with (shared / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            url = databases.empty("sqlite", shared)
            build(url)
            Path(str(make_url(url).database)).rename(original)
    return databases.copy(f"sqlite:///{original}", into)
