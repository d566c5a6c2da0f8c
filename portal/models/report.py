"""Emissions reports, their files, verification, review (domain §4)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text2000, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.document import Document
    from portal.models.organisation import Holder, Verifier
    from portal.models.user import User


class Period(StrEnum):
    BASE = "base"  # 基準年度
    TARGET = "target"  # 削減目標年度
    ADJUSTMENT = "adjustment"  # 調整・自主削減年度


class ReportState(StrEnum):
    NOT_SUBMITTED = "not_submitted"  # 未提出
    VERIFICATION_REQUESTED = "verification_requested"  # 検証依頼中
    APPROVAL_REQUESTED = "approval_requested"  # 承認依頼中
    UNDER_REVIEW = "under_review"  # 査読中
    APPROVED = "approved"  # 承認済
    SUBMITTED = "submitted"  # 提出済
    RECEIVED = "received"  # 受領済


class EmissionsReport(Versioned, Base):
    """One holder's report for one period. ``emissions`` is what its latest valid file says, in t-CO2."""

    __tablename__ = "emissions_report"
    __table_args__ = (
        UniqueConstraint("holder_id", "period"),
        CheckConstraint(
            "(state IN ('approved', 'received')) = (confirmed_emissions IS NOT NULL)", "figure_if_confirmed"
        ),
        CheckConstraint("emissions IS NULL OR emissions >= 0", "emissions_not_negative"),
        CheckConstraint(
            "(period = 'adjustment') OR state NOT IN ('submitted', 'received')", "received_is_adjustment"
        ),
        CheckConstraint(
            "(period <> 'adjustment') OR state IN ('not_submitted', 'submitted', 'received')",
            "adjustment_is_not_verified",
        ),
        Index("ix_emissions_report_queue", "state", "state_since"),
    )
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"), index=True)
    period: Mapped[Period] = mapped_column(enum_type(Period, "period"))
    state: Mapped[ReportState] = mapped_column(enum_type(ReportState, "report_state"))
    state_since: Mapped[datetime]
    emissions: Mapped[int | None]
    current_file_id: Mapped[int | None] = mapped_column(
        ForeignKey("report_file.id", use_alter=True, name="fk_emissions_report_current_file_id")
    )
    confirmed_emissions: Mapped[int | None]
    confirmed_at: Mapped[datetime | None]
    late: Mapped[bool] = mapped_column(default=False)
    #: why it came back last, and whose hand returned it; empty once it went on again
    returned_reason: Mapped[str | None] = mapped_column(String(2000))
    returned_at: Mapped[datetime | None]
    returned_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    #: who in the office is in charge of it: a promise, no right
    clerk_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    holder: Mapped[Holder] = relationship(back_populates="reports")
    files: Mapped[list[ReportFile]] = relationship(
        back_populates="report", order_by="ReportFile.id", foreign_keys="ReportFile.report_id"
    )
    current_file: Mapped[ReportFile | None] = relationship(foreign_keys=[current_file_id], post_update=True)
    returned_by: Mapped[User | None] = relationship(foreign_keys=[returned_by_id])
    clerk: Mapped[User | None] = relationship(foreign_keys=[clerk_id])
    assignments: Mapped[list[VerifierAssignment]] = relationship(
        back_populates="report", order_by="VerifierAssignment.id"
    )
    verification_reports: Mapped[list[VerificationReport]] = relationship(
        back_populates="report", order_by="VerificationReport.id"
    )
    review_documents: Mapped[list[ReviewDocument]] = relationship(
        back_populates="report", order_by="ReviewDocument.id"
    )
    send_back_requests: Mapped[list[SendBackRequest]] = relationship(
        back_populates="report", order_by="SendBackRequest.id"
    )


class FileKind(StrEnum):
    CALCULATION = "calculation"  # 算定報告書
    ATTACHMENT = "attachment"  # 添付ファイル


class ReportFile(Base):
    """One uploaded version of the calculation report, or one attachment. Every version stays."""

    __tablename__ = "report_file"
    __table_args__ = (
        UniqueConstraint("report_id", "kind", "version_number"),
        CheckConstraint("(kind = 'calculation') = (emissions IS NOT NULL)", "calculation_has_figure"),
    )
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    kind: Mapped[FileKind] = mapped_column(enum_type(FileKind, "file_kind"))
    version_number: Mapped[int] = mapped_column(Integer)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    emissions: Mapped[int | None]
    #: what the form said, line by line, as the reader returned it (FormReading as JSON)
    #: large, and asked of one version at a time: what works on a report does not read it for every version
    reading: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    removed_at: Mapped[datetime | None]
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    uploaded_at: Mapped[datetime]

    report: Mapped[EmissionsReport] = relationship(back_populates="files", foreign_keys=[report_id])
    document: Mapped[Document] = relationship()
    uploaded_by: Mapped[User] = relationship()


