"""Who in the office works on which report (担当), what the desk compares, and who fetched which file.

To be in charge is a promise among colleagues, no right: everybody who may review still may (decided, as
with applications). It stays with the report while the verifier has it, so that it comes back to who knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import (
    Document,
    EmissionsReport,
    Event,
    Period,
    ReportFile,
    ReportState,
    ReviewDocument,
    User,
    VerificationReport,
)
from portal.permissions import Permission
from portal.services.audit import EventTag
from portal.services.comparison import LIMIT
from portal.services.in_charge import Desk
from portal.services.queues import GUIDES, REPORTS_HERE, QueueKind
from portal.services.report_rules import current_verification, rule_of, window
from portal.services.report_views import base_emissions
from portal.services.spreadsheets.arithmetic import reported
from portal.services.spreadsheets.form_types import FormReading

#: how many fetched files a report's page tells of
FETCHES = 50

_GUIDE_OF = {
    ReportState.APPROVAL_REQUESTED: QueueKind.APPROVAL_REQUESTS,
    ReportState.UNDER_REVIEW: QueueKind.REVIEWS,
    ReportState.SUBMITTED: QueueKind.SUBMITTED,
}


# ---- who is in charge


DESK = Desk(
    EmissionsReport,
    REPORTS_HERE,
    Permission.REPORT_REVIEW,
    EventTag.REPORT_CLERK_CHOSEN,
    lambda report: report.holder_id,
)
take, assign = DESK.take, DESK.assign


# ---- how long it waits, and until when


@dataclass(frozen=True)
class Waiting:
    """How long a report has been in its state, how long the office lets it, and the phase's day."""

    days: int
    guide: timedelta | None
    due: date

    @property
    def over(self) -> int:
        """Days beyond the office's guide; 0 if there is none or it is kept."""
        return max(0, self.days - self.guide.days) if self.guide is not None else 0

    @property
    def left(self) -> int:
        """Days until the phase's day for this report; negative once it has passed."""
        return (self.due - clock.today()).days


def waiting(report: EmissionsReport) -> Waiting:
    """How ``report`` waits, from what is loaded of it (holder, phase and its rules)."""
    kind = _GUIDE_OF.get(report.state)
    return Waiting(
        days=(clock.today() - clock.in_tokyo(report.state_since).date()).days,
        guide=GUIDES[kind] if kind is not None else None,
        due=window(rule_of(report.holder.phase), report.period)[1],
    )


# ---- figures side by side


@dataclass(frozen=True)
class Figures:
    """The figures of one report side by side, in t-CO2; ``None``: there is none (yet)."""

    reported: int | None
    #: what the portal computed from the rows of the current file
    recomputed: int | None
    verified: int | None
    base: int | None
    confirmed: int | None

    @property
    def change(self) -> Fraction | None:
        """The report's figure against the base year's, as a part of that."""
        if self.reported is None or not self.base:
            return None
        return Fraction(self.reported - self.base, self.base)

    @property
    def notable(self) -> bool:
        """Whether the change is larger than a reviewer should pass by."""
        return self.change is not None and abs(self.change) > LIMIT


def figures(session: Session, report: EmissionsReport, reading: FormReading | None) -> Figures:
    """The figures of ``report``; ``reading`` is what its current file says."""
    verification = current_verification(report)
    base = base_emissions(session, report.holder_id) if report.period is not Period.BASE else None
    totals = _totals(reading) if reading is not None else {}
    return Figures(
        reported=report.emissions,
        recomputed=reported(totals.values()) if totals else None,
        verified=verification.verified_emissions if verification is not None else None,
        base=base,
        confirmed=report.confirmed_emissions,
    )


def _totals(reading: FormReading) -> dict[int, Fraction]:
    """Each year's emissions, added up again from the rows; a year without a row is 0."""
    totals = {year: Fraction(0) for year, _total in reading.yearly}
    for line in reading.lines:
        totals[line.fiscal_year] = totals.get(line.fiscal_year, Fraction(0)) + line.emissions
    return totals


# ---- who fetched what


@dataclass(frozen=True)
class Fetch:
    """That somebody fetched a file of a report."""

    at: datetime
    name: str
    by: User | None


def documents_of(session: Session, report_id: int) -> list[int]:
    """The numbers of all documents of a report, of every version and kind."""
    found: list[int] = []
    for model in (ReportFile, VerificationReport, ReviewDocument):
        column = model.document_id
        found += session.scalars(select(column).where(model.report_id == report_id, column.is_not(None)))
    return found


def fetches(session: Session, report_id: int, *, longest: int = FETCHES) -> tuple[list[Fetch], int]:
    """(the newest times that a file of the report was fetched, how many there were in all)."""
    condition = (
        Event.subject_type == Document.__tablename__,
        Event.subject_id.in_(documents_of(session, report_id)),
        Event.tag == EventTag.DOCUMENT_DOWNLOADED.value,
    )
    count = session.scalar(select(func.count()).select_from(Event).where(*condition)) or 0
    rows = session.scalars(
        select(Event)
        .where(*condition)
        .options(joinedload(Event.actor))
        .order_by(Event.id.desc())
        .limit(longest)
    )
    return [Fetch(row.at, str(row.facts.get("filename", "")), row.actor) for row in rows], count
