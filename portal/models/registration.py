"""The registration application (登録申請) as it stands on paper (domain §3)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text40, Text100, Text200, Versioned, enum_type
from portal.models.organisation import Participation, SiteKind

if TYPE_CHECKING:
    from portal.models.document import Document
    from portal.models.phase import Phase
    from portal.models.user import User


class ParticipantKind(StrEnum):
    HOLDER = "holder"
    TRADER = "trader"
    VERIFIER = "verifier"


class ApplicationState(StrEnum):
    RECEIVED = "received"  # 受付済
    CORRECTION_ASKED = "correction_asked"  # 補正待ち
    ACCEPTED = "accepted"  # 受理済
    REJECTED = "rejected"  # 却下
    WITHDRAWN = "withdrawn"  # 取下げ


class RegistrationApplication(Versioned, Base):
    """One paper application; holders fill every item, traders and verifiers a shorter form."""

    __tablename__ = "registration_application"
    __table_args__ = (
        CheckConstraint("kind <> 'holder' OR phase_id IS NOT NULL", "holder_has_phase"),
        CheckConstraint(
            "kind <> 'holder' OR (site_name IS NOT NULL AND site_kana IS NOT NULL AND site_address IS NOT"
            " NULL AND site_kind IS NOT NULL AND participation IS NOT NULL AND other_scheme IS NOT NULL)",
            "holder_has_site",
        ),
        CheckConstraint("kind = 'verifier' OR account_name IS NOT NULL", "account_named"),
        CheckConstraint(
            "(state IN ('accepted', 'rejected', 'withdrawn')) = (decided_by_id IS NOT NULL)",
            "decider_if_decided",
        ),
        CheckConstraint("state <> 'accepted' OR (seal_received AND consent_received)", "papers_if_accepted"),
        Index("ix_registration_application_queue", "state", "received_on"),
        Index("ix_registration_application_received_on", "received_on", "id"),
    )
    id: Mapped[Key]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[ParticipantKind] = mapped_column(enum_type(ParticipantKind, "participant_kind"))
    state: Mapped[ApplicationState] = mapped_column(enum_type(ApplicationState, "application_state"))
    phase_id: Mapped[int | None] = mapped_column(ForeignKey("phase.id"), index=True)
    received_on: Mapped[date]
    seal_received: Mapped[bool] = mapped_column(default=False)
    consent_received: Mapped[bool] = mapped_column(default=False)

    company_name: Mapped[Text200]
    company_kana: Mapped[Text200]
    representative_name: Mapped[Text100]
    representative_kana: Mapped[Text100]
    contact_company: Mapped[Text200]
    contact_department: Mapped[str | None] = mapped_column(String(100))
    contact_post: Mapped[str | None] = mapped_column(String(100))
    contact_name: Mapped[Text100]
    contact_kana: Mapped[Text100]
    contact_postal_code: Mapped[Text40]
    contact_address: Mapped[Text200]
    contact_telephone: Mapped[Text40]
    contact_fax: Mapped[str | None] = mapped_column(String(40))
    mail_a: Mapped[Text200]
    mail_b: Mapped[str | None] = mapped_column(String(200))
    disclosure_consent: Mapped[bool]
    site_name: Mapped[str | None] = mapped_column(String(200))
    site_kana: Mapped[str | None] = mapped_column(String(200))
    site_address: Mapped[str | None] = mapped_column(String(200))
    site_kind: Mapped[SiteKind | None] = mapped_column(enum_type(SiteKind, "site_kind"))
    participation: Mapped[Participation | None] = mapped_column(enum_type(Participation, "participation"))
    other_scheme: Mapped[bool | None]
    account_name: Mapped[str | None] = mapped_column(String(200))

    search_key: Mapped[str] = mapped_column(String(1000), index=True)
    #: folded items by which near-duplicates are found (services/near_duplicates); once it is accepted,
    #: those of the participant as registered now
    company_key: Mapped[str] = mapped_column(String(200), index=True)
    kana_key: Mapped[str] = mapped_column(String(200), index=True)
    site_key: Mapped[str] = mapped_column(String(200), index=True)
    address_key: Mapped[str] = mapped_column(String(200), index=True)
    telephone_key: Mapped[str] = mapped_column(String(200), index=True)
    mail_key: Mapped[str] = mapped_column(String(200), index=True)
    account_name_key: Mapped[str] = mapped_column(String(200), index=True)
    note: Mapped[str | None] = mapped_column(String(2000))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    #: the colleague who has taken it on (担当)
    clerk_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(2000))

    phase: Mapped[Phase | None] = relationship()
    joint_companies: Mapped[list[ApplicationJointCompany]] = relationship(
        back_populates="application",
        order_by="ApplicationJointCompany.position",
        cascade="all, delete-orphan",
    )
    created_by: Mapped[User] = relationship(foreign_keys=[created_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])
    clerk: Mapped[User | None] = relationship(foreign_keys=[clerk_id])
    scans: Mapped[list[ApplicationScan]] = relationship(
        back_populates="application", order_by="ApplicationScan.id"
    )


class ApplicationJointCompany(Base):
    """A joint company named in an application."""

    __tablename__ = "application_joint_company"
    __table_args__ = (UniqueConstraint("application_id", "position"),)
    id: Mapped[Key]
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[Text200]
    name_kana: Mapped[Text200]

    application: Mapped[RegistrationApplication] = relationship(back_populates="joint_companies")


class ScanKind(StrEnum):
    APPLICATION = "application"  # 登録申請書
    CONSENT = "consent"  # 個人情報提供の同意書
    CORRECTION = "correction"  # 補正された書類
    FORM = "form"  # 登録申請書（Excel）
    OTHER = "other"  # そのほか


class ApplicationScan(Base):
    """A picture of the paper, or the Excel form it was read from; taken off with a reason, never deleted."""

    __tablename__ = "application_scan"
    __table_args__ = (
        CheckConstraint("(removed_at IS NULL) = (removed_by_id IS NULL)", "remover_if_removed"),
        Index(
            "ix_application_scan_live",
            "application_id",
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )
    id: Mapped[Key]
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"))
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), index=True)
    kind: Mapped[ScanKind] = mapped_column(enum_type(ScanKind, "scan_kind"))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime]
    removed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    removed_at: Mapped[datetime | None]

    application: Mapped[RegistrationApplication] = relationship(back_populates="scans")
    document: Mapped[Document] = relationship()
    created_by: Mapped[User] = relationship(foreign_keys=[created_by_id])
