"""Other registrations that look like an application: the same company or site, however it is written.

Shown to the officer before acceptance (domain §3). Found by equality of folded, indexed items only, so
that a hundred thousand applications cost no more than ten. What is *decided*: a site's name alone
(本社工場) says nothing, it counts together with the municipality; rejected and withdrawn
applications are no duplicates; an accepted one is compared as its participant is registered now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select, union
from sqlalchemy.orm import Session, joinedload

from portal.models import (
    ApplicationState,
    Holder,
    ParticipantKind,
    RegistrationApplication,
    Trader,
    Verifier,
)
from portal.services import likeness, records
from portal.services.registration_data import OPEN_STATES, ApplicationData, data_of, json_of

Participant = Holder | Trader | Verifier

#: what the page shows at most; the most alike come first
SHOWN = 10
#: how many values one query of :func:`alike_in_bulk` asks about, and how many rows it answers at most
_CHUNK = 250
_MOST_CANDIDATES = 5_000
#: column → the item of the form it was folded from
ITEMS: dict[str, str] = {
    "company_key": "company_name",
    "kana_key": "company_kana",
    "site_key": "site_name",
    "address_key": "site_address",
    "telephone_key": "contact_telephone",
    "mail_key": "mail_a",
    "account_name_key": "account_name",
}


@dataclass(frozen=True)
class NearDuplicate:
    """Another registration that looks like this one, and in which items (fields of the form)."""

    label: str
    code: str
    phase_number: int | None
    state: ApplicationState
    application_id: int
    holder_id: int | None
    matches: tuple[str, ...]


def likeness_keys(data: ApplicationData) -> dict[str, str]:
    """The columns by which an application is found again, each with its folded item."""
    return likeness.keys(
        company_name=data.company_name,
        company_kana=data.company_kana,
        site_name=data.site_name,
        address=data.site_address or data.contact_address,
        telephone=data.contact_telephone,
        mail=data.mail_a,
        account_name=data.account_name,
    )


def near_duplicates(
    session: Session, application: RegistrationApplication, *, limit: int = SHOWN
) -> list[NearDuplicate]:
    """Other applications of the kind, open or accepted, that look like this one; the most alike first."""
    keys = {name: getattr(application, name) for name in ITEMS}
    return _alike(session, application.kind, keys, application.id, limit)


def alike_in_bulk(
    session: Session, asked: Sequence[tuple[ParticipantKind, Mapping[str, str]]]
) -> list[list[tuple[RegistrationApplication, tuple[str, ...]]]]:
    """What :func:`near_duplicates` would say of many applications that are not recorded yet.

    ``asked``: kind and :func:`likeness_keys` of each. Answers for each the others with the items in which
    they are alike, the most alike first, at most :data:`SHOWN`; no query per row.
    """
    found: dict[tuple[str, str], list[RegistrationApplication]] = defaultdict(list)
    for name in ITEMS:
        for some in _chunks([keys for _kind, keys in asked if keys[name]], name):
            query = select(RegistrationApplication).where(_condition(name, some), *_standing())
            newest = query.order_by(RegistrationApplication.id.desc()).limit(_MOST_CANDIDATES)
            for row in session.scalars(newest):
                found[name, getattr(row, name)].append(row)
    answers = []
    for kind, keys in asked:
        others = {row.id: row for name in ITEMS if keys[name] for row in found.get((name, keys[name]), ())}
        same = [(row, _matches(kind, keys, row)) for row in others.values() if row.kind is kind]
        same = [(row, items) for row, items in same if items != ("site_name",) or _is_near(keys, row)]
        answers.append(sorted(same, key=lambda one: (-len(one[1]), -one[0].id))[:SHOWN])
    return answers


def _chunks(keys: Sequence[Mapping[str, str]], name: str) -> Iterator[list[Mapping[str, str]]]:
    """``keys`` in pieces, each value of the item once (of a site: once in each municipality)."""
    every = {(one[name], likeness.municipality(one["address_key"])): one for one in keys}
    if name != "site_key":
        every = {(one[name], ""): one for one in keys}
    ordered = [every[value] for value in sorted(every)]
    for at in range(0, len(ordered), _CHUNK):
        yield ordered[at : at + _CHUNK]


def _standing() -> tuple[ColumnElement[bool], ...]:
    """Rejected and withdrawn applications are no duplicates."""
    return (RegistrationApplication.state.in_((*OPEN_STATES, ApplicationState.ACCEPTED)),)


def _alike(
    session: Session, kind: ParticipantKind, keys: Mapping[str, str], but: int, limit: int
) -> list[NearDuplicate]:
    other = RegistrationApplication
    same = [_condition(name, [keys]) for name, key in keys.items() if key]
    if not same:
        return []
    # one look into one index each: joined by OR under a LIMIT, a planner may walk the whole table
    found = union(*(select(other.id).where(condition) for condition in same)).subquery()
    same_items = (case((getattr(other, name) == key, 1), else_=0) for name, key in keys.items() if key)
    score: ColumnElement[int] = sum(same_items, literal(0))
    rows = session.scalars(
        select(other)
        .where(other.id.in_(select(found.c.id)), other.kind == kind, *_standing(), other.id != but)
        .options(joinedload(other.phase))
        .order_by(score.desc(), other.id.desc())
        .limit(limit)
    ).all()
    made = participants_of(session, kind, [row.id for row in rows])
    return [_found(row, _matches(kind, keys, row), made.get(row.id)) for row in rows]


def _condition(name: str, asked: Sequence[Mapping[str, str]]) -> ColumnElement[bool]:
    """Whether an application has the item of one of ``asked``; a site's name counts near its place only."""
    other = RegistrationApplication
    if name != "site_key":
        return getattr(other, name).in_([keys[name] for keys in asked])  # type: ignore[no-any-return]

    def near(keys: Mapping[str, str]) -> ColumnElement[bool]:
        place = likeness.municipality(keys["address_key"])
        begins = func.substr(other.address_key, 1, len(place)) == place
        return and_(other.site_key == keys["site_key"], begins if place else false())

    return or_(*(near(keys) for keys in asked))


