"""Every bench runs today: the measuring part of each, short, so that nobody finds it broken years later.

What is measured costs seconds here too, so each runs once, on the smallest input, mostly on SQLite alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from bench import application_list, form_upload, import_applications, letters, transfer_clients
from bench.transfer_world import WHEN, seats
from portal.admin.file_orders import MakesFiles
from portal.extensions import db_session, make_session, session_factory
from portal.models import Period
from portal.services import ledger_proof
from tests.factories import imports
from tests.factories import reports as make
from tests.house.checkout import ROOT

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

#: bench → the tests that run it, or all that it drives
RUN = {
    "application_list": "services/test_benches.py",
    "form_mutants": "services/spreadsheets/test_form_mutants.py",
    "form_upload": "services/test_benches.py",
    "import_applications": "services/test_benches.py",
    "ledger_campaign": "services/test_processes.py",
    "ledger_pages": "services/test_bench_pages.py",
    "letters": "services/test_benches.py",
    "report_machine": "services/test_report_machine.py",
    "second_book": "services/test_bench_pages.py",
    "transfer_clients": "services/test_benches.py",
    "transfer_world": "services/test_benches.py",
}
#: makes an environment of its own, needs Django, drives eight processes: their types are read, no more
READ = {"first_page", "rival_worker", "transfers"}


def test_every_bench_is_run_or_at_least_read() -> None:
    assert {path.stem for path in (ROOT / "bench").glob("*.py")} == {*RUN, *READ}
    for name, tests in RUN.items():
        assert name in (ROOT / "tests" / tests).read_text(), name


@pytest.fixture
def unbound() -> Iterator[None]:
    """The bench's application leaves this process's sessions bound to its database."""
    yield
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


@SQLITE
def test_the_desk_of_the_bench_is_answered(
    database_url: str, unbound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_list, "TWINS", 3)
    monkeypatch.setattr(MakesFiles, "export_at_once", 0)
    found, _filled = application_list.measure(database_url, 4, times=1)
    assert len(found) == 20, found


@SQLITE
def test_the_import_of_the_bench_is_carried_out(database_url: str) -> None:
    data = imports.workbook([imports.plain_holder(1)])
    steps = import_applications.measure(database_url, data)
    assert len(steps) == 3 and all(took > 0 for _step, took in steps)
    assert import_applications.child_mib(data) > 5


@SQLITE
def test_the_letters_of_the_bench_are_printed(database_url: str) -> None:
    lines = letters.measured(database_url, 1)
    assert len(lines) == 7 and all(took.clock > 0 for _name, took, _size in lines)


@SQLITE
def test_the_upload_of_the_bench_is_read_and_registered(
    database_url: str, live_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    form_upload.reading(1, ("target",))
    assert "target year, 300 KB" in capsys.readouterr().out
    ((login, data),) = form_upload.holders(database_url, 1)
    make.at(make.WHEN[Period.TARGET])
    status, _took = form_upload.Person(live_server, login, data).upload()
    assert status == 302


@POSTGRESQL
def test_a_client_of_the_bench_moves_units_by_the_service_and_by_the_driver_alone(
    database_url: str, engine: Engine
) -> None:
    with make_session(engine) as session:
        seat = seats(session, 1)[0]
    make.at(WHEN)
    with closing(transfer_clients.connect(database_url)) as connection:
        bare = [transfer_clients.raw(engine, connection, seat, together=one)[0] for one in (False, True)]
        for transfer in (transfer_clients.service(engine, seat), *bare):
            transfer(False)
            transfer(True)
    with make_session(engine) as session:
        report = ledger_proof.verify(session)
    assert report.ok, report.problem
    # issued once; each bare client had the service make one of each kind before
    assert report.transactions == 1 + 2 + 2 * (2 + 2)
