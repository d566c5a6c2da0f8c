"""Workbooks of many rows as an office fills them: the portal's own blank ones, typed into with openpyxl."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Import, ImportKind, ParticipantKind, Participation, SiteKind, User
from portal.services import imports, jobs
from portal.services.registration import ApplicationData
from portal.services.spreadsheets import import_blank
from portal.services.spreadsheets.layouts import imports as layout
from portal.services.transaction import one_transaction

_WORDS: dict[Any, str] = {
    SiteKind.FACTORY: "工場",
    SiteKind.WORKPLACE: "事業場",
    Participation.SINGLE: "単独",
    Participation.GROUP: "グループ",
}
_SHEETS = {one.kind: one for one in layout.applications()}


def plain_holder(n: int) -> ApplicationData:
    """The ``n``-th of many invented holders, complete and correct; the phase is said by the workbook."""
    company = f"みほん第{n}工業株式会社"
    return ApplicationData(
        kind=ParticipantKind.HOLDER,
        received_on=date(2013, 9, 2),
        phase_id=2,
        company_name=company,
        company_kana=f"みほんだい{'あいうえおかきくけこ'[n % 10] * (n // 10 % 10 + 1)}こうぎょう",
        representative_name="見本 太郎",
        representative_kana="みほん たろう",
        joint_companies=((f"みほんリース{n}株式会社", "みほんりーす"),) if n % 3 == 0 else (),
        contact_company=company,
        contact_department="総務部",
        contact_post="環境課長",
        contact_name="見本 花子",
        contact_kana="みほん はなこ",
        contact_postal_code=f"{100 + n % 900}-{n % 10000:04d}",
        contact_address=f"みほん県みほん市{n}-1",
        contact_telephone=f"03-0000-{n % 10000:04d}",
        mail_a=f"a{n}@mihon.example",
        mail_b=f"b{n}@mihon.example" if n % 2 else None,
        disclosure_consent=n % 5 != 0,
        site_name=f"第{n}工場",
        site_kana="だいこうじょう",
        site_address=f"みほん県みほん市{n}-2-{n}",
        site_kind=SiteKind.FACTORY if n % 4 else SiteKind.WORKPLACE,
        participation=Participation.SINGLE,
        other_scheme=False,
        account_name=f"みほん第{n}工業 第{n}工場",
        seal_received=n % 2 == 0,
        consent_received=True,
    )


def plain_trader(n: int) -> ApplicationData:
    """The ``n``-th invented trader."""
    company = f"みほん第{n}商事株式会社"
    return replace(
        plain_holder(n),
        kind=ParticipantKind.TRADER,
        phase_id=None,
        company_name=company,
        contact_company=company,
        account_name=company,
        joint_companies=(),
        mail_b=None,
        site_name=None,
        site_kana=None,
        site_address=None,
        site_kind=None,
        participation=None,
        other_scheme=None,
    )


def plain_verifier(n: int) -> ApplicationData:
    """The ``n``-th invented verifier."""
    company = f"一般財団法人みほん第{n}検証協会"
    return replace(
        plain_trader(n),
        kind=ParticipantKind.VERIFIER,
        company_name=company,
        contact_company=company,
        account_name=None,
        disclosure_consent=False,
    )


def cells_of(data: ApplicationData, *, phase: int = 2) -> dict[str, Any]:
    """An application as it stands in the columns of its sheet: field → what is typed."""
    typed: dict[str, Any] = {"phase": f"第{phase}期"}
    for item in fields(data):
        value = getattr(data, item.name)
        if isinstance(value, bool):
            typed[item.name] = "はい" if value else "いいえ"
        elif value in _WORDS:
            typed[item.name] = _WORDS[value]
        elif value is not None:
            typed[item.name] = value
    typed["disclosure_consent"] = "同意する" if data.disclosure_consent else "同意しない"
    typed["other_scheme"] = "有" if data.other_scheme else "無"
    for n, (name, kana) in enumerate(data.joint_companies):
        typed |= {f"joint_companies-{n}-name": name, f"joint_companies-{n}-kana": kana}
    return typed


def workbook(
    items: Sequence[ApplicationData],
    changes: Mapping[int, Mapping[str, Any]] | None = None,
    *,
    phase: int = 2,
) -> bytes:
    """A filled workbook of applications; ``changes``: index of the item → field → what is typed instead."""
    book = load_workbook(io.BytesIO(import_blank.build("applications", phases=(1, 2))), rich_text=True)
    rows = dict.fromkeys(_SHEETS, layout.FIRST_ROW)
    for index, data in enumerate(items):
        one = _SHEETS[data.kind.value]
        typed = {**cells_of(data, phase=phase), **(changes or {}).get(index, {})}
        sheet, row = book[one.sheet], rows[one.kind]
        for at, column in enumerate(one.columns, 1):
            if typed.get(column.field) is not None:
                sheet.cell(row, at, typed[column.field])
        rows[one.kind] += 1
    return saved(book)


def of_targets(rows: Sequence[Sequence[Any]]) -> bytes:
    """A filled workbook of targets: account number, company, site, quantity."""
    book = load_workbook(io.BytesIO(import_blank.build("targets")), rich_text=True)
    sheet = book[layout.targets()[0].sheet]
    for number, values in enumerate(rows, layout.FIRST_ROW):
        for at, value in enumerate(values, 1):
            sheet.cell(number, at, value)
    return saved(book)


def saved(book: Any) -> bytes:
    """The bytes of an openpyxl workbook."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def letters(field: str, kind: str = "holder") -> str:
    """The letters of a field's column."""
    columns = (layout.targets()[0] if kind == "target" else _SHEETS[kind]).columns
    return get_column_letter(1 + next(n for n, one in enumerate(columns) if one.field == field))


def send(session: Session, data: bytes, *, actor: User, kind: ImportKind = ImportKind.APPLICATIONS) -> int:
    """Upload a workbook; the import's id."""
    with one_transaction(session):
        row = imports.upload(session, kind, "みほん.xlsx", data, actor=actor, limit_mb=20)
        return row.id


def work(engine: Engine) -> None:
    """Let the worker do what waits of imports."""
    while jobs.run_one(lambda: make_session(engine)) is not None:
        pass


def state_of(session: Session, import_id: int) -> Import:
    """The import as it stands in the database now."""
    session.rollback()
    return session.get_one(Import, import_id, populate_existing=True)