def _is_near(keys: Mapping[str, str], row: RegistrationApplication) -> bool:
    place = likeness.municipality(keys["address_key"])
    return bool(place) and row.address_key.startswith(place)


def _matches(kind: ParticipantKind, keys: Mapping[str, str], row: RegistrationApplication) -> tuple[str, ...]:
    items = ITEMS if kind is ParticipantKind.HOLDER else {**ITEMS, "address_key": "contact_address"}
    return tuple(item for name, item in items.items() if keys[name] and keys[name] == getattr(row, name))


def _found(
    row: RegistrationApplication, matches: tuple[str, ...], participant: Participant | None
) -> NearDuplicate:
    label = "　".join(part for part in (row.company_name, row.site_name) if part)
    return NearDuplicate(
        label=participant.label if participant is not None else label,
        code=code_of(participant) if participant is not None else row.number,
        phase_number=row.phase.number if row.phase is not None else None,
        state=row.state,
        application_id=row.id,
        holder_id=participant.id if isinstance(participant, Holder) else None,
        matches=matches,
    )


def code_of(participant: Participant) -> str:
    """The account number, or a verifier's number."""
    return participant.code if isinstance(participant, Verifier) else participant.account.code


def participants_of(
    session: Session, kind: ParticipantKind, application_ids: Sequence[int]
) -> dict[int, Participant]:
    """What acceptances made, by the application's id; one query."""
    if not application_ids:
        return {}
    queries: dict[ParticipantKind, tuple[Any, tuple[Any, ...]]] = {
        ParticipantKind.HOLDER: (Holder, (Holder.representative, Holder.account)),
        ParticipantKind.TRADER: (Trader, (Trader.organisation, Trader.account)),
        ParticipantKind.VERIFIER: (Verifier, (Verifier.organisation,)),
    }
    table, loaded = queries[kind]
    query = select(table).where(table.application_id.in_(application_ids))
    rows = session.scalars(query.options(*(joinedload(one) for one in loaded)))
    return {row.application_id: row for row in rows}


class Alike(StrEnum):
    """How an item of one registration stands to the other's."""

    SAME = "same"  # letter for letter
    FOLDED = "folded"  # written in another way
    DIFFERENT = "different"


@dataclass(frozen=True)
class Compared:
    """One item of two registrations side by side."""

    item: str
    mine: Any
    other: Any
    alike: Alike


@dataclass(frozen=True)
class Comparison:
    """An application beside another one; of an accepted one what its participant has registered now."""

    other: RegistrationApplication
    participant: Participant | None
    items: tuple[Compared, ...]


def compare(
    session: Session, application: RegistrationApplication, other: RegistrationApplication
) -> Comparison:
    """Every item that either has, in the form's order."""
    participant = participants_of(session, other.kind, [other.id]).get(other.id)
    mine, theirs = json_of(data_of(application)), json_of(data_of(other))
    if participant is not None:
        theirs |= records.facts_of(participant)
    return Comparison(
        other,
        participant,
        tuple(
            Compared(name, mine[name], theirs[name], _alike_in(name, mine[name], theirs[name]))
            for name in COMPARED
            if mine[name] or theirs[name]
        ),
    )


COMPARED = (
    "company_name",
    "company_kana",
    "representative_name",
    "representative_kana",
    "joint_companies",
    "site_name",
    "site_kana",
    "site_address",
    "account_name",
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
)
_FOLD = {
    **dict.fromkeys(("company_name", "contact_company"), likeness.company_key),
    **dict.fromkeys(("site_address", "contact_address"), likeness.address_key),
    **dict.fromkeys(("contact_telephone", "contact_fax", "contact_postal_code"), likeness.telephone_key),
    **dict.fromkeys(("mail_a", "mail_b"), likeness.mail_key),
    "company_kana": likeness.kana_key,
}


def _alike_in(item: str, mine: Any, other: Any) -> Alike:
    if mine == other:
        return Alike.SAME
    if isinstance(mine, list) or isinstance(other, list):
        one, two = (sorted(likeness.company_key(name) for name, _ in some or ()) for some in (mine, other))
        return Alike.FOLDED if one == two else Alike.DIFFERENT
    fold = _FOLD.get(item, likeness.site_name_key)
    return Alike.FOLDED if mine and other and fold(mine) == fold(other) else Alike.DIFFERENT
