"""Units that cannot move any more: their phase is closed, or its banking window is over (domain §5)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Amount
from portal.models import Account, Holding, Phase, PhaseRule, UnitClass
from portal.services.allowances import unit_name


def by_use(session: Session, account: Account) -> tuple[tuple[Amount, ...], tuple[Amount, ...]]:
    """What the account holds, class by class: (may still move, cannot any more)."""
    rows = session.execute(
        select(Holding, PhaseRule.banking_until, Phase.closed_at)
        .join(Holding.unit_class)
        .outerjoin(Phase, Phase.id == UnitClass.phase_id)
        .outerjoin(PhaseRule, and_(PhaseRule.phase_id == Phase.id, PhaseRule.superseded_at.is_(None)))
        .where(Holding.account_id == account.id, Holding.quantity != 0)
        .options(joinedload(Holding.unit_class).joinedload(UnitClass.phase))
        .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
        .execution_options(populate_existing=True)
    ).all()
    found: tuple[list[Amount], list[Amount]] = ([], [])
    for row, until, closed_at in rows:
        found[_over(until, closed_at)].append(Amount(row.quantity, unit_name(row.unit_class)))
    return tuple(found[False]), tuple(found[True])


def _over(until: date | None, closed_at: datetime | None) -> bool:
    """Whether units of such a phase stay where they are; jVER have none and know no end."""
    return closed_at is not None or (until is not None and clock.today() > until)
