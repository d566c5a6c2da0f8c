"""Applications made online: contact changes and banking (domain §3, §5); the deadline record."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Quantity, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.account import UnitClass
    from portal.models.movement import Movement
    from portal.models.organisation import Contact, Holder
    from portal.models.user import User


class DecisionState(StrEnum):
    APPLIED = "applied"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ContactChange(Versioned, Base):
    """An application to change contact data; old and new are kept side by side."""

    __tablename__ = "contact_change"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('accepted', 'declined')) = (decided_by_id IS NOT NULL)", "decider_if_decided"
        ),
        Index(
            "uq_contact_change_open",
            "contact_id",
            unique=True,
            sqlite_where=text("state = 'applied'"),
            postgresql_where=text("state = 'applied'"),
        ),
        Index("ix_contact_change_queue", "state", "applied_at"),
    )
    id: Mapped[Key]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    state: Mapped[DecisionState] = mapped_column(enum_type(DecisionState, "decision_state"))
    old: Mapped[dict[str, Any]]
    new: Mapped[dict[str, Any]]
    applied_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    applied_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(2000))

    contact: Mapped[Contact] = relationship()
    applied_by: Mapped[User] = relationship(foreign_keys=[applied_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])


class BankingApplication(Versioned, Base):
    """A applies to carry leftover JAA of its phase over to the next (domain §5)."""

    __tablename__ = "banking_application"
    __table_args__ = (
        CheckConstraint("quantity > 0", "quantity_positive"),
        CheckConstraint(
            "(state IN ('accepted', 'declined')) = (decided_by_id IS NOT NULL)", "decider_if_decided"
        ),
        Index(
            "uq_banking_application_open",
            "holder_id",
            unique=True,
            sqlite_where=text("state = 'applied'"),
            postgresql_where=text("state = 'applied'"),
        ),
    )
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"), index=True)
    unit_class_id: Mapped[int] = mapped_column(ForeignKey("unit_class.id"))
    target_class_id: Mapped[int] = mapped_column(ForeignKey("unit_class.id"))
    quantity: Mapped[Quantity]
    state: Mapped[DecisionState] = mapped_column(enum_type(DecisionState, "decision_state"))
    applied_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    applied_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(2000))
    movement_id: Mapped[int | None] = mapped_column(ForeignKey("movement.id"), unique=True)

    holder: Mapped[Holder] = relationship()
    unit_class: Mapped[UnitClass] = relationship(foreign_keys=[unit_class_id])
    target_class: Mapped[UnitClass] = relationship(foreign_keys=[target_class_id])
    movement: Mapped[Movement | None] = relationship()
    applied_by: Mapped[User] = relationship(foreign_keys=[applied_by_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])


class ComplianceSnapshot(Base):
    """What stood at the retirement deadline, frozen (domain §5); a holder's newest record is official.

    The first is made in the night after. A correction confirmed later that changes what had been retired
    in time makes another beside it; none is ever changed.
    """

    __tablename__ = "compliance_snapshot"
    __table_args__ = (UniqueConstraint("holder_id", "number"),)
    id: Mapped[Key]
    holder_id: Mapped[int] = mapped_column(ForeignKey("holder.id"))
    #: 1, 2, … for each holder
    number: Mapped[int] = mapped_column(Integer, default=1)
    deadline_at: Mapped[datetime]
    frozen_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(40))
    #: the approved figure, empty if it was not approved by the deadline; t-CO2
    target_emissions: Mapped[int | None]
    retired: Mapped[Quantity]
    missing: Mapped[Quantity | None]
    #: t-CO2 and units at the deadline; empty in records frozen before these were kept
    base_emissions: Mapped[Quantity | None]
    reduction_target: Mapped[Quantity | None]
    issued: Mapped[Quantity | None]
    held: Mapped[Quantity | None]

    holder: Mapped[Holder] = relationship()
