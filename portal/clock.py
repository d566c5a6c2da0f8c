"""The portal's one clock: the only reader of time.

Everything that must know the time asks here, so that a test or the demonstration can set it.
Deadlines are Asia/Tokyo whatever the host's zone (safety 16). Order never comes from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")

_shift = timedelta(0)
_fixed: datetime | None = None


class _Act:
    """One act and the moment it is judged by, once it has asked."""

    def __init__(self) -> None:
        self.moment: datetime | None = None
        self.setting: object = None


_act: ContextVar[_Act | None] = ContextVar("_act", default=None)


@contextmanager
def one_act() -> Iterator[None]:
    """Inside, every reading is the moment of the first one: an act is judged and stamped by the same.

    An act that asks for its locks first and then for the time is judged by the moment it has them. A
    clock that is set meanwhile is read anew. Another act inside has a moment of its own.
    """
    token = _act.set(_Act())
    try:
        yield
    finally:
        _act.reset(token)


def now() -> datetime:
    """The current moment, aware, in UTC; within :func:`one_act` that of the act."""
    act, setting = _act.get(), (_shift, _fixed)
    if act is None:
        return _reading()
    if act.moment is None or act.setting != setting:
        act.moment, act.setting = _reading(), setting
    return act.moment


def _reading() -> datetime:
    if _fixed is not None:
        return _fixed
    return datetime.now(UTC) + _shift


def today() -> date:
    """The current calendar day in Tokyo."""
    return in_tokyo(now()).date()


def in_tokyo(moment: datetime) -> datetime:
    """``moment`` (aware) as Tokyo wall time."""
    return moment.astimezone(TOKYO)


def _within(day: date) -> date:
    """A day of a sensible century: what people type may lie where no zone can be reckoned."""
    return min(max(day, date(1900, 1, 1)), date(2200, 12, 31))


def at_tokyo(day: date, at: time = time(0, 0)) -> datetime:
    """The aware UTC moment of a Tokyo calendar day and wall time."""
    return datetime.combine(_within(day), at, TOKYO).astimezone(UTC)


@lru_cache(maxsize=1_000)
def end_of_day(day: date) -> datetime:
    """The first moment that is no longer ``day`` in Tokyo: a deadline holds strictly before it."""
    return at_tokyo(_within(day) + timedelta(days=1))


def fiscal_year(day: date) -> int:
    """The Japanese fiscal year (April to March) a day lies in."""
    return day.year if day.month >= 4 else day.year - 1


def set_shift(shift: timedelta) -> None:
    """Let the clock run with an offset from the host's time (demonstration)."""
    global _shift, _fixed
    _shift, _fixed = shift, None


def shift_to(moment: datetime) -> timedelta:
    """The offset with which the clock would show ``moment`` right now."""
    return moment - datetime.now(UTC)


def set_time(moment: datetime | None) -> None:
    """Stop the clock at an aware moment (tests, making of demonstration data); ``None`` lets it run."""
    global _fixed
    _fixed = moment.astimezone(UTC) if moment is not None else None


def step(delta: timedelta) -> None:
    """Move a stopped clock on."""
    global _fixed
    if _fixed is None:
        raise RuntimeError("the clock is running; stop it with set_time() first")
    _fixed += delta


def host_now() -> datetime:
    """The host's own time, which the demonstration cannot move: for idle time-outs and login pauses."""
    return _fixed if _fixed is not None else datetime.now(UTC)


def is_stopped() -> bool:
    """Whether :func:`set_time` holds the clock."""
    return _fixed is not None
