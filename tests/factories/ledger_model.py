"""A plain book of the scheme, and a small scheme it fits: what the ledger's services are held against.

Nothing of ``portal.services`` computes here: the rules of domain §5 are written down a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import MovementKind, Period, ReportState, UnitClass, User
from portal.permissions import Role
from portal.services import targets
from tests.factories import registration, reports

LAST_DAY = date(2016, 1, 31)  # of the phase's banking window: its units are usable until then
MOST = 2**53 - 1
ISSUANCE, RETIREMENT, CANCELLATION, OFFSET, NOWHERE = 1, 2, 101, 201, 9999
SCHEME = {MovementKind.RETIRE: RETIREMENT, MovementKind.CANCEL: CANCELLATION, MovementKind.OFFSET: OFFSET}
JAA, JVER = "JAA", "jVER"


@dataclass(frozen=True)
class HolderFacts:
    """What a holder's rules rest on; ``emissions``: the approved target-year figure."""

    login: int
    base: int
    target: int
    emissions: int | None


@dataclass(frozen=True)
class Cast:
    """Who is in the small scheme, by account number, as plain values that outlive any session."""

    holders: dict[int, HolderFacts]
    traders: dict[int, int]
    proposers: tuple[int, ...]
    approvers: tuple[int, ...]
    holder_ids: dict[int, int]
    classes: dict[str, int]


@dataclass
class Proposal:
    """The model of a secretariat's movement."""

    kind: MovementKind
    source: int
    target: int
    unit: str
    quantity: int
    by: int
    until: datetime
    reverses: int | None = None
    state: str = "proposed"


@dataclass
class Posting:
    """The model of a posted movement."""

    kind: MovementKind
    source: int
    target: int
    unit: str
    quantity: int
    reverses: int | None = None


@dataclass
class Model:
    """The plain book: balances, promises, proposals, postings."""

    cast: Cast
    held: dict[tuple[int, str], int] = field(default_factory=dict)
    promised: dict[tuple[int, str], int] = field(default_factory=dict)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    postings: dict[int, Posting] = field(default_factory=dict)

    def of(self, account: int, unit: str) -> int:
        return self.held.get((account, unit), 0)

    def free(self, account: int, unit: str) -> int:
        return self.of(account, unit) - self.promised.get((account, unit), 0)

    def promise(self, account: int, unit: str, quantity: int) -> None:
        self.promised[(account, unit)] = self.promised.get((account, unit), 0) + quantity

    def post(self, posting: Posting) -> None:
        for account, quantity in ((posting.source, -posting.quantity), (posting.target, posting.quantity)):
            self.held[(account, posting.unit)] = self.of(account, posting.unit) + quantity
        self.postings[len(self.postings) + 1] = posting

    def flow(self, account: int, kind: MovementKind, unit: str) -> int:
        """Units issued to or retired from an account, less what was corrected."""
        total = 0
        for posting in self.postings.values():
            original = self.postings[posting.reverses] if posting.reverses else posting
            if (
                original.kind is kind
                and original.unit == unit
                and account in (original.source, original.target)
            ):
                total += posting.quantity if posting.reverses is None else -posting.quantity
        return total

    def retired(self, account: int) -> int:
        return sum(self.flow(account, MovementKind.RETIRE, unit) for unit in (JAA, JVER))

    def reserve(self, account: int) -> int:
        """max(0, issued − target − retired JAA); 0 once the approved figure is retired (domain §5)."""
        facts = self.cast.holders[account]
        if facts.emissions is not None and self.retired(account) >= facts.emissions:
            return 0
        jaa = self.flow(account, MovementKind.ISSUE, JAA) - self.flow(account, MovementKind.RETIRE, JAA)
        return max(0, jaa - facts.target)

    def may_move(
        self, kind: MovementKind, source: int, target: int, unit: str, quantity: int, sure: bool
    ) -> bool:
        """Whether a participant's movement is legal."""
        own = {*self.cast.holders, *self.cast.traders}
        holder = source in self.cast.holders
        if kind is MovementKind.RETIRE and not holder:
            return False
        if kind is MovementKind.TRANSFER and (target not in own or target == source):
            return False
        if not 1 <= quantity <= MOST or quantity > self.free(source, unit):
            return False
        if unit == JAA and clock.today() > LAST_DAY:
            return False
        if kind is not MovementKind.RETIRE:
            reserve = self.reserve(source) if holder and unit == JAA else 0
            return reserve == 0 or quantity <= self.free(source, unit) - reserve
        emissions = self.cast.holders[source].emissions
        return sure or emissions is None or quantity <= max(0, emissions - self.retired(source))


def small_scheme(session: Session) -> Cast:
    """Three holders ready for issue (one with its target year approved), two traders, four colleagues."""
    holders, ids = {}, {}
    officers = [registration.office(session, Role.OFFICER).id for _ in range(2)]
    approvers = [registration.office(session, Role.APPROVER).id for _ in range(2)]
    for base, target, emissions in ((1_000, 150, None), (100, 60, None), (900, 100, 640)):
        scheme = reports.scheme(session)
        reports.bring(session, scheme, ReportState.APPROVED, Period.BASE, base)
        made = targets.propose_target(
            session, scheme.holder.id, target, actor=session.get_one(User, officers[0])
        )
        targets.confirm_target(session, made.id, actor=session.get_one(User, approvers[0]))
        if emissions is not None:
            reports.bring(session, scheme, ReportState.APPROVED, Period.TARGET, emissions)
        account = scheme.holder.account.id
        holders[account] = HolderFacts(scheme.a.id, base, target, emissions)
        ids[account] = scheme.holder.id
    traders = {one.account.id: one.users[0].id for one in (registration.trader(session) for _ in range(2))}
    classes = {unit.unit_type.value: unit.id for unit in session.scalars(select(UnitClass))}
    return Cast(holders, traders, (*officers, *approvers), tuple(approvers), ids, classes)
