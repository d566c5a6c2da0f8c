"""How values look in lists and details: the same badges, figures and dates as on the participants' pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from markupsafe import Markup, escape

Formatter = Callable[[Any, Any, Any, str], Any]


def _filtered(name: str, value: Any) -> Any:
    """``value`` through one of the portal's template filters, so that both rooms write it alike."""
    return current_app.jinja_env.filters[name](value)


def dash(_view: Any, _value: Any, _name: str = "") -> str:
    """Nothing is written as a dash; zero is 0."""
    return "—"


def yes_no(_view: Any, value: bool, _name: str = "") -> str:
    return _("はい") if value else _("いいえ")


def moment(_view: Any, value: datetime, _name: str = "") -> Any:
    return Markup('<span class="as-nb">{}</span>').format(_filtered("datetime", value))


def day(_view: Any, value: date, _name: str = "") -> Any:
    return Markup('<span class="as-nb">{}</span>').format(_filtered("date", value))


#: datetime before date: a datetime is a date too, and the first match wins
TYPE_FORMATTERS: dict[type, Any] = {type(None): dash, bool: yes_no, datetime: moment, date: day}


def value_of(model: Any, name: str) -> Any:
    """The value at a dotted path; a missing step gives ``None``."""
    value = model
    for step in name.split("."):
        value = getattr(value, step, None)
        if value is None:
            return None
    return value


def figure(_view: Any, _context: Any, model: Any, name: str) -> Any:
    """A quantity (t-CO2 or units) with thousands separators; nothing is a dash."""
    return _filtered("number", value_of(model, name))


def badge(words: Callable[[Any], tuple[Any, str]]) -> Formatter:
    """A state as a badge; ``words`` turns the value into (label, tone) as in macros/parts.badge."""

    def show(_view: Any, _context: Any, model: Any, name: str) -> Any:
        value = value_of(model, name)
        if value is None:
            return "—"
        label, tone = words(value)
        classes = f"as-badge as-badge--{tone}" if tone else "as-badge"
        return Markup('<span class="{}">{}</span>').format(classes, label)

    return show


def word(words: Callable[[Any], Any]) -> Formatter:
    """An enum or code as its word."""

    def show(_view: Any, _context: Any, model: Any, name: str) -> Any:
        value = value_of(model, name)
        return "—" if value is None else words(value)

    return show


def two_lines(second: str) -> Formatter:
    """The column's value with another of the row's values in small letters under it."""

    def show(_view: Any, _context: Any, model: Any, name: str) -> Any:
        more = value_of(model, second)
        first = escape(value_of(model, name) or "—")
        return Markup('{}<span class="as-table__more">{}</span>').format(first, more) if more else first

    return show
