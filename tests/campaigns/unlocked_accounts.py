"""The negative control of the accounts' lock: taken out, and every racer has judged before one writes."""

from __future__ import annotations

from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from portal.models import Account
from portal.services import ledger, movement_acts, movement_parties
from portal.services.compiled import Prepared

#: transfers at once of which one alone is legal
RACERS = 4


def plant(patch: pytest.MonkeyPatch) -> None:
    """Leave accounts unlocked; the racers meet between the rules and the writing, as the lock forbids."""

    def unlocked(session: Any, *numbers: int) -> Any:
        return {number: session.get(Account, number) for number in numbers}

    patch.setattr(ledger, "lock_accounts", unlocked)
    real = movement_parties._PARTIES
    unlocking = Prepared(
        real.columns, lambda dialect: real.text_for(dialect).replace(" FOR UPDATE OF account", "")
    )
    patch.setattr(movement_parties, "_PARTIES", unlocking)
    judged, make = Barrier(RACERS), movement_acts.make

    def after_all_judged(*given: Any) -> Any:
        with suppress(BrokenBarrierError):
            judged.wait(timeout=20)
        return make(*given)

    patch.setattr(movement_acts, "make", after_all_judged)
