"""What a registration form says, made tidy and judged field by field (domain §3).

The same rules serve recording, correcting and accepting, and the contact change online.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import String

from portal import clock
from portal.errors import Problem, Refusal
from portal.models import (
    ApplicationJointCompany,
    ApplicationState,
    ParticipantKind,
    Participation,
    RegistrationApplication,
    SiteKind,
)
from portal.services.letter_pdf import check_letter_text
from portal.services.numbers import search_key


@dataclass(frozen=True)
class ApplicationData:
    """The items of the paper form. Field names are the form's field names and the columns' names.

    ``joint_companies`` are (name, kana). Traders leave phase, site and ``mail_b`` empty, verifiers
    the account name too.
    """

    kind: ParticipantKind
    received_on: date
    company_name: str = ""
    company_kana: str = ""
    representative_name: str = ""
    representative_kana: str = ""
    joint_companies: tuple[tuple[str, str], ...] = ()
    contact_company: str = ""
    contact_department: str | None = None
    contact_post: str | None = None
    contact_name: str = ""
    contact_kana: str = ""
    contact_postal_code: str = ""
    contact_address: str = ""
    contact_telephone: str = ""
    contact_fax: str | None = None
    mail_a: str = ""
    mail_b: str | None = None
    #: nobody is taken to have said no: what was not answered is asked for (verifiers are not asked)
    disclosure_consent: bool | None = None
    phase_id: int | None = None
    site_name: str | None = None
    site_kana: str | None = None
    site_address: str | None = None
    site_kind: SiteKind | None = None
    participation: Participation | None = None
    other_scheme: bool | None = None
    account_name: str | None = None
    seal_received: bool = False
    consent_received: bool = False
    note: str | None = None


#: the items in the order of the form, by its parts; a kind of participant has those its form asks
COMPANY_ITEMS = (
    "company_name",
    "company_kana",
    "representative_name",
    "representative_kana",
    "joint_companies",
)
CONTACT_ITEMS = (
    "contact_company",
    "contact_department",
    "contact_post",
    "contact_name",
    "contact_kana",
    "contact_postal_code",
    "contact_address",
    "contact_telephone",
    "contact_fax",
    "mail_a",
    "mail_b",
    "disclosure_consent",
)
SITE_ITEMS = (
    "site_name",
    "site_kana",
    "site_address",
    "site_kind",
    "participation",
    "account_name",
    "other_scheme",
)
#: not decided yet
OPEN_STATES = (ApplicationState.RECEIVED, ApplicationState.CORRECTION_ASKED)
REQUIRED = (
    "company_name",
    "company_kana",
    "representative_name",
    "representative_kana",
    "contact_company",
    "contact_name",
    "contact_kana",
    "contact_postal_code",
    "contact_address",
    "contact_telephone",
    "mail_a",
)
HOLDER_REQUIRED = (
    "site_name",
    "site_kana",
    "site_address",
    "site_kind",
    "participation",
    "other_scheme",
    "account_name",
)
HOLDER_ONLY = ("phase_id", "mail_b", *HOLDER_REQUIRED[:-1])
KANA = ("company_kana", "representative_kana", "contact_kana", "site_kana")
PRINTED = (
    "company_name",
    "contact_company",
    "contact_department",
    "contact_post",
    "contact_name",
    "contact_postal_code",
    "contact_address",
    "site_name",
    "account_name",
)
CODES = ("contact_postal_code", "contact_telephone", "contact_fax", "mail_a", "mail_b")

#: a run of signs that are no hiragana, as it was typed (リース with its ー)
_NOT_KANA = re.compile(r"[^ぁ-ゖゝゞー・ \u3000]+(?:ー+[^ぁ-ゖゝゞー・ \u3000]+)*")
_POSTAL = re.compile(r"[0-9]{3}-[0-9]{4}")
_PHONE = re.compile(r"0[0-9]{1,4}-[0-9]{1,4}-[0-9]{3,4}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
_HYPHENS = re.compile("[‐‑‒–—―−ー－]")


def tidy(text: str | None) -> str:
    """Without control characters and surrounding blanks, each sign in its composed form."""
    plain = re.sub(r"[\t\r\n\v\f\x85\u2028\u2029]+", " ", unicodedata.normalize("NFC", text or ""))
    return "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def tidy_code(text: str | None) -> str:
    """A postal code, number or mail address in half-width signs without blanks."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", tidy(text)))
    return plain if "@" in plain else _HYPHENS.sub("-", plain).removeprefix("〒")


