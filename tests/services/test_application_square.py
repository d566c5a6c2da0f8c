"""Every act on an application in every state by every role, and four persons at one queue (domain §2, §3)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, PortalError, Refusal, Refused, Stale
from portal.extensions import make_session
from portal.models import (
    Account,
    ApplicationScan,
    ApplicationState,
    Event,
    Letter,
    MailMessage,
    RegistrationApplication,
    ScanKind,
    User,
)
from portal.permissions import Role
from portal.services import application_desk, registration, scans
from portal.services.transaction import one_transaction, run
from tests.factories import registration as make
from tests.services.test_races import at_once

Act = Callable[[Session, int, User], object]
S = ApplicationState
OPEN = {S.RECEIVED, S.CORRECTION_ASKED}
PDF = b"%PDF-1.4 a scan"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def _change(session: Session, row_id: int, actor: User) -> object:
    row = session.get_one(RegistrationApplication, row_id)
    data = replace(registration.data_of(row), note=f"{row.note or ''}x")
    return registration.change_application(session, row_id, data, actor=actor)


def _papers(session: Session, row_id: int, actor: User) -> object:
    row = session.get_one(RegistrationApplication, row_id)
    return registration.record_papers(
        session, row_id, seal=row.seal_received, consent=not row.consent_received, actor=actor
    )


def _take_off(session: Session, row_id: int, actor: User) -> object:
    first = scans.scans_of(session, row_id)[0]
    return scans.take_off(session, first.id, "別の会社の書類でした。", actor=actor)


ACTS: dict[str, Act] = {
    "accept": lambda s, i, a: registration.accept(s, i, actor=a),
    "ask_correction": lambda s, i, a: registration.ask_correction(s, i, "押印がありません。", actor=a),
    "reject": lambda s, i, a: registration.reject(s, i, "対象外です。", actor=a),
    "withdraw": lambda s, i, a: registration.withdraw(s, i, "申出のとおり", actor=a),
    "change": _change,
    "papers": _papers,
    "take": lambda s, i, a: application_desk.take(s, i, actor=a),
    "assign": lambda s, i, a: application_desk.assign(s, [i], a.id, actor=a),
    "attach": lambda s, i, a: scans.attach(s, i, ScanKind.OTHER, [("a.pdf", PDF)], actor=a, key=f"k{i}"),
    "take_off": _take_off,
}
#: act → the states in which it is possible, and where it leads: the table is not asked about itself
SQUARE: dict[str, dict[ApplicationState, ApplicationState]] = {
    "accept": {S.RECEIVED: S.ACCEPTED},
    "ask_correction": {S.RECEIVED: S.CORRECTION_ASKED},
    "reject": dict.fromkeys(OPEN, S.REJECTED),
    "withdraw": dict.fromkeys(OPEN, S.WITHDRAWN),
    "change": dict.fromkeys(OPEN, S.RECEIVED),
    "papers": {state: state for state in OPEN},
    "take": {state: state for state in OPEN},
    "assign": {state: state for state in OPEN},
    "attach": {state: state for state in S},
    "take_off": {state: state for state in S},
}
#: pressed again, these give the first answer; the others are refused, or are another act of their own
SAME_ANSWER = {"take", "assign", "attach"}
AGAIN = {"change", "papers"}


def in_state(session: Session, state: ApplicationState, officer: User) -> int:
    """A trader's application in ``state`` with one scan, as the office got it there."""
    row = registration.record_application(session, make.trader_data(), actor=officer)
    scans.attach(session, row.id, ScanKind.APPLICATION, [("paper.pdf", PDF)], actor=officer)
    way = {
        S.CORRECTION_ASKED: "ask_correction",
        S.ACCEPTED: "accept",
        S.REJECTED: "reject",
        S.WITHDRAWN: "withdraw",
    }.get(state)
    if way is not None:
        ACTS[way](session, row.id, officer)
    return row.id


