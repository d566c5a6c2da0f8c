"""Companies, contact persons and the participants: holders, traders, verifiers (domain §1, §3)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Quantity, Text40, Text100, Text200, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.account import Account
    from portal.models.phase import Phase
    from portal.models.registration import RegistrationApplication
    from portal.models.report import EmissionsReport
    from portal.models.user import User


class SiteKind(StrEnum):
    FACTORY = "factory"  # 工場
    WORKPLACE = "workplace"  # 事業場


class Participation(StrEnum):
    SINGLE = "single"  # 単独
    GROUP = "group"  # グループ


class Organisation(Versioned, Base):
    """A company (法人) as registered."""

    __tablename__ = "organisation"
    id: Mapped[Key]
    name: Mapped[Text200]
    name_kana: Mapped[Text200]
    representative_name: Mapped[str | None] = mapped_column(String(100))
    representative_kana: Mapped[str | None] = mapped_column(String(100))
    #: normalised name and kana, for search and near-duplicates
    search_key: Mapped[str] = mapped_column(String(500), index=True)
    created_at: Mapped[datetime]


class Contact(Versioned, Base):
    """The contact person (担当者): the window for everything, receives the letter."""

    __tablename__ = "contact"
    id: Mapped[Key]
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    department: Mapped[str | None] = mapped_column(String(100))
    post: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[Text100]
    name_kana: Mapped[Text100]
    postal_code: Mapped[Text40]
    address: Mapped[Text200]
    telephone: Mapped[Text40]
    fax: Mapped[str | None] = mapped_column(String(40))
    mail: Mapped[Text200]
    created_at: Mapped[datetime]

    organisation: Mapped[Organisation] = relationship()


class Holder(Versioned, Base):
    """A holder (目標保有者): a company group with a reduction target for one site in one phase."""

    __tablename__ = "holder"
    __table_args__ = (UniqueConstraint("phase_id", "site_key"),)
    id: Mapped[Key]
    phase_id: Mapped[int] = mapped_column(ForeignKey("phase.id"), index=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"), unique=True)
    representative_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), unique=True)
    mail_b: Mapped[str | None] = mapped_column(String(200))
    disclosure_consent: Mapped[bool]
    site_name: Mapped[Text200]
    site_kana: Mapped[Text200]
    site_address: Mapped[Text200]
    site_kind: Mapped[SiteKind] = mapped_column(enum_type(SiteKind, "site_kind"))
    participation: Mapped[Participation] = mapped_column(enum_type(Participation, "participation"))
    other_scheme: Mapped[bool]
    #: normalised representative, site name and address: a site is registered once in a phase
    site_key: Mapped[str] = mapped_column(String(500))
    search_key: Mapped[str] = mapped_column(String(1000), index=True)
    created_at: Mapped[datetime]

    phase: Mapped[Phase] = relationship()
    application: Mapped[RegistrationApplication] = relationship()
    representative: Mapped[Organisation] = relationship()
    contact: Mapped[Contact] = relationship()
    joint_companies: Mapped[list[JointCompany]] = relationship(
        back_populates="holder", order_by="JointCompany.position"
    )
    account: Mapped[Account] = relationship(back_populates="holder")
    reports: Mapped[list[EmissionsReport]] = relationship(
        back_populates="holder", order_by="EmissionsReport.id"
    )
    users: Mapped[list[User]] = relationship(back_populates="holder", order_by="User.login_id")

    @property
    def label(self) -> str:
        """Company and site, as the mockups write it."""
        return f"{self.representative.name}　{self.site_name}"


class JointCompany(Base):
    """A joint company (共同事業者) of a holder."""

    __tablename__ = "joint_company"
    __table_args__ = (UniqueConstraint("holder_id", "position"),)
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    position: Mapped[int] = mapped_column(Integer)

    holder: Mapped[Holder] = relationship(back_populates="joint_companies")
    organisation: Mapped[Organisation] = relationship()


class Trader(Versioned, Base):
    """A trading participant (取引参加者): buys and sells, no target, no reports."""

    __tablename__ = "trader"
    id: Mapped[Key]
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"), unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), unique=True)
    disclosure_consent: Mapped[bool]
    search_key: Mapped[str] = mapped_column(String(1000), index=True)
    created_at: Mapped[datetime]

    organisation: Mapped[Organisation] = relationship()
    contact: Mapped[Contact] = relationship()
    account: Mapped[Account] = relationship(back_populates="trader")
    users: Mapped[list[User]] = relationship(back_populates="trader", order_by="User.login_id")

    @property
    def label(self) -> str:
        return self.organisation.name


class Verifier(Versioned, Base):
    """A verifier (検証機関): third party that verifies calculation reports."""

    __tablename__ = "verifier"
    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Integer, unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("registration_application.id"), unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), unique=True)
    search_key: Mapped[str] = mapped_column(String(1000), index=True)
    created_at: Mapped[datetime]

    organisation: Mapped[Organisation] = relationship()
    contact: Mapped[Contact] = relationship()
    users: Mapped[list[User]] = relationship(back_populates="verifier", order_by="User.login_id")

    @property
    def code(self) -> str:
        return f"VRF{self.number:02d}"

    @property
    def label(self) -> str:
        return self.organisation.name


class TargetState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class ReductionTarget(Versioned, Base):
    """A holder's reduction target in t-CO2, entered by the secretariat, confirmed by another person."""

    __tablename__ = "reduction_target"
    __table_args__ = (
        CheckConstraint("quantity > 0", "quantity_positive"),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> proposed_by_id", "four_eyes"),
        CheckConstraint("(state = 'confirmed') = (confirmed_by_id IS NOT NULL)", "confirmer_if_confirmed"),
        Index(
            "uq_reduction_target_proposed",
            "holder_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(
            "uq_reduction_target_confirmed",
            "holder_id",
            unique=True,
            sqlite_where=text("state = 'confirmed' AND superseded_at IS NULL"),
            postgresql_where=text("state = 'confirmed' AND superseded_at IS NULL"),
        ),
    )
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"), index=True)
    quantity: Mapped[Quantity]
    state: Mapped[TargetState] = mapped_column(enum_type(TargetState, "target_state"))
    #: why a confirmed target is replaced by this one; the first of a holder needs no reason
    reason: Mapped[str | None] = mapped_column(String(2000))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    confirmed_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]

    holder: Mapped[Holder] = relationship()
    proposed_by: Mapped[User] = relationship(foreign_keys=[proposed_by_id])
    confirmed_by: Mapped[User | None] = relationship(foreign_keys=[confirmed_by_id])
