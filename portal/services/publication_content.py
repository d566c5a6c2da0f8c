"""What the public would read about a phase now, as values that JSON keeps: rows and sums, no personal name.

Two makers, one for each subject. Only what is confirmed has a figure; ``None`` is 未確定 and never 0.
No account number and no balance goes out: a holder is its representative company and its site.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import (
    Account,
    AccountKind,
    AccountState,
    Holder,
    LedgerEntry,
    LedgerTransaction,
    MovementKind,
    Phase,
    PublicationSubject,
    UnitClass,
)
from portal.services.boards import ledger_totals
from portal.services.compliance import Compliance, Figures, status
from portal.services.figures import figures_for
from portal.services.phases import rule_in_force

#: what a released table is made of; kept as JSON, so plain values only
Content = dict[str, Any]
#: counts up when the shape of a content changes: an old one must stay readable
SHAPE = 1


@dataclass(frozen=True)
class EmissionsRow:
    """One holder of the table of verified emissions; t-CO2, ``None`` is not confirmed."""

    company: str
    site: str
    base: int | None
    target: int | None
    actual: int | None

    @property
    def reduced(self) -> int | None:
        """Base year less target year; negative if more was emitted."""
        if self.base is None or self.actual is None:
            return None
        return self.base - self.actual


def percent(part: int, whole: int) -> str | None:
    """``part`` of ``whole`` in percent with two places, halves up (domain §5: 23.39); ``None`` of nothing."""
    if whole == 0:
        return None
    return str((Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def emissions_sums(rows: Collection[EmissionsRow]) -> Content:
    """The last line of the table and the reduction, which counts holders with both figures only."""
    both = [one for one in rows if one.reduced is not None]
    base = sum(one.base or 0 for one in both)
    reduced = sum(one.reduced or 0 for one in both)
    return {
        "holders": len(rows),
        "base": _sum(one.base for one in rows),
        "target": _sum(one.target for one in rows),
        "actual": _sum(one.actual for one in rows),
        "confirmed": len(both),
        "confirmed_base": base,
        "reduced": reduced if both else None,
        "rate": percent(reduced, base),
    }


def _sum(figures: Iterable[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def content_of(session: Session, phase: Phase, subject: PublicationSubject) -> Content:
    """What a table about ``subject`` would say now; a fixed number of queries however many holders."""
    return _MAKERS[subject](session, phase)


def is_empty(content: Mapping[str, Any]) -> bool:
    """Whether nothing in it is confirmed yet: then there is nothing to publish."""
    sums = content["sums"]
    if content["subject"] == PublicationSubject.EMISSIONS:
        return sums["base"] is None and sums["actual"] is None
    return not sums["issued"]


def _holders(session: Session, phase: Phase) -> list[Holder]:
    """The holders of the phase in the order of their names' reading."""
    found = session.scalars(
        select(Holder).where(Holder.phase_id == phase.id).options(joinedload(Holder.representative))
    )
    return sorted(found, key=lambda one: (one.representative.name_kana, one.site_kana, one.id))


def _figures(session: Session, holders: list[Holder]) -> dict[int, Figures]:
    return figures_for(session, [one.id for one in holders]) if holders else {}


def _emissions(session: Session, phase: Phase) -> Content:
    holders = _holders(session, phase)
    figures = _figures(session, holders)
    rows = [
        EmissionsRow(
            company=one.representative.name,
            site=one.site_name,
            base=figures[one.id].base_emissions,
            target=figures[one.id].reduction_target,
            actual=figures[one.id].target_emissions,
        )
        for one in holders
    ]
    return {
        "shape": SHAPE,
        "subject": PublicationSubject.EMISSIONS.value,
        "phase": phase.number,
        "base_years": list(range(phase.base_first_year, phase.base_last_year + 1)),
        "target_year": phase.target_year,
        "rows": [{**asdict(one), "reduced": one.reduced} for one in rows],
        "sums": emissions_sums(rows),
    }


def _standing(figures: Figures) -> Compliance:
    """What of a holder's compliance is public: who is still short before the deadline is nobody's affair."""
    standing = status(figures, clock.now())
    return Compliance.UNCONFIRMED if standing is Compliance.SHORT else standing


def _allowances(session: Session, phase: Phase) -> Content:
    holders = _holders(session, phase)
    figures = _figures(session, holders)
    rows = [
        {
            "company": one.representative.name,
            "site": one.site_name,
            "standing": _standing(figures[one.id]).value,
        }
        for one in holders
    ]
    units = next((one for one in ledger_totals(session) if one.unit_class.phase_id == phase.id), None)
    return {
        "shape": SHAPE,
        "subject": PublicationSubject.ALLOWANCES.value,
        "phase": phase.number,
        "target_year": phase.target_year,
        "deadline": rule_in_force(session, phase).retirement_deadline.isoformat(),
        "rows": rows,
        "sums": {
            "holders": len(rows),
            "met": sum(row["standing"] == Compliance.MET.value for row in rows),
            "issued": units.issued if units else 0,
            "transferred": _transferred(session, units.unit_class) if units else 0,
            "retired": units.retired if units else 0,
            "cancelled": units.cancelled if units else 0,
            "offset": units.offset if units else 0,
            **_accounts(session, phase),
        },
    }


def _transferred(session: Session, units: UnitClass) -> int:
    """How many units changed hands between participants; a corrected transfer does not count."""
    corrected = case(
        (LedgerTransaction.kind == MovementKind.CORRECTION, -LedgerEntry.quantity),
        else_=LedgerEntry.quantity,
    )
    of_transfers = select(LedgerTransaction.id).where(LedgerTransaction.kind == MovementKind.TRANSFER)
    return int(
        session.scalar(
            select(func.coalesce(func.sum(corrected), 0))
            .select_from(LedgerEntry)
            .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
            .where(
                LedgerEntry.unit_class_id == units.id,
                LedgerEntry.quantity > 0,
                (LedgerTransaction.kind == MovementKind.TRANSFER)
                | LedgerTransaction.reverses_id.in_(of_transfers),
            )
        )
        or 0
    )


def _accounts(session: Session, phase: Phase) -> Content:
    """How many compliance accounts of the phase and how many trading accounts are not closed."""
    counted = dict(
        session.execute(
            select(Account.kind, func.count())
            .outerjoin(Holder, Holder.id == Account.holder_id)
            .where(
                Account.state != AccountState.CLOSED,
                (Holder.phase_id == phase.id) | (Account.kind == AccountKind.TRADING),
            )
            .group_by(Account.kind)
        ).all()
    )
    return {
        "compliance_accounts": counted.get(AccountKind.COMPLIANCE, 0),
        "trading_accounts": counted.get(AccountKind.TRADING, 0),
    }


_MAKERS: dict[PublicationSubject, Callable[[Session, Phase], Content]] = {
    PublicationSubject.EMISSIONS: _emissions,
    PublicationSubject.ALLOWANCES: _allowances,
}
