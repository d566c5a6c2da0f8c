"""What a table for the public says otherwise than the one it would replace, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.extensions import db_session
from portal.models import Publication, PublicationState
from portal.services import publications
from portal.web_tables import sheet_of
from portal.web_text import number


@dataclass(frozen=True)
class Changed:
    """A line in which two tables differ: its name, its cells in both; ``None`` if it is not there."""

    name: str
    before: list[Any] | None
    after: list[Any] | None


@dataclass(frozen=True)
class Changes:
    """Everything that differs; ``titles`` and ``figures`` are of the cells behind a line's name."""

    titles: list[str]
    figures: tuple[int, ...]
    lines: list[Changed]


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The lines of ``after`` and ``before`` that are not the same, in the order of ``after``."""
    old, new = sheet_of(before), sheet_of(after)
    # a company and its site, or an amount and its unit, name a line
    was, now = ({tuple(row[:2]): row[2:] for row in sheet.rows} for sheet in (old, new))
    keys = [key for key in dict.fromkeys([*now, *was]) if was.get(key) != now.get(key)]
    lines = [
        Changed("　".join(str(part) for part in key if part), was.get(key), now.get(key)) for key in keys
    ]
    return Changes(new.titles[2:], tuple(place - 2 for place in new.figures), lines)


def public_before(row: Publication) -> Publication | None:
    """What is public now and would be replaced by the proposal ``row``."""
    if row.state is not PublicationState.PROPOSED:
        return None
    return publications.of_phase(db_session(), row.phase_id, row.subject, PublicationState.RELEASED)


def changes_of(row: Publication) -> Changes | None:
    """How the proposal ``row`` differs from what is public now; ``None`` if it replaces nothing."""
    before = public_before(row)
    return changes_between(before.content, row.content) if before is not None else None


def in_words(changes: Changes) -> str:
    """How many lines differ, with the first of them by name."""
    count = len(changes.lines)
    names = "、".join(one.name for one in changes.lines[:3])
    return ngettext(
        "いま公表している表と違うのは、%(n)s行です：%(names)s",
        "いま公表している表と違うのは、%(n)s行です：%(names)s",
        count,
        n=number(count),
        names=names if count <= 3 else _("%(names)sなど", names=names),
    )
