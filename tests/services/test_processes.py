"""Processes of their own on one database: every total adds up, the reserve holds, killed commits are whole.

Short runs; the long ones are ``python -m bench.ledger_campaign --bank 30000 --skew 30000 --kills 200``.
"""

from __future__ import annotations

import pytest

from tests.campaigns import bank, killed
from tests.campaigns.worlds import World, open_world

SEED = 20151130


@pytest.fixture
def world(database_url: str) -> World:
    return open_world(database_url, unissued=4)


@pytest.mark.parametrize("skew", [False, True], ids=["bank", "reserve skew"])
def test_every_total_read_while_processes_move_units_adds_up(world: World, skew: bool) -> None:
    outcome = bank.campaign(
        world.url, world.cast, world.reserves, seed=SEED, operations=60, movers=3, offices=1, skew=skew
    )
    print(outcome)
    assert outcome.wrong == []
    assert outcome.done and outcome.reads >= 3
    assert outcome.done + sum(outcome.refused.values()) >= 66


def test_a_process_killed_while_it_commits_loses_nothing_and_doubles_nothing(world: World) -> None:
    toll = killed.campaign(world.url, world.cast, seed=SEED, kills=5)
    print(toll)
    assert toll.kills == 5
    assert (toll.lost, toll.doubled) == ([], [])


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_batch_that_is_posted_in_parts_is_found(world: World) -> None:
    """A negative control: planted in the victims, every movement of a batch is committed by itself."""
    toll = killed.campaign(world.url, world.cast, seed=SEED, kills=1, torn=True)
    assert toll.lost or toll.doubled
