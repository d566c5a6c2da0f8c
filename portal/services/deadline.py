"""The retirement deadline: what stood at its last moment is frozen, once for each holder (domain §5).

The worker does it in the night after the deadline, from what was approved, confirmed and posted before
24:00 in Tokyo: however late it runs, it finds the same. Afterwards the record never changes; what is
retired later is late and shows in the present figures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import Account, ComplianceSnapshot, Holder, PhaseRule
from portal.services import audit, jobs
from portal.services.audit import EventTag
from portal.services.compliance import Compliance, Figures, status
from portal.services.documents import insert_if_absent
from portal.services.figures import figures_for
from portal.services.jobs import Work
from portal.services.mail import KnownLogins, MailKind, known_logins, notify
from portal.services.transaction import run

#: how many holders one transaction freezes
AT_ONCE = 100
#: the status as mails say it
_WORDS = {Compliance.MET: ("遵守", "met"), Compliance.MISSED: ("期限超過・未遵守", "missed")}


@dataclass(frozen=True)
class Due:
    """A phase whose deadline has passed."""

    phase_id: int
    deadline: date

    @property
    def moment(self) -> datetime:
        """The first moment after the deadline day, in Tokyo."""
        return clock.end_of_day(self.deadline)


@jobs.handler("freeze_compliance", nightly=True)
def freeze_compliance(work: Work) -> dict[str, Any]:
    """Freeze what is not frozen yet of every phase whose deadline has passed; how many holders."""
    frozen = 0
    with work.open_session() as session:
        for due in run(session, lambda: _passed(session)):
            ids = run(session, partial(_not_frozen, session, due))
            for begin in range(0, len(ids), AT_ONCE):
                some = ids[begin : begin + AT_ONCE]
                frozen += run(session, partial(_freeze, session, due, some))
    return {"frozen": frozen}


def frozen_of(session: Session, holder_id: int) -> ComplianceSnapshot | None:
    """What was frozen for a holder; ``None`` before the night after its deadline."""
    return session.scalars(select(ComplianceSnapshot).filter_by(holder_id=holder_id)).one_or_none()


def _passed(session: Session) -> list[Due]:
    query = select(PhaseRule.phase_id, PhaseRule.retirement_deadline).where(
        PhaseRule.superseded_at.is_(None), PhaseRule.retirement_deadline < clock.today()
    )
    return [Due(phase_id, deadline) for phase_id, deadline in session.execute(query)]


def _not_frozen(session: Session, due: Due) -> list[int]:
    done = select(ComplianceSnapshot.holder_id)
    query = (
        select(Holder.id)
        .join(Account)
        # who was registered after the deadline had nothing to do by it
        .where(Holder.phase_id == due.phase_id, Holder.created_at < due.moment, Holder.id.not_in(done))
        .order_by(Holder.id)
    )
    return list(session.scalars(query))


def _freeze(session: Session, due: Due, ids: Sequence[int]) -> int:
    figures = figures_for(session, ids, at=due.moment)
    holders = session.scalars(
        select(Holder)
        .where(Holder.id.in_(ids))
        .options(joinedload(Holder.account), joinedload(Holder.representative), joinedload(Holder.phase))
        .order_by(Holder.id)
    ).all()
    known = known_logins(session, holders=ids)
    return sum(_freeze_one(session, due, holder, figures[holder.id], known) for holder in holders)


def _freeze_one(session: Session, due: Due, holder: Holder, figures: Figures, known: KnownLogins) -> bool:
    standing = status(figures, due.moment)
    table = ComplianceSnapshot.__table__
    assert isinstance(table, Table)
    kept = insert_if_absent(
        session,
        table,
        holder_id=holder.id,
        deadline_at=due.moment,
        frozen_at=clock.now(),
        status=standing.value,
        target_emissions=figures.target_emissions,
        retired=figures.retired,
        missing=figures.missing,
        base_emissions=figures.base_emissions,
        reduction_target=figures.reduction_target,
        issued=figures.issued,
        held=figures.held,
    )
    if not kept:
        return False
    row = session.scalars(select(ComplianceSnapshot).filter_by(holder_id=holder.id)).one()
    audit.record(
        session,
        EventTag.COMPLIANCE_FROZEN,
        row,
        actor=None,
        holder_id=holder.id,
        status=standing.value,
        retired=figures.retired,
        missing=figures.missing,
    )
    notify(
        session,
        MailKind.COMPLIANCE_FROZEN,
        holder=holder,
        known=known,
        due=due.deadline,
        status=_WORDS[standing],
        quantity=figures.missing or None,
    )
    return True