class VerifierAssignment(Base):
    """Which verifier a report is assigned to, while ``ended_at`` is empty (safety 15)."""

    __tablename__ = "verifier_assignment"
    __table_args__ = (
        Index(
            "uq_verifier_assignment_live",
            "report_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_verifier_assignment_desk", "verifier_id", "ended_at"),
    )
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    verifier_id: Mapped[int] = mapped_column(ForeignKey("verifier.id"))
    assigned_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    assigned_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    #: which of the verifier's users is in charge of it: a promise, no right
    in_charge_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    report: Mapped[EmissionsReport] = relationship(back_populates="assignments")
    verifier: Mapped[Verifier] = relationship()
    in_charge: Mapped[User | None] = relationship(foreign_keys=[in_charge_id])


class Opinion(StrEnum):
    UNQUALIFIED = "unqualified"  # 無限定適正
    QUALIFIED = "qualified"  # 限定付適正
    ADVERSE = "adverse"  # 不適正
    DISCLAIMER = "disclaimer"  # 意見不表明


#: only these can go on to approval (domain §4)
PASSING_OPINIONS = frozenset({Opinion.UNQUALIFIED, Opinion.QUALIFIED})


class VerificationReport(Base):
    """The verifier's file, opinion and verified figure for one version of the report."""

    __tablename__ = "verification_report"
    __table_args__ = (CheckConstraint("verified_emissions >= 0", "figure_not_negative"),)
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    report_file_id: Mapped[int] = mapped_column(ForeignKey("report_file.id"))
    verifier_id: Mapped[int] = mapped_column(ForeignKey("verifier.id"))
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    opinion: Mapped[Opinion] = mapped_column(enum_type(Opinion, "opinion"))
    verified_emissions: Mapped[int]
    #: item of the checklist → its answer and remark; empty for those registered before there was one
    checklist: Mapped[dict[str, Any] | None]
    findings: Mapped[str | None] = mapped_column(String(4000))
    registered_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    registered_at: Mapped[datetime]

    report: Mapped[EmissionsReport] = relationship(back_populates="verification_reports")
    report_file: Mapped[ReportFile] = relationship()
    verifier: Mapped[Verifier] = relationship()
    document: Mapped[Document] = relationship()
    registered_by: Mapped[User] = relationship()


class ReviewSide(StrEnum):
    SECRETARIAT = "secretariat"
    VERIFIER = "verifier"


class ReviewDocument(Base):
    """A question or an answer between secretariat and verifier; the holder may read it."""

    __tablename__ = "review_document"
    __table_args__ = (CheckConstraint("round > 0", "round_positive"),)
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    round: Mapped[int] = mapped_column(Integer)
    side: Mapped[ReviewSide] = mapped_column(enum_type(ReviewSide, "review_side"))
    body: Mapped[Text2000]
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    sent_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    sent_at: Mapped[datetime]

    report: Mapped[EmissionsReport] = relationship(back_populates="review_documents")
    document: Mapped[Document | None] = relationship()
    sent_by: Mapped[User] = relationship()


class RequestAnswer(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"


class SendBackRequest(Versioned, Base):
    """A holder asks for its report back; the verifier grants or declines with a reason."""

    __tablename__ = "send_back_request"
    __table_args__ = (
        CheckConstraint("(answer = 'open') = (answered_at IS NULL)", "answered_has_moment"),
        Index(
            "uq_send_back_request_open",
            "report_id",
            unique=True,
            sqlite_where=text("answer = 'open'"),
            postgresql_where=text("answer = 'open'"),
        ),
    )
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    reason: Mapped[Text2000]
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    requested_at: Mapped[datetime]
    answer: Mapped[RequestAnswer] = mapped_column(enum_type(RequestAnswer, "request_answer"))
    answer_reason: Mapped[str | None] = mapped_column(String(2000))
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    answered_at: Mapped[datetime | None]

    report: Mapped[EmissionsReport] = relationship(back_populates="send_back_requests")
    requested_by: Mapped[User] = relationship(foreign_keys=[requested_by_id])


class RevocationState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ApprovalRevocation(Versioned, Base):
    """Taking an approval back: one proposes with a reason, another confirms (domain §4)."""

    __tablename__ = "approval_revocation"
    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_approval_revocation_open",
            "report_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
    )
    id: Mapped[Key]
    report_id: Mapped[int] = mapped_column(ForeignKey("emissions_report.id"), index=True)
    reason: Mapped[Text2000]
    state: Mapped[RevocationState] = mapped_column(enum_type(RevocationState, "revocation_state"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]

    report: Mapped[EmissionsReport] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
