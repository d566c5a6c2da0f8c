"""The checks that an officer sees on an application (domain §3)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, auto

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal
from portal.models import (
    Account,
    Contact,
    Holder,
    Organisation,
    ParticipantKind,
    PhaseRule,
    RegistrationApplication,
)
from portal.services.near_duplicates import NearDuplicate, near_duplicates
from portal.services.numbers import search_key
from portal.services.registration_data import OPEN_STATES as OPEN_STATES
from portal.services.registration_data import ApplicationData, data_of, form_problems

#: an index entry of PostgreSQL holds 2,704 bytes; a kanji takes three
_KEY_LIMIT = 850


class CheckCode(StrEnum):
    """One line of the list of checks; the admin room words them."""

    SEAL = auto()
    CONSENT = auto()
    KANA = auto()
    POSTAL_CODE = auto()
    TELEPHONE = auto()
    MAIL = auto()
    CONTACT_COMPANY = auto()
    ACCOUNT_NAME = auto()
    SITE = auto()
    RECEIVED_ON = auto()


class CheckResult(StrEnum):
    OK = auto()  # 適合
    BAD = auto()  # 不備
    ASK = auto()  # 要確認


@dataclass(frozen=True)
class Check:
    """One check, its result, and the problems that make it bad (or worth a question)."""

    code: CheckCode
    result: CheckResult
    problems: tuple[Problem, ...] = ()


_FORM_CHECKS: dict[Refusal, CheckCode] = {
    Refusal.SEAL_MISSING: CheckCode.SEAL,
    Refusal.CONSENT_MISSING: CheckCode.CONSENT,
    Refusal.KANA_NOT_HIRAGANA: CheckCode.KANA,
    Refusal.JOINT_KANA_NEEDED: CheckCode.KANA,
    Refusal.POSTAL_CODE_FORM: CheckCode.POSTAL_CODE,
    Refusal.TELEPHONE_FORM: CheckCode.TELEPHONE,
    Refusal.MAIL_FORM: CheckCode.MAIL,
    Refusal.CONTACT_ELSEWHERE: CheckCode.CONTACT_COMPANY,
}


def joined_key(*texts: str | None) -> str:
    """Several folded texts for one search column, each kept apart from the next."""
    return ("|" + "|".join(search_key(text) for text in texts if text) + "|")[:_KEY_LIMIT]


def site_key(company: str, site: str, address: str) -> str:
    """By what a site is known again in a phase: representative, site name and address, folded."""
    key = "|".join(search_key(part) for part in (company, site, address))
    return key if len(key) <= 400 else f"{key[:330]}#{hashlib.sha256(key.encode()).hexdigest()}"


def paper_problems(data: ApplicationData) -> list[Problem]:
    """Seal and consent form, both needed before acceptance."""
    problems = []
    if not data.seal_received:
        problems.append(Problem(Refusal.SEAL_MISSING, "seal_received"))
    if not data.consent_received:
        problems.append(Problem(Refusal.CONSENT_MISSING, "consent_received"))
    return problems


def name_problem(session: Session, account_name: str | None, *, but: int | None = None) -> Problem | None:
    """ACCOUNT_NAME_TAKEN if an account (``but`` one) bears the name, however spaced or written in width."""
    folded = search_key(account_name)
    if not account_name or not folded:
        return None
    same = or_(Account.name == account_name, Account.search_key.startswith(f"|{folded}|", autoescape=True))
    query = select(Account).where(same, Account.id != but) if but is not None else select(Account).where(same)
    taken = session.scalars(query.limit(1)).first()
    if taken is None:
        return None
    return Problem(Refusal.ACCOUNT_NAME_TAKEN, "account_name", {"name": account_name, "account": taken.code})


def site_problem(session: Session, data: ApplicationData, *, but: int | None = None) -> Problem | None:
    """SITE_TAKEN if the site is already registered in the phase, by another holder than ``but``."""
    if data.kind is not ParticipantKind.HOLDER or data.phase_id is None:
        return None
    key = site_key(data.company_name, data.site_name or "", data.site_address or "")
    query = select(Holder).where(Holder.phase_id == data.phase_id, Holder.site_key == key)
    taken = session.scalars(query.where(Holder.id != but) if but is not None else query).first()
    if taken is None:
        return None
    return Problem(Refusal.SITE_TAKEN, "site_name", {"account": taken.account.code})


def application_dues(session: Session) -> dict[int, date]:
    """The day by which applications of each phase are due, by the phase's id, as it is in force now."""
    query = select(PhaseRule.phase_id, PhaseRule.application_due).where(PhaseRule.superseded_at.is_(None))
    return {phase_id: due for phase_id, due in session.execute(query)}


