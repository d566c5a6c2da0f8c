"""What the public would read about a phase now, as values that JSON keeps: rows and sums, no personal name.

Two makers, one for each subject. Only what is confirmed has a figure; ``None`` is 未確定 and never 0.
No account number and no balance goes out: a holder is its representative company and its site.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import (
    Account,
    AccountAction,
    AccountChange,
    AccountKind,
    Holder,
    Phase,
    ProposalState,
    PublicationSubject,
    UnitClass,
    UnitType,
)
from portal.services import compliance_records
from portal.services.compliance import Compliance, status
from portal.services.figures import figures_for
from portal.services.phases import rule_in_force
from portal.services.unit_totals import UnitTotals, totals_of

#: what a released table is made of; kept as JSON, so plain values only
Content = dict[str, Any]
#: counts up when the shape of a content changes: an old one must stay readable
SHAPE = 2
#: what lies between the last moment of a day and its end
LAST = timedelta(microseconds=1)


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


def content_of(
    session: Session, phase: Phase, subject: PublicationSubject, day: date | None = None
) -> Content:
    """What a table about ``subject`` would say; a fixed number of queries however many holders.

    Allowances are told as of the end of ``day`` (none: yesterday), so that the table can be made again;
    emissions as they are confirmed now.
    """
    return _MAKERS[subject](session, phase, day)


def day_of(content: Mapping[str, Any]) -> date | None:
    """The day whose end a content tells of; none for emissions and for tables made before days were named."""
    return date.fromisoformat(content["as_of"]) if "as_of" in content else None


def is_empty(content: Mapping[str, Any]) -> bool:
    """Whether nothing in it is confirmed yet: then there is nothing to publish."""
    sums = content["sums"]
    if content["subject"] == PublicationSubject.EMISSIONS:
        return sums["base"] is None and sums["actual"] is None
    return not any(one["issued"] or one["carried_in"] for one in sums["units"] if one["unit"] == UnitType.JAA)


def _holders(session: Session, phase: Phase) -> list[Holder]:
    """The holders of the phase in the order of their names' reading."""
    found = session.scalars(
        select(Holder).where(Holder.phase_id == phase.id).options(joinedload(Holder.representative))
    )
    return sorted(found, key=lambda one: (one.representative.name_kana, one.site_kana, one.id))


def _of_phase(phase: Phase) -> Select[int]:
    return select(Holder.id).where(Holder.phase_id == phase.id)


def _emissions(session: Session, phase: Phase) -> Content:
    holders = _holders(session, phase)
    figures = figures_for(session, _of_phase(phase))
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


def _standings(session: Session, phase: Phase, day: date) -> dict[int, Compliance]:
    """What of each holder's compliance was public at the end of ``day``, by holder id.

    From the deadline on it is the official status. Before, who is still short is nobody's affair.
    """
    if day >= rule_in_force(session, phase).retirement_deadline:
        records = compliance_records.newest_of(session, _of_phase(phase))
        return compliance_records.official(session, figures_for(session, _of_phase(phase)), records)
    at = clock.end_of_day(day)
    told = (Compliance.MET, Compliance.NOT_OBLIGED)
    found = {
        one: status(had, at - LAST) for one, had in figures_for(session, _of_phase(phase), at=at).items()
    }
    return {one: state if state in told else Compliance.UNCONFIRMED for one, state in found.items()}


def _allowances(session: Session, phase: Phase, day: date | None) -> Content:
    """As of the end of ``day`` (without one, of yesterday): what is posted later changes nothing in it."""
    day = day or last_whole_day()
    at = clock.end_of_day(day)
    holders = [one for one in _holders(session, phase) if one.created_at < at]
    standings = _standings(session, phase, day)
    rows: list[Content] = [
        {
            "company": one.representative.name,
            "site": one.site_name,
            "standing": standings[one.id].value,
        }
        for one in holders
    ]
    free = sum(row["standing"] == Compliance.NOT_OBLIGED.value for row in rows)
    return {
        "shape": SHAPE,
        "subject": PublicationSubject.ALLOWANCES.value,
        "phase": phase.number,
        "target_year": phase.target_year,
        "deadline": rule_in_force(session, phase).retirement_deadline.isoformat(),
        "as_of": day.isoformat(),
        "rows": rows,
        "sums": {
            # who had nothing to do by the deadline stands in the table and is counted neither way
            "holders": len(rows) - free,
            "met": sum(row["standing"] == Compliance.MET.value for row in rows),
            "units": _units(session, phase, at),
            **_accounts(session, phase, at),
        },
    }


def last_whole_day() -> date:
    """The last day that is over in Tokyo: what a table of allowances can say at the latest."""
    return clock.today() - timedelta(days=1)


def _units(session: Session, phase: Phase, at: datetime) -> list[Content]:
    """The totals of the phase's JAA, and of jVER, which belong to no phase; as posted before ``at``."""
    classes = session.scalars(
        select(UnitClass)
        .where((UnitClass.phase_id == phase.id) | (UnitClass.unit_type == UnitType.JVER))
        .order_by(UnitClass.phase_id.is_(None))
    ).all()
    found = totals_of(session, [one.id for one in classes], at=at, transfers=True)
    return [{"unit": one.unit_type.value, **asdict(found[one.id])} for one in classes]


def units_of(row: Mapping[str, Any]) -> UnitTotals:
    """One of the ``units`` of a content as totals."""
    return UnitTotals(**{name: units for name, units in row.items() if name != "unit"})


def _accounts(session: Session, phase: Phase, at: datetime) -> Content:
    """How many compliance accounts of the phase and trading accounts there were then, without closed ones."""
    closed = select(AccountChange.account_id).where(
        AccountChange.action == AccountAction.CLOSE,
        AccountChange.state == ProposalState.CONFIRMED,
        AccountChange.confirmed_at < at,
    )
    query = (
        select(Account.kind, func.count())
        .outerjoin(Holder, Holder.id == Account.holder_id)
        .where(
            Account.opened_at < at,
            Account.id.not_in(closed),
            (Holder.phase_id == phase.id) | (Account.kind == AccountKind.TRADING),
        )
        .group_by(Account.kind)
    )
    counted = {kind: count for kind, count in session.execute(query)}
    return {
        "compliance_accounts": counted.get(AccountKind.COMPLIANCE, 0),
        "trading_accounts": counted.get(AccountKind.TRADING, 0),
    }


_MAKERS: dict[PublicationSubject, Callable[[Session, Phase, date | None], Content]] = {
    PublicationSubject.EMISSIONS: lambda session, phase, _day: _emissions(session, phase),
    PublicationSubject.ALLOWANCES: _allowances,
}
