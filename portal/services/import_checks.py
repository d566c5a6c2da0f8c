"""What the register and the file's other rows say about the rows of an import; never a query per row.

*Decided*: what could not be accepted anyhow (an account name or a site that is taken, the same
application twice) is refused, at its cell; what merely looks like another registration is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal.errors import Problem, Refusal
from portal.models import (
    Account,
    Holder,
    ParticipantKind,
    Phase,
    ReductionTarget,
    RegistrationApplication,
    TargetState,
)
from portal.services.import_rows import Judged
from portal.services.likeness import account_name_key, company_key, site_name_key
from portal.services.near_duplicates import alike_in_bulk, likeness_keys
from portal.services.numbers import search_key
from portal.services.registration_checks import OPEN_STATES, site_key
from portal.services.registration_data import ApplicationData
from portal.services.spreadsheets.import_words import Finding, refused
from portal.services.targets import TargetFacts, facts_for, judge

T = TypeVar("T")
#: how many values one query asks about
CHUNK = 250


def phases(session: Session) -> dict[int, int]:
    """Number of each phase → its id."""
    return {number: phase_id for number, phase_id in session.execute(select(Phase.number, Phase.id))}


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    every = sorted(set(values), key=str)
    for at in range(0, len(every), CHUNK):
        yield every[at : at + CHUNK]


# ---- applications


def applications(session: Session, rows: Sequence[Judged]) -> None:
    """Add to ``rows`` what stands against them in the file and in the register, and what they look like."""
    told = [(row, row.data) for row in rows if row.data is not None]
    _within_file(told)
    _taken_names(session, told)
    _taken_sites(session, told)
    _look_alikes(session, told)


Told = Sequence[tuple[Judged, ApplicationData]]


def _site(data: ApplicationData) -> str | None:
    if data.kind is not ParticipantKind.HOLDER or not (data.site_name and data.site_address):
        return None
    return site_key(data.company_name, data.site_name, data.site_address)


def _company(data: ApplicationData) -> tuple[str, str] | None:
    # a trader or a verifier registers once
    if data.kind is ParticipantKind.HOLDER or not data.company_name:
        return None
    return data.kind.value, search_key(data.company_name)


def _within_file(told: Told) -> None:
    def twice(code: str, name: str, key_of: Callable[[ApplicationData], Any]) -> None:
        first: dict[Any, Judged] = {}
        for row, data in told:
            key = key_of(data)
            if key is None:
                continue
            if key in first:
                row.wrong(Finding(code, figures=first[key].place), name)
            else:
                first[key] = row

    twice("same_name_in_file", "account_name", lambda data: search_key(data.account_name) or None)
    twice(
        "same_site_in_file",
        "site_name",
        lambda data: (data.phase_id, key) if (key := _site(data)) and data.phase_id else None,
    )
    twice("same_company_in_file", "company_name", _company)


def _taken_names(session: Session, told: Told) -> None:
    """ACCOUNT_NAME_TAKEN by an account, or by an application that is still open."""
    by_name: dict[str, str] = {}
    for names in _chunks(key for _row, data in told if (key := search_key(data.account_name))):
        begins = (Account.search_key.startswith(f"|{name}|", autoescape=True) for name in names)
        for account in session.scalars(select(Account).where(or_(*begins))):
            by_name.setdefault(account.search_key.split("|")[1], account.code)
    for keys in _chunks(key for _row, data in told if (key := account_name_key(data.account_name))):
        # by the folded, indexed key; what is refused is the name as accounts are compared, below
        query = select(RegistrationApplication.account_name, RegistrationApplication.number).where(
            RegistrationApplication.state.in_(OPEN_STATES),
            RegistrationApplication.account_name_key.in_(keys),
        )
        for name, number in session.execute(query):
            by_name.setdefault(search_key(name), number)
    for row, data in told:
        holder = by_name.get(search_key(data.account_name))
        if data.account_name and holder is not None:
            figures = {"name": data.account_name, "account": holder}
            row.wrong(refused(Problem(Refusal.ACCOUNT_NAME_TAKEN, None, figures)), "account_name")


def _taken_sites(session: Session, told: Told) -> None:
    """SITE_TAKEN by a holder of the same phase."""
    by_site: dict[tuple[int | None, str], str] = {}
    for keys in _chunks(key for _row, data in told if (key := _site(data))):
        query = select(Holder).where(Holder.site_key.in_(keys)).options(joinedload(Holder.account))
        for holder in session.scalars(query):
            by_site[holder.phase_id, holder.site_key] = holder.account.code
    for row, data in told:
        taken = by_site.get((data.phase_id, _site(data) or ""))
        if taken is not None:
            row.wrong(refused(Problem(Refusal.SITE_TAKEN, None, {"account": taken})), "site_name")


def _look_alikes(session: Session, told: Told) -> None:
    """What acceptance will show as near-duplicates, told beforehand; one that is the same refuses."""
    asked = [(data.kind, likeness_keys(data)) for _row, data in told]
    for (row, data), found in zip(told, alike_in_bulk(session, asked), strict=True):
        _compare(row, data, found)


def _compare(
    row: Judged, data: ApplicationData, ranked: Sequence[tuple[RegistrationApplication, tuple[str, ...]]]
) -> None:
    same = next(
        (other for other, _items in ranked if other.state in OPEN_STATES and _same(data, other)), None
    )
    if same is not None:
        finding = Finding("received_already", figures={"place": same.number})
        row.wrong(finding, "site_name" if data.kind is ParticipantKind.HOLDER else "company_name")
    row.similar += [
        {
            "id": other.id,
            "number": other.number,
            "label": "　".join(part for part in (other.company_name, other.site_name) if part),
            "state": other.state.value,
            "matches": list(items),
        }
        for other, items in ranked
    ]


def _same(data: ApplicationData, other: RegistrationApplication) -> bool:
    if data.kind is not ParticipantKind.HOLDER:
        return search_key(data.company_name) == search_key(other.company_name)
    theirs = site_key(other.company_name, other.site_name or "", other.site_address or "")
    return data.phase_id == other.phase_id and _site(data) == theirs


# ---- reduction targets


def targets(session: Session, rows: Sequence[Judged]) -> None:
    """Add to ``rows`` what stands against these targets: unknown holders, targets that exist, base years."""
    holders = _holders(session, [row.account for row in rows if row.account is not None])
    facts: dict[int, TargetFacts] = {}
    for chunk in _chunks(holder.id for holder in holders.values()):
        facts |= facts_for(session, chunk)
    first: dict[int, Judged] = {}
    for row in rows:
        if row.account is None:
            continue
        if row.account in first:
            row.wrong(Finding("same_account_in_file", figures=first[row.account].place), "account")
            continue
        first[row.account] = row
        holder = holders.get(row.account)
        if holder is None:
            row.wrong(refused(Problem(Refusal.HOLDER_UNKNOWN)), "account")
            continue
        _judge_target(row, holder, facts[holder.id])


def _judge_target(row: Judged, holder: Holder, facts: TargetFacts) -> None:
    row.label = f"{holder.account.code}　{holder.label}"[:400]
    row.values |= {"holder_id": holder.id, "phase": holder.phase.number}
    for name, theirs, key in (
        ("company_name", holder.representative.name, company_key),
        ("site_name", holder.site_name, site_name_key),
    ):
        said = row.values.get(name)
        if said and key(str(said)) != key(theirs):
            row.wrong(Finding("not_the_holder", expected=theirs), name)
    if facts.proposed is not None or facts.confirmed is not None:
        # a confirmed one is replaced at the desk only, with a reason
        row.wrong(refused(Problem(Refusal.TARGET_EXISTS)), "quantity")
    elif row.quantity is not None:
        for problem in judge(facts, row.quantity):
            row.wrong(refused(problem), "quantity")


def _holders(session: Session, accounts: Iterable[int]) -> dict[int, Holder]:
    found: dict[int, Holder] = {}
    for chunk in _chunks(accounts):
        query = (
            select(Holder)
            .join(Holder.account)
            .where(Account.id.in_(chunk))
            .options(joinedload(Holder.account), joinedload(Holder.representative), joinedload(Holder.phase))
        )
        found |= {holder.account.id: holder for holder in session.scalars(query)}
    return found


def without_target(session: Session, phase_id: int) -> list[tuple[str, str, str]]:
    """(account number, company, site) of the phase's holders that have no target yet, by account."""
    has_one = select(ReductionTarget.holder_id).where(
        ReductionTarget.state != TargetState.WITHDRAWN, ReductionTarget.superseded_at.is_(None)
    )
    query = (
        select(Holder)
        .join(Holder.account)
        .where(Holder.phase_id == phase_id, Holder.id.not_in(has_one))
        .options(joinedload(Holder.account), joinedload(Holder.representative))
        .order_by(Account.id)
    )
    return [(one.account.code, one.representative.name, one.site_name) for one in session.scalars(query)]