def everything(session: Session, row_id: int) -> tuple[object, ...]:
    """What an act could have changed."""
    row = session.get_one(RegistrationApplication, row_id)
    session.refresh(row)
    counted = [
        session.scalar(select(func.count()).select_from(table))
        for table in (Event, Letter, MailMessage, ApplicationScan, Account, User)
    ]
    off = [scan.removed_at for scan in scans.scans_of(session, row_id)]
    return (row.state, row.version, row.clerk_id, row.note, row.consent_received, *off, *counted)


@pytest.fixture
def people(session: Session) -> dict[Role, int]:
    """One login of every role."""
    with one_transaction(session):
        holder, trader, verifier = make.holder(session), make.trader(session), make.verifier(session)
        logins = [*holder.users, *trader.users, *verifier.users]
        logins += [make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)]
        found = {Role(user.role): user.id for user in logins}
    assert set(found) == set(Role)
    return found


def test_every_act_in_every_state_by_every_role(session: Session, people: dict[Role, int]) -> None:
    with one_transaction(session):
        officer = session.get_one(User, people[Role.OFFICER])
        rows = {state: in_state(session, state, officer) for state in S}
    tried = Counter[str]()
    for state, row_id in rows.items():
        for name, act in ACTS.items():
            for role, user_id in people.items():
                session.rollback()
                tried[_one(session, state, name, act, row_id, session.get_one(User, user_id), role)] += 1
    assert tried == {"done": 2 * 24, "wrong state": 2 * 26, "not allowed": 5 * 50}


def _one(
    session: Session, state: ApplicationState, name: str, act: Act, row_id: int, actor: User, role: Role
) -> str:
    before = everything(session, row_id)
    if role not in (Role.OFFICER, Role.APPROVER):
        with pytest.raises(NotAllowed):
            act(session, row_id, actor)
        assert everything(session, row_id) == before, (state, name, role)
        return "not allowed"
    to = SQUARE[name].get(state)
    if to is None:
        with pytest.raises(Refused) as caught:
            act(session, row_id, actor)
        assert caught.value.refusal is Refusal.WRONG_STATE, (state, name, role)
        assert everything(session, row_id) == before, (state, name, role)
        return "wrong state"
    act(session, row_id, actor)
    once = everything(session, row_id)
    assert once != before and once[0] is to, (state, name, role)
    if name in SAME_ANSWER:
        act(session, row_id, actor)
        assert everything(session, row_id) == once, (state, name, role)
    elif name not in AGAIN:
        with pytest.raises(Refused):
            act(session, row_id, actor)
        assert everything(session, row_id) == once, (state, name, role)
    return "done"


# ---- four persons at one queue


def at_the_queue(user_id: int, rows: list[int], seed: int, told: list[Refusal]) -> Callable[[Session], int]:
    """A person who goes through the queue in an order of their own and decides what is there to decide."""

    def work(session: Session) -> int:
        dice, done = random.Random(seed), 0
        for row_id in dice.sample(rows, len(rows)):
            act = ACTS[dice.choice(("accept", "reject", "withdraw", "ask_correction", "take", "papers"))]
            try:
                run(
                    session,
                    lambda act=act, row_id=row_id: act(session, row_id, session.get_one(User, user_id)),
                )
                done += 1
            except PortalError as error:
                told.append(error.refusal)
        return done

    return work


