"""Logins. One user row is one login ID with one role (domain §2, §3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask_security import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, Key, Text40, Versioned, enum_type
from portal.permissions import Role

if TYPE_CHECKING:
    from portal.models.organisation import Holder, Trader, Verifier


class User(Versioned, UserMixin, Base):
    """A login. ``email`` is where its mails go; it may be empty (login B, domain §2)."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("(role IN ('holder_a', 'holder_b')) = (holder_id IS NOT NULL)", "holder_of_role"),
        CheckConstraint("(role = 'trader') = (trader_id IS NOT NULL)", "trader_of_role"),
        CheckConstraint("(role = 'verifier') = (verifier_id IS NOT NULL)", "verifier_of_role"),
    )
    id: Mapped[Key]
    login_id: Mapped[str] = mapped_column(String(40), unique=True)
    role: Mapped[Role] = mapped_column(enum_type(Role, "role"))
    name: Mapped[str] = mapped_column(String(100))
    # Flask-Security takes these two for never empty; here they may be
    email: Mapped[str | None] = mapped_column(String(200))  # type: ignore[assignment]
    locale: Mapped[str] = mapped_column(String(5), default="ja")
    active: Mapped[bool] = mapped_column(default=True)
    #: locked by the office for the time being (a lost letter, a doubtful log-in); unlocked as easily
    locked_at: Mapped[datetime | None]
    password: Mapped[str | None] = mapped_column(String(255))
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    must_change_password: Mapped[bool] = mapped_column(default=True)
    password_set_at: Mapped[datetime | None]
    #: an initial password works once and until then (safety 18)
    initial_password_until: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]  # type: ignore[assignment]
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    tf_last_counter: Mapped[int | None]
    holder_id: Mapped[int | None] = mapped_column(
        ForeignKey("holder.id", use_alter=True, name="fk_user_holder_id"), index=True
    )
    trader_id: Mapped[int | None] = mapped_column(
        ForeignKey("trader.id", use_alter=True, name="fk_user_trader_id"), index=True
    )
    verifier_id: Mapped[int | None] = mapped_column(
        ForeignKey("verifier.id", use_alter=True, name="fk_user_verifier_id"), index=True
    )
    created_at: Mapped[datetime]

    holder: Mapped[Holder | None] = relationship(back_populates="users")
    trader: Mapped[Trader | None] = relationship(back_populates="users")
    verifier: Mapped[Verifier | None] = relationship(back_populates="users")

    @property
    def usable(self) -> bool:
        """Whether anybody gets in with it: neither disabled by an approver nor locked by the office."""
        return bool(self.active) and self.locked_at is None

    @property
    def roles(self) -> list[Any]:  # type: ignore[override]
        """Flask-Security asks for roles; this portal has one per login and its own grant table."""
        return []


class LoginAttempts(Base):
    """Failed tries in the running window, per login ID and per address (safety, login floor)."""

    __tablename__ = "login_attempts"
    __table_args__ = (CheckConstraint("failures >= 0", "failures_not_negative"),)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    window_from: Mapped[datetime]
    failures: Mapped[int] = mapped_column(Integer)
    paused_until: Mapped[datetime | None]


class NumberSeries(Base):
    """The next number of a series; numbers are never given twice (domain §3)."""

    __tablename__ = "number_series"
    name: Mapped[Text40] = mapped_column(primary_key=True)
    next: Mapped[int]
