"""The negative control of the accounts' lock: taken out, and every racer has judged before one writes."""

from __future__ import annotations

import re
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql

from portal.models import Account
from portal.services import ledger, movement_acts, movement_parties
from portal.services.compiled import Prepared

_LOCKS = re.compile(" FOR (?:UPDATE|SHARE)")

#: transfers at once of which one alone is legal
RACERS = 4


def unlock(patch: pytest.MonkeyPatch) -> None:
    """Leave accounts unlocked."""

    def unlocked(session: Any, *numbers: int) -> Any:
        return {number: session.get(Account, number) for number in set(numbers)}

    patch.setattr(ledger, "lock_accounts", unlocked)
    real = movement_parties._PARTIES
    bare = Prepared(real.columns, lambda dialect: _LOCKS.sub("", real.text_for(dialect)))
    assert len(_LOCKS.findall(real.text_for(postgresql.dialect()))) == 3
    patch.setattr(movement_parties, "_PARTIES", bare)


def plant(patch: pytest.MonkeyPatch) -> None:
    """Leave accounts unlocked; the racers meet between the rules and the writing, as the lock forbids."""

    unlock(patch)
    judged, make = Barrier(RACERS), movement_acts.make

    def after_all_judged(*given: Any) -> Any:
        with suppress(BrokenBarrierError):
            judged.wait(timeout=20)
        return make(*given)

    patch.setattr(movement_acts, "make", after_all_judged)
