"""How letters look in lists: whom they go to, what they are, how long they wait for the next hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup

from portal import clock
from portal.models import Letter, LetterKind, LetterState
from portal.services import letter_words
from portal.services.queues import GUIDES, QueueKind
from portal.web_text import NOTHING, badge, days, label, short_day


def addressee(letter: Letter) -> Markup:
    """Company, person and postal code, each on its line."""
    to = letter.content["address"]
    shown = Markup('{}<br>{}<span class="as-table__more">〒{}</span>')
    return shown.format(to["company"], to["name"].replace(" ", "\u00a0"), to["postal_code"])


def kind_word(letter: Letter) -> str:
    """What the letter is; one with the login of a further person reissues nothing."""
    if letter.kind is LetterKind.REISSUE and letter.content["title"] == letter_words.NEW_LOGIN:
        return _("ログインID発行通知書")
    return label(letter.kind)


def waiting_days(letter: Letter) -> int | None:
    """How many days it has waited for the next hand: to be printed, posted, or sent once more."""
    since: Any = {
        LetterState.WAITING: letter.created_at,
        LetterState.PRINTED: letter.printed_at,
        LetterState.RETURNED: letter.returned_on,
    }.get(letter.state)
    if isinstance(since, datetime):
        since = clock.in_tokyo(since).date()
    return (clock.today() - since).days if since is not None else None


def state_and_wait(_view: Any, _context: Any, model: Letter, name: str) -> Any:
    """The state, and for how many days the letter waits for the next hand; red beyond the guide."""
    waited = waiting_days(model)
    shown = badge(getattr(model, name))
    if waited is None:
        return shown
    late = waited > GUIDES[QueueKind.LETTERS].days
    dress = "as-table__more as-nb as-table__more--bad" if late else "as-table__more as-nb"
    more = Markup('<span class="{}">{}</span>').format(dress, _("%(days)s待ち", days=days(waited)))
    return shown + more


def on_day(_view: Any, _context: Any, model: Letter, name: str) -> Any:
    """The day; under it the year, if it is another one."""
    at = getattr(model, name)
    if at is None:
        return NOTHING
    local = clock.in_tokyo(at).date() if isinstance(at, datetime) else at
    # four of these stand side by side: without the day of the week
    shown = Markup('<span class="as-nb">{}</span>').format(short_day(local).split("（")[0])
    if local.year == clock.today().year:
        return shown
    return shown + Markup('<span class="as-table__more">{}</span>').format(_("%(year)s年", year=local.year))


def with_kind(_view: Any, _context: Any, model: Letter, _name: str) -> Any:
    shown = Markup('<span class="as-nb">{}</span><span class="as-table__more">{}</span>')
    return shown.format(model.number, kind_word(model))
