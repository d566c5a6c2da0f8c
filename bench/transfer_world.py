"""A small market for benches: holders with issued allowances, and one account that all pay into.

Made through the services but for the figures of reports and targets, which are written in bulk (a bench may).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Holder, Period, ReductionTarget, TargetState, UnitClass, User
from portal.permissions import Role
from portal.services import issuance
from portal.services.transaction import run
from tests.factories import allowances
from tests.factories import registration as make

BASE, TARGET = 10_000_000, 4_000_000  # t-CO2: issued 6,000,000, of which 4,000,000 may leave
WHEN = "2014-06-02 10:00"


@dataclass(frozen=True)
class Seat:
    """Where one client sits: its login, its account, and two accounts it may pay into."""

    user: int
    account: int
    opposite: int  # nobody else's
    hot: int  # everybody's
    unit_class: int


def seats(session: Session, count: int) -> list[Seat]:
    """``count`` holders with 6,000,000 JAA each and as many traders; committed."""
    return run(session, lambda: _seats(session, count))


def _seats(session: Session, count: int) -> list[Seat]:
    allowances.at("2013-11-05 10:00")
    holders = [make.holder(session) for _ in range(count)]
    opposite = [make.trader(session).account.id for _ in range(count)]
    hot = make.trader(session).account.id
    officer, approver = make.office(session, Role.OFFICER), make.office(session, Role.APPROVER)
    _let_issue(session, holders, officer, approver)
    allowances.at(WHEN)
    session.flush()
    session.expire_all()
    found = []
    for holder, other in zip(holders, opposite, strict=True):
        made = issuance.propose_issue(session, holder.id, key=f"issue-{holder.id}", actor=officer)
        issuance.confirm(session, made.id, version=made.version, actor=approver)
        a = next(user for user in holder.users if user.role is Role.HOLDER_A)
        unit_class = session.scalars(select(UnitClass.id).where(UnitClass.phase_id == holder.phase_id)).one()
        found.append(Seat(a.id, holder.account.id, other, hot, unit_class))
    clock.set_shift(timedelta(0))
    return found


def to_be_issued(session: Session, count: int) -> None:
    """``count`` holders more, who wait for their issue."""
    officer, approver = make.office(session, Role.OFFICER), make.office(session, Role.APPROVER)
    _let_issue(session, [make.holder(session) for _ in range(count)], officer, approver)


def _let_issue(session: Session, holders: list[Holder], officer: User, approver: User) -> None:
    """Put confirmed figures and targets there."""
    for holder in holders:
        report = (EmissionsReport.holder_id == holder.id, EmissionsReport.period == Period.BASE)
        session.execute(
            update(EmissionsReport)
            .where(*report)
            .values(confirmed_emissions=BASE, confirmed_at=clock.now(), state="approved")
        )
        session.add(
            ReductionTarget(
                holder_id=holder.id,
                quantity=TARGET,
                state=TargetState.CONFIRMED,
                proposed_by_id=officer.id,
                proposed_at=clock.now(),
                confirmed_by_id=approver.id,
                confirmed_at=clock.now(),
            )
        )


def as_rows(found: list[Seat]) -> list[dict[str, int]]:
    """For another process."""
    return [asdict(seat) for seat in found]
