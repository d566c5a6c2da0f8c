"""What was frozen at a holder's retirement deadline beside what is true now: for account and holder page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from portal import clock
from portal.extensions import db_session
from portal.models import ComplianceSnapshot, Holder
from portal.services import compliance_records
from portal.services.compliance import Compliance, Figures
from portal.services.figures import figures_of


@dataclass(frozen=True)
class DeadlineStanding:
    """Every record with its status, the first one first; the official status; the figures now.

    Before the night after the deadline there is no record.
    """

    deadline: date
    over: bool
    records: tuple[tuple[ComplianceSnapshot, Compliance], ...]
    official: Compliance
    figures: Figures

    @property
    def recorded_day(self) -> date:
        """The day whose end the records tell of: the deadline may have been changed since."""
        last = self.records[-1][0].deadline_at - timedelta(seconds=1) if self.records else None
        return clock.in_tokyo(last).date() if last is not None else self.deadline


def deadline_standing(holder: Holder) -> DeadlineStanding:
    """How ``holder`` stands with its retirement deadline, for whoever may see allowances (domain §5)."""
    session = db_session()
    figures = figures_of(session, holder)
    found = compliance_records.records_of(session, holder.id)
    newest = {holder.id: found[-1]} if found else {}
    return DeadlineStanding(
        figures.deadline,
        clock.today() > figures.deadline,
        tuple((one, Compliance(one.status)) for one in found),
        compliance_records.official(session, {holder.id: figures}, newest)[holder.id],
        figures,
    )