def is_late(received_on: date, due: date | None) -> bool:
    """Whether what was received on that day came after the last one."""
    return due is not None and received_on > due


def late_problem(session: Session, data: ApplicationData) -> Problem | None:
    """RECEIVED_LATE, to be asked about: a holder's application received after its phase's day (domain §2)."""
    if data.phase_id is None:
        return None
    due = application_dues(session).get(data.phase_id)
    if due is None or not is_late(data.received_on, due):
        return None
    return Problem(Refusal.RECEIVED_LATE, "received_on", {"due": due})


def acceptance_problems(session: Session, data: ApplicationData) -> list[Problem]:
    """Everything that stands against accepting the application, all at once."""
    register = (name_problem(session, data.account_name), site_problem(session, data))
    return form_problems(data) + paper_problems(data) + [p for p in register if p is not None]


def bad_by_itself(application: RegistrationApplication) -> int:
    """How many checks the application's own items and papers fail; no query (joint companies loaded)."""
    data = data_of(application)
    found = form_problems(data) + paper_problems(data)
    return len({code for problem in found if (code := _code_of(problem)) is not None})


def _code_of(problem: Problem) -> CheckCode | None:
    return _FORM_CHECKS.get(problem.refusal)


def checks(
    session: Session,
    application: RegistrationApplication,
    similar: Sequence[NearDuplicate] | None = None,
) -> list[Check]:
    """The checks in the order of the page; those the kind's form does not ask are left out.

    A decided application is judged by its form and papers only: its own account bears the name.
    ``similar``: its near-duplicates, where the caller has them already.
    """
    data = data_of(application)
    still_open = application.state in OPEN_STATES
    found = form_problems(data) + paper_problems(data)
    by_code: dict[CheckCode, list[Problem]] = {code: [] for code in CheckCode}
    for problem in found:
        code = _code_of(problem)
        if code is not None:
            by_code[code].append(problem)
    asks: set[CheckCode] = set()
    if still_open:
        for code, taken in (
            (CheckCode.ACCOUNT_NAME, name_problem(session, data.account_name)),
            (CheckCode.SITE, site_problem(session, data)),
        ):
            if taken is not None:
                by_code[code].append(taken)
        for duplicate in near_duplicates(session, application) if similar is None else similar:
            asks |= {CheckCode.SITE}
            asks |= {CheckCode.ACCOUNT_NAME} if "account_name" in duplicate.matches else set()
    late = late_problem(session, data)
    left_out = set()
    if application.kind is not ParticipantKind.HOLDER:
        left_out |= {CheckCode.SITE, CheckCode.RECEIVED_ON}
    if application.kind is ParticipantKind.VERIFIER:
        left_out.add(CheckCode.ACCOUNT_NAME)
    found_by_code = [
        Check(code, _result(code, problems, asks), tuple(problems))
        for code, problems in by_code.items()
        if code not in left_out
    ]
    if late is None:
        return found_by_code
    # decided: it is asked about, not refused; the office may have had a reason to take it
    asked = Check(CheckCode.RECEIVED_ON, CheckResult.ASK, (late,))
    return [asked if one.code is CheckCode.RECEIVED_ON else one for one in found_by_code]


def _result(code: CheckCode, problems: list[Problem], asks: Collection[CheckCode]) -> CheckResult:
    if problems:
        return CheckResult.BAD
    return CheckResult.ASK if code in asks else CheckResult.OK


def application_key(number: str, data: ApplicationData) -> str:
    """What the list of applications is searched by: number, names in kanji and kana, mail."""
    joint = (text for pair in data.joint_companies for text in pair)
    return joined_key(
        number,
        data.company_name,
        data.company_kana,
        data.site_name,
        data.site_kana,
        data.mail_a,
        data.contact_name,
        data.contact_kana,
        data.account_name,
        *joint,
    )


def participant_key(
    code: str, companies: Collection[Organisation], contact: Contact, *texts: str | None
) -> str:
    """What participants and accounts are searched by: number, companies, contact, further texts."""
    names = (text for company in companies for text in (company.name, company.name_kana))
    return joined_key(code, *names, *texts, contact.name, contact.name_kana, contact.mail)


def account_key(name: str, code: str, *texts: str | None) -> str:
    """An account's search key; it begins with the folded name, by which names are unique."""
    return joined_key(name, code, *texts)
