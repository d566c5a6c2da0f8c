"""Banking, whole-phase issues and closings: every state × act × role on the real services (domain §2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import (
    BankingApplication,
    DecisionState,
    Event,
    IssueBatch,
    IssueBatchState,
    LedgerTransaction,
    MailMessage,
    Movement,
    PhaseClosing,
    ProposalState,
    User,
)
from portal.permissions import Role
from portal.services import banking, issuance, issue_batch_jobs, issue_batches, phase_closings
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make

Act = Callable[[User], object]
TRACES = (Event, MailMessage, Movement, LedgerTransaction, BankingApplication, IssueBatch, PhaseClosing)
DESK = {Role.OFFICER, Role.APPROVER}


@dataclass
class World:
    session: Session
    cohort: make.Cohort
    people: Mapping[Role, User]
    #: who proposes: a second approver, so that the approver among the people is another person
    proposer: User

    def traces(self) -> tuple[int, ...]:
        counted = [select(func.count()).select_from(one).scalar_subquery() for one in TRACES]
        return tuple(self.session.execute(select(*counted)).one())

    def tried(self, act: Act, actor: User) -> str:
        """What came of an act that is not kept: ``done``, or its refusals; refused, it wrote nothing."""
        point, before = self.session.begin_nested(), self.traces()
        try:
            act(actor)
            self.session.flush()
            assert self.traces() > before
            return "done"
        except PortalError as error:
            assert self.traces() == before
            return ",".join(one.refusal.name for one in error.problems)
        finally:
            point.rollback()
            self.session.expire_all()

    def square(self, acts: Mapping[str, Act], expected: Callable[[str, Role], str]) -> Counter[str]:
        found, wrong = Counter[str](), []
        for name, act in acts.items():
            for role, actor in self.people.items():
                got = self.tried(act, actor)
                found[got] += 1
                if got != expected(name, role):
                    wrong.append((name, role.value, got, expected(name, role)))
        assert wrong == []
        return found


@pytest.fixture(scope="module", params=databases.KINDS)
def world(
    request: pytest.FixtureRequest,
    database_templates: databases.Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    url = databases.copy(database_templates.of(request.param), tmp_path_factory.mktemp("settlement"))
    engine = make_engine(url)
    with make_session(engine) as session:
        with one_transaction(session):
            cohort = make.cohort(session)
            market = cohort.market
            trade.issue(session, market)
            registration.phase(session, 3)
            people = [*market.holder.users, *market.trader.users, *market.scheme.verifier.users]
            people += [market.officer, market.approver, market.scheme.viewer]
            proposer = registration.office(session, Role.APPROVER)
        assert {user.role for user in people} == set(Role)
        yield World(session, cohort, {Role(user.role): user for user in people}, proposer)
    engine.dispose()
    if request.param == "postgresql":
        databases.drop(url)


@pytest.fixture(autouse=True)
def nothing_kept(world: World) -> Iterator[None]:
    trade.at("2014-04-08 12:00")
    world.session.begin_nested()
    yield
    world.session.rollback()
    world.session.expire_all()


def ended(act: str, role: Role, waits: bool) -> str:
    """What comes of confirming a colleague's proposal, of taking it back, of declining it with a reason."""
    if role not in DESK or (act == "confirm" and role is not Role.APPROVER):
        return "NOT_ALLOWED"
    if not waits:
        return "WRONG_STATE"
    if act == "confirm":
        return "done"
    # nobody withdraws what is not his; who could confirm declines, and says why
    if role is not Role.APPROVER:
        return "NOT_ALLOWED"
    return "done" if act == "decline" else "REASON_NEEDED"


#: applied without and with a proposal, then each end
BANKING_WAYS = ("applied", "proposed", "accepted", "declined", "withdrawn")


