"""How values look in lists and details: the same badges, figures and dates as on the participants' pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import pgettext
from markupsafe import Markup

from portal import web_text
from portal.admin import promised
from portal.extensions import db_session
from portal.services import proposal_ends


def dash(_view: Any, _value: Any, _name: str = "") -> str:
    """Nothing is written as a dash; zero is 0."""
    return web_text.NOTHING


def yes_no(_view: Any, value: bool, _name: str = "") -> str:
    return _("はい") if value else _("いいえ")


def moment(_view: Any, value: datetime, _name: str = "") -> Any:
    return Markup('<span class="as-nb">{}</span>').format(web_text.moment(value))


def day(_view: Any, value: date, _name: str = "") -> Any:
    return Markup('<span class="as-nb">{}</span>').format(web_text.day(value))


#: letters of a long text in a list
_BEGINNING = 60

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
    return web_text.number(value_of(model, name))


def state(_view: Any, _context: Any, model: Any, name: str) -> Any:
    """A state as a badge with its word."""
    return web_text.badge(value_of(model, name))


def state_until(_view: Any, context: Any, model: Any, name: str) -> Any:
    """A proposal's state as its badge: of one that was ended, how; of one that waits, until when.

    In a file, which has no context, the state alone.
    """
    how = proposal_ends.ended(model)
    badge = _ended(how) if how is not None else web_text.badge(value_of(model, name))
    until = promised.until(model) if context is not None else None
    if until is None:
        return badge
    more = Markup('<span class="as-table__more as-nb">{}</span>')
    return badge + more.format(_("%(when)sまで", when=web_text.day(until)))


def outcome(model: Any) -> Any:
    """The state of one proposal for its own page: what its row does not know is looked up."""
    how = proposal_ends.ended_how(db_session(), model)
    return _ended(how) if how is not None else web_text.badge(model.state)


def outcome_word(model: Any) -> str:
    """The word of :func:`outcome`, for a line that says who and when."""
    how = proposal_ends.ended_how(db_session(), model)
    return web_text.label(model.state) if how is None else _how(how)[0]


def _how(how: str) -> tuple[str, str]:
    if how == proposal_ends.DECLINE:
        return pgettext("proposal", "却下"), "bad"
    return _("取下げ"), "off"


def _ended(how: str) -> Any:
    word, tone = _how(how)
    return Markup('<span class="as-badge as-badge--{}">{}</span>').format(tone, word)


def word(_view: Any, _context: Any, model: Any, name: str) -> Any:
    """A kind as its word."""
    return web_text.label(value_of(model, name))


def phase(_view: Any, _context: Any, model: Any, name: str) -> Any:
    """The number of a phase as its name, 第2期, never broken over two lines; in files too."""
    value = value_of(model, name)
    if value is None:
        return web_text.NOTHING
    return Markup('<span class="as-nb">{}</span>').format(web_text.phase_name(value))


def beginning(_view: Any, _context: Any, model: Any, name: str) -> str:
    """What somebody wrote, cut short: a list shows that there is a reason, the row's own page all of it."""
    text = " ".join(str(value_of(model, name) or web_text.NOTHING).split())
    return text if len(text) <= _BEGINNING else f"{text[: _BEGINNING - 1]}…"


def unbroken(text_of: Callable[[Any], str]) -> Callable[[Any, Any, Any, str], Any]:
    """A number or a short name of the row, never broken over two lines."""
    return lambda _view, _context, model, _name: Markup('<span class="as-nb">{}</span>').format(
        text_of(model)
    )


def moment_and(who: str) -> Callable[[Any, Any, Any, str], Any]:
    """The day, with the time and the name of who did it in small letters under it."""

    def show(_view: Any, _context: Any, model: Any, name: str) -> Any:
        at, person = value_of(model, name), value_of(model, who)
        if at is None:
            return web_text.NOTHING
        more: Any = web_text.time_of(at)
        if person:
            more = Markup('{}\u3000<span class="as-nb">{}</span>').format(more, person)
        shown = Markup('<span class="as-nb">{}</span><span class="as-table__more">{}</span>')
        return shown.format(web_text.day(at), more)

    return show


def two_lines(second: str) -> Callable[[Any, Any, Any, str], Any]:
    """The column's value with another of the row's values in small letters under it."""

    def show(_view: Any, _context: Any, model: Any, name: str) -> Any:
        more = value_of(model, second)
        first = Markup('<span class="as-table__name">{}</span>').format(
            value_of(model, name) or web_text.NOTHING
        )
        return Markup('{}<span class="as-table__more">{}</span>').format(first, more) if more else first

    return show
