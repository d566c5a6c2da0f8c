"""The lines of a report's page: its files, verification reports and review documents (domain §4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.models import (
    EmissionsReport,
    FileKind,
    Opinion,
    ReportState,
    ReviewDocument,
    ReviewSide,
    VerificationReport,
)
from portal.services import checklist
from portal.services.checklist import ChecklistLine
from portal.services.report_files import FileSource
from portal.services.report_rules import ReportFacts, current_verification, live_assignment
from portal.services.report_timeline import FileLink, link


class ReviewStatus(StrEnum):
    """How the questions and answers stand."""

    NONE = "none"  # なし
    WAITING = "waiting"  # the verifier's answer is awaited
    ANSWERED = "answered"
    CLOSED = "closed"  # 完了: the review is over


@dataclass(frozen=True)
class FileVersion:
    """One version of the calculation report, or one attachment. ``emissions`` in t-CO2."""

    number: int
    file: FileLink
    emissions: int | None
    uploaded_at: datetime
    uploaded_by: str
    current: bool


@dataclass(frozen=True)
class VerificationLine:
    """A verification report as registered; ``current`` if it is the one that counts.

    ``replaced``: it is of a verifier that the report has left.
    """

    id: int
    opinion: Opinion
    verified_emissions: int
    verifier: str
    registered_at: datetime
    file: FileLink
    current: bool
    replaced: bool
    version_number: int
    checklist: tuple[ChecklistLine, ...]
    findings: str | None


@dataclass(frozen=True)
class ReviewLine:
    """A question (side secretariat) or an answer (side verifier)."""

    id: int
    round: int
    side: ReviewSide
    body: str
    sent_at: datetime
    file: FileLink | None


def files_of(report: EmissionsReport, kind: FileKind) -> tuple[FileVersion, ...]:
    """The report's files of ``kind`` that were not removed, oldest first."""
    return tuple(
        FileVersion(
            number=file.version_number,
            file=link(FileSource.REPORT, file.id, file.document),
            emissions=file.emissions,
            uploaded_at=file.uploaded_at,
            uploaded_by=file.uploaded_by.name,
            current=file.id == report.current_file_id,
        )
        for file in report.files
        if file.kind is kind and file.removed_at is None
    )


def verification_line(report: EmissionsReport, row: VerificationReport) -> VerificationLine:
    """The line of one verification report."""
    present = live_assignment(report)
    return VerificationLine(
        id=row.id,
        opinion=row.opinion,
        verified_emissions=row.verified_emissions,
        verifier=row.verifier.label,
        registered_at=row.registered_at,
        file=link(FileSource.VERIFICATION, row.id, row.document),
        current=row is current_verification(report),
        replaced=present is None or present.verifier_id != row.verifier_id,
        version_number=next(f.version_number for f in report.files if f.id == row.report_file_id),
        checklist=checklist.lines(row.checklist),
        findings=row.findings,
    )


def review_line(row: ReviewDocument) -> ReviewLine:
    """The line of one review document."""
    file = link(FileSource.REVIEW, row.id, row.document) if row.document is not None else None
    return ReviewLine(row.id, row.round, row.side, row.body, row.sent_at, file)


def review_status(facts: ReportFacts) -> ReviewStatus:
    """How the review of a report stands."""
    if not facts.asked:
        return ReviewStatus.NONE
    if facts.state is ReportState.APPROVED:
        return ReviewStatus.CLOSED
    if facts.question_open and facts.state is ReportState.UNDER_REVIEW:
        return ReviewStatus.WAITING
    return ReviewStatus.CLOSED if facts.unanswered else ReviewStatus.ANSWERED
