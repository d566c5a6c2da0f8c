"""Movements through the services on both databases: the worked example, four eyes, one key one effect."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, Refusal, Refused
from portal.models import (
    LedgerTransaction,
    MailMessage,
    Movement,
    MovementKind,
    MovementState,
    Period,
    ReportState,
    User,
)
from portal.permissions import Role
from portal.services import allowances, issuance, lapses, once
from portal.services.allowances import Request
from portal.services.figures import figures_of
from tests.factories import allowances as make
from tests.factories import registration, reports

RETIRE, TRANSFER = MovementKind.RETIRE, MovementKind.TRANSFER


@pytest.fixture
def market(session: Session) -> make.Market:
    return make.market(session)


def standing(session: Session, market: make.Market) -> tuple[int, int, int, int]:
    """(balance, retired, reserve, movable) as the worked example lists them."""
    session.expire_all()
    figures = figures_of(session, market.holder)
    return figures.held, figures.retired, figures.reserve, figures.movable


def refusals(
    session: Session, actor: User, kind: MovementKind, quantity: object, account: str = ""
) -> list[str]:
    with pytest.raises(Refused) as refused:
        make.move(session, actor, kind, str(quantity), account)
    return [problem.refusal.value for problem in refused.value.problems]


def test_the_worked_example_runs_through_the_real_services(session: Session, market: make.Market) -> None:
    trader = market.trader.account.code
    assert standing(session, market) == (8_500, 0, 7_000, 1_500)
    make.move(session, market.a, TRANSFER, 1_500, trader)
    assert standing(session, market) == (7_000, 0, 7_000, 0)
    assert refusals(session, market.a, TRANSFER, 1, trader) == ["reserve"]
    make.move(session, market.t, TRANSFER, 400, market.holder.account.code)
    assert standing(session, market) == (7_400, 0, 7_000, 400)
    make.move(session, market.a, RETIRE, 5_000)
    assert standing(session, market) == (2_400, 5_000, 2_000, 400)
    reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    make.move(session, market.a, RETIRE, 2_400)
    assert standing(session, market) == (0, 7_400, 0, 0)


def test_nobody_confirms_what_he_proposed(session: Session) -> None:
    market = make.market(session, issued=False)
    proposed = issuance.propose_issue(session, market.holder.id, key="k1", actor=market.approver)
    with pytest.raises(Refused) as refused:
        issuance.confirm(session, proposed.id, version=proposed.version, actor=market.approver)
    assert refused.value.refusal is Refusal.SAME_PERSON
    with pytest.raises(NotAllowed):
        issuance.confirm(session, proposed.id, version=proposed.version, actor=market.officer)


def test_allowances_are_issued_once(session: Session, market: make.Market) -> None:
    with pytest.raises(Refused) as refused:
        issuance.propose_issue(session, market.holder.id, key="again", actor=market.officer)
    assert refused.value.refusal is Refusal.ISSUED_ALREADY


def test_nothing_is_issued_before_the_first_of_april(session: Session) -> None:
    market = make.market(session, issued=False)
    make.at("2014-03-31 23:59")
    with pytest.raises(Refused) as refused:
        issuance.propose_issue(session, market.holder.id, key="early", actor=market.officer)
    assert refused.value.refusal is Refusal.ISSUE_TOO_EARLY


def test_a_second_press_gives_the_first_answer(session: Session, market: make.Market) -> None:
    trader = market.trader.account.code
    first = make.move(session, market.a, TRANSFER, 100, trader, key="same")
    again = make.move(session, market.a, TRANSFER, 100, trader, key="same")
    assert first.id == again.id
    assert standing(session, market)[0] == 8_400
    with pytest.raises(Refused) as refused:
        make.move(session, market.a, TRANSFER, 101, trader, key="same")
    assert refused.value.refusal is Refusal.KEY_REUSED
    # what is no movement has no second effect by that key, nor has a movement by the key of what is none
    once.remember(session, "other", "act", {}, 1, actor=market.officer)
    for work in (
        lambda: once.earlier(session, "same", "act", {}, actor=market.a),
        lambda: issuance.propose_jver(session, trader, 5, "申請", key="other", actor=market.officer),
    ):
        with pytest.raises(Refused) as refused:
            work()
        assert refused.value.refusal is Refusal.KEY_REUSED


def test_login_b_has_no_account_and_moves_nothing(session: Session, market: make.Market) -> None:
    with pytest.raises(NotAllowed):
        make.move(session, market.b, RETIRE, 1)
    with pytest.raises(NotFound):
        allowances.own_account(session, market.b)


def test_a_refused_movement_changes_nothing(session: Session, market: make.Market) -> None:
    session.commit()

    def everything() -> list[object]:
        return [
            session.scalar(select(func.count()).select_from(table))
            for table in (Movement, LedgerTransaction, MailMessage)
        ]

    before = everything()
    assert refusals(session, market.a, TRANSFER, 9_000, "AST-9999") == [
        "reserve",
        "account_unknown",
    ]
    session.rollback()
    assert everything() == before


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("0", "quantity_positive"),
        ("-1", "quantity_shape"),
        ("1.5", "quantity_shape"),
        ("1e3", "quantity_shape"),
        ("99999999999999999999", "quantity_too_large"),
        ("9007199254740992", "quantity_too_large"),
        ("0" * 5_000 + "1", "quantity_too_large"),
        ("0" * 30, "quantity_positive"),
        ("", "required"),
        ("twelve", "quantity_shape"),
    ],
)
def test_a_bad_quantity_is_refused(session: Session, market: make.Market, typed: str, refusal: str) -> None:
    assert refusal in refusals(session, market.a, TRANSFER, typed, market.trader.account.code)


@pytest.mark.parametrize("typed", ["１，５００", "1,500", " 1500 ", "1500", "0" * 20 + "1500"])
def test_a_quantity_is_understood_in_every_width(session: Session, market: make.Market, typed: str) -> None:
    request = Request(kind=TRANSFER, quantity=typed, account="ａｓｔ－" + str(market.trader.account.id))
    draft = allowances.draft(session, request, actor=market.a)
    assert (draft.quantity, draft.problems) == (1_500, ())


def test_a_correction_is_the_mirror_image_once_by_two_persons(session: Session, market: make.Market) -> None:
    wrong = make.move(session, market.a, TRANSFER, 700, market.trader.account.code)
    assert wrong.transaction is not None
    undo = issuance.propose_correction(
        session, wrong.transaction.id, "口座番号の誤り", key="undo", actor=market.officer
    )
    assert refusals(session, market.t, TRANSFER, 700, market.holder.account.code) == ["units_promised"]
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert standing(session, market) == (8_500, 0, 7_000, 1_500)
    with pytest.raises(Refused) as refused:
        issuance.propose_correction(
            session, wrong.transaction.id, "もう一度", key="undo2", actor=market.officer
        )
    assert refused.value.refusal is Refusal.REVERSED_ALREADY


def test_a_corrected_retirement_no_longer_counts(session: Session, market: make.Market) -> None:
    wrong = make.move(session, market.a, RETIRE, 5_000)
    assert wrong.transaction is not None
    undo = issuance.propose_correction(
        session, wrong.transaction.id, "誤り", key="undo", actor=market.officer
    )
    issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert standing(session, market) == (8_500, 0, 7_000, 1_500)


def test_a_proposal_expires_after_fourteen_days_and_gives_its_units_back(
    session: Session, market: make.Market
) -> None:
    wrong = make.move(session, market.a, TRANSFER, 700, market.trader.account.code)
    assert wrong.transaction is not None
    undo = issuance.propose_correction(
        session, wrong.transaction.id, "誤り", key="undo", actor=market.officer
    )
    make.at("2014-04-22 08:59")
    assert lapses.MOVEMENTS(session) == 0
    make.at("2014-04-22 09:00")
    assert lapses.MOVEMENTS(session) == 1
    session.refresh(undo)
    assert undo.state is MovementState.EXPIRED
    make.move(session, market.t, TRANSFER, 700, market.holder.account.code)


def test_a_proposer_whose_login_was_disabled_is_not_confirmed(session: Session) -> None:
    market = make.market(session, issued=False)
    proposed = issuance.propose_issue(session, market.holder.id, key="k1", actor=market.officer)
    market.officer.active = False
    session.flush()
    with pytest.raises(Refused) as refused:
        issuance.confirm(session, proposed.id, version=proposed.version, actor=market.approver)
    assert refused.value.refusal is Refusal.PERSON_INACTIVE


def test_jver_may_be_retired_and_count_for_compliance(session: Session, market: make.Market) -> None:
    made = issuance.propose_jver(
        session, market.holder.account.code, 300, "第1号の申請", key="j", actor=market.officer
    )
    issuance.confirm(session, made.id, version=made.version, actor=market.approver)
    request = Request(kind=RETIRE, quantity="300", unit_class_id=made.unit_class_id)
    allowances.move(session, request, key="r", actor=market.a)
    figures = figures_of(session, market.holder)
    assert (figures.retired_jaa, figures.retired_jver, figures.reserve) == (0, 300, 7_000)


def test_a_stranger_sees_neither_account_nor_movement(session: Session, market: make.Market) -> None:
    other = registration.holder(session)
    stranger = next(user for user in other.users if user.role is Role.HOLDER_A)
    assert allowances.own_account(session, stranger).id == other.account.id
    assert allowances.own_account(session, market.a).id == market.holder.account.id
