"""Everything the office keeps on one report, gathered for its case file (issue: one file per report)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    Event,
    Holder,
    Phase,
    ReportFile,
    ReviewDocument,
    SendBackRequest,
    User,
    VerificationReport,
    Verifier,
)
from portal.permissions import Permission
from portal.services import access, audit
from portal.services.audit import EventTag
from portal.services.review_desk import Figures, Waiting, figures, waiting
from portal.services.spreadsheets.form_types import FormReading

#: what a case file leaves out: reading is in the events, drafts are the verifier's
_NOISE = (
    EventTag.DOCUMENT_DOWNLOADED,
    EventTag.CASE_FILE_MADE,
    EventTag.VERIFICATION_DRAFT_SAVED,
    EventTag.VERIFICATION_CHARGE_CHOSEN,
    EventTag.REMINDER_SENT,
)


@dataclass(frozen=True)
class CaseFile:
    """The papers of one report, oldest first."""

    report: EmissionsReport
    waiting: Waiting
    figures: Figures
    reading: FormReading | None
    files: Sequence[ReportFile]
    verifications: Sequence[VerificationReport]
    talk: Sequence[ReviewDocument]
    requests: Sequence[SendBackRequest]
    revocations: Sequence[ApprovalRevocation]
    events: Sequence[Event]


def gather(session: Session, report_id: int, *, actor: User) -> CaseFile:
    """The papers of a report; a query for each kind of them. Raises ``NotAllowed`` or ``NotFound``."""
    access.check(actor, Permission.REPORT_ALL_VIEW)
    access.get_visible(session, EmissionsReport, report_id, actor)
    report = session.scalars(
        select(EmissionsReport)
        .where(EmissionsReport.id == report_id)
        .options(
            joinedload(EmissionsReport.holder).joinedload(Holder.phase).selectinload(Phase.rules),
            selectinload(EmissionsReport.assignments),
            joinedload(EmissionsReport.clerk),
        )
    ).one()
    files = session.scalars(
        select(ReportFile)
        .where(ReportFile.report_id == report_id)
        .options(joinedload(ReportFile.document), joinedload(ReportFile.uploaded_by))
        .order_by(ReportFile.kind.desc(), ReportFile.version_number)
    ).all()
    current = next((file for file in files if file.id == report.current_file_id), None)
    reading = FormReading.from_dict(current.reading) if current and current.reading else None
    return CaseFile(
        report=report,
        waiting=waiting(report),
        figures=figures(session, report, reading),
        reading=reading,
        files=files,
        verifications=_verifications(session, report_id),
        talk=session.scalars(
            select(ReviewDocument)
            .where(ReviewDocument.report_id == report_id)
            .options(joinedload(ReviewDocument.document), joinedload(ReviewDocument.sent_by))
            .order_by(ReviewDocument.id)
        ).all(),
        requests=session.scalars(
            select(SendBackRequest)
            .where(SendBackRequest.report_id == report_id)
            .options(joinedload(SendBackRequest.requested_by))
            .order_by(SendBackRequest.id)
        ).all(),
        revocations=session.scalars(
            select(ApprovalRevocation)
            .where(ApprovalRevocation.report_id == report_id)
            .options(joinedload(ApprovalRevocation.proposed_by))
            .order_by(ApprovalRevocation.id)
        ).all(),
        events=_events(session, report_id),
    )


def _verifications(session: Session, report_id: int) -> Sequence[VerificationReport]:
    return session.scalars(
        select(VerificationReport)
        .where(VerificationReport.report_id == report_id)
        .options(
            joinedload(VerificationReport.document),
            joinedload(VerificationReport.report_file),
            joinedload(VerificationReport.registered_by),
            joinedload(VerificationReport.verifier).joinedload(Verifier.organisation),
        )
        .order_by(VerificationReport.id)
    ).all()


def _events(session: Session, report_id: int) -> Sequence[Event]:
    """What happened to the report and to proposals to take its approval back."""
    revocations = select(ApprovalRevocation.id).where(ApprovalRevocation.report_id == report_id)
    about = or_(
        and_(Event.subject_type == EmissionsReport.__tablename__, Event.subject_id == report_id),
        and_(
            Event.subject_type == ApprovalRevocation.__tablename__,
            Event.subject_id.in_(revocations),
            # the report has an event of its own about it
            Event.tag != EventTag.REVOCATION_CONFIRMED.value,
        ),
    )
    return session.scalars(
        select(Event)
        .where(about, Event.tag.not_in([tag.value for tag in _NOISE]))
        .options(joinedload(Event.actor).joinedload(User.verifier).joinedload(Verifier.organisation))
        .order_by(Event.id)
    ).all()


def record_made(session: Session, report_id: int, name: str, pdf: bytes, *, actor: User) -> None:
    """Keep that the case file was made, by the digest of what was handed out."""
    access.check(actor, Permission.REPORT_ALL_VIEW)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    audit.record(
        session,
        EventTag.CASE_FILE_MADE,
        report,
        actor=actor,
        holder_id=report.holder_id,
        filename=name,
        size=len(pdf),
        sha256=hashlib.sha256(pdf).hexdigest(),
    )
