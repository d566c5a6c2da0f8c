"""Why units stay where they are, in the reader's language: for the participants' room and the office's."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.services.positions import Position, Unusable
from portal.web_text import day


def why_not_words(one: Position) -> str:
    """Why units cannot be moved any more; nothing of those that can."""
    if one.why_not is Unusable.PHASE_CLOSED:
        return _("期が%(day)sに締められたため、使えません", day=day(one.closed_at))
    if one.why_not is Unusable.WINDOW_OVER:
        return _("使える期間が%(day)sで終わりました", day=day(one.until))
    if one.why_not is Unusable.BOOKS_DISAGREE:
        return _("台帳の照合で不一致が見つかったため、いまは使えません")
    return _("口座が利用中でないため") if one.why_not is not None else ""
