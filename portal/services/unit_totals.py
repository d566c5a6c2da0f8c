"""Where units of a class came from and where they are: one reckoning for office, closing and public.

issued + carried in − carried out = held + retired + cancelled + offset (safety 1). The left side is read from
the postings of the issuance account by what they were, the right side from the balances: both in one
statement, so that they are of one moment, and that they agree says something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, Subquery, case, func, literal, select, type_coerce, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from portal.errors import Problem, Refusal
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    AccountKind,
    Holding,
    LedgerEntry,
    LedgerTransaction,
    MovementKind,
    UnitClass,
)
from portal.services.ledger_days import Edge, edge_at, moved_since
from portal.services.transfer_totals import transferred

_ISSUED, _IN, _OUT = "issued", "in", "out"


@dataclass(frozen=True, kw_only=True)
class UnitTotals:
    """One unit class, in whole units. ``issued`` is without what was corrected; ``held`` lies in accounts."""

    issued: int = 0
    carried_in: int = 0
    carried_out: int = 0
    held: int = 0
    retired: int = 0
    cancelled: int = 0
    offset: int = 0
    #: what participants transferred to each other, without what was corrected; ``None`` if not asked for
    transferred: int | None = None

    @property
    def came(self) -> int:
        """What must be somewhere."""
        return self.issued + self.carried_in - self.carried_out

    @property
    def elsewhere(self) -> int:
        """What is somewhere."""
        return self.held + self.retired + self.cancelled + self.offset

    @property
    def adds_up(self) -> bool:
        """Whether everything that came is somewhere (safety 1)."""
        return self.came == self.elsewhere


def problems(units: UnitTotals) -> list[Problem]:
    """TOTALS_NOT_EVEN if something is missing or too much: nothing is closed or published on it. Pure."""
    if units.adds_up:
        return []
    return [Problem(Refusal.TOTALS_NOT_EVEN, None, {"came": units.came, "elsewhere": units.elsewhere})]


@dataclass(frozen=True)
class ClassTotals:
    """A unit class with its totals."""

    unit_class: UnitClass
    totals: UnitTotals


def every_class(session: Session) -> list[ClassTotals]:
    """The totals of each unit class now, JAA by phase, then jVER; two queries, none for transfers."""
    classes = session.scalars(
        select(UnitClass)
        .options(joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
    ).all()
    found = totals_of(session, [one.id for one in classes])
    return [ClassTotals(one, found[one.id]) for one in classes]


def totals_of(
    session: Session, class_ids: Collection[int], *, at: datetime | None = None, transfers: bool = False
) -> dict[int, UnitTotals]:
    """The totals of unit classes by id, now or as posted before ``at``; six queries at most.

    No history is read: of each account the last entry, and the last before ``at``; of the transfers, told
    with ``transfers`` only, those that are not added up yet (``transfer_totals.py``).
    """
    edge = edge_at(session, at) if at is not None else None
    parts = _parts(list(class_ids), edge)
    sums: dict[tuple[int, str], int] = defaultdict(int)
    for unit_class, what, quantity in session.execute(
        select(parts.c.unit_class, parts.c.what, func.sum(parts.c.quantity)).group_by(
            parts.c.unit_class, parts.c.what
        )
    ):
        sums[(unit_class, what)] = int(quantity)
    moved = transferred(session, edge) if transfers else None

    def of(unit_class: int, *kinds: AccountKind) -> int:
        return sum(sums[(unit_class, kind.value)] for kind in kinds)

    return {
        one: UnitTotals(
            issued=sums[(one, _ISSUED)],
            carried_in=sums[(one, _IN)],
            carried_out=-sums[(one, _OUT)],
            held=of(one, AccountKind.COMPLIANCE, AccountKind.TRADING),
            retired=of(one, AccountKind.RETIREMENT),
            cancelled=of(one, AccountKind.CANCELLATION),
            offset=of(one, AccountKind.OFFSET),
            transferred=moved.get(one, 0) if moved is not None else None,
        )
        for one in class_ids
    }


def _parts(ids: list[int], edge: Edge | None) -> Subquery:
    """(unit class, what, units): the issuance account by what was posted, the others by their kind."""
    # what stood then is what is held now, less what was posted since
    since = moved_since(edge, Holding.account_id, Holding.unit_class_id) if edge is not None else 0
    held = (
        select(Holding.unit_class_id, type_coerce(Account.kind, String), Holding.quantity - since)
        .join(Account, Account.id == Holding.account_id)
        .where(Holding.unit_class_id.in_(ids), Account.kind != AccountKind.ISSUANCE)
    )
    return union_all(_issued(ids, edge), held).subquery("parts")


def _issued(ids: list[int], edge: Edge | None) -> Any:
    """The issuance account's entries: issues less their corrections, and carry-overs by direction."""
    original = aliased(LedgerTransaction)
    kind = func.coalesce(original.kind, LedgerTransaction.kind)
    # a carry-over gives back in the class it leaves and takes in the one it enters
    given_back = case((original.id.is_(None), LedgerEntry.quantity), else_=-LedgerEntry.quantity) > 0
    carried = case((given_back, literal(_OUT)), else_=literal(_IN))
    query = (
        select(
            LedgerEntry.unit_class_id.label("unit_class"),
            case((kind == MovementKind.CARRY_OVER, carried), else_=literal(_ISSUED)).label("what"),
            (-LedgerEntry.quantity).label("quantity"),
        )
        .select_from(LedgerEntry)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .outerjoin(original, original.id == LedgerTransaction.reverses_id)
        .where(LedgerEntry.account_id == ISSUANCE_ACCOUNT, LedgerEntry.unit_class_id.in_(ids))
    )
    return query if edge is None else query.where(edge.before())
