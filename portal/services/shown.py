"""What a page said is what is done, figures that no row's version tells of among it (issue: page not stale).

A version tells that its row has changed. Totals, confirmed figures and what rests on them change without it:
whoever presses carries the mark of what the page said, and the service holds it against what it finds under
lock. A balance that a rule only asks to be large enough is no such figure: on a busy account no press would
ever come in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.errors import Refusal, refuse
from portal.services.once import content_hash


def mark(figures: Mapping[str, Any]) -> str:
    """The fingerprint of ``figures``, for the form of the page that shows them."""
    return content_hash(dict(figures))


def expect(seen: str | None, figures: Mapping[str, Any]) -> None:
    """Refuse an act whose page said otherwise; ``seen``: its :func:`mark`, ``None`` where no page was shown.

    Raises ``Refused(FIGURES_CHANGED)``.
    """
    if seen is not None and seen != mark(figures):
        raise refuse(Refusal.FIGURES_CHANGED)