def test_four_persons_at_one_queue_decide_each_application_once(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        persons = [make.office(session).id for _ in range(4)]
        officer = session.get_one(User, persons[0])
        rows = [
            registration.record_application(session, make.trader_data(), actor=officer).id for _ in range(8)
        ]
    told: list[Refusal] = []
    for turn in range(3):
        acts = [at_the_queue(one, rows, 10 * turn + place, told) for place, one in enumerate(persons)]
        assert all(isinstance(one, int) for one in at_once(engine, acts))
    session.rollback()
    assert set(told) <= {Refusal.WRONG_STATE, Refusal.CLERK_ALREADY, Refusal.CONSENT_MISSING}, set(told)
    assert told
    decisions = ("application_accepted", "application_rejected", "application_withdrawn")
    ends = {
        "application_accepted": S.ACCEPTED,
        "application_rejected": S.REJECTED,
        "application_withdrawn": S.WITHDRAWN,
    }
    events = session.scalars(select(Event).where(Event.tag.in_(decisions))).all()
    by_row = Counter(event.subject_id for event in events)
    for row in session.scalars(select(RegistrationApplication).where(RegistrationApplication.id.in_(rows))):
        assert by_row[row.id] == (row.state not in OPEN), row.number
        for event in events:
            if event.subject_id == row.id:
                assert (ends[event.tag], event.actor_id) == (row.state, row.decided_by_id)
    accepted = sum(event.tag == "application_accepted" for event in events)
    accounts = list(session.scalars(select(Account.id).where(Account.id > 1000).order_by(Account.id)))
    assert accounts == list(range(1001, 1001 + accepted))


def test_four_persons_record_at_once_and_no_number_is_given_twice(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        persons = [make.office(session).id for _ in range(4)]

    def record(user_id: int) -> Callable[[Session], str]:
        data = make.trader_data()
        return lambda own: registration.record_application(own, data, actor=own.get_one(User, user_id)).number

    numbers = at_once(engine, [record(one) for one in persons * 3])
    assert sorted(map(str, numbers)) == [f"RT-{n:04d}" for n in range(1, 13)]


def test_no_change_of_four_persons_is_lost(engine: Engine, session: Session) -> None:
    """Each adds signs to the note of one application; whoever was slower is told and looks again."""
    with one_transaction(session):
        persons = [make.office(session).id for _ in range(4)]
        officer = session.get_one(User, persons[0])
        row_id = registration.record_application(session, make.trader_data(), actor=officer).id
    stale: list[int] = []

    def add(sign: str, user_id: int) -> Callable[[Session], None]:
        def work(own: Session) -> None:
            for _ in range(3):
                while True:
                    try:
                        _add_once(own, row_id, sign, user_id)
                        break
                    except Stale:
                        stale.append(user_id)

        return work

    def _add_once(own: Session, row_id: int, sign: str, user_id: int) -> None:
        with make_session(engine) as page:
            shown = page.get_one(RegistrationApplication, row_id)
            data, version = registration.data_of(shown), shown.version
            page.rollback()
        data = replace(data, note=f"{data.note or ''}{sign}")
        run(
            own,
            lambda: registration.change_application(
                own, row_id, data, actor=own.get_one(User, user_id), version=version
            ),
        )

    at_once(engine, [add(sign, one) for sign, one in zip("abcd", persons, strict=True)])
    session.rollback()
    note = session.get_one(RegistrationApplication, row_id).note or ""
    assert Counter(note) == {sign: 3 for sign in "abcd"}


def test_two_who_take_one_application_are_not_both_in_charge(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        persons = [make.office(session).id for _ in range(2)]
        officer = session.get_one(User, persons[0])
        row = registration.record_application(session, make.trader_data(), actor=officer)
        row_id, version = row.id, row.version

    def take(user_id: int) -> Callable[[Session], int | None]:
        return lambda own: (
            application_desk.take(own, row_id, actor=own.get_one(User, user_id), version=version).clerk_id
        )

    answers = at_once(engine, [take(one) for one in persons])
    assert Refusal.CLERK_ALREADY in answers
    (winner,) = [one for one in answers if one is not Refusal.CLERK_ALREADY]
    session.rollback()
    assert session.get_one(RegistrationApplication, row_id).clerk_id == winner
    taken = session.scalars(select(Event).where(Event.tag == "application_taken")).all()
    assert [event.actor_id for event in taken] == [winner]
