"""How mails write dates, figures and names, in Japanese and English.

Outside of a request there is no locale but the reader's own; the long texts are the templates of
``templates/mail``, this is only what is put into them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from portal import clock
from portal.errors import Amount, UnitName
from portal.models import EmissionsReport, Holder, MovementKind, Opinion, Period, Phase, UnitClass

_WEEKDAYS = "月火水木金土日"
_PERIODS: dict[Period, tuple[str, str]] = {
    Period.BASE: ("基準年度", "base year"),
    Period.TARGET: ("削減目標年度", "target year"),
    Period.ADJUSTMENT: ("調整・自主削減年度", "adjustment year"),
}
#: the scheme's own accounts; those of participants bear the names they were registered with
_SCHEME_ACCOUNTS = {
    "発行口座": "Issuance account",
    "償却口座": "Retirement account",
    "取消口座": "Cancellation account",
    "オフセット口座": "Offset account",
}
_MOVEMENTS: dict[MovementKind, tuple[str, str]] = {
    MovementKind.ISSUE: ("発行", "Issue"),
    MovementKind.ISSUE_JVER: ("jVERの発行", "Issue of jVER"),
    MovementKind.TRANSFER: ("移転", "Transfer"),
    MovementKind.RETIRE: ("償却", "Retirement"),
    MovementKind.CANCEL: ("取消", "Cancellation"),
    MovementKind.OFFSET: ("オフセット", "Offset"),
    MovementKind.CARRY_OVER: ("バンキング", "Banking"),
    MovementKind.CORRECTION: ("訂正", "Correction"),
}
#: a movement's kind when it comes too late for the target (domain §5)
RETIRED_LATE = ("償却（期限後）", "Retirement (after the deadline)")
_OPINIONS: dict[Opinion, tuple[str, str]] = {
    Opinion.UNQUALIFIED: ("無限定適正", "unqualified"),
    Opinion.QUALIFIED: ("限定付適正", "qualified"),
    Opinion.ADVERSE: ("不適正", "adverse"),
    Opinion.DISCLAIMER: ("意見不表明", "disclaimer"),
}


def _of(pair: tuple[str, str], locale: str) -> str:
    return pair[1] if locale == "en" else pair[0]


def units(before: UnitName, after: UnitName | None = None) -> tuple[str, str]:
    """Which units move, with their phase; a carry-over makes others of them."""
    names = [one for one in (before, after) if one is not None]
    return " → ".join(one.shown("ja") for one in names), " → ".join(one.shown("en") for one in names)


def units_of(before: UnitClass, after: UnitClass | None = None) -> tuple[str, str]:
    """The same of unit classes."""
    names = [
        UnitName(one.unit_type.value, one.phase.number if one.phase is not None else None)
        for one in (before, after)
        if one is not None
    ]
    return units(*names)


def day(value: date | datetime, locale: str) -> str:
    """A calendar day in Tokyo: ``2015年11月30日（月）`` or ``30 Nov 2015``."""
    if isinstance(value, datetime):
        value = clock.in_tokyo(value).date()
    if locale == "en":
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
    return f"{value.year}年{value.month}月{value.day}日（{_WEEKDAYS[value.weekday()]}）"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fiscal_years(phase: Phase, period: Period) -> tuple[int, ...]:
    """The fiscal years a report of ``period`` covers."""
    if period is Period.BASE:
        return tuple(range(phase.base_first_year, phase.base_last_year + 1))
    return (phase.target_year if period is Period.TARGET else phase.adjustment_year,)


def report_name(holder: Holder, period: Period, locale: str) -> str:
    """Which report it is, with its phase and fiscal years."""
    name = period_years(holder, period, locale)
    if locale == "en":
        return f"calculation report, {name}, phase {holder.phase.number}"
    return f"第{holder.phase.number}期　{name}の算定報告書"


def period_years(holder: Holder, period: Period, locale: str) -> str:
    """The period with its fiscal years: 削減目標年度（2014年度） / target year, FY2014."""
    years, name = fiscal_years(holder.phase, period), _of(_PERIODS[period], locale)
    if locale == "en":
        return f"{name}, " + (f"FY{years[0]}" if len(years) == 1 else f"FY{years[0]}–FY{years[-1]}")
    return f"{name}（{years[0]}年度）" if len(years) == 1 else f"{name}（{years[0]}–{years[-1]}年度）"


def period_name(period: Period, locale: str) -> str:
    """The period's name alone."""
    return _of(_PERIODS[period], locale)


def fact(name: str, value: Any, locale: str) -> Any:
    """One fact as the reader's language writes it; whole numbers get thousands separators."""
    if value is None:
        return None
    if name == "movement_kind" and not isinstance(value, tuple):
        return _of(_MOVEMENTS[MovementKind(value)], locale)
    if name in ("source_name", "target_name") and locale == "en":
        return _SCHEME_ACCOUNTS.get(value, value)
    if name == "opinion":
        return _of(_OPINIONS[Opinion(value)], locale)
    if isinstance(value, tuple):  # words in both languages: (Japanese, English)
        return _of((str(value[0]), str(value[1])), locale)
    if isinstance(value, Amount | UnitName):
        return value.shown(locale)
    if isinstance(value, date):
        return day(value, locale)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value


def due(report: EmissionsReport) -> date | None:
    """When the holder's report of this period is due, by the phase's rule in force."""
    rule = next((r for r in report.holder.phase.rules if r.superseded_at is None), None)
    if rule is None:
        return None
    return {
        Period.BASE: rule.base_report_due,
        Period.TARGET: rule.target_report_due,
        Period.ADJUSTMENT: rule.adjustment_report_due,
    }[report.period]