def tidy_postal(text: str | None) -> str:
    """A postal code as 123-4567: seven digits alone can mean nothing else."""
    code = tidy_code(text)
    return f"{code[:3]}-{code[3:]}" if re.fullmatch("[0-9]{7}", code) else code


def tidy_item(name: str, text: str | None) -> str:
    """An item as it is stored, by its name: codes and addresses of mail in half-width signs."""
    if name == "contact_postal_code":
        return tidy_postal(text)
    return tidy_code(text) if name in CODES else tidy(text)


def normalised(data: ApplicationData) -> ApplicationData:
    """``data`` as it will be stored; what the kind's form does not ask is dropped."""
    values: dict[str, Any] = {}
    for item in fields(data):
        value = getattr(data, item.name)
        if isinstance(value, str) and not isinstance(value, ParticipantKind | SiteKind | Participation):
            values[item.name] = tidy_item(item.name, value)
    joint = tuple((tidy(name), tidy(kana)) for name, kana in data.joint_companies)
    values["joint_companies"] = tuple(pair for pair in joint if any(pair))
    for name in ("contact_department", "contact_post", "contact_fax", "mail_b", "note"):
        values[name] = values.get(name) or None
    if data.kind is not ParticipantKind.HOLDER:
        values |= dict.fromkeys(HOLDER_ONLY)
        values["joint_companies"] = ()
        values["contact_company"] = values.get("contact_company") or values.get("company_name") or ""
    if data.kind is ParticipantKind.VERIFIER:
        values["account_name"] = None
        values["disclosure_consent"] = False
    return replace(data, **values)


def data_of(row: RegistrationApplication) -> ApplicationData:
    """The items of a stored application, for a form that changes it."""
    values = {f.name: getattr(row, f.name) for f in fields(ApplicationData) if f.name != "joint_companies"}
    return ApplicationData(
        joint_companies=tuple((j.name, j.name_kana) for j in row.joint_companies), **values
    )


def json_of(data: ApplicationData) -> dict[str, Any]:
    """``data`` as JSON values, for events and keys."""
    return {
        name: value.isoformat()
        if isinstance(value, date)
        else [list(v) for v in value]
        if isinstance(value, tuple)
        else value
        for name, value in asdict(data).items()
    }


def data_from_json(values: dict[str, Any]) -> ApplicationData:
    """The data that :func:`json_of` wrote."""
    given = dict(values)
    choices: tuple[tuple[str, type[StrEnum]], ...] = (
        ("kind", ParticipantKind),
        ("site_kind", SiteKind),
        ("participation", Participation),
    )
    for name, member in choices:
        given[name] = member(given[name]) if given[name] is not None else None
    given["received_on"] = date.fromisoformat(given["received_on"])
    given["joint_companies"] = tuple((name, kana) for name, kana in given["joint_companies"])
    return ApplicationData(**given)


def kana_problem(text: str, field: str) -> Problem | None:
    """KANA_NOT_HIRAGANA naming the runs that are none, as they were typed."""
    found = "、".join(dict.fromkeys(_NOT_KANA.findall(text)))[:40]
    return Problem(Refusal.KANA_NOT_HIRAGANA, field, {"found": found}) if found else None


def _shape(pattern: re.Pattern[str], refusal: Refusal) -> Callable[[str, str], Problem | None]:
    return lambda text, field: None if pattern.fullmatch(text) else Problem(refusal, field)