@pytest.mark.parametrize("way", BANKING_WAYS)
def test_banking_in_every_state_by_every_role(world: World, way: str) -> None:
    session, market, office = world.session, world.cohort.market, world.proposer
    trade.at("2015-12-10 10:00")
    row = banking.apply(session, "100", key="first", actor=market.a)
    if way in ("proposed", "accepted"):
        made = banking.propose(session, row.id, version=row.version, key="p", actor=office)
        if way == "accepted":
            issuance.confirm(session, made.id, version=made.version, actor=market.approver)
    elif way == "declined":
        banking.decline(session, row.id, "不備", version=row.version, actor=office)
    elif way == "withdrawn":
        banking.withdraw(session, row.id, version=row.version, actor=market.a)
    session.flush()
    assert row.state is DecisionState(way if way != "proposed" else "applied")
    row_id, movement_id = row.id, row.movement_id
    shown = row.movement.version if row.movement is not None else 1
    busy = "BANKING_PENDING" if way == "proposed" else "done" if way == "applied" else "WRONG_STATE"

    def expected(act: str, role: Role) -> str:
        if act in ("apply", "withdraw"):
            if role is not Role.HOLDER_A:
                return "NOT_ALLOWED"
            if act == "apply":
                return "BANKING_OPEN" if way in ("applied", "proposed") else "done"
            return busy
        if act == "confirm":
            if role is not Role.APPROVER:
                return "NOT_ALLOWED"
            return "NOT_FOUND" if movement_id is None else "done" if way == "proposed" else "WRONG_STATE"
        return busy if role in DESK else "NOT_ALLOWED"

    version = row.version
    acts: dict[str, Act] = {
        "apply": lambda a: banking.apply(session, "7", key="second", actor=a),
        "withdraw": lambda a: banking.withdraw(session, row_id, version=version, actor=a),
        "decline": lambda a: banking.decline(session, row_id, "不備", version=version, actor=a),
        "propose": lambda a: banking.propose(session, row_id, version=version, key="q", actor=a),
        "confirm": lambda a: issuance.confirm(session, movement_id or 0, version=shown, actor=a),
    }
    found = world.square(acts, expected)
    assert sum(found.values()) == len(acts) * len(Role)
    assert found["done"] == {"applied": 5, "proposed": 1}.get(way, 1)


@pytest.mark.parametrize("state", IssueBatchState)
def test_batches_in_every_state_by_every_role(world: World, state: IssueBatchState) -> None:
    session, cohort = world.session, world.cohort
    second = {cohort.second.id: 40}
    row = issue_batches.propose(session, cohort.phase.id, second, key="first", actor=world.proposer)
    if state is IssueBatchState.EXECUTED:
        issue_batches.execute_all(session, row.id, version=None, actor=cohort.approver)
    elif state is IssueBatchState.WITHDRAWN:
        issue_batches.withdraw(session, row.id, version=None, actor=world.proposer)
    elif state is IssueBatchState.EXPIRED:
        trade.at("2014-04-30 12:00")
        assert sum(issue_batches.expire(session, one) for one in issue_batches.due(session)) == 1
    session.flush()
    assert row.state is state
    row_id, version = row.id, row.version
    waits = state is IssueBatchState.PROPOSED

    def expected(act: str, role: Role) -> str:
        if act == "propose":
            if role not in DESK:
                return "NOT_ALLOWED"
            taken = {
                IssueBatchState.PROPOSED: "ISSUE_BATCH_OPEN,STALE_PAGE",
                IssueBatchState.EXECUTED: "STALE_PAGE",
            }
            return taken.get(state, "done")
        return ended(act, role, waits)

    acts: dict[str, Act] = {
        "propose": lambda a: issue_batches.propose(session, cohort.phase.id, second, key="again", actor=a),
        "confirm": lambda a: issue_batch_jobs.confirm(session, row_id, version=version, actor=a),
        "withdraw": lambda a: issue_batches.withdraw(session, row_id, version=version, actor=a),
        "decline": lambda a: issue_batches.withdraw(session, row_id, version=version, actor=a, reason="誤り"),
    }
    assert sum(world.square(acts, expected).values()) == len(acts) * len(Role)


@pytest.mark.parametrize("state", ProposalState)
def test_closings_in_every_state_by_every_role(world: World, state: ProposalState) -> None:
    session, cohort = world.session, world.cohort
    phase_id = cohort.phase.id
    trade.at(make.OVER)
    make.freeze(session)
    row = phase_closings.propose(session, phase_id, reason="終わり", actor=world.proposer)
    if state is ProposalState.CONFIRMED:
        phase_closings.confirm(session, row.id, actor=cohort.approver)
    elif state is ProposalState.WITHDRAWN:
        phase_closings.withdraw(session, row.id, actor=world.proposer)
    elif state is ProposalState.EXPIRED:
        make.lapse(session)
    session.flush()
    assert row.state is state
    row_id, version = row.id, row.version
    waits = state is ProposalState.PROPOSED
    another = {ProposalState.PROPOSED: "CLOSING_OPEN", ProposalState.CONFIRMED: "PHASE_CLOSED"}

    def expected(act: str, role: Role) -> str:
        if act == "propose":
            return another.get(state, "done") if role in DESK else "NOT_ALLOWED"
        return ended(act, role, waits)

    acts: dict[str, Act] = {
        "propose": lambda a: phase_closings.propose(session, phase_id, reason="また", actor=a),
        "confirm": lambda a: phase_closings.confirm(session, row_id, version=version, actor=a),
        "withdraw": lambda a: phase_closings.withdraw(session, row_id, version=version, actor=a),
        "decline": lambda a: phase_closings.withdraw(
            session, row_id, version=version, actor=a, reason="誤り"
        ),
    }
    assert sum(world.square(acts, expected).values()) == len(acts) * len(Role)
