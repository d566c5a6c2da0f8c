"""What a table for the public says otherwise than the one it would replace, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.extensions import db_session
from portal.models import Phase, Publication, PublicationState, PublicationSubject
from portal.services import publications
from portal.services.publication_content import day_of
from portal.web_tables import sheet_of
from portal.web_text import NOTHING, day, locale_name, number


@dataclass(frozen=True)
class Line:
    """A line in which two tables differ: its name, and (what, before, after) of each cell that does."""

    name: str
    cells: list[tuple[str, str, str]]


def lines_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Where ``after`` reads otherwise than ``before``, in its order; sums follow from it and are not told.

    A line that only one of them has stands against nothing in the other.
    """
    was, now = _lines(before), _lines(after)
    found = []
    for key in dict.fromkeys([*now, *was]):
        old, new = was.get(key, {}), now.get(key, {})
        changed = [
            (title, _cell(old.get(title)), _cell(new.get(title)))
            for title in {**new, **old}
            if old.get(title) != new.get(title)
        ]
        if changed:
            found.append(Line("　".join(str(part) for part in key if part), changed))
    return found


def _lines(content: Mapping[str, Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The cells of each line by what names it: an amount and its units, or a company and its site."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    if content["subject"] == PublicationSubject.ALLOWANCES:
        totals = sheet_of(content, totals=True, words=True)
        # the day that the amounts tell of is another in every table, and said beside it
        found |= {(what, name): {totals.titles[3]: n} for _day, what, name, n, _unit in totals.rows}
    holders = sheet_of(content, totals=False, words=True)
    return found | {
        tuple(row[:2]): dict(zip(holders.titles[2:], row[2:], strict=True)) for row in holders.rows
    }


def _cell(value: Any) -> str:
    return NOTHING if value is None else number(value) if isinstance(value, int) else str(value)


def changes_of(row: Publication) -> list[Line] | None:
    """How the proposal ``row`` differs from what is public now; ``None`` if it would replace nothing."""
    if row.state is not PublicationState.PROPOSED:
        return None
    before = publications.of_phase(db_session(), row.phase_id, row.subject, PublicationState.RELEASED)
    return lines_between(before.content, row.content) if before is not None else None


def goes_back(phase: Phase, subject: PublicationSubject, content: dict[str, Any]) -> list[str]:
    """A sentence for whoever would put a table of an earlier day in the place of the public one."""
    public, own = publications.goes_back_from(db_session(), phase, subject, content), day_of(content)
    if public is None or own is None:
        return []
    words = {"public": day(public), "day": day(own)}
    return [
        _(
            "いま公表している表は%(public)sの終わりの数量ですが、"
            "この表はそれより前の%(day)sの終わりの数量です。",
            **words,
        )
    ]


def in_words(changes: list[Line]) -> str:
    """How many lines differ, with the first of them by name."""
    count = len(changes)
    names = (", " if locale_name() == "en" else "、").join(one.name for one in changes[:3])
    return ngettext(
        "いま公表している表と違うのは、%(n)s行です：%(names)s",
        "いま公表している表と違うのは、%(n)s行です：%(names)s",
        count,
        n=number(count),
        names=names if count <= 3 else _("%(names)sなど", names=names),
    )