postal_problem = _shape(_POSTAL, Refusal.POSTAL_CODE_FORM)
mail_problem = _shape(_MAIL, Refusal.MAIL_FORM)


def phone_problem(text: str, field: str) -> Problem | None:
    """TELEPHONE_FORM unless it reads like 03-1234-5678 with 10 or 11 digits in all."""
    digits = sum(c.isdigit() for c in text)
    good = _PHONE.fullmatch(text) is not None and digits in (10, 11)
    return None if good else Problem(Refusal.TELEPHONE_FORM, field)


def glyph_problem(text: str, field: str) -> Problem | None:
    """GLYPH_MISSING naming what the letter font cannot print."""
    found = "".join(check_letter_text(text))[:20]
    return Problem(Refusal.GLYPH_MISSING, field, {"found": found}) if found else None


_SHAPES: dict[str, Callable[[str, str], Problem | None]] = {
    **dict.fromkeys(KANA, kana_problem),
    "contact_postal_code": postal_problem,
    "contact_telephone": phone_problem,
    "contact_fax": phone_problem,
    "mail_a": mail_problem,
    "mail_b": mail_problem,
}


@cache
def limit_of(field: str) -> int | None:
    """How many characters a field of the form holds."""
    column = RegistrationApplication.__table__.columns.get(field)
    return column.type.length if column is not None and isinstance(column.type, String) else None


def _field_problems(data: ApplicationData, required: tuple[str, ...]) -> list[Problem]:
    problems = []
    for item in fields(data):
        name, value = item.name, getattr(data, item.name)
        if value is None or value == "":
            if name in required:
                problems.append(Problem(Refusal.REQUIRED, name))
            continue
        if not isinstance(value, str):
            continue
        limit = limit_of(name)
        if limit is not None and len(value) > limit:
            problems.append(Problem(Refusal.TOO_LONG, name, {"limit": limit}))
        shape = _SHAPES.get(name)
        found = shape(value, name) if shape else None
        if found is None and name in PRINTED:
            found = glyph_problem(value, name)
        if found is not None:
            problems.append(found)
    return problems


def _joint_problems(data: ApplicationData) -> list[Problem]:
    problems: list[Problem | None] = []
    limit = ApplicationJointCompany.name.type.length
    for index, (name, kana) in enumerate(data.joint_companies):
        field = f"joint_companies-{index}"
        if not (name and kana):
            problems.append(Problem(Refusal.JOINT_KANA_NEEDED, f"{field}-{'kana' if name else 'name'}"))
        for part, text in (("name", name), ("kana", kana)):
            if len(text) > limit:
                problems.append(Problem(Refusal.TOO_LONG, f"{field}-{part}", {"limit": limit}))
        problems += [kana_problem(kana, f"{field}-kana"), glyph_problem(name, f"{field}-name")]
    return [problem for problem in problems if problem is not None]


def form_problems(data: ApplicationData) -> list[Problem]:
    """Everything wrong with the form by itself, at its fields, in the form's order.

    ``data`` must be :func:`normalised`. What needs the database or the papers is judged elsewhere.
    """
    required: tuple[str, ...] = REQUIRED
    if data.kind is ParticipantKind.HOLDER:
        required = (*REQUIRED, *HOLDER_REQUIRED, "disclosure_consent")
    elif data.kind is ParticipantKind.TRADER:
        required = (*REQUIRED, "account_name", "disclosure_consent")
    problems = _field_problems(data, required)
    if data.kind is ParticipantKind.HOLDER and data.phase_id is None:
        problems.insert(0, Problem(Refusal.PHASE_NEEDED, "phase_id"))
    if data.received_on > clock.today():
        problems.append(Problem(Refusal.DATE_IN_FUTURE, "received_on"))
    problems += _joint_problems(data)
    companies = (data.company_name, *(name for name, _ in data.joint_companies))
    if data.contact_company and search_key(data.contact_company) not in map(search_key, companies):
        problems.append(Problem(Refusal.CONTACT_ELSEWHERE, "contact_company"))
    return problems
