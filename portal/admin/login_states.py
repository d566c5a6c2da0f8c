"""How a login stands, in words: in use, locked or disabled; whose password it has; filters for the list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import and_, or_

from portal import clock
from portal.admin.filters import ListFilter
from portal.models import User
from portal.permissions import SECRETARIAT, Role
from portal.services.users import PasswordState, password_state

IN_USE, LOCKED, DISABLED = "in_use", "locked", "disabled"
#: state → (word, tone)
STATES: dict[str, tuple[Any, str]] = {
    IN_USE: (_l("利用中"), "good"),
    LOCKED: (_l("ロック中"), "warn"),
    DISABLED: (_l("停止中"), "bad"),
}
PASSWORDS: dict[PasswordState, tuple[Any, str]] = {
    PasswordState.NONE: (_l("未発行"), "off"),
    PasswordState.INITIAL: (_l("初期パスワード"), "go"),
    PasswordState.OVER: (_l("期限切れ"), "warn"),
    PasswordState.OWN: (_l("本人が設定"), "good"),
}
#: whose login: value → (word, roles)
KINDS: dict[str, tuple[Any, frozenset[Role]]] = {
    "holder": (_l("目標保有者"), frozenset({Role.HOLDER_A, Role.HOLDER_B})),
    "trader": (_l("取引参加者"), frozenset({Role.TRADER})),
    "verifier": (_l("検証機関"), frozenset({Role.VERIFIER})),
    "office": (_l("事務局"), SECRETARIAT),
}


def state_of(user: User) -> str:
    """Disabled beats locked: it is the approver's word."""
    if not user.active:
        return DISABLED
    return LOCKED if user.locked_at is not None else IN_USE


def state_word(user: User) -> str:
    return str(STATES[state_of(user)][0])


def state_badge(user: User) -> Any:
    """Whether the login can be used, as a badge."""
    word, tone = STATES[state_of(user)]
    return _badge(word, tone)


def password_word(user: User) -> str:
    return str(PASSWORDS[password_state(user)][0])


def password_badge(user: User) -> Any:
    """Whose password it has, as a badge."""
    word, tone = PASSWORDS[password_state(user)]
    return _badge(word, tone)


def _badge(word: Any, tone: str) -> Any:
    return Markup('<span class="as-badge as-badge--{}">{}</span>').format(tone, word)


def affiliation(user: User) -> str:
    """Whose login it is."""
    owner: Any = user.holder or user.trader or user.verifier
    return str(owner.label) if owner is not None else _("事務局")


class _Named(ListFilter, ABC):
    """A filter whose values are names of this module."""

    @abstractmethod
    def words(self) -> dict[str, Any]:
        """The values and their words."""

    def choices(self) -> list[tuple[str, Any]]:
        return list(self.words().items())

    def text(self, value: str) -> Any:
        return self.words().get(value, value)

    def clean(self, value: str) -> str:
        if value not in self.words():
            raise ValueError(value)
        return value


class StateFilter(_Named):
    """Logins in use, locked or disabled."""

    def words(self) -> dict[str, Any]:
        return {value: word for value, (word, _tone) in STATES.items()}

    def apply(self, query: Any, value: str, alias: Any = None) -> Any:
        conditions: dict[str, Any] = {
            IN_USE: and_(User.active.is_(True), User.locked_at.is_(None)),
            LOCKED: and_(User.active.is_(True), User.locked_at.is_not(None)),
            DISABLED: User.active.is_(False),
        }
        return query.filter(conditions[value])


class KindFilter(_Named):
    """Logins of holders, traders, verifiers or the office."""

    def words(self) -> dict[str, Any]:
        return {value: word for value, (word, _roles) in KINDS.items()}

    def apply(self, query: Any, value: str, alias: Any = None) -> Any:
        return query.filter(User.role.in_(KINDS[value][1]))


class PasswordFilter(_Named):
    """Logins by the password they have; the same rule as ``users.password_state``, in SQL."""

    def words(self) -> dict[str, Any]:
        return {state.value: word for state, (word, _tone) in PASSWORDS.items()}

    def apply(self, query: Any, value: str, alias: Any = None) -> Any:
        until = User.initial_password_until
        over = or_(User.last_login_at >= User.password_set_at, until <= clock.now())
        first = User.must_change_password.is_(True)
        conditions: dict[str, Any] = {
            PasswordState.OWN: User.must_change_password.is_(False),
            PasswordState.NONE: and_(first, until.is_(None)),
            PasswordState.OVER: and_(first, until.is_not(None), over),
            PasswordState.INITIAL: and_(
                first,
                until > clock.now(),
                or_(User.last_login_at.is_(None), User.last_login_at < User.password_set_at),
            ),
        }
        return query.filter(conditions[value])
