"""Mail to whom a change concerns, written in the reader's language and queued in the same transaction.

``notify`` is called by the service that makes the change; nothing is sent here. The message leaves
after the commit through :mod:`portal.services.outbox`, so a change that is rolled back tells nobody.
Who gets what stands in :mod:`portal.services.mail_kinds`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    EmissionsReport,
    Holder,
    MailMessage,
    MailState,
    Period,
    Trader,
    User,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import SECRETARIAT, Role, may
from portal.services import mail_links, mail_texts, mail_words
from portal.services.mail_headers import header, usable_address
from portal.services.mail_kinds import KINDS, Audience, Kind, MailKind, Reader, Topic, check_facts
from portal.services.mail_texts import configure, letterhead, template

__all__ = ["KnownLogins", "MailKind", "configure", "header", "known_logins", "letterhead", "notify", "rows"]
__all__ += ["template", "usable_address"]

LOCALES = ("ja", "en")


@dataclass(frozen=True)
class _To:
    """One reader of one mail."""

    reader: Reader
    acts: bool
    name: str
    address: str
    locale: str
    user_id: int | None


def notify(
    session: Session,
    kind: MailKind,
    *,
    holder: Holder | None = None,
    trader: Trader | None = None,
    verifier: Verifier | None = None,
    user: User | None = None,
    address: str | None = None,
    address_name: str | None = None,
    actor: User | None = None,
    known: KnownLogins | None = None,
    row: Any = None,
    **facts: Any,
) -> list[MailMessage]:
    """Queue the mails of ``kind`` for everybody whom ``mail_kinds.KINDS`` names; answers with them.

    ``facts`` are the values the texts need (``mail_kinds``: ``report`` for report mails, quantity
    and account codes for movements, a ``reason`` where there is one). With ``report`` its holder
    and its assigned verifier are found here. ``user`` is for mail to one login, ``address`` for
    mail to an address that is no login's
    (an applicant's, a former one), read by ``address_name``. ``known`` are logins that were read before for
    many mails (:func:`known_logins`). ``row`` is what the mail is about, if not a report: it leads to
    that row's page (:mod:`portal.services.mail_links`). Raises ``TypeError`` for facts that are missing
    or unknown, which is the caller's mistake. Rule: domain §7.
    """
    kind = MailKind(kind)
    line = KINDS[kind]
    check_facts(kind, set(facts))
    report = facts.get("report")
    if isinstance(report, EmissionsReport):
        holder = holder or report.holder
        verifier = verifier or _assigned(session, line, report)
    if kind is MailKind.REVIEW_DOCUMENT_SENT:
        facts["side"] = _side(facts.get("side"), actor)
    if user is None and any(audience.reader is Reader.SELF for audience in line.audiences):
        raise TypeError(f"mail {kind.value}: missing user")
    about = _Object(holder, trader, verifier, user)
    values = _values(about, facts)
    to_whom = _readers(
        _logins(session, line, about, known),
        line,
        about,
        address=(address, address_name),
        actor=actor,
        side=facts.get("side"),
    )
    row = row if row is not None else report
    made = [
        MailMessage(**_row(kind, line, to, {**values[to.locale], **_personal(kind, to, row, facts)}))
        for to in to_whom
    ]
    session.add_all(made)
    return made


def rows(kind: MailKind, logins: Iterable[Any], label: str, **facts: Any) -> list[dict[str, Any]]:
    """What :func:`notify` would queue, as columns: for who writes them himself, with logins at hand.

    ``label`` names the participant. For kinds that neither the office nor a former address reads.
    """
    line, about = KINDS[kind], _Object(None, None, None, None, label)
    check_facts(kind, set(facts))
    to_whom = list(_readers(list(logins), line, about, address=(None, None), actor=None, side=None))
    values = _values(about, facts, {to.locale for to in to_whom})
    gaps = frozenset({"name", "participant", "link", *facts})
    return [
        _row(kind, line, to, {**values[to.locale], **_personal(kind, to, None, facts)}, gaps)
        for to in to_whom
    ]


@dataclass(frozen=True)
class _Object:
    """Whose affair it is."""

    holder: Holder | None
    trader: Trader | None
    verifier: Verifier | None
    user: User | None
    named: str | None = None  # its label, where no row was read

    @property
    def label(self) -> str:
        """Account number and name of the participant; empty for an affair of the office alone."""
        if self.named is not None:
            return self.named
        user = self.user
        holder = self.holder or (user.holder if user else None)
        trader = self.trader or (user.trader if user else None)
        verifier = self.verifier or (user.verifier if user else None)
        if holder is not None:
            return f"{holder.account.code}　{holder.label}"
        if trader is not None:
            return f"{trader.account.code}　{trader.label}"
        return f"{verifier.code}　{verifier.label}" if verifier is not None else ""


def _assigned(session: Session, line: Kind, report: EmissionsReport) -> Verifier | None:
    if not any(audience.reader is Reader.VERIFIER for audience in line.audiences):
        return None
    return session.scalars(
        select(Verifier)
        .join(VerifierAssignment, VerifierAssignment.verifier_id == Verifier.id)
        .where(VerifierAssignment.report_id == report.id, VerifierAssignment.ended_at.is_(None))
    ).one_or_none()


def _side(given: object, actor: User | None) -> str:
    if given is not None:
        return str(given)
    if actor is None:
        raise TypeError("mail review_document_sent: give the side or the actor")
    return "secretariat" if actor.role in SECRETARIAT else "verifier"


def _readers(
    logins: list[User],
    line: Kind,
    about: _Object,
    *,
    address: tuple[str | None, str | None],
    actor: User | None,
    side: object,
) -> Iterator[_To]:
    """Everybody who gets it, each address once, in the order of :class:`Reader`."""
    seen: set[str] = set()
    for audience in sorted(line.audiences, key=lambda a: list(Reader).index(a.reader)):
        if audience.sent_by is not None and audience.sent_by != side:
            continue
        if audience.reader is Reader.ADDRESS:
            found = [_former(audience, about, address, logins)] if address[0] else []
        else:
            found = [_to(audience, login) for login in logins if _meant(audience, login, about, actor)]
        for to in found:
            if to.address.casefold() not in seen:
                seen.add(to.address.casefold())
                yield to


@dataclass(frozen=True)
class _Whom:
    """Whose logins could be meant, by the participants' and the logins' own numbers."""

    holders: frozenset[int] = frozenset()
    traders: frozenset[int] = frozenset()
    verifiers: frozenset[int] = frozenset()
    users: frozenset[int] = frozenset()
    office: bool = False

    def covers(self, other: _Whom) -> bool:
        """Whether nobody is meant by ``other`` who is not meant here."""
        return (
            other.holders <= self.holders
            and other.traders <= self.traders
            and other.verifiers <= self.verifiers
            and other.users <= self.users
            and self.office >= other.office
        )

    def means(self, login: User) -> bool:
        """The same question as the query's, of a login that is loaded."""
        owner = login.holder_id in self.holders or login.trader_id in self.traders
        owner = owner or login.verifier_id in self.verifiers or login.id in self.users
        return owner or (self.office and login.role in SECRETARIAT)


@dataclass(frozen=True)
class KnownLogins:
    """Logins read once for many mails of one transaction."""

    whom: _Whom
    logins: tuple[User, ...]


def known_logins(
    session: Session,
    *,
    holders: Iterable[int] = (),
    traders: Iterable[int] = (),
    verifiers: Iterable[int | None] = (),
) -> KnownLogins:
    """The logins of many participants, by their ids, in one query: for :func:`notify` in a loop."""
    whom = _Whom(
        holders=frozenset(holders),
        traders=frozenset(traders),
        verifiers=frozenset(one for one in verifiers if one is not None),
    )
    return KnownLogins(whom, tuple(_read_logins(session, whom)))


def _logins(session: Session, line: Kind, about: _Object, known: KnownLogins | None) -> list[User]:
    """The active logins with an address that could be meant, in one query unless they are known."""
    holder_id = about.holder.id if about.holder else about.user.holder_id if about.user else None
    whom = _Whom(
        holders=frozenset() if holder_id is None else frozenset({holder_id}),
        traders=frozenset({about.trader.id}) if about.trader is not None else frozenset(),
        verifiers=frozenset({about.verifier.id}) if about.verifier is not None else frozenset(),
        users=frozenset({about.user.id}) if about.user is not None else frozenset(),
        office=any(audience.reader is Reader.OFFICE for audience in line.audiences),
    )
    if known is not None and known.whom.covers(whom):
        return [login for login in known.logins if whom.means(login)]
    return _read_logins(session, whom)


def _read_logins(session: Session, whom: _Whom) -> list[User]:
    owners: tuple[tuple[Any, frozenset[int]], ...] = (
        (User.holder_id, whom.holders),
        (User.trader_id, whom.traders),
        (User.verifier_id, whom.verifiers),
        (User.id, whom.users),
    )
    conditions = [column.in_(ids) for column, ids in owners if ids]
    if whom.office:
        conditions.append(User.role.in_(SECRETARIAT))
    if not conditions:
        return []
    query = select(User).where(or_(*conditions), User.active.is_(True), User.email.is_not(None))
    return [user for user in session.scalars(query.order_by(User.login_id)) if (user.email or "").strip()]


_ROLES = {
    Reader.HOLDER_A: Role.HOLDER_A,
    Reader.HOLDER_B: Role.HOLDER_B,
    Reader.TRADER: Role.TRADER,
    Reader.VERIFIER: Role.VERIFIER,
}


def _meant(audience: Audience, login: User, about: _Object, actor: User | None) -> bool:
    own = actor is not None and actor.id == login.id
    if own and audience.spares_actor:
        return False
    if audience.reader is Reader.OFFICE:
        assert audience.permission is not None
        # four eyes: what waits for another person does not wait for the one who made it wait
        return login.role in SECRETARIAT and may(login.role, audience.permission) and not own
    if audience.reader is Reader.SELF:
        # safety 17: address B gets report mail only; what concerns login B is A's to know
        if about.user is not None and about.user.role is Role.HOLDER_B:
            return login.role is Role.HOLDER_A
        return about.user is not None and login.id == about.user.id
    return login.role is _ROLES[audience.reader]


def _to(audience: Audience, login: User) -> _To:
    locale = login.locale if login.locale in LOCALES else "ja"
    return _To(audience.reader, audience.acts, login.name, (login.email or "").strip(), locale, login.id)


def _former(
    audience: Audience, about: _Object, address: tuple[str | None, str | None], logins: list[User]
) -> _To:
    """The reader behind an address no login has any more: as the participant's first login reads."""
    first = next((login for login in logins if login.role is not Role.HOLDER_B), None)
    locale = first.locale if first is not None and first.locale in LOCALES else "ja"
    name = address[1] or (first.name if first is not None else about.label)
    where = (address[0] or "").strip()
    return _To(Reader.ADDRESS, audience.acts, name, where, locale, first.id if first else None)


def _values(
    about: _Object, facts: dict[str, Any], locales: Iterable[str] = LOCALES
) -> dict[str, dict[str, Any]]:
    """What the texts may name, in each language; what is not there is ``None``."""
    report, period = facts.get("report"), facts.get("period")
    if isinstance(report, EmissionsReport):
        period = report.period
    until = facts.get("until") or facts.get("expires_at")
    holder_until = until or (mail_words.due(report) if isinstance(report, EmissionsReport) else None)
    result = {}
    for locale in locales:
        shown = {name: mail_words.fact(name, value, locale) for name, value in facts.items()}
        values: dict[str, Any] = {**_nothing(), **shown, "participant": about.label, "report": None}
        if period is not None and about.holder is not None:
            values["report"] = mail_words.report_name(about.holder, Period(period), locale)
            values["period"] = mail_words.period_name(Period(period), locale)
            values["period_years"] = mail_words.period_years(about.holder, Period(period), locale)
        values["is_verified"] = period is None or Period(period) is not Period.ADJUSTMENT
        values["login_id"] = about.user.login_id if about.user else None
        values["until"] = mail_words.fact("until", until, locale)
        values["holder_until"] = mail_words.fact("until", holder_until, locale)
        values["late"] = _is_over(holder_until) or _is_over(facts.get("due"))
        values["office"] = letterhead()
        result[locale] = values
    return result


def _is_over(day: Any) -> bool:
    """Whether a day of the phase is past; what is due then may come late, and the text says so."""
    return isinstance(day, date) and not isinstance(day, datetime) and day < clock.today()


@cache
def _nothing() -> dict[str, None]:
    """Every fact any kind knows, as not given: the texts may ask for all of them."""
    return {name: None for line in KINDS.values() for name in line.facts | line.optional}


def _personal(kind: MailKind, to: _To, row: Any, facts: dict[str, Any]) -> dict[str, Any]:
    page = mail_links.page_of(kind, to.reader, row, receipt=facts.get("ledger_number"))
    return {
        "name": to.name,
        "reader": to.reader.value,
        "acts": to.acts,
        "link": letterhead().base_url.rstrip("/") + page,
    }


def _row(
    kind: MailKind, line: Kind, to: _To, values: dict[str, Any], gaps: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The columns of one message. An address nobody can use fails at once, and is seen in the outbox."""
    if to.reader in (Reader.HOLDER_A, Reader.HOLDER_B) and to.acts:
        values["until"] = values["holder_until"]
    subject, body = mail_texts.rendered(kind, to.locale, values, gaps)
    usable = usable_address(to.address)
    now = clock.now()
    return {
        "kind": kind.value,
        "locale": to.locale,
        "recipient": header(to.address),
        "recipient_name": header(to.name),
        "user_id": to.user_id,
        "about_allowances": line.topic is Topic.ALLOWANCES,
        "subject": header(subject),
        "body": body,
        "message_id": f"<{secrets.token_hex(16)}@{letterhead().host}>",
        "state": MailState.QUEUED if usable else MailState.FAILED,
        "attempts": 0,
        "next_try_at": now,
        "last_error": None if usable else "the address cannot be used",
        "created_at": now,
    }
