"""Banking: applied for by A, proposed by the office, confirmed by another person (domain §5)."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.models import (
    AccountAction,
    BankingApplication,
    DecisionState,
    Holding,
    LedgerEntry,
    MailMessage,
    Movement,
    MovementKind,
    MovementState,
    Period,
    ReductionTarget,
    ReportState,
    UnitClass,
)
from portal.services import banking, issuance, lapses, ledger_proof
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import reports as make

#: inside the window of the factories' phase
OPEN = "2015-12-10 10:00"


def key() -> str:
    return secrets.token_hex(8)


@pytest.fixture
def market(session: Session) -> trade.Market:
    """Complied with 6,000 of 8,500: 2,500 are left, no reserve, and phase 3 is open."""
    with one_transaction(session):
        made = trade.market(session)
        make.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
        trade.move(session, made.a, MovementKind.RETIRE, 6_000)
        registration.phase(session, 3)
    trade.at(OPEN)
    return made


def refused(raised: pytest.ExceptionInfo[PortalError]) -> list[Refusal]:
    return [problem.refusal for problem in raised.value.problems]


def held(session: Session, market: trade.Market) -> dict[int | None, tuple[int, int]]:
    """phase → (held, promised)."""
    session.expire_all()
    rows = session.execute(
        select(UnitClass.phase_id, Holding.quantity, Holding.promised)
        .join(UnitClass, UnitClass.id == Holding.unit_class_id)
        .where(Holding.account_id == market.holder.account.id)
    )
    numbers: dict[int | None, int | None] = {None: None}
    numbers |= {phase.id: phase.number for phase in session.scalars(select(type(market.holder.phase)))}
    return {numbers[phase]: (quantity, promised) for phase, quantity, promised in rows}


def applied(session: Session, market: trade.Market, quantity: str = "2,500") -> BankingApplication:
    with one_transaction(session):
        return banking.apply(session, quantity, key=key(), actor=market.a)


def proposed(session: Session, market: trade.Market, row: BankingApplication) -> Movement:
    with one_transaction(session):
        return banking.propose(session, row.id, version=row.version, key=key(), actor=market.officer)


def test_leftover_units_become_units_of_the_next_phase(session: Session, market: trade.Market) -> None:
    row = applied(session, market)
    movement = proposed(session, market, row)
    assert held(session, market)[2] == (2_500, 2_500)
    with one_transaction(session):
        issuance.confirm(session, movement.id, version=movement.version, actor=market.approver)
    assert held(session, market) == {2: (0, 0), 3: (2_500, 0)}
    assert row.state is DecisionState.ACCEPTED
    assert row.decided_by_id == market.approver.id
    assert ledger_proof.verify(session).ok
    sides = session.execute(select(LedgerEntry.quantity).order_by(LedgerEntry.id.desc()).limit(4)).scalars()
    assert sum(sides) == 0
    told = {mail.kind: mail for mail in session.scalars(select(MailMessage))}
    assert {"banking_applied", "banking_accepted", "movement_to_confirm"} <= set(told)
    # the carry-over is told once, and as what it is: nothing left the account
    assert "バンキング" not in told["movement_received"].body
    carried = told["movement_executed"]
    assert "第2期 JAA → 第3期 JAA 2,500" in carried.subject and "移転元" not in carried.body
    assert "口座の排出枠が次の期のものになりました" in carried.body
    for kind in ("banking_applied", "banking_accepted"):
        assert "第2期 JAA 2,500" in told[kind].body
    assert f"/allowances/banking/{row.id}\n" in told["banking_accepted"].body


def test_whoever_proposed_does_not_confirm(session: Session, market: trade.Market) -> None:
    row = applied(session, market)
    with one_transaction(session):
        movement = banking.propose(session, row.id, version=row.version, key=key(), actor=market.approver)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        issuance.confirm(session, movement.id, version=movement.version, actor=market.approver)
    assert refused(raised) == [Refusal.SAME_PERSON]
    assert row.state is DecisionState.APPLIED


def test_a_withdrawn_proposal_frees_units_and_application(session: Session, market: trade.Market) -> None:
    row = applied(session, market)
    movement = proposed(session, market, row)
    with one_transaction(session):
        issuance.withdraw(session, movement.id, version=movement.version, actor=market.officer)
    assert held(session, market)[2] == (2_500, 0)
    assert (row.state, row.movement_id) == (DecisionState.APPLIED, None)
    again = proposed(session, market, row)
    assert again.id != movement.id


def test_a_proposal_that_lapses_frees_them_too(session: Session, market: trade.Market) -> None:
    row = applied(session, market)
    movement = proposed(session, market, row)
    trade.at("2015-12-30 10:00")
    with one_transaction(session):
        assert lapses.MOVEMENTS(session) == 1
    assert movement.state is MovementState.EXPIRED
    assert held(session, market)[2] == (2_500, 0)
    assert row.movement_id is None


@pytest.mark.parametrize(
    ("wall", "quantity", "expected"),
    [
        (OPEN, "2501", [Refusal.BALANCE_SHORT]),
        (OPEN, "0", [Refusal.QUANTITY_POSITIVE]),
        (OPEN, "1.5", [Refusal.QUANTITY_SHAPE]),
        ("2020-01-01 10:00", "1", [Refusal.BANKING_CLOSED]),
    ],
)
def test_what_cannot_be_applied_for_is_refused_with_all_reasons(
    session: Session, market: trade.Market, wall: str, quantity: str, expected: list[Refusal]
) -> None:
    trade.at(wall)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        banking.apply(session, quantity, key=key(), actor=market.a)
    assert refused(raised) == expected
    assert session.scalars(select(BankingApplication)).all() == []


def test_the_reserve_stays_before_compliance(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
        registration.phase(session, 3)
    trade.at(OPEN)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        banking.apply(session, "1501", key=key(), actor=market.a)
    assert refused(raised) == [Refusal.RESERVE]


def test_without_a_next_phase_there_is_nothing_to_carry_over_to(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
    trade.at(OPEN)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        banking.apply(session, "1", key=key(), actor=market.a)
    assert refused(raised) == [Refusal.BANKING_NO_NEXT]


def test_one_application_waits_at_a_time_and_a_second_press_is_the_first(
    session: Session, market: trade.Market
) -> None:
    same = key()
    with one_transaction(session):
        first = banking.apply(session, "100", key=same, actor=market.a)
    with one_transaction(session):
        assert banking.apply(session, "100", key=same, actor=market.a).id == first.id
    with pytest.raises(PortalError) as raised, one_transaction(session):
        banking.apply(session, "100", key=key(), actor=market.a)
    assert refused(raised) == [Refusal.BANKING_OPEN]


def test_a_withdraws_and_the_office_declines_while_nothing_is_proposed(
    session: Session, market: trade.Market
) -> None:
    row = applied(session, market)
    movement = proposed(session, market, row)
    for act in (
        lambda: banking.withdraw(session, row.id, version=row.version, actor=market.a),
        lambda: banking.decline(session, row.id, "不要", version=row.version, actor=market.officer),
    ):
        with pytest.raises(PortalError) as raised, one_transaction(session):
            act()
        assert refused(raised) == [Refusal.BANKING_PENDING]
    with one_transaction(session):
        issuance.withdraw(session, movement.id, version=movement.version, actor=market.officer)
        session.refresh(row)
        banking.decline(session, row.id, "書類が足りません", version=row.version, actor=market.officer)
    assert row.state is DecisionState.DECLINED
    second = applied(session, market, "10")
    with one_transaction(session):
        banking.withdraw(session, second.id, version=second.version, actor=market.a)
    assert second.state is DecisionState.WITHDRAWN


def test_units_that_left_meanwhile_are_named_when_the_office_proposes(
    session: Session, market: trade.Market
) -> None:
    row = applied(session, market)
    with one_transaction(session):
        trade.move(session, market.a, MovementKind.TRANSFER, 1, market.trader.account.code)
    with pytest.raises(PortalError) as raised:
        proposed(session, market, row)
    assert refused(raised) == [Refusal.BALANCE_SHORT]


def test_promised_units_do_not_move(session: Session, market: trade.Market) -> None:
    row = applied(session, market)
    proposed(session, market, row)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        trade.move(session, market.a, MovementKind.TRANSFER, 1, market.trader.account.code)
    assert refused(raised) == [Refusal.UNITS_PROMISED]


def test_login_b_and_traders_cannot_apply(session: Session, market: trade.Market) -> None:
    for actor in (market.b, market.t, market.officer):
        with pytest.raises(PortalError), one_transaction(session):
            banking.apply(session, "1", key=key(), actor=actor)


def test_every_rule_is_asked_again_at_the_confirmation_without_its_own_promise(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
        registration.phase(session, 3)
    trade.at(OPEN)
    row = applied(session, market, "1500")
    movement = proposed(session, market, row)
    target = update(ReductionTarget).where(ReductionTarget.holder_id == market.holder.id)
    with one_transaction(session):
        trade.take(session, market, market.holder.account, AccountAction.SUSPEND)
        session.execute(target.values(quantity=1_499))
    session.expire_all()

    def confirm() -> None:
        with one_transaction(session):
            issuance.confirm(session, movement.id, version=movement.version, actor=market.approver)

    with pytest.raises(PortalError) as raised:
        confirm()
    assert refused(raised) == [Refusal.SOURCE_NOT_OPEN, Refusal.RESERVE]
    assert raised.value.problems[1].figures == {"reserve": 7_001, "movable": 1_499}
    with one_transaction(session):
        trade.take(session, market, market.holder.account, AccountAction.RESUME)
        session.execute(target.values(quantity=1_500))
    session.expire_all()
    confirm()
    assert row.state is DecisionState.ACCEPTED
