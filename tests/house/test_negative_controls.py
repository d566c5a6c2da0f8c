"""Each safeguard is taken out of the running program once, and what guards it goes red."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.services.transaction import one_transaction
from tests import databases
from tests.campaigns import ledger_machine
from tests.campaigns.driven import Start
from tests.campaigns.negative_controls import CONTROLS, MACHINE, Control
from tests.campaigns.worlds import open_world
from tests.factories import allowances as make
from tests.factories import numbers
from tests.factories.ledger_cast import Cast
from tests.services import test_second_book as second

#: at most; in short runs, for each run leaves out other kinds of steps
STEPS, A_RUN = 2_000, 100

#: a database that refuses what the program let through has found the fault too
RED = (AssertionError, pytest.fail.Exception, IntegrityError)
BY_MACHINE = [control for control in CONTROLS if control.found_by == MACHINE]
BY_TEST = [control for control in CONTROLS if control.found_by != MACHINE]


@dataclass(frozen=True)
class Small:
    """The machine's small scheme at its seasons."""

    cast: Cast
    starts: dict[str, Start]


@pytest.fixture(scope="module")
def small(
    database_templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Small]:
    """Once for all controls; SQLite is the quicker one."""
    numbers.start_over()
    folder = tmp_path_factory.mktemp("controls")
    world = open_world(databases.copy(database_templates.of("sqlite"), folder), plenty=False)
    with ledger_machine.seasons(world.url, world.cast, world.model, folder) as starts:
        yield Small(world.cast, starts)


def test_the_machine_is_green_when_nothing_is_planted(small: Small, tmp_path: Path) -> None:
    tally = ledger_machine.drive(small.starts, small.cast, tmp_path, total=400, seed=1)
    assert tally["steps"] >= 400


@pytest.mark.parametrize("control", BY_MACHINE, ids=lambda control: control.name)
def test_the_machine_goes_red(
    small: Small, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.plant(monkeypatch)
    with pytest.raises(RED):
        ledger_machine.drive(
            {name: small.starts[name] for name in control.starts or small.starts},
            small.cast,
            tmp_path,
            total=STEPS,
            steps=A_RUN,
            seed=1,
            short=False,
            only=control.only,
        )


@pytest.fixture
def market(session: Session) -> make.Market:
    with one_transaction(session):
        return make.market(session)


told, forger = second.told, second.forger


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Where the fault shows: on SQLite writers queue anyway."""
    return "postgresql" if "race" in str(request.node.name) else "sqlite"


def _run(control: Control, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _colons, name = control.found_by.partition("::")
    test = getattr(import_module(module), name)
    given = {one: request.getfixturevalue(one) for one in inspect.signature(test).parameters}
    control.plant(monkeypatch)
    test(**given)


@pytest.mark.parametrize(
    "control", [one for one in BY_TEST if "test_races" not in one.found_by], ids=lambda control: control.name
)
def test_the_named_test_goes_red(
    control: Control, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RED):
        _run(control, request, monkeypatch)


# without the lock the database may refuse in a thread of the named test, which does not expect that
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_race_goes_red(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    (control,) = [one for one in BY_TEST if "test_races" in one.found_by]
    module, _colons, name = control.found_by.partition("::")
    control.plant(monkeypatch)
    with pytest.raises(RED):
        getattr(import_module(module), name)(engine, session, market)


def test_there_are_enough_of_them_and_each_is_told_apart() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS) >= 15
