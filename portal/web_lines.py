"""The lines of an account's history in words, and as rows of a file: for its owner and for the office."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Account, AccountKind, MovementKind
from portal.services import corrections
from portal.services.account_statement import Statement
from portal.services.line_search import Filters
from portal.services.statements import Line, Slice, look_back
from portal.web_text import label, unit_name

#: the places of change and balance among the columns of a history and of a statement
FIGURES = (6, 7)
#: the kinds a history is narrowed to
KINDS = (
    MovementKind.ISSUE,
    MovementKind.ISSUE_JVER,
    MovementKind.TRANSFER,
    MovementKind.RETIRE,
    MovementKind.CANCEL,
    MovementKind.OFFSET,
    MovementKind.CARRY_OVER,
    MovementKind.CORRECTION,
)


def typed_day(text: str | None) -> date | None:
    """A day as a date input sends it, or as people type it; anything else narrows nothing."""
    plain = (text or "").strip().replace("/", "-")
    try:
        return datetime.strptime(plain, "%Y-%m-%d").date()
    except ValueError:
        return None


def typed_number(name: str) -> int | None:
    """A row's number in the address; anything else narrows nothing."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def asked_page(
    session: Session, account: Account, filters: Filters, address: Callable[..., str]
) -> tuple[Slice, str, str]:
    """The page of an account's narrowed lines that the address asks for, and where newer and older ones are.

    ``address`` gives the page beside it for ``before=`` or ``after=`` a line; empty where there is none.
    """
    found = look_back(session, account, filters, before=typed_number("before"), after=typed_number("after"))
    newer = address(after=found.newer) if found.newer is not None else ""
    older = address(before=found.older) if found.older is not None else ""
    return found, newer, older


def asked_filters() -> Filters:
    """What of the address narrows a history; what cannot be read narrows nothing."""
    kind = request.args.get("kind", "")
    return Filters(
        since=typed_day(request.args.get("from")),
        until=typed_day(request.args.get("to")),
        kind=MovementKind(kind) if kind in [k.value for k in KINDS] else None,
        other=request.args.get("other", "").strip()[:100],
        unit_class_id=typed_number("unit"),
        incoming={"in": True, "out": False}.get(request.args.get("way", "")),
    )


def as_of(filters: Filters) -> Filters:
    """The same, and nothing after the day of the page (``asof``): a history as of that day."""
    day = typed_day(request.args.get("asof"))
    if day is None or day >= clock.today():
        return filters
    return replace(filters, until=min(filters.until or day, day))


def kind_words(line: Line) -> str:
    """The kind of a line; a transfer says in which direction."""
    if line.kind is MovementKind.TRANSFER:
        return _("移転（受取）") if line.incoming else _("移転（送出）")
    return _("償却（期限後）") if line.late else label(line.kind)


def other_words(line: Line) -> str:
    """The name of the other account; the scheme's own accounts in the reader's language."""
    own = line.other_kind in (AccountKind.COMPLIANCE, AccountKind.TRADING)
    return line.other_name if own else label(line.other_kind)


def correction_words(line: Line, corrected: Mapping[int, str]) -> str:
    """T-000105の訂正, or T-000107で訂正されました; nothing of most lines."""
    if line.reverses_id is not None:
        return _("%(code)sの訂正", code=f"T-{line.reverses_id:06d}")
    code = corrected.get(line.transaction_id)
    return was_corrected(code) if code else ""


def was_corrected(code: str) -> str:
    """The same of one posting whose correction has this ledger number."""
    return _("%(code)sで訂正されました", code=code)


def line_words(session: Session, account: Account) -> dict[str, Any]:
    """What a template needs to say an account's lines in words."""
    return {
        "corrected": corrections.corrected(session, account),
        "correction_words": correction_words,
        "kind_words": kind_words,
        "other_words": other_words,
    }


def history_titles() -> list[str]:
    """The heads of a history's file."""
    return [
        _("日時"),
        _("取引番号"),
        _("種類"),
        _("相手の口座番号"),
        _("相手の口座名"),
        _("排出枠"),
        _("増減"),
        _("残高"),
        _("メモ"),
        _("訂正"),
    ]


def history_rows(lines: Iterable[Line], corrected: Mapping[int, str]) -> Iterator[list[Any]]:
    """Line by line; ``corrected``: ledger numbers of corrections by what they correct."""
    for line in lines:
        yield [
            line.at,
            line.code,
            kind_words(line),
            line.other_code,
            other_words(line),
            unit_name(line.unit_class),
            line.quantity,
            line.balance,
            line.note,
            correction_words(line, corrected),
        ]


def statement_titles() -> list[str]:
    """The heads of a statement's file."""
    return [
        _("排出枠"),
        _("日時"),
        _("取引番号"),
        _("種類"),
        _("相手の口座番号"),
        _("相手の口座名"),
        _("増減"),
        _("残高"),
        _("メモ"),
        _("訂正"),
    ]


def statement_rows(made: Statement, corrected: Mapping[int, str]) -> Iterator[list[Any]]:
    """Class by class: what stood at the beginning, every line, what is left."""
    for one in made.classes:
        unit = unit_name(one.unit_class)
        yield [unit, made.since, "", _("はじめの残高"), "", "", None, one.opening, "", ""]
        for line in one.lines:
            yield [
                unit,
                line.at,
                line.code,
                kind_words(line),
                line.other_code,
                other_words(line),
                line.quantity,
                line.balance,
                line.note,
                correction_words(line, corrected),
            ]
        yield [unit, made.until, "", _("終わりの残高"), "", "", None, one.closing, "", ""]
