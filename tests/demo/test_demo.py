"""The demonstration is what it says it is: published sums, everybody in it, nothing of it by accident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, Refused
from portal.extensions import make_engine, make_session
from portal.models import (
    ApplicationState,
    BankingApplication,
    DecisionState,
    EmissionsReport,
    Holder,
    IssueBatch,
    IssueBatchState,
    LedgerTransaction,
    MailMessage,
    MailState,
    Movement,
    MovementKind,
    MovementState,
    Period,
    Phase,
    PortalState,
    ReductionTarget,
    RegistrationApplication,
    ReportState,
    TargetState,
    Trader,
    User,
    Verifier,
)
from portal.permissions import PARTICIPANTS, SECRETARIAT, Role
from portal.services import demo, installation, ledger_proof, queues, second_book, unit_totals
from portal.services.demo import plan, registry
from portal.services.demo.stage import tokyo
from portal.services.figures import figures_for
from portal.services.transaction import one_transaction
from tests import databases, demonstration

# it takes half a minute to build, and longer where everything is busy
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One copy for all readers of this file."""
    engine = make_engine(demonstration.copied(tmp_path_factory, tmp_path_factory.mktemp("demo")))
    yield engine
    engine.dispose()


@pytest.fixture
def scheme(shown: Engine) -> Iterator[Session]:
    with make_session(shown) as session:
        yield session


def second_phase(session: Session) -> list[Holder]:
    return list(session.scalars(select(Holder).join(Phase).where(Phase.number == 2).order_by(Holder.id)))


def confirmed(session: Session, holders: list[Holder], period: Period) -> list[int | None]:
    found = {
        report.holder_id: report.confirmed_emissions
        for report in session.scalars(select(EmissionsReport).where(EmissionsReport.period == period))
    }
    return [found[holder.id] for holder in holders]


def check_the_whole(session: Session) -> None:
    """What must hold whichever database it was built on."""
    holders = second_phase(session)
    assert len(holders) == 50
    assert sum(figure or 0 for figure in confirmed(session, holders, Period.BASE)) == 149_015
    targets = session.scalars(
        select(ReductionTarget.quantity).where(
            ReductionTarget.holder_id.in_([holder.id for holder in holders]),
            ReductionTarget.state == TargetState.CONFIRMED,
            ReductionTarget.superseded_at.is_(None),
        )
    ).all()
    assert (len(targets), sum(targets)) == (50, 12_865)
    report = ledger_proof.verify(session)
    assert report.ok, report.problem
    assert second_book.compare(session).problem is None
    assert all(one.issued == one.elsewhere > 0 for one in report.sums)


def test_the_second_phase_has_its_fifty_holders_and_published_sums(scheme: Session) -> None:
    check_the_whole(scheme)
    # figures are told apart in every test that greps for them
    for figures in ([one.base for one in plan.holders()], [one.target for one in plan.holders()]):
        assert len(figures) == len(set(figures))


def test_each_holder_was_issued_base_minus_target(scheme: Session) -> None:
    for figures in figures_for(scheme, [holder.id for holder in second_phase(scheme)]).values():
        assert figures.base_emissions is not None and figures.reduction_target is not None
        assert figures.issued == figures.base_emissions - figures.reduction_target > 0


def test_the_worked_example_stands_where_the_rules_say(scheme: Session) -> None:
    first = second_phase(scheme)[0]
    figures = figures_for(scheme, [first.id])[first.id]
    assert (figures.issued, figures.retired, figures.held, figures.missing) == (8_500, 5_000, 2_400, 2_400)
    assert (figures.reserve, figures.movable) == (2_000, 400)


def test_everybody_is_there(scheme: Session) -> None:
    count = {model: scheme.scalar(select(func.count()).select_from(model)) for model in (Trader, Verifier)}
    assert (count[Trader], count[Verifier]) == (6, 4)
    roles = Counter(scheme.scalars(select(User.role)))
    assert sum(roles[role] for role in SECRETARIAT) == 5
    assert all(roles[role] for role in Role), roles


def test_every_state_can_be_seen(scheme: Session) -> None:
    assert set(scheme.scalars(select(EmissionsReport.state))) == set(ReportState)
    assert set(scheme.scalars(select(RegistrationApplication.state))) == set(ApplicationState)
    assert set(scheme.scalars(select(Movement.state))) == set(MovementState)
    assert {MovementKind.CARRY_OVER, MovementKind.CORRECTION} <= set(scheme.scalars(select(Movement.kind)))
    applied = set(scheme.scalars(select(BankingApplication.state)))
    assert applied == {DecisionState.APPLIED, DecisionState.ACCEPTED}
    batches = set(scheme.scalars(select(IssueBatch.state)))
    assert batches == {IssueBatchState.EXECUTED, IssueBatchState.PROPOSED}
    assert all(one.totals.adds_up for one in unit_totals.every_class(scheme))
    assert set(scheme.scalars(select(MailMessage.state))) == {MailState.SENT, MailState.FAILED}


def test_nothing_in_the_ledger_runs_backwards_and_something_waits_to_be_issued(scheme: Session) -> None:
    posted = scheme.scalars(select(LedgerTransaction.posted_at).order_by(LedgerTransaction.id)).all()
    assert list(posted) == sorted(posted)
    assert max(posted) < tokyo(demo.TODAY)
    assert [one.holder.phase.number for one in queues.issuable(scheme) if not one.problems] == [3, 3]


def test_the_worked_example_has_one_name(scheme: Session) -> None:
    first = second_phase(scheme)[0]
    assert first.account.name.startswith(first.representative.name)


def test_a_visitor_can_play_every_role_with_the_printed_password(scheme: Session) -> None:
    logins = demo.logins(scheme)
    assert [login.login_id for login in logins] == list(registry.PERSONAS)
    assert {login.role for login in logins} == set(PARTICIPANTS | SECRETARIAT)
    users = scheme.scalars(select(User).where(User.login_id.in_(registry.PERSONAS))).all()
    assert [user.login_id for user in users if user.must_change_password or not user.active] == []


def test_it_says_that_it_is_a_demonstration_and_which_day_it_shows(scheme: Session) -> None:
    state = scheme.scalars(select(PortalState)).one()
    assert state.demonstration
    shown = clock.host_now() + timedelta(seconds=state.clock_shift_seconds)
    # it runs on from there
    assert timedelta(0) <= shown - tokyo(demo.TODAY) < timedelta(hours=1)
    installation.forget()
    try:
        installation.show_time(scheme)
        assert installation.is_demonstration()
        assert clock.today().isoformat() == "2015-10-15"
    finally:
        installation.forget()


def test_it_is_never_built_into_a_database_that_holds_anything(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    engine = make_engine(demonstration.copied(tmp_path_factory, tmp_path))
    with make_session(engine) as session:
        before = session.scalar(select(func.count()).select_from(User))
        with pytest.raises(Refused) as refused, one_transaction(session):
            demo.build(session)
        assert refused.value.refusal is Refusal.DATABASE_FILLED
        assert session.scalar(select(func.count()).select_from(User)) == before
    engine.dispose()


def test_it_is_the_same_on_postgresql(tmp_path: Path) -> None:
    url = databases.empty("postgresql", tmp_path)
    try:
        demonstration.build(url)
        engine = make_engine(url)
        with make_session(engine) as session:
            check_the_whole(session)
            assert set(session.scalars(select(EmissionsReport.state))) == set(ReportState)
        engine.dispose()
    finally:
        databases.drop(url)
