"""No order of steps and no fault among them breaks the ledger (safety, "model-checked")."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.extensions import make_engine, make_session
from portal.services.transaction import one_transaction
from tests.campaigns import ledger_machine
from tests.campaigns.driven import ALL_THAT_HAPPENS, told
from tests.factories.ledger_cast import Cast
from tests.factories.small_scheme import small_scheme

#: 20,000 steps together: most where a step costs less
STEPS = {"sqlite": 17_000, "postgresql": 3_000}
#: each portion of a campaign draws anew from it; other seeds are ``bench.ledger_campaign``'s
SEED = 20151130


@pytest.fixture
def scheme(database_url: str) -> Iterator[tuple[str, Cast]]:
    """The address of a database with the small scheme; nobody is connected to it."""
    engine = make_engine(database_url)
    with make_session(engine) as session, one_transaction(session):
        cast = small_scheme(session)
    engine.dispose()
    yield database_url, cast


@pytest.mark.timeout(1800)  # a failure is made short before it is told
def test_no_order_of_steps_and_faults_breaks_the_ledger(
    scheme: tuple[str, Cast], tmp_path: Path, database_kind: str
) -> None:
    (template, cast), total = scheme, STEPS[database_kind]
    start = ledger_machine.opened(template, cast)
    with ledger_machine.seasons(template, cast, start, tmp_path) as starts:
        tally = ledger_machine.drive(starts, cast, tmp_path, total=total, seed=SEED, wanted=ALL_THAT_HAPPENS)
    print(told(tally))
    assert tally["steps"] >= total
    assert tally["faults"] >= 0.3 * tally["steps"]
    assert not {what for what in ALL_THAT_HAPPENS if not tally[f"did: {what}"]}
