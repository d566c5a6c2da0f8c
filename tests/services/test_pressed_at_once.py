"""Fifty identical submits at one moment, of every kind of movement: one effect, on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.extensions import make_engine, make_session
from portal.models import (
    Account,
    AccountAction,
    AccountChange,
    AccountState,
    BankingApplication,
    DecisionState,
    Event,
    IssueBatch,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    PhaseClosing,
    PhaseProposal,
    ReductionTarget,
    User,
)
from portal.services import (
    account_life,
    allowances,
    banking,
    issuance,
    issue_batches,
    phase_closings,
    phase_proposals,
    second_book,
    targets,
)
from portal.services.allowances import Request
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as make
from tests.factories import registration, settlement
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, asked, values

MANY = 50
Row = (
    Movement
    | BankingApplication
    | IssueBatch
    | AccountChange
    | PhaseClosing
    | PhaseProposal
    | ReductionTarget
)
Act = Callable[[Session], Row]


@pytest.fixture
def crowded(database_url: str) -> Iterator[Engine]:
    """An engine with a connection for twenty-five at a time; the others queue for one."""
    engine = make_engine(database_url, pool_size=20)
    yield engine
    engine.dispose()


def together(work: Callable[[int], object]) -> Counter[object]:
    """Let many do the same at one moment; how often each answer came."""
    answers: list[object] = [None] * MANY
    start = threading.Barrier(MANY)

    def one(place: int) -> None:
        start.wait()
        try:
            answers[place] = work(place)
        except PortalError as error:
            answers[place] = error.refusal

    threads = [threading.Thread(target=one, args=(place,)) for place in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(answers)


def pressed(engine: Engine, act: Act) -> Counter[object]:
    def one(_place: int) -> int:
        with make_session(engine) as session:
            return run(session, lambda: act(session).id)

    return together(one)


class Crowd:
    """The market in its banking window, with a second phase and a holder that waits for its issue."""

    def __init__(self, engine: Engine, session: Session) -> None:
        self.engine = engine
        with one_transaction(session):
            cohort = settlement.cohort(session)
            made = cohort.market
            phase = registration.phase(session, 3)
            self.holder, self.trader = made.holder.id, made.trader.account.code
            self.phase, self.second = cohort.phase.id, {cohort.second.id: 40}
            self.third = cohort.third.id
            assert phase.id != self.phase
            people = {"a": made.a, "t": made.t, "o": made.officer, "c": made.approver}
            self.people = {name: user.id for name, user in people.items()}
        make.at("2015-12-10 10:00")

    def by(self, inside: Session, who: str) -> User:
        return inside.get_one(User, self.people[who])

    def pressed(self, act: Act) -> int:
        """What many got who did the same at once: all the same answer."""
        answers = pressed(self.engine, act)
        assert len(answers) == 1, answers
        (made,) = answers
        assert isinstance(made, int), answers
        return made

    def confirmed(self, act: Act, number: int) -> None:
        """Of many who confirm at once one does it."""
        answers = pressed(self.engine, act)
        assert answers.pop(number) == 1, answers
        assert set(answers) <= {Refusal.STALE_PAGE, Refusal.WRONG_STATE, Refusal.BUSY}, answers

    def moving(self, kind: MovementKind, quantity: int, account: str = "") -> None:
        request, key = Request(kind, str(quantity), account), f"moving-{kind.value}"
        self.pressed(lambda inside: allowances.move(inside, request, key=key, actor=self.by(inside, "a")))

    def proposed(self, act: Act) -> None:
        """Proposed by many at once it is one proposal; confirmed by many at once it is posted once."""
        movement = self.pressed(act)
        self.confirmed(
            lambda one: issuance.confirm(one, movement, version=1, actor=self.by(one, "c")), movement
        )


def test_fifty_identical_submits_of_every_movement_have_one_effect(crowded: Engine, session: Session) -> None:
    crowd = Crowd(crowded, session)
    by = crowd.by
    crowd.proposed(lambda one: issuance.propose_issue(one, crowd.holder, key="issue", actor=by(one, "o")))
    crowd.proposed(
        lambda one: issuance.propose_jver(one, crowd.trader, 90, "申請", key="jver", actor=by(one, "o"))
    )
    crowd.moving(MovementKind.TRANSFER, 700, crowd.trader)
    crowd.moving(MovementKind.CANCEL, 30)
    crowd.moving(MovementKind.OFFSET, 20)
    crowd.moving(MovementKind.RETIRE, 500)
    crowd.proposed(lambda one: issuance.propose_correction(one, 4, "誤り", key="wrong", actor=by(one, "o")))
    taken_back = crowd.pressed(lambda one: banking.apply(one, "90", key="back", actor=by(one, "a")))
    crowd.confirmed(lambda one: banking.withdraw(one, taken_back, version=1, actor=by(one, "a")), taken_back)
    declined = crowd.pressed(lambda one: banking.apply(one, "90", key="no", actor=by(one, "a")))
    crowd.confirmed(
        lambda one: banking.decline(one, declined, "不足", version=1, actor=by(one, "o")), declined
    )
    application = crowd.pressed(lambda one: banking.apply(one, "100", key="bank", actor=by(one, "a")))
    crowd.proposed(lambda one: banking.propose(one, application, version=1, key="carry", actor=by(one, "o")))
    batch = crowd.pressed(
        lambda one: issue_batches.propose(one, crowd.phase, crowd.second, key="batch", actor=by(one, "o"))
    )
    crowd.confirmed(lambda one: issue_batches.execute_all(one, batch, version=1, actor=by(one, "c")), batch)

    kinds = Counter(session.scalars(select(Movement.kind)))
    assert kinds == {**dict.fromkeys(MovementKind, 1), MovementKind.ISSUE: 2}
    assert set(session.scalars(select(Movement.state))) == {MovementState.EXECUTED}
    assert session.scalars(select(BankingApplication.state).order_by(BankingApplication.id)).all() == [
        DecisionState.WITHDRAWN,
        DecisionState.DECLINED,
        DecisionState.ACCEPTED,
    ]
    result = second_book.compare(session)
    assert (result.problem, result.transactions) == (None, 9)


def test_fifty_identical_submits_about_accounts_and_phases_have_one_effect(
    crowded: Engine, session: Session
) -> None:
    """What moves no units, but decides whether any may move."""
    crowd = Crowd(crowded, session)
    by, phase = crowd.by, crowd.phase
    account = int(crowd.trader.removeprefix("AST-"))

    def decided(propose: Act, confirm: Callable[[Session, int, User], Row]) -> None:
        row = crowd.pressed(propose)
        crowd.confirmed(lambda one: confirm(one, row, by(one, "c")), row)

    decided(
        lambda one: account_life.propose(
            one, account, AccountAction.SUSPEND, "届出", key="suspend", actor=by(one, "o")
        ),
        lambda one, row, who: account_life.confirm(one, row, version=1, actor=who),
    )
    decided(
        lambda one: targets.propose_target(
            one, crowd.third, 5, key="target", actor=by(one, "o"), reason="誤り"
        ),
        lambda one, row, who: targets.confirm_target(one, row, version=1, actor=who),
    )
    years, dates = registration.YEARS, registration.DATES
    crowd.pressed(
        lambda one: phase_proposals.propose_phase(
            one, 4, years, dates, reason="次の期", key="phase", actor=by(one, "o")
        )
    )
    make.at(settlement.OVER)
    with one_transaction(session):
        settlement.freeze(session)
    decided(
        lambda one: phase_closings.propose(one, phase, reason="終わり", key="close", actor=by(one, "o")),
        lambda one, row, who: phase_closings.confirm(one, row, version=1, actor=who),
    )
    papers = [*session.scalars(select(AccountChange)), *session.scalars(select(PhaseClosing))]
    assert [str(one.state) for one in papers] == ["confirmed"] * 2
    assert session.get_one(Account, account).state is AccountState.SUSPENDED
    tags = Counter(session.scalars(select(Event.tag)))
    assert (tags["account_suspended"], tags["phase_closed"]) == (1, 1)


def test_fifty_browsers_that_send_one_confirmation_get_one_receipt(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = make.market(session)
        login_id, account = made.a.login_id, made.trader.account.code
    reader = Visitor(app, login_id)
    page = asked(reader, "transfer", quantity="1500", account=account)
    form = {**values(page, "/allowances/transfer/confirm"), "password": PASSWORD}

    def press(_place: int) -> str:
        browser = app.test_client()
        browser._cookies = dict(reader.client._cookies or {})
        answer = browser.post("/allowances/transfer/confirm", data=form)
        return f"{answer.status_code} {answer.location}"

    answers = together(press)
    assert len(answers) == 1 and next(iter(answers)).startswith("302 "), answers  # type: ignore[attr-defined]
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 2
