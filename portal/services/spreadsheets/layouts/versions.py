"""Every version of the designated form, and which of them are read on a day.

A new version is one more module and one more line here; a version that should end gets its
``accepted_until``. Decided: versions do not end by themselves, for a form handed out keeps its
worth while its factors are in force.
"""

from __future__ import annotations

from datetime import date

from portal.services.spreadsheets.layouts import v1, v2
from portal.services.spreadsheets.layouts.layout import Layout

#: version → layout, the oldest first
LAYOUTS: dict[str, Layout] = {layout.version: layout for layout in (v1.LAYOUT, v2.LAYOUT)}
#: what is handed out
NEWEST: Layout = v2.LAYOUT


def accepted(today: date) -> tuple[str, ...]:
    """The versions that are read on ``today``; the newest is always among them."""
    return tuple(
        version
        for version, layout in LAYOUTS.items()
        if layout.accepted_until is None or today <= layout.accepted_until or layout is NEWEST
    )
