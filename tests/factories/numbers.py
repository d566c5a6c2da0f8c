"""The numbers in invented names, from 1 in each fresh database: equal forms and letters are made once."""

from __future__ import annotations

from typing import Any

#: what the factories of :mod:`tests.factories.replayed` made so far, in their order
made: tuple[Any, ...] = ()
_next = 1


def start_over() -> None:
    """A fresh database: the first names again."""
    global made, _next
    made, _next = (), 1


def following() -> int:
    """The next number."""
    global _next
    _next += 1
    return _next - 1


def peek() -> int:
    """The number that comes next, without taking it."""
    return _next


def go_on(number: int) -> None:
    """Continue with ``number``."""
    global _next
    _next = number


def remember(what: Any) -> None:
    """Remember that ``what`` was made."""
    global made
    made = (*made, what)
