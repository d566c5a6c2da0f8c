"""A phase (第N期) and its dates and rules, which are superseded, never edited (habit 10)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Quantity, Text200, Versioned


class Phase(Versioned, Base):
    """One cohort: installation, target, adjustment and reporting fiscal years (domain §1)."""

    __tablename__ = "phase"
    __table_args__ = (
        CheckConstraint("number > 0", "number_positive"),
        CheckConstraint(
            "base_first_year <= base_last_year AND base_last_year < target_year"
            " AND target_year < adjustment_year AND adjustment_year < reporting_year",
            "years_in_order",
        ),
    )
    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Integer, unique=True)
    installation_year: Mapped[int] = mapped_column(Integer)
    target_year: Mapped[int] = mapped_column(Integer)
    adjustment_year: Mapped[int] = mapped_column(Integer)
    reporting_year: Mapped[int] = mapped_column(Integer)
    base_first_year: Mapped[int] = mapped_column(Integer)
    base_last_year: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    #: since when its units never move again
    closed_at: Mapped[datetime | None]

    rules: Mapped[list[PhaseRule]] = relationship(back_populates="phase", order_by="PhaseRule.id")


class PhaseRule(Base):
    """The dates and rule values of a phase; the row without ``superseded_at`` is in force."""

    __tablename__ = "phase_rule"
    __table_args__ = (
        Index(
            "uq_phase_rule_in_force",
            "phase_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        CheckConstraint("banking_from <= banking_until", "banking_in_order"),
        CheckConstraint("proposal_days > 0", "proposal_days_positive"),
        CheckConstraint("issue_cap IS NULL OR issue_cap > 0", "cap_positive"),
    )
    id: Mapped[Key]
    phase_id: Mapped[int] = mapped_column(ForeignKey("phase.id"), index=True)
    application_due: Mapped[date]
    base_report_from: Mapped[date]
    base_report_due: Mapped[date]
    issue_from: Mapped[date]
    target_report_from: Mapped[date]
    target_report_due: Mapped[date]
    retirement_deadline: Mapped[date]
    banking_from: Mapped[date]
    banking_until: Mapped[date]
    adjustment_report_from: Mapped[date]
    adjustment_report_due: Mapped[date]
    #: the reserve falls to 0 once the target-year figure is approved and retired ≥ it (domain §5, decided)
    reserve_released_by_compliance: Mapped[bool] = mapped_column(default=True)
    jver_counts_for_reserve: Mapped[bool] = mapped_column(default=False)
    jver_counts_for_compliance: Mapped[bool] = mapped_column(default=True)
    proposal_days: Mapped[int] = mapped_column(Integer, default=14)
    #: the most JAA that may be issued in the phase, in units; none: no cap
    issue_cap: Mapped[Quantity | None]
    reason: Mapped[Text200]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    superseded_at: Mapped[datetime | None]

    phase: Mapped[Phase] = relationship(back_populates="rules")


class EmissionFactor(Base):
    """A factor of the calculation form for one fiscal year; superseded, never edited (domain §4)."""

    __tablename__ = "emission_factor"
    __table_args__ = (
        Index(
            "uq_emission_factor_in_force",
            "fiscal_year",
            "code",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        CheckConstraint(
            "(kind = 'fuel' AND calorific IS NOT NULL AND carbon IS NOT NULL AND factor IS NULL)"
            " OR (kind = 'energy' AND factor IS NOT NULL AND calorific IS NULL AND carbon IS NULL)",
            "kind_has_its_numbers",
        ),
    )
    id: Mapped[Key]
    fiscal_year: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    code: Mapped[Text200]
    name_ja: Mapped[Text200]
    name_en: Mapped[Text200]
    unit: Mapped[Text200]
    kind: Mapped[Text200]
    #: decimal numbers as text: GJ per unit, t-C per GJ, t-CO2 per unit; never binary floating point
    calorific: Mapped[str | None]
    carbon: Mapped[str | None]
    factor: Mapped[str | None]
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
