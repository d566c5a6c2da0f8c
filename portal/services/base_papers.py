"""The base-year report beside the target year's, for the verifier who judges the one against the other.

Only what its reader may see anyhow: a verifier to whom the base-year report is not assigned any more has
the confirmed figure alone (``report_views.base_emissions``), and of verification reports only its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, joinedload

from portal.models import EmissionsReport, Period, ReportFile, User, VerificationReport
from portal.services import access
from portal.services.report_files import FileSource, check_reader
from portal.services.report_timeline import FileLink, link


@dataclass(frozen=True)
class BasePapers:
    """The base-year report, its file in force and the verification report of it, as far as there are any."""

    report_id: int
    number: int | None
    file: FileLink | None
    verification: FileLink | None


def base_papers(session: Session, holder_id: int, actor: User) -> BasePapers | None:
    """The papers of the base year of a holder; ``None`` unless the reader may see that report."""
    check_reader(actor)
    report = session.scalars(
        access.visible(EmissionsReport, actor)
        .where(EmissionsReport.holder_id == holder_id, EmissionsReport.period == Period.BASE)
        .options(joinedload(EmissionsReport.current_file).joinedload(ReportFile.document))
    ).one_or_none()
    if report is None:
        return None
    file = report.current_file
    verified = session.scalars(
        access.visible(VerificationReport, actor)
        .where(
            VerificationReport.report_id == report.id,
            VerificationReport.report_file_id == report.current_file_id,
        )
        .options(joinedload(VerificationReport.document))
        .order_by(VerificationReport.id.desc())
        .limit(1)
    ).one_or_none()
    return BasePapers(
        report.id,
        file.version_number if file is not None else None,
        link(FileSource.REPORT, file.id, file.document) if file is not None else None,
        link(FileSource.VERIFICATION, verified.id, verified.document) if verified is not None else None,
    )
