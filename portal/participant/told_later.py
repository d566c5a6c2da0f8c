"""What a question's page says after its form came back: the answer to the form only leads to the page again.

So the browser's "back" finds a page it can open, never a form it would have to send once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import session

_TOLD = "told_later"


def tell_later(key: str, sentences: Sequence[str]) -> None:
    """Keep ``sentences`` for the next look at the question under ``key``; the newest question only."""
    session[_TOLD] = [key, *sentences]


def told(key: str) -> list[str]:
    """What is to be said of the question under ``key``; said once."""
    kept = session.get(_TOLD)
    if not kept or kept[0] != key:
        return []
    del session[_TOLD]
    return [str(one) for one in kept[1:]]
