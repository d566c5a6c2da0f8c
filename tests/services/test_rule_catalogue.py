"""Every rule of movements on the real services: one act it refuses, one like it that passes.

One world for each database; every case is tried in it and taken back. What a participant's page would
show is asked too: it must name the same rules as the act itself. ``docs/rules.md`` names these tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from portal.errors import PortalError, Refusal
from portal.extensions import make_engine, make_session
from portal.models import MAX_QUANTITY, AccountAction, AccountState, MovementKind
from portal.services import allowances, issuance, issue_batches, phase_closings
from portal.services.allowances import Request
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make
from tests.services.rule_world import BANKING_TIME, World, key
from tests.services.test_phase_cap import with_cap

R = Refusal


@pytest.fixture(scope="module", params=databases.KINDS)
def world(
    request: pytest.FixtureRequest,
    database_templates: databases.Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    url = databases.copy(database_templates.of(request.param), tmp_path_factory.mktemp("rules"))
    engine = make_engine(url)
    with make_session(engine) as session:
        with one_transaction(session):
            cohort = make.cohort(session)
            trade.issue(session, cohort.market)
        yield World(session, cohort)
    engine.dispose()
    if request.param == "postgresql":
        databases.drop(url)


@pytest.fixture(autouse=True)
def taken_back(world: World) -> Iterator[None]:
    trade.at("2014-04-08 12:00")
    world.session.begin_nested()
    yield
    world.session.rollback()
    world.session.expire_all()


Act = Callable[[World], object]
#: rule → (what it refuses, the same thing that passes)
CASES: dict[Refusal, tuple[Act, Act]] = {}


def case(refusal: Refusal, fails: Act, passes: Act) -> None:
    assert refusal not in CASES
    CASES[refusal] = (fails, passes)


def then(*acts: Act) -> Act:
    """One act after the other; the last one counts."""

    def all_of(w: World) -> object:
        return [act(w) for act in acts][-1]

    return all_of


def at(moment: str) -> Act:
    return lambda w: trade.at(moment)


TO_TRADER: Act = lambda w: w.move("1")  # noqa: E731
ISSUE: Act = lambda w: w.issue()  # noqa: E731
RETIRE = MovementKind.RETIRE
WIZARD = (MovementKind.TRANSFER, RETIRE, MovementKind.CANCEL, MovementKind.OFFSET)

# ---- what was typed
case(R.ACCOUNT_NUMBER_SHAPE, lambda w: w.move("1", account="12-AB"), TO_TRADER)
case(R.ACCOUNT_UNKNOWN, lambda w: w.move("1", account="AST-999999"), TO_TRADER)
case(R.REQUIRED, lambda w: w.move(""), TO_TRADER)
case(R.QUANTITY_SHAPE, lambda w: w.move("1.5"), lambda w: w.move("１，５００"))
case(R.QUANTITY_POSITIVE, lambda w: w.move("0"), TO_TRADER)
case(R.QUANTITY_TOO_LARGE, lambda w: w.move("9" * 17), TO_TRADER)
case(R.TOO_LONG, lambda w: w.move("1", note="あ" * 101), lambda w: w.move("1", note="あ" * 100))
# ---- accounts
case(R.ACCOUNT_SAME, lambda w: w.move("1", account=w.market.holder.account.code), TO_TRADER)
case(R.TARGET_KIND, lambda w: w.move("1", account="AST-2"), TO_TRADER)
case(
    R.SOURCE_NOT_OPEN,
    then(
        lambda w: trade.take(w.session, w.market, w.market.holder.account, AccountAction.SUSPEND), TO_TRADER
    ),
    TO_TRADER,
)
case(
    R.TARGET_CLOSED,
    then(lambda w: w.take(AccountAction.CLOSE), TO_TRADER),
    then(lambda w: w.take(AccountAction.SUSPEND), TO_TRADER),
)
# ---- units and figures
case(R.BALANCE_SHORT, lambda w: w.move("8501", RETIRE), lambda w: w.move("8500", RETIRE))
case(R.RESERVE, lambda w: w.move("1501"), lambda w: w.move("1500"))
case(
    R.UNITS_PROMISED,
    then(lambda w: w.correct(w.first()), lambda w: w.move("1", RETIRE)),
    lambda w: w.move("1", RETIRE),
)
case(
    R.UNIT_WINDOW_OVER,
    then(at("2016-02-01 00:00"), TO_TRADER),
    then(at("2016-01-31 23:59"), TO_TRADER),
)
case(
    R.UNIT_NOT_USABLE,
    then(lambda w: w.next_phase(), lambda w: w.move("1", RETIRE, unit_class_id=w.newest_jaa())),
    then(lambda w: w.next_phase(), lambda w: w.move("1", RETIRE)),
)
CLOSE: Act = then(
    lambda w: w.over(), lambda w: phase_closings.confirm(w.session, w.closing().id, actor=w.market.approver)
)
case(
    R.RETIRE_AFTER_CLOSING,
    lambda w: [w.own_jver(), CLOSE(w), w.move("1", RETIRE, unit_class_id=w.jver_class())],
    lambda w: [w.own_jver(), w.over(), w.move("1", RETIRE, unit_class_id=w.jver_class())],
)
case(
    R.PHASE_CLOSED,
    then(CLOSE, TO_TRADER),
    then(lambda w: w.over(), at("2016-01-31 10:00"), TO_TRADER),
)
case(
    R.RETIRE_MORE_THAN_NEEDED,
    then(lambda w: w.approve_target_year(), lambda w: w.move("6001", RETIRE)),
    then(lambda w: w.approve_target_year(), lambda w: w.move("6001", RETIRE, voluntary=True)),
)
# ---- issue
case(R.NOT_APPROVED, lambda w: w.issue(w.cohort.third.id), ISSUE)
case(R.NO_TARGET, lambda w: w.issue(registration.holder(w.session).id), ISSUE)
case(R.ISSUE_NOT_POSITIVE, then(lambda w: w.promise(100), ISSUE), then(lambda w: w.promise(99), ISSUE))
case(R.ISSUE_TOO_EARLY, then(at("2014-03-31 23:59"), ISSUE), then(at("2014-04-01 00:00"), ISSUE))
case(R.ISSUED_ALREADY, lambda w: w.issue(w.market.holder.id), ISSUE)
case(R.ISSUE_DIFFERS, lambda w: w.confirmed_on_another_target(), lambda w: w.confirm(w.issue()))
case(
    R.CAP_REACHED,
    then(lambda w: with_cap(w.session, w.cohort, 8_539), ISSUE),
    then(lambda w: with_cap(w.session, w.cohort, 8_540), ISSUE),
)
# ---- two persons
case(
    R.SAME_PERSON,
    lambda w: w.confirm(
        issuance.propose_issue(w.session, w.cohort.second.id, key=key(), actor=w.market.approver)
    ),
    lambda w: w.confirm(w.issue()),
)
case(R.PERSON_INACTIVE, lambda w: w.confirmed_for_nobody(), lambda w: w.confirm(w.issue()))
case(
    R.PROPOSAL_EXPIRED,
    lambda w: w.confirmed_at("2014-04-22 12:00"),
    lambda w: w.confirmed_at("2014-04-22 11:59"),
)
# ---- corrections
case(
    R.REVERSED_ALREADY,
    lambda w: [w.correct(w.newest()), w.correct(w.newest())],
    lambda w: w.correct(w.newest()),
)
case(
    R.REVERSAL_UNITS_GONE,
    then(TO_TRADER, lambda w: w.correct(w.first())),
    then(TO_TRADER, lambda w: w.correct(w.newest())),
)
case(
    R.REVERSAL_OF_REVERSAL,
    then(TO_TRADER, lambda w: w.correct(w.confirm(w.correct(w.newest())))),
    then(TO_TRADER, lambda w: w.confirm(w.correct(w.newest()))),
)
case(
    R.REVERSAL_OF_CARRY_OVER,
    then(lambda w: w.next_phase(), lambda w: w.correct(w.confirm(w.carry_over()))),
    then(lambda w: w.next_phase(), lambda w: w.confirm(w.carry_over())),
)
# ---- jVER
case(
    R.JVER_BOUND,
    then(lambda w: w.confirm(w.jver(MAX_QUANTITY)), lambda w: w.jver(1)),
    then(lambda w: w.confirm(w.jver(MAX_QUANTITY - 1)), lambda w: w.confirm(w.jver(1))),
)
# ---- banking
case(
    R.BANKING_CLOSED,
    then(lambda w: w.next_phase(), at("2015-11-30 23:59"), lambda w: w.apply()),
    then(lambda w: w.next_phase(), at("2015-12-01 00:00"), lambda w: w.apply()),
)
case(
    R.BANKING_NO_NEXT,
    then(at(BANKING_TIME), lambda w: w.apply()),
    then(lambda w: w.next_phase(), lambda w: w.apply()),
)
case(
    R.BANKING_OPEN,
    then(lambda w: w.next_phase(), lambda w: w.apply(), lambda w: w.apply()),
    then(lambda w: w.next_phase(), lambda w: w.apply()),
)
case(R.BANKING_PENDING, lambda w: w.taken_back(proposed=True), lambda w: w.taken_back())
# ---- whole phase
SECOND: Act = lambda w: w.batch()  # noqa: E731
case(R.ISSUE_BATCH_OPEN, then(SECOND, SECOND), SECOND)
case(
    R.ISSUE_BATCH_EMPTY,
    lambda w: issue_batches.propose(w.session, w.cohort.phase.id, {}, key=key(), actor=w.market.officer),
    SECOND,
)
case(R.ISSUE_BATCH_CHANGED, lambda w: w.batch_executed(61), lambda w: w.batch_executed(60))
case(
    R.ISSUE_IN_BATCH,
    lambda w: w.confirm(w.batch().movements[0]),
    lambda w: w.confirm(w.issue()),
)
# ---- closing
case(
    R.CLOSING_TOO_EARLY,
    then(lambda w: w.over(), at("2016-01-31 23:59"), lambda w: w.closing()),
    then(lambda w: w.over(), lambda w: w.closing()),
)
case(
    R.CLOSING_NOT_FROZEN,
    then(at(make.OVER), lambda w: w.closing()),
    then(lambda w: w.over(), lambda w: w.closing()),
)
case(
    R.CLOSING_PENDING,
    then(lambda w: w.over(), lambda w: w.correct(w.newest()), lambda w: w.closing()),
    then(lambda w: w.over(), lambda w: w.closing()),
)
case(
    R.CLOSING_OPEN,
    then(lambda w: w.over(), lambda w: w.closing(), lambda w: w.closing()),
    then(lambda w: w.over(), lambda w: w.closing()),
)


# ---- the page's own
case(R.KEY_REUSED, lambda w: w.retired_by_one_key(1, 2), lambda w: w.retired_by_one_key(1, 1))
case(
    R.STALE_PAGE,
    lambda w: issuance.confirm(w.session, w.issue().id, version=99, actor=w.market.approver),
    lambda w: w.confirm(w.issue()),
)


@pytest.mark.parametrize("rule", CASES, ids=lambda rule: rule.name)
def test_rule_refuses(world: World, rule: Refusal) -> None:
    with pytest.raises(PortalError) as raised:
        CASES[rule][0](world)
    problem = next(one for one in raised.value.problems if one.refusal is rule)
    assert problem.text("ja") and problem.text("en")


@pytest.mark.parametrize("rule", CASES, ids=lambda rule: rule.name)
def test_rule_lets_pass(world: World, rule: Refusal) -> None:
    CASES[rule][1](world)
    world.session.flush()


def wizard_step(w: World, kind: MovementKind) -> Callable[[], object]:
    return partial(w.move, "1", kind)


#: every kind of movement just before its last step
LAST_STEPS: dict[str, Callable[[World], Callable[[], object]]] = {
    **{one.value: partial(wizard_step, kind=one) for one in WIZARD},
    "issue": lambda w: partial(w.confirm, w.issue()),
    "batch": lambda w: partial(w.execute, w.batch()),
    "jver": lambda w: partial(w.confirm, w.jver(5)),
    "carry over": lambda w: partial(w.confirm, (w.next_phase(), w.carry_over())[1]),
    "correction": lambda w: partial(w.confirm, w.correct(w.first())),
    "back": lambda w: partial(w.confirm, w.correct(w.move("1"))),
}


OWN = [one.value for one in WIZARD]
#: what befalls just before it → how, and the kinds that it stops
BEFALLS: dict[Refusal, tuple[Callable[[World], object], list[str]]] = {
    R.BOOKS_DISAGREE: (lambda w: w.disagree(), [*OWN, "issue", "batch", "jver", "carry over"]),
    R.PHASE_CLOSED: (lambda w: w.close_the_phase(), [*OWN, "issue", "batch", "carry over", "correction"]),
    R.SOURCE_NOT_OPEN: (lambda w: w.stop_accounts(AccountState.SUSPENDED), [*OWN, "carry over", "back"]),
    R.TARGET_CLOSED: (lambda w: w.stop_accounts(AccountState.CLOSED), ["transfer", "issue", "jver"]),
    R.ISSUE_TOO_EARLY: (at("2014-03-31 23:59"), ["issue", "batch"]),
    # whose account was closed is one of whom a batch names
    R.ISSUE_BATCH_CHANGED: (lambda w: w.stop_accounts(AccountState.CLOSED), ["batch"]),
}


@pytest.mark.parametrize(
    ("rule", "kind"), [(rule, kind) for rule, (_how, kinds) in BEFALLS.items() for kind in kinds]
)
def test_what_befalls_before_the_last_step_stops_it(world: World, rule: Refusal, kind: str) -> None:
    last = LAST_STEPS[kind](world)
    BEFALLS[rule][0](world)
    with pytest.raises(PortalError) as raised:
        last()
    assert rule in [one.refusal for one in raised.value.problems]
    assert len(raised.value.problems) == 1 or rule is not R.BOOKS_DISAGREE


def test_a_correction_goes_on_while_the_books_disagree(world: World) -> None:
    last = LAST_STEPS["correction"](world)
    world.disagree()
    last()


def test_all_failing_rules_stand_on_the_page_at_once_in_their_order(world: World) -> None:
    world.take(AccountAction.CLOSE)
    trade.at("2016-02-01 10:00")
    request = Request(
        MovementKind.TRANSFER, "９，０００", account=world.market.trader.account.code, note="あ" * 101
    )
    plan = allowances.draft(world.session, request, actor=world.market.a)
    assert [one.refusal for one in plan.problems] == [
        R.UNIT_WINDOW_OVER,
        R.RESERVE,
        R.TARGET_CLOSED,
        R.TOO_LONG,
    ]
    assert plan.problems[1].figures == {"reserve": 7_000, "movable": 1_500}
    assert ([one.refusal for one in plan.standing], plan.movable) == ([R.UNIT_WINDOW_OVER], 0)


def test_all_that_is_wrong_with_a_jver_issue_is_said_at_once_in_the_order_of_the_page(world: World) -> None:
    def refused(account: str, quantity: str, reason: str) -> list[tuple[Refusal, str | None]]:
        with pytest.raises(PortalError) as raised:
            issuance.propose_jver(
                world.session, account, quantity, reason, key=key(), actor=world.market.officer
            )
        return [(one.refusal, one.field) for one in raised.value.problems]

    last = [(R.REASON_NEEDED, "reason")]
    assert refused("AST-999999", "0", "") == [
        (R.ACCOUNT_UNKNOWN, "account"),
        (R.QUANTITY_POSITIVE, "quantity"),
        *last,
    ]
    assert refused("12-AB", "1.5", " ") == [
        (R.ACCOUNT_NUMBER_SHAPE, "account"),
        (R.QUANTITY_SHAPE, "quantity"),
        *last,
    ]
    world.jver(MAX_QUANTITY)
    assert refused("AST-2", "1", "") == [(R.TARGET_KIND, "account"), (R.JVER_BOUND, "quantity"), *last]


def test_all_that_is_wrong_with_a_correction_is_said_at_once_with_its_figures(world: World) -> None:
    sent = world.move("1500")
    trade.move(world.session, world.market.t, MovementKind.TRANSFER, 300, world.market.holder.account.code)
    trade.take(world.session, world.market, world.market.trader.account, AccountAction.SUSPEND)
    assert sent.transaction is not None
    with pytest.raises(PortalError) as raised:
        issuance.propose_correction(
            world.session, sent.transaction.id, " ", key=key(), actor=world.market.officer
        )
    found = raised.value.problems
    assert [one.refusal for one in found] == [R.SOURCE_NOT_OPEN, R.REVERSAL_UNITS_GONE, R.REASON_NEEDED]
    code = world.market.trader.account.code
    assert found[1].text("ja") == f"{code}の動かせる残高は1,200 JAAです。戻すには300 JAA足りません。"
