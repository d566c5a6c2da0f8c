"""Why units stay where they are, in the reader's language: for the participants' room and the office's."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _

from portal.services.positions import Position, Unusable
from portal.web_text import day, unit_name


def own_name(name: str, own: Position | None, others: Sequence[Position]) -> str:
    """``name`` of a figure of the own phase's JAA; with that phase where JAA of another are held too."""
    if own is None or all(one.unit_class.phase is None for one in others):
        return name
    return _("%(name)s（%(unit)s）", name=name, unit=unit_name(own.unit_class))


def why_not_words(one: Position) -> str:
    """Why units cannot be moved any more; nothing of those that can."""
    if one.why_not is Unusable.PHASE_CLOSED:
        return _("期が%(day)sに締められたため、使えません", day=day(one.closed_at))
    if one.why_not is Unusable.WINDOW_OVER:
        return _("使える期間が%(day)sで終わりました", day=day(one.until))
    if one.why_not is Unusable.BOOKS_DISAGREE:
        return _("台帳の照合で不一致が見つかったため、いまは使えません")
    return _("口座が利用中でないため、動かせません") if one.why_not is not None else ""
