"""担当者リスト: who agreed to be found by whom who agreed, page by page (domain §2, safety 15).

Everything is asked of the database at each look, so a consent that is withdrawn works at once. No
figure of any kind is here.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, or_, select, true
from sqlalchemy.orm import Session, aliased

from portal.models import Account, AccountKind, AccountState, Contact, Holder, Organisation, Trader, User
from portal.permissions import Permission, may
from portal.services.contacts import own_participant
from portal.services.numbers import search_key

PER_PAGE = 50
#: more words than these nobody types
MOST_WORDS = 10

#: the participant's company: the applicant, for a holder its representative company
Company = aliased(Organisation, name="company")
#: the contact person's own company: the same, or a joint company
Employer = aliased(Organisation, name="employer")

CONSENTED: ColumnElement[bool] = or_(Holder.disclosure_consent.is_(True), Trader.disclosure_consent.is_(True))
#: who stands in the list that consenting participants read
LISTED: ColumnElement[bool] = and_(CONSENTED, Account.state != AccountState.CLOSED)


class Standing(StrEnum):
    """Whether a login may read the list, and if not, why."""

    READS = "reads"
    NO_CONSENT = "no_consent"
    CLOSED = "closed"
    NOT_FOR = "not_for"


@dataclass(frozen=True)
class Entry:
    """One participant and how to reach it. ``employer`` is the contact's company where it is another."""

    account: str
    account_name: str
    kind: AccountKind
    company: str
    employer: str | None
    department: str | None
    contact_name: str
    telephone: str
    mail: str


@dataclass(frozen=True)
class EntryPage:
    """One page of entries; ``page`` counts from 1, ``first`` is the number of its first entry."""

    entries: list[Entry]
    total: int
    page: int = 1
    pages: int = 1

    @property
    def first(self) -> int:
        return (self.page - 1) * PER_PAGE + 1


def with_people(query: Any) -> Any:
    """``query`` of accounts with their participants, companies and contacts; the scheme's own drop out."""
    return (
        query.outerjoin(Holder, Holder.id == Account.holder_id)
        .outerjoin(Trader, Trader.id == Account.trader_id)
        .join(Company, Company.id == func.coalesce(Holder.representative_id, Trader.organisation_id))
        .join(Contact, Contact.id == func.coalesce(Holder.contact_id, Trader.contact_id))
        .join(Employer, Employer.id == Contact.organisation_id)
    )


def matching(words: str) -> ColumnElement[bool]:
    """Every word stands in something the list shows, or in its kana; nothing else is searched.

    The participants' search keys are not used: they hold what the list does not show.
    """
    return and_(true(), *(_found(word) for word in words.split()[:MOST_WORDS]))


def _found(word: str) -> ColumnElement[bool]:
    plain, folded = unicodedata.normalize("NFKC", word).casefold(), search_key(word)
    shown = (
        Account.name,
        Company.name,
        Employer.name,
        Contact.department,
        Contact.name,
        Contact.telephone,
        Contact.mail,
    )
    found = [func.lower(column).contains(plain, autoescape=True) for column in shown]
    if word != plain:  # as it is written there
        found += [column.contains(word, autoescape=True) for column in shown]
    if folded and "|" not in folded:  # it parts the texts of a key
        keys: tuple[Any, ...] = (
            literal("ast") + cast(Account.id, String),
            Account.search_key,  # number, name of the account, the company with its kana
            Company.search_key,
            Employer.search_key,
            _joined(Contact.name),
            _joined(Contact.name_kana),
            func.replace(Contact.telephone, "-", ""),
        )
        found += [column.contains(folded, autoescape=True) for column in keys]
    return or_(*found)


def _joined(column: Any) -> ColumnElement[Any]:
    """A name without the blank between its parts, as a search key has it."""
    return func.replace(func.replace(column, " ", ""), "\u3000", "")


def standing(session: Session, actor: User) -> Standing:
    """Whether ``actor`` reads the list: the secretariat always, a participant while it stands in it itself.

    Login B reads with its holder; a verifier never (domain §2). *Decided*: a closed account ends it.
    """
    if may(actor.role, Permission.DIRECTORY_ALL):
        return Standing.READS
    if not may(actor.role, Permission.DIRECTORY_VIEW):
        return Standing.NOT_FOR
    own = own_participant(session, actor)
    if not isinstance(own, Holder | Trader):
        return Standing.NOT_FOR
    if not own.disclosure_consent:
        return Standing.NO_CONSENT
    return Standing.CLOSED if own.account.state is AccountState.CLOSED else Standing.READS


def look(
    session: Session, actor: User, *, words: str = "", kind: AccountKind | None = None, page: int = 1
) -> EntryPage:
    """One page of who agreed to be found, in the order of account numbers.

    Empty for whoever may not read it. ``words`` are searched in what is shown and its kana, with the
    number of the account; ``kind`` narrows to compliance or trading accounts.
    """
    if standing(session, actor) is not Standing.READS:
        return EntryPage([], 0)
    wanted = [LISTED, matching(words)]
    if kind is not None:
        wanted.append(Account.kind == kind)
    total = session.scalar(with_people(select(func.count()).select_from(Account)).where(*wanted)) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = max(1, min(page, pages))
    query = with_people(_columns()).where(*wanted).order_by(Account.id)
    rows = session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE))
    return EntryPage([_entry(row) for row in rows], total, page, pages)


def _columns() -> Any:
    return select(
        Account.id,
        Account.name,
        Account.kind,
        Company.name.label("company"),
        Employer.name.label("employer"),
        Contact.department,
        Contact.name.label("contact_name"),
        Contact.telephone,
        Contact.mail,
    ).select_from(Account)


def _entry(row: Any) -> Entry:
    return Entry(
        account=f"AST-{row.id}",
        account_name=row.name,
        kind=row.kind,
        company=row.company,
        employer=row.employer if row.employer != row.company else None,
        department=row.department,
        contact_name=row.contact_name,
        telephone=row.telephone,
        mail=row.mail,
    )
