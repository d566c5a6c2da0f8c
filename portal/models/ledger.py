"""The append-only ledger: transactions, signed entries, the head of the chain (architecture, habit 3).

Triggers in both databases refuse UPDATE and DELETE on transactions and entries; the migration
makes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.account import ISSUANCE_ACCOUNT
from portal.models.base import MAX_QUANTITY, Base, BigId, Key, Quantity, enum_type
from portal.models.movement import MovementKind

if TYPE_CHECKING:
    from portal.models.account import Account, UnitClass
    from portal.models.movement import Movement
    from portal.models.user import User


class LedgerTransaction(Base):
    """One posting. ``id`` runs without gaps; ``hash`` covers the canonical bytes and the predecessor."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        CheckConstraint("id > 0", "number_positive"),
        CheckConstraint("(id = 1) = (previous_hash = '')", "first_has_no_predecessor"),
        CheckConstraint("reverses_id IS NULL OR reverses_id < id", "reverses_an_earlier_one"),
        Index("ix_ledger_transaction_posted_at", "posted_at", "id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    kind: Mapped[MovementKind] = mapped_column(enum_type(MovementKind, "movement_kind"))
    movement_id: Mapped[int] = mapped_column(ForeignKey("movement.id"), unique=True)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transaction.id"), unique=True)
    posted_at: Mapped[datetime]
    posted_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    canonical: Mapped[bytes]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)

    movement: Mapped[Movement] = relationship(back_populates="transaction", foreign_keys=[movement_id])
    posted_by: Mapped[User] = relationship()
    entries: Mapped[list[LedgerEntry]] = relationship(back_populates="transaction", order_by="LedgerEntry.id")

    @property
    def code(self) -> str:
        """The ledger number as it is printed: T-000214."""
        return f"T-{self.id:06d}"


class LedgerEntry(Base):
    """One signed side of a posting, in whole units.

    ``balance_after``: what the account holds of the unit class with this entry, so that what stood at any
    number of the ledger is one step of an index. Entries of an account and class have rising ids.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("quantity <> 0", "quantity_not_zero"),
        CheckConstraint(f"quantity BETWEEN -{MAX_QUANTITY} AND {MAX_QUANTITY}", "quantity_bounded"),
        CheckConstraint(
            f"balance_after >= 0 OR account_id = {ISSUANCE_ACCOUNT}", "balance_after_not_below_zero"
        ),
        CheckConstraint(f"balance_after BETWEEN -{MAX_QUANTITY} AND {MAX_QUANTITY}", "balance_after_bounded"),
        UniqueConstraint("transaction_id", "account_id", "unit_class_id"),
        Index("ix_ledger_entry_statement", "account_id", "unit_class_id", "id"),
        Index("ix_ledger_entry_unit_class_id", "unit_class_id", "transaction_id"),
    )
    id: Mapped[Key]
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transaction.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    unit_class_id: Mapped[int] = mapped_column(ForeignKey("unit_class.id"))
    quantity: Mapped[Quantity]
    balance_after: Mapped[Quantity]

    transaction: Mapped[LedgerTransaction] = relationship(back_populates="entries")
    account: Mapped[Account] = relationship()
    unit_class: Mapped[UnitClass] = relationship()


class TransferTotal(Base):
    """How many units of a class participants had sent each other up to a posting, that one included.

    What was corrected up to there is taken back. At a number that is kept every class has its sum, so that
    nothing before it is read again; numbers only grow, and nothing changes behind them.
    """

    __tablename__ = "transfer_total"
    __table_args__ = (CheckConstraint("units >= 0", "units_not_negative"),)
    number: Mapped[int] = mapped_column(
        ForeignKey("ledger_transaction.id"), primary_key=True, autoincrement=False
    )
    unit_class_id: Mapped[int] = mapped_column(
        ForeignKey("unit_class.id"), primary_key=True, autoincrement=False
    )
    units: Mapped[Quantity]


class LedgerHead(Base):
    """The one row that says where the chain ends; locking it puts postings in order.

    Numbers are given under its lock, moments are taken before it, so that their orders differ a little.
    ``behind`` bounds by how much: no posting is stamped more than so many whole seconds earlier than one
    with a lower number. ``latest_at``: the latest moment any posting is stamped with.
    """

    __tablename__ = "ledger_head"
    __table_args__ = (
        CheckConstraint("id = 1", "only_one"),
        CheckConstraint("behind >= 0", "behind_not_negative"),
    )
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_number: Mapped[Quantity]
    last_hash: Mapped[str] = mapped_column(String(64))
    latest_at: Mapped[datetime | None]
    behind: Mapped[Quantity] = mapped_column(default=0, server_default="0")
