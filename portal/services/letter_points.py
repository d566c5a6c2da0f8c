"""A reason as the points of a letter, which numbers them itself."""

from __future__ import annotations

import re
import unicodedata

#: how people mark the points they type: 1. １） (1) ① 一、 ・
_MARK = re.compile(
    r"[(（]\s*(\d{1,2})\s*[)）]\s*|(\d{1,2})\s*[.．、)）](?!\d)\s*|([①-⑳])\s*|([一二三四五六七八九十])、\s*|[・•]\s*"
)


def points(text: str) -> tuple[str, ...]:
    """The points of a reason: one a line, or as whoever typed it numbered them.

    The letter numbers the points itself, so what was typed as 1, 2, 3 … goes, and a line without a
    number belongs to the point above it. Other numbers stay: they name items of the form.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marks = [_MARK.match(line) for line in lines]
    counted = [_number_of(mark) for mark in marks if mark is not None]
    in_order = counted == list(range(1, len(counted) + 1)) or set(counted) == {None}
    if len(counted) < 2 or marks[0] is None or not in_order:
        return tuple(lines)
    found: list[str] = []
    for line, mark in zip(lines, marks, strict=True):
        if mark is None:
            found[-1] += f"\n{line}"
        else:
            found.append(line[mark.end() :])
    return tuple(point for point in found if point.strip())


def _number_of(mark: re.Match[str]) -> int | None:
    typed = next((part for part in mark.groups() if part), None)
    if typed is None:
        return None
    return int(typed) if typed.isdecimal() else int(unicodedata.numeric(typed))
