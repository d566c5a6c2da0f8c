"""The designated form without a web server: hand it out and read it, by holder and period (domain §4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotFound, Refused
from portal.models import Account, EmissionsReport, Period
from portal.services import report_forms
from portal.services.numbers import parse_account
from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.form_types import FormReading, Problem, file_problem
from portal.services.spreadsheets.jail import peek_jailed, read_form_jailed
from portal.services.spreadsheets.layouts.layout import COVER
from portal.services.spreadsheets.layouts.versions import NEWEST
from portal.settings import Settings


def report_of(session: Session, holder: str, period: str) -> EmissionsReport:
    """The report of ``holder`` (``AST1001``, ``AST-1001``) for ``period``.

    Raises ``NotFound``, or ``Refused`` for a number of another shape.
    """
    number = parse_account(holder, "holder")
    report = session.scalars(
        select(EmissionsReport)
        .join(Account, Account.holder_id == EmissionsReport.holder_id)
        .where(Account.id == number, EmissionsReport.period == Period(period))
    ).one_or_none()
    if report is None:
        raise NotFound
    return report


def blank(session: Session, holder: str, period: str, *, locale: str = "ja") -> bytes:
    """The prefilled form as .xlsx."""
    return build_form(report_forms.expectation(session, report_of(session, holder, period)), locale=locale)


def read(session: Session, data: bytes, *, settings: Settings, locale: str = "ja") -> dict[str, Any]:
    """What a filled form says, as the JSON contract of ``portal form read`` has it.

    ``{"ok": true, "period", "holder", "emissions"}`` (t-CO2), or ``{"ok": false, "problems": […]}``.
    """
    if len(data) > settings.form_limit_mb * 1024 * 1024:
        return answer_problems([file_problem("too_large", f"{len(data):,} bytes")], locale)
    limits = {"seconds": settings.reader_seconds, "memory_mb": settings.reader_memory_mb}
    cover = peek_jailed(data, **limits)
    if not cover.ok or cover.holder is None or cover.period is None:
        return _answer(cover, locale)
    try:
        report = report_of(session, cover.holder, cover.period)
    except (NotFound, Refused):
        return {"ok": False, "problems": [_unknown_holder(cover.holder, locale)]}
    expected = report_forms.expectation(session, report)
    session.close()  # no lock is held while the child reads
    return _answer(read_form_jailed(data, expected, **limits), locale)


def _answer(reading: FormReading, locale: str) -> dict[str, Any]:
    if not reading.ok:
        return answer_problems(reading.problems, locale)
    return {
        "ok": True,
        "period": reading.period,
        "holder": reading.holder,
        "emissions": reading.emissions,
    }


def answer_problems(problems: Iterable[Problem], locale: str) -> dict[str, Any]:
    """The answer to a file that is refused: every problem with its place, in the reader's language."""
    return {
        "ok": False,
        "problems": [
            {
                "sheet": problem.sheet,
                "cell": problem.cell,
                "found": problem.shown_found(locale),
                "expected": problem.shown_expected(locale),
                "code": problem.code,
                "message": problem.message(locale),
            }
            for problem in problems
        ],
    }


def _unknown_holder(found: str, locale: str) -> dict[str, str]:
    """The cover names somebody who is not registered here."""
    english = locale == "en"
    return {
        "sheet": COVER,
        "cell": NEWEST.field("holder").cell,
        "found": found,
        "expected": "a registered holder" if english else "登録済みの目標保有者",
        "code": "holder_unknown",
        "message": (
            f"The holder {found} is not registered here. Fill in a form that the ASSET System handed out."
            if english
            else f"目標保有者{found}は登録されていません。ASSETシステムが渡した様式に入力してください。"
        ),
    }
