"""Accounts, unit classes and holdings (domain §1, §5). ``id`` of an account is its number."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import MAX_QUANTITY, Base, BigId, Key, Quantity, Versioned, enum_type

if TYPE_CHECKING:
    from portal.models.organisation import Holder, Trader
    from portal.models.phase import Phase


class AccountKind(StrEnum):
    COMPLIANCE = "compliance"  # 遵守口座, of a holder
    TRADING = "trading"  # 取引口座, of a trader
    ISSUANCE = "issuance"  # 発行口座 AST-1
    RETIREMENT = "retirement"  # 償却口座 AST-2
    CANCELLATION = "cancellation"  # 取消口座 AST-101
    OFFSET = "offset"  # オフセット口座 AST-201


class AccountState(StrEnum):
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


#: the scheme's own accounts; the migration makes them
ISSUANCE_ACCOUNT = 1
RETIREMENT_ACCOUNT = 2
CANCELLATION_ACCOUNT = 101
OFFSET_ACCOUNT = 201


class Account(Versioned, Base):
    """An account of the ledger."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("(kind = 'compliance') = (holder_id IS NOT NULL)", "compliance_of_holder"),
        CheckConstraint("(kind = 'trading') = (trader_id IS NOT NULL)", "trading_of_trader"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", "closed_has_moment"),
        CheckConstraint("id > 0", "number_positive"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    kind: Mapped[AccountKind] = mapped_column(enum_type(AccountKind, "account_kind"))
    state: Mapped[AccountState] = mapped_column(enum_type(AccountState, "account_state"))
    name: Mapped[str] = mapped_column(String(200), unique=True)
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("holder.id"), unique=True)
    trader_id: Mapped[int | None] = mapped_column(ForeignKey("trader.id"), unique=True)
    search_key: Mapped[str] = mapped_column(String(1000), index=True)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    holder: Mapped[Holder | None] = relationship(back_populates="account")
    trader: Mapped[Trader | None] = relationship(back_populates="account")

    @property
    def code(self) -> str:
        """The number as participants write it: AST-1001."""
        return f"AST-{self.id}"


class UnitType(StrEnum):
    JAA = "JAA"
    JVER = "jVER"


class UnitClass(Base):
    """What a unit is: its type and, for JAA, its phase. jVER may be retired in any phase."""

    __tablename__ = "unit_class"
    __table_args__ = (
        CheckConstraint("(unit_type = 'JAA') = (phase_id IS NOT NULL)", "jaa_has_phase"),
        Index(
            "uq_unit_class_jaa_phase",
            "phase_id",
            unique=True,
            sqlite_where=text("phase_id IS NOT NULL"),
            postgresql_where=text("phase_id IS NOT NULL"),
        ),
        Index(
            "uq_unit_class_jver",
            "unit_type",
            unique=True,
            sqlite_where=text("phase_id IS NULL"),
            postgresql_where=text("phase_id IS NULL"),
        ),
    )
    id: Mapped[Key]
    unit_type: Mapped[UnitType] = mapped_column(enum_type(UnitType, "unit_type"))
    phase_id: Mapped[int | None] = mapped_column(ForeignKey("phase.id"))

    phase: Mapped[Phase | None] = relationship()


class Holding(Base):
    """The balance of one account in one unit class: always the sum of its entries.

    ``promised`` is what pending movements will take; it may not be promised twice (safety 2).
    Only the issuance account runs below zero: its balance is what was issued, negative.
    """

    __tablename__ = "holding"
    __table_args__ = (
        CheckConstraint(f"quantity >= 0 OR account_id = {ISSUANCE_ACCOUNT}", "not_below_zero"),
        CheckConstraint("promised >= 0", "promised_not_negative"),
        CheckConstraint(f"promised <= quantity OR account_id = {ISSUANCE_ACCOUNT}", "promised_is_there"),
        CheckConstraint(f"quantity BETWEEN -{MAX_QUANTITY} AND {MAX_QUANTITY}", "quantity_bounded"),
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    unit_class_id: Mapped[int] = mapped_column(ForeignKey("unit_class.id"), primary_key=True)
    quantity: Mapped[Quantity]
    promised: Mapped[Quantity] = mapped_column(default=0)

    account: Mapped[Account] = relationship()
    unit_class: Mapped[UnitClass] = relationship()
