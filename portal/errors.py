"""The portal's refusals and errors. A leaf.

A refusal is named by its code; its Japanese and English texts stand in ``portal/refusals/``.
Texts take named figures; whole numbers are written with thousands separators, days and units as
the reader's language writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import date

from portal.refusals import TEXTS, Refusal

__all__ = [
    "Amount",
    "InUse",
    "NotAllowed",
    "NotFound",
    "PortalError",
    "Problem",
    "Refusal",
    "Refused",
    "Stale",
    "UnitName",
    "refusal_text",
    "refuse",
]


@dataclass(frozen=True)
class UnitName:
    """A figure of a refusal: allowances of a phase (第2期 JAA), or without one (jVER)."""

    unit: str
    phase: int | None = None

    def shown(self, locale: str) -> str:
        if self.phase is None:
            return self.unit
        return f"Phase {self.phase} {self.unit}" if locale == "en" else f"第{self.phase}期 {self.unit}"


@dataclass(frozen=True)
class Amount:
    """A figure of a refusal: so many allowances (第2期 JAA 1,500; 12 of jVER are jVER 12)."""

    quantity: int
    unit: UnitName

    def shown(self, locale: str) -> str:
        return f"{self.unit.shown(locale)} {self.quantity:,}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def refusal_text(refusal: Refusal, locale: str, /, **figures: object) -> str:
    """The sentence for ``refusal`` in ``locale`` (``ja`` or ``en``), with its figures filled in."""
    shown = {name: _shown(value, locale) for name, value in figures.items()}
    ja, en = TEXTS[refusal]
    return (en if locale == "en" else ja).format(**shown)


def _shown(value: object, locale: str) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, tuple):
        return _listed([str(_shown(one, locale)) for one in value], locale)
    if isinstance(value, UnitName | Amount):
        return value.shown(locale)
    if isinstance(value, date):
        if locale == "en":
            return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
        return f"{value.year}年{value.month}月{value.day}日"
    return value


def _listed(names: list[str], locale: str) -> str:
    """Names one after the other, with the marks of the reader's language: Excel（.xlsx）、PDF."""
    if locale == "en":
        return ", ".join(names)
    return "、".join(name.replace(" (", "（").replace(")", "）") for name in names)


@dataclass(frozen=True)
class Problem:
    """One refused thing: the rule, the form field it belongs to (if any), and its figures."""

    refusal: Refusal
    field: str | None = None
    figures: Mapping[str, object] = made_by(default_factory=dict)

    def text(self, locale: str) -> str:
        return refusal_text(self.refusal, locale, **self.figures)


class PortalError(Exception):
    """Something the portal refuses or cannot do. Carries every :class:`Problem` found, in order."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(p.refusal.name for p in problems))
        self.problems = problems

    @property
    def refusal(self) -> Refusal:
        return self.problems[0].refusal


class Refused(PortalError):
    """The input or the state does not allow it; nothing changed."""


class NotFound(PortalError):
    """No such thing for this reader (another participant's row is also this: 404, never 403)."""

    def __init__(self) -> None:
        super().__init__(Problem(Refusal.NOT_FOUND))


class NotAllowed(PortalError):
    """The reader's role does not hold the permission."""

    def __init__(self) -> None:
        super().__init__(Problem(Refusal.NOT_ALLOWED))


class Stale(PortalError):
    """Somebody changed the row after the page was shown."""

    def __init__(self) -> None:
        super().__init__(Problem(Refusal.STALE_PAGE))


class InUse(PortalError):
    """The database is busy; the same request may be sent again with the same key."""

    def __init__(self) -> None:
        super().__init__(Problem(Refusal.BUSY))


def refuse(refusal: Refusal, field: str | None = None, **figures: object) -> Refused:
    """A :class:`Refused` with one problem, ready to be raised."""
    return Refused(Problem(refusal, field, figures))
