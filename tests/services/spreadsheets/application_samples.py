"""Application forms filled in as an applicant does it, cell by cell; the companies are invented."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets.application_blank import build_application
from portal.services.spreadsheets.layouts import application as form
from portal.services.spreadsheets.layouts.application import Kind

KINDS: tuple[Kind, ...] = ("holder", "trader", "verifier")
APPLICATIONS = "tests/files/applications"

_COMPANY = {
    "company_name": "みほん印刷株式会社",
    "company_kana": "みほんいんさつかぶしきがいしゃ",
    "representative_name": "見本 一子",
    "representative_kana": "みほん いちこ",
    "contact_company": "みほん印刷株式会社",
    "contact_department": "環境部",
    "contact_post": "部長",
    "contact_name": "見本 太郎",
    "contact_kana": "みほん たろう",
    "contact_postal_code": "123-4567",
    "contact_address": "東京都千代田区XXX 1-2-3",
    "contact_telephone": "03-0000-0001",
    "contact_fax": "03-0000-0002",
    "mail_a": "taro@mihon.example",
}
_HOLDER = {
    "contact_company": "株式会社みほん不動産",
    "mail_b": "b@mihon.example",
    "joint_companies-0-name": "株式会社みほん不動産",
    "joint_companies-0-kana": "かぶしきがいしゃみほんふどうさん",
    "joint_companies-1-name": "みほん化学株式会社",
    "joint_companies-1-kana": "みほんかがくかぶしきがいしゃ",
    "disclosure_consent": "True",
    "site_name": "みほん第一ビル",
    "site_kana": "みほんだいいちびる",
    "site_address": "埼玉県XXX市XXX 4-5",
    "site_kind": "workplace",
    "participation": "single",
    "account_name": "みほん 第一ビル",
    "other_scheme": "False",
}
#: what each kind's form says, by field; choices by their value
VALUES: dict[Kind, dict[str, str]] = {
    "holder": _COMPANY | _HOLDER,
    "trader": _COMPANY | {"disclosure_consent": "False", "account_name": "みほん商会"},
    "verifier": dict(_COMPANY),
}


def cell(field: str, kind: Kind = "holder") -> str:
    """Where a field of the form is filled in."""
    return form.layout(kind).cells[field]


def written(kind: Kind, field: str, value: str, locale: str = "ja") -> str:
    """How an applicant writes ``value``: choices as the list offers them."""
    item = form.item_of(kind, field)
    options = item.options if item is not None else ()
    return next(((ja, en)[locale == "en"] for code, ja, en in options if code == value), value)


def opened(kind: Kind = "holder", locale: str = "ja", **changes: Any) -> tuple[Any, Worksheet]:
    """(workbook, sheet) of the filled form; ``changes`` by field are written as they are."""
    phase, adopted = (2, 2013) if kind == "holder" else (None, None)
    book = load_workbook(io.BytesIO(build_application(kind, phase, adopted, locale)), rich_text=True)
    sheet = book[form.SHEET]
    assert isinstance(sheet, Worksheet)
    for field, value in VALUES[kind].items():
        sheet[cell(field, kind)] = written(kind, field, value, locale)
    for field, value in changes.items():
        sheet[cell(field, kind)] = value
    return book, sheet


def saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def filled(kind: Kind = "holder", locale: str = "ja", **changes: Any) -> bytes:
    """The filled form as bytes."""
    return saved(opened(kind, locale, **changes)[0])


def changed(cells: Mapping[str, Any], kind: Kind = "holder") -> bytes:
    """The filled form with other values in ``cells``, the locked ones too."""
    book, sheet = opened(kind)
    for at, value in cells.items():
        sheet[at] = value
    return saved(book)
