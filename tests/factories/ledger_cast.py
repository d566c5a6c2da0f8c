"""Who and what is in the small scheme: accounts, units, days, and the people as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from portal.models import AccountAction, MovementKind

MOST = 2**53 - 1
ISSUANCE, RETIREMENT, CANCELLATION, OFFSET, NOWHERE = 1, 2, 101, 201, 9999
SCHEME = {MovementKind.RETIRE: RETIREMENT, MovementKind.CANCEL: CANCELLATION, MovementKind.OFFSET: OFFSET}
#: the JAA of phase 2, of phase 3, and the units that belong to none
JAA, NEXT, JVER = "JAA", "JAA of phase 3", "jVER"
PHASE, UNIT = {JAA: 2, NEXT: 3}, {2: JAA, 3: NEXT}
#: the last day on which units may move, and the days on which a phase's leftovers may be applied for
LAST_DAY = {JAA: date(2016, 1, 31), NEXT: date(2016, 3, 20)}
FIRST_DAY_OF_BANKING = date(2015, 12, 1)
DEADLINE = date(2015, 11, 30)
AFTER_DEADLINE = datetime(2015, 12, 1, tzinfo=timezone(timedelta(hours=9)))
OPEN, SUSPENDED, CLOSED = "open", "suspended", "closed"
#: what an account may become, and from what
STEPS = {
    AccountAction.SUSPEND: ({OPEN}, SUSPENDED),
    AccountAction.RESUME: ({SUSPENDED}, OPEN),
    AccountAction.CLOSE: ({OPEN, SUSPENDED}, CLOSED),
}


@dataclass(frozen=True)
class HolderFacts:
    """What a holder's rules rest on; ``reported``: the target-year figure that lies with the office."""

    login: int
    phase: int
    base: int
    target: int
    reported: int | None = None
    report: int | None = None

    @property
    def unit(self) -> str:
        return UNIT[self.phase]

    @property
    def due(self) -> int:
        return self.base - self.target


@dataclass(frozen=True)
class Cast:
    """Who is in the small scheme, by account number, as plain values that outlive any session."""

    holders: dict[int, HolderFacts]
    traders: dict[int, int]
    proposers: tuple[int, ...]
    approvers: tuple[int, ...]
    holder_ids: dict[int, int]
    classes: dict[str, int]
    phases: dict[int, int]
    #: whose target-year figure is approved when it begins
    approved: tuple[int, ...]
