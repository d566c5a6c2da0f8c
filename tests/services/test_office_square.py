"""The office's smaller workflows on the real services: every state × act × role (domain §2, §3).

Contact changes, imports, papers that change a company, notes and consent. Those of applications, letters,
accounts, targets, phases and login locks stand beside the rest of their subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, PortalError
from portal.extensions import make_engine, make_session
from portal.models import (
    AccountAction,
    CompanyChange,
    ContactChange,
    DecisionState,
    Event,
    Holder,
    Import,
    ImportKind,
    ImportState,
    Job,
    MailMessage,
    ParticipantKind,
    ParticipantNote,
    RegistrationVersion,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Role
from portal.services import (
    account_life,
    company_changes,
    consent,
    contact_withdrawals,
    contacts,
    imports,
    notes,
    transitions,
    workflow,
)
from portal.services.spreadsheets import import_blank
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import registration as make

Participant = Holder | Trader | Verifier
Act = Callable[[User], object]
C, I = DecisionState, ImportState  # noqa: E741
DESK = {Role.OFFICER, Role.APPROVER}
#: what an act may write besides the row it is about
TRACES = (Event, MailMessage, RegistrationVersion, CompanyChange, ParticipantNote, ContactChange, Import, Job)


MORNING = datetime(2013, 10, 8, 9, tzinfo=clock.TOKYO)


@pytest.fixture(autouse=True)
def in_2013(running_clock: None) -> None:
    clock.set_time(MORNING)


@dataclass
class World:
    """One participant of each kind, one login of each role."""

    session: Session
    owners: Mapping[ParticipantKind, Participant]
    people: Mapping[Role, User]

    def login_of(self, kind: ParticipantKind) -> User:
        return self.people[Role.HOLDER_A if kind is ParticipantKind.HOLDER else Role(kind.value)]

    def traces(self) -> tuple[int, ...]:
        """How many rows of each kind there are."""
        counted = [select(func.count()).select_from(one).scalar_subquery() for one in TRACES]
        return tuple(self.session.execute(select(*counted)).one())

    def tried(self, act: Act, actor: User, again: str) -> str:
        """What came of an act that is not kept. Refused, it wrote nothing; pressed again, it does no more.

        ``again``: what the second press must hear, ``done`` for the first answer once more.
        """
        point, before = self.session.begin_nested(), self.traces()
        try:
            try:
                act(actor)
                self.session.flush()
            except PortalError as error:
                assert not self.session.dirty and self.traces() == before
                return ",".join(one.refusal.name for one in error.problems)
            once = self.traces()
            assert once > before
            assert said(act, actor) == again
            assert self.traces() == once
            return "done"
        finally:
            point.rollback()
            self.session.expire_all()


def said(act: Act, actor: User) -> str:
    try:
        act(actor)
    except PortalError as error:
        return ",".join(one.refusal.name for one in error.problems)
    return "done"


@pytest.fixture(scope="module", params=databases.KINDS)
def world(
    request: pytest.FixtureRequest,
    database_templates: databases.Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """One world for all tests on a database: each leaves it as it was."""
    clock.set_time(MORNING)
    url = databases.copy(database_templates.of(request.param), tmp_path_factory.mktemp("square"))
    engine = make_engine(url)
    with make_session(engine) as session:
        yield peopled(session)
    engine.dispose()
    if request.param == "postgresql":
        databases.drop(url)


@pytest.fixture(autouse=True)
def nothing_kept(world: World) -> Iterator[None]:
    yield
    world.session.rollback()


def peopled(session: Session) -> World:
    with one_transaction(session):
        holder, trader, verifier = make.holder(session), make.trader(session), make.verifier(session)
        people = [*holder.users, *trader.users, *verifier.users]
        people += [make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)]
    assert {user.role for user in people} == set(Role)
    each: tuple[Participant, ...] = (holder, trader, verifier)
    owners = dict(zip(ParticipantKind, each, strict=True))
    assert [company_changes.kind_of(one) for one in owners.values()] == list(owners)
    return World(session, owners, {Role(user.role): user for user in people})


def square(
    world: World, acts: Mapping[str, Act], expected: Callable[[str, Role], str], again: Mapping[str, str]
) -> Counter[str]:
    """Every act by every role; what each came to, counted."""
    found, wrong = Counter[str](), []
    for name, act in acts.items():
        for role, actor in world.people.items():
            got = world.tried(act, actor, again[name])
            found[got] += 1
            if got != expected(name, role):
                wrong.append((name, role, got, expected(name, role)))
    assert wrong == []
    return found


# ---- contact changes


@pytest.mark.parametrize("kind", ParticipantKind)
def test_contact_changes_in_every_state_by_every_role(world: World, kind: ParticipantKind) -> None:
    session, owner = world.session, world.login_of(kind)
    officer = world.people[Role.OFFICER]
    ways: dict[DecisionState, Callable[[int], object]] = {
        C.APPLIED: lambda _: None,
        C.ACCEPTED: lambda i: contacts.accept_change(session, i, actor=officer),
        C.DECLINED: lambda i: contacts.decline_change(session, i, "番号が違います。", actor=officer),
        C.WITHDRAWN: lambda i: contact_withdrawals.withdraw_change(session, i, actor=owner),
    }
    tried = Counter[str]()
    for state in C:
        point = session.begin_nested()
        now = contacts.present(world.owners[kind])
        row = contacts.apply_for_change(session, replace(now, telephone="03-0009-0009"), actor=owner)
        ways[state](row.id)
        assert row.state is state
        row_id = row.id

        def expected(act: str, role: Role, state: DecisionState = state) -> str:
            mine = role is owner.role
            if act == "apply":
                if role in (Role.HOLDER_B, *DESK, Role.VIEWER):
                    return "NOT_ALLOWED"
                return "CHANGE_OPEN" if mine and state is C.APPLIED else "done"
            if act == "withdraw":
                if role in (Role.HOLDER_B, *DESK, Role.VIEWER):
                    return "NOT_ALLOWED"
                return ("done" if state is C.APPLIED else "WRONG_STATE") if mine else "NOT_FOUND"
            if role not in DESK:
                return "NOT_ALLOWED"
            return "done" if state is C.APPLIED else "WRONG_STATE"

        acts: dict[str, Act] = {
            "apply": lambda a: contacts.apply_for_change(session, _another(session, a), actor=a),
            "accept": lambda a, i=row_id: contacts.accept_change(session, i, actor=a),
            "decline": lambda a, i=row_id: contacts.decline_change(session, i, "理由", actor=a),
            "withdraw": lambda a, i=row_id: contact_withdrawals.withdraw_change(session, i, actor=a),
        }
        again = {**dict.fromkeys(acts, "WRONG_STATE"), "apply": "CHANGE_OPEN"}
        tried += square(world, acts, expected, again)
        point.rollback()
        session.expire_all()
    # done: three apply (two while one's own waits), two accept, two decline, one withdraws
    assert tried["done"] == 4 * 3 - 1 + 5 and sum(tried.values()) == 4 * 4 * len(Role)


def _another(session: Session, actor: User) -> contacts.ContactData:
    """New data for whoever asks; the office's and B's are refused before anything of it is looked at."""
    try:
        own = contacts.own_participant(session, actor)
    except NotFound:
        own = session.scalars(select(Holder)).one()
    return replace(contacts.present(own), telephone="03-0009-0001")


# ---- imports

#: what leads an uploaded file into each state; reading and carrying out are the worker's steps
STEPS: dict[ImportState, tuple[str, ...]] = {
    I.UPLOADED: (),
    I.READY: ("pass",),
    I.REFUSED: ("refuse",),
    I.RUNNING: ("pass", "start"),
    I.DONE: ("pass", "start", "finish"),
    I.FAILED: ("pass", "start", "fail"),
    I.DISCARDED: ("refuse", "discard"),
}


@pytest.mark.parametrize("kind", ImportKind)
def test_imports_in_every_state_by_every_role(world: World, kind: ImportKind) -> None:
    session, officer = world.session, world.people[Role.OFFICER]
    assert set(STEPS) == set(ImportState)
    blank, other = (import_blank.build(one.value, phases=(2,)) for one in ImportKind)
    tried = Counter[str]()
    for state, way in STEPS.items():
        point = session.begin_nested()
        row = imports.upload(session, kind, "みほん.xlsx", blank, actor=officer, limit_mb=20)
        for step in way:
            if step == "finish":
                row.finished_at = clock.now()
            workflow.advance(session, transitions.IMPORT, row, step, actor=None)
        session.flush()
        assert row.state is state
        row_id = row.id

        def expected(act: str, role: Role, state: ImportState = state) -> str:
            if role not in DESK:
                return "NOT_ALLOWED"
            if act == "upload":
                return "done"
            if act == "start":
                refusal = "IMPORT_HAS_PROBLEMS" if state is I.REFUSED else "WRONG_STATE"
                return "done" if state is I.READY else refusal
            return "done" if state in (I.READY, I.REFUSED, I.FAILED) else "WRONG_STATE"

        acts: dict[str, Act] = {
            "upload": lambda a: imports.upload(session, kind, "b.xlsx", other, actor=a, limit_mb=20, key="u"),
            "start": lambda a, i=row_id: imports.start(session, i, actor=a, key="s"),
            "discard": lambda a, i=row_id: imports.discard(session, i, actor=a),
        }
        tried += square(world, acts, expected, {"upload": "done", "start": "done", "discard": "WRONG_STATE"})
        point.rollback()
        session.expire_all()
    assert tried["done"] == 2 * (7 + 1 + 3) and sum(tried.values()) == 7 * 3 * len(Role)


# ---- papers and notes: possible whatever state the account is in


@pytest.mark.parametrize("action", [None, AccountAction.SUSPEND, AccountAction.CLOSE])
def test_papers_and_notes_by_every_role_whatever_the_account(
    world: World, action: AccountAction | None
) -> None:
    session = world.session
    for participant in world.owners.values():
        if action is not None and not isinstance(participant, Verifier):
            made = account_life.propose(
                session, participant.account.id, action, "調査", actor=world.people[Role.OFFICER]
            )
            account_life.confirm(session, made.id, actor=world.people[Role.APPROVER])
    for kind, participant in world.owners.items():
        paper = replace(
            company_changes.present(participant),
            received_on=date(2013, 10, 7),
            seal_received=True,
            representative_name="新任 次郎",
        )

        def record(actor: User, kind: ParticipantKind = kind, paper: Any = paper) -> object:
            own = world.owners[kind].id
            return company_changes.record_change(session, kind, own, paper, actor=actor, key="paper")

        acts: dict[str, Act] = {
            "paper": record,
            "note": lambda a, k=kind: notes.write(
                session, k, world.owners[k].id, "電話で確かめた。", actor=a, key="note"
            ),
        }
        found = square(
            world,
            acts,
            lambda _act, role: "done" if role in DESK else "NOT_ALLOWED",
            dict.fromkeys(acts, "done"),
        )
        assert found == {"done": 2 * 2, "NOT_ALLOWED": 2 * 5}


# ---- consent


@pytest.mark.parametrize("given", [True, False])
def test_consent_given_or_not_by_every_role(world: World, given: bool) -> None:
    session, officer = world.session, world.people[Role.OFFICER]
    rows: dict[type[Holder] | type[Trader], int] = {
        type(one): one.id for one in world.owners.values() if not isinstance(one, Verifier)
    }
    for model, row_id in rows.items():
        if not given:
            consent.record(session, model, row_id, False, "電話による", actor=officer)
    tried = Counter[str]()
    for wanted in (True, False):
        outcome = "done" if wanted is not given else "NOTHING_CHANGED"

        def expected(act: str, role: Role, outcome: str = outcome) -> str:
            may = {Role.HOLDER_A, Role.TRADER} if act == "own" else DESK
            return outcome if role in may else "NOT_ALLOWED"

        acts: dict[str, Act] = {"own": lambda a, w=wanted: consent.change_own(session, w, actor=a)}
        for model, row_id in rows.items():
            acts[model.__name__] = lambda a, m=model, i=row_id, w=wanted: consent.record(
                session, m, i, w, "電話による", actor=a
            )
        tried += square(world, acts, expected, dict.fromkeys(acts, "NOTHING_CHANGED"))
    assert tried == {"done": 6, "NOTHING_CHANGED": 6, "NOT_ALLOWED": 2 * 3 * 5}
