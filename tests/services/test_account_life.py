"""The life of an account: state × action × role, four eyes, reasons and events, what each state forbids."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Amount, NotAllowed, PortalError, Refusal, Refused, Stale, UnitName
from portal.models import (
    Account,
    AccountAction,
    AccountKind,
    AccountState,
    BankingApplication,
    DecisionState,
    Event,
    MailMessage,
    MovementKind,
    ProposalState,
    UnitClass,
    User,
)
from portal.permissions import Role
from portal.services import account_life, contacts, directory, issuance, letters, queues
from portal.services.account_life import Ability, Standing, refusals_for
from portal.services.audit import EventTag
from portal.services.queues import QueueKind
from tests.factories import allowances as make
from tests.factories import registration

SUSPEND, RESUME, CLOSE = AccountAction
OPEN, SUSPENDED, CLOSED = AccountState
#: the domain's own table of steps, written down a second time
STEPS = {(OPEN, SUSPEND), (SUSPENDED, RESUME), (OPEN, CLOSE), (SUSPENDED, CLOSE)}
#: what leads an empty account into each state
WAYS = {OPEN: (), SUSPENDED: (SUSPEND,), CLOSED: (CLOSE,)}


@pytest.fixture
def market(session: Session) -> make.Market:
    return make.market(session)


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


def tried(session: Session, work: Callable[[], object]) -> str:
    """What came of an act that is not kept: done, or the refusals."""
    point = session.begin_nested()
    try:
        work()
        session.flush()
        return "done"
    except PortalError as error:
        return ",".join(problem.refusal.name for problem in error.problems)
    finally:
        point.rollback()
        session.expire_all()


@pytest.mark.parametrize(("state", "action"), list(product(AccountState, AccountAction)))
def test_a_step_is_possible_along_the_table_only(state: AccountState, action: AccountAction) -> None:
    found = refusals_for(Standing(AccountKind.TRADING, state), action)
    assert [one.refusal for one in found] == ([] if (state, action) in STEPS else [Refusal.WRONG_STATE])


def test_all_reasons_come_at_once_and_in_order() -> None:
    units = (Amount(1_500, UnitName("JAA", 2)), Amount(12, UnitName("jVER")))
    standing = Standing(AccountKind.COMPLIANCE, CLOSED, units, movements=2, banking=1, change_open=True)
    found = refusals_for(standing, CLOSE)
    assert [one.refusal for one in found] == [
        Refusal.WRONG_STATE,
        Refusal.ACCOUNT_NOT_EMPTY,
        Refusal.ACCOUNT_PENDING,
        Refusal.ACCOUNT_CHANGE_OPEN,
    ]
    assert "第2期 JAA 1,500、jVER 12が残っている" in found[1].text("ja")
    assert "holds Phase 2 JAA 1,500, jVER 12" in found[1].text("en")
    assert "3件" in found[2].text("ja")
    assert [one.refusal for one in refusals_for(standing, SUSPEND)] == [
        Refusal.WRONG_STATE,
        Refusal.ACCOUNT_CHANGE_OPEN,
    ]


@pytest.mark.parametrize("kind", sorted(set(AccountKind) - account_life.LIVING))
def test_the_schemes_own_accounts_have_no_life(kind: AccountKind) -> None:
    for action in AccountAction:
        found = refusals_for(Standing(kind, OPEN, movements=1), action)
        assert [one.refusal for one in found] == [Refusal.ACCOUNT_OF_SCHEME]


def test_every_state_action_and_role_on_the_real_services(session: Session, market: make.Market) -> None:
    """The whole square: who proposes, who confirms, from which state; nothing is kept in between."""
    people = [*market.holder.users, *market.trader.users, *market.scheme.verifier.users, market.officer]
    people += [registration.office(session, Role.APPROVER), market.scheme.viewer]
    account, wrong = market.trader.account, []
    proposes, confirms = {Role.OFFICER, Role.APPROVER}, {Role.APPROVER}
    for state in AccountState:
        point = session.begin_nested()
        if WAYS[state]:
            make.take(session, market, account, *WAYS[state])
        for action, person in product(AccountAction, people):
            propose = lambda a=action, p=person: account_life.propose(session, account.id, a, "x", actor=p)  # noqa: E731
            expected = "NOT_ALLOWED" if person.role not in proposes else "WRONG_STATE"
            if expected == "WRONG_STATE" and (state, action) in STEPS:
                expected = "done"
            got = tried(session, propose)
            if got != expected:
                wrong.append((state, action, person.role, "propose", got))
            if (state, action) not in STEPS:
                continue
            inner = session.begin_nested()
            change = account_life.propose(session, account.id, action, "x", actor=market.officer)
            declines = update_wrapper(partial(account_life.withdraw, reason="誤り"), account_life.withdraw)
            for act in (account_life.confirm, declines):
                got = tried(session, lambda a=act, c=change, p=person: a(session, c.id, actor=p))
                may = person.role in confirms or (act is declines and person is market.officer)
                if got != ("done" if may else "NOT_ALLOWED"):
                    wrong.append((state, action, person.role, act.__name__, got))
            inner.rollback()
            session.expire_all()
        point.rollback()
        session.expire_all()
    assert wrong == []


def test_whoever_proposed_does_not_confirm_and_a_second_press_proposes_once(
    session: Session, market: make.Market
) -> None:
    account = market.holder.account
    made = [
        account_life.propose(session, account.id, SUSPEND, " 調査 ", actor=market.approver, key="k")
        for _ in range(2)
    ]
    assert made[0] is made[1] and made[0].reason == "調査"
    assert refused(lambda: account_life.confirm(session, made[0].id, actor=market.approver)) == [
        Refusal.SAME_PERSON
    ]
    again = lambda: account_life.propose(session, account.id, CLOSE, "", actor=market.officer)  # noqa: E731
    assert refused(again) == [Refusal.ACCOUNT_NOT_EMPTY, Refusal.ACCOUNT_CHANGE_OPEN, Refusal.REASON_NEEDED]
    account_life.withdraw(session, made[0].id, actor=market.approver)
    assert (account.state, made[0].state) == (OPEN, ProposalState.WITHDRAWN)


def test_a_page_older_than_the_account_or_the_proposal_is_refused(
    session: Session, market: make.Market
) -> None:
    account = market.trader.account
    old = account.version
    make.take(session, market, account, SUSPEND)
    with pytest.raises(Stale):
        account_life.propose(session, account.id, RESUME, "x", actor=market.officer, version=old)
    change = account_life.propose(session, account.id, RESUME, "x", actor=market.officer)
    for act in (account_life.confirm, account_life.withdraw):
        with pytest.raises(Stale):
            act(session, change.id, actor=market.approver, version=change.version + 1)


def test_closing_is_judged_again_when_it_is_confirmed(session: Session, market: make.Market) -> None:
    account = market.trader.account
    change = account_life.propose(session, account.id, CLOSE, "取引の終了", actor=market.officer)
    make.move(session, market.a, MovementKind.TRANSFER, 5, account.code)
    issuance.propose_jver(session, account.code, 7, "第1号", key="j", actor=market.officer)
    confirm = lambda: account_life.confirm(session, change.id, actor=market.approver)  # noqa: E731
    assert refused(confirm) == [Refusal.ACCOUNT_NOT_EMPTY, Refusal.ACCOUNT_PENDING]
    assert account.state is OPEN and account.closed_at is None


def test_a_banking_application_that_waits_keeps_an_account_open(
    session: Session, market: make.Market
) -> None:
    make.empty(session, market)
    unit_class = session.scalars(select(UnitClass.id)).first()
    session.add(
        BankingApplication(
            holder_id=market.holder.id,
            unit_class_id=unit_class,
            target_class_id=unit_class,
            quantity=1,
            state=DecisionState.APPLIED,
            applied_by_id=market.a.id,
            applied_at=market.holder.created_at,
        )
    )
    session.flush()
    account = market.holder.account.id
    propose = lambda: account_life.propose(session, account, CLOSE, "x", actor=market.officer)  # noqa: E731
    assert refused(propose) == [Refusal.ACCOUNT_PENDING]


def test_each_step_leaves_its_events_its_reason_and_its_mail(session: Session, market: make.Market) -> None:
    make.empty(session, market)
    account = market.holder.account
    make.take(session, market, account, SUSPEND, RESUME, CLOSE, reason="合併のため")
    assert account.closed_at is not None
    query = select(Event).where(Event.subject_type == "account", Event.subject_id == account.id)
    events = session.scalars(query.order_by(Event.id)).all()
    assert [(e.tag, e.reason, e.holder_id) for e in events[1:]] == [
        (tag.value, "合併のため", market.holder.id)
        for tag in (EventTag.ACCOUNT_SUSPENDED, EventTag.ACCOUNT_RESUMED, EventTag.ACCOUNT_CLOSED)
    ]
    told = select(MailMessage).where(MailMessage.kind.startswith("account_")).order_by(MailMessage.id)
    mails = session.scalars(told).all()
    owner = [(one.kind, one.recipient) for one in mails if one.recipient == market.a.email]
    assert [kind for kind, _to in owner] == ["account_suspended", "account_resumed", "account_closed"]
    assert all("合併のため" in one.body and account.code in one.body for one in mails)
    assert market.b.email is not None and market.b.email not in {one.recipient for one in mails}
    asked = [one for one in mails if one.kind == "account_change_to_confirm"]
    assert {one.recipient for one in asked} >= {market.approver.email}
    assert market.officer.email not in {one.recipient for one in asked}
    assert "停止が起案されました" in asked[0].body


def test_a_waiting_proposal_is_counted_on_the_offices_desk(session: Session, market: make.Market) -> None:
    account_life.propose(session, market.trader.account.id, CLOSE, "x", actor=market.officer)
    assert queues.waiting(session).account_changes == 1
    assert {q.kind: q.count for q in queues.queues(session)}[QueueKind.ACCOUNT_CHANGES] == 1


def acts(session: Session, market: make.Market, account: Account) -> dict[Ability, Callable[[], object]]:
    """One real act for each ability of a participant's account, on figures that allow it."""
    own = market.a if account.holder_id is not None else market.t
    other = market.t if own is market.a else market.a
    there = (market.trader if own is market.a else market.holder).account.code
    contact = contacts.present(account.holder or account.trader)  # type: ignore[arg-type]
    changed = type(contact)(**{**vars(contact), "department": "新しい部署"})
    to_it, from_it = (3, 2) if own is market.t else (2, 3)

    def listed() -> None:
        if account.code not in [one.account for one in directory.look(session, other).entries]:
            raise Refused

    def correct(transaction: int) -> Callable[[], object]:
        # which way the wrong transfer went decides which way its correction goes
        return lambda: issuance.propose_correction(session, transaction, "x", key="c", actor=market.officer)

    owner = account.holder or account.trader
    assert owner is not None
    return {
        Ability.READ: lambda: account_life.abilities(account.kind, account.state),
        Ability.RECEIVE: lambda: make.move(session, other, MovementKind.TRANSFER, 1, account.code),
        Ability.BE_ISSUED: lambda: issuance.propose_jver(
            session, account.code, 3, "第1号", key="j", actor=market.officer
        ),
        Ability.BE_CORRECTED_TO: correct(to_it),
        Ability.MOVE: lambda: make.move(session, own, MovementKind.TRANSFER, 1, there),
        Ability.RETIRE: lambda: make.move(session, own, MovementKind.RETIRE, 1),
        Ability.BE_CORRECTED_FROM: correct(from_it),
        Ability.BE_FOUND: listed,
        Ability.CHANGE_CONTACT: lambda: contacts.apply_for_change(session, changed, actor=own),
        Ability.GET_LETTERS: lambda: letters.make_reissue(session, owner, owner.users, actor=market.officer),
    }


def trade(session: Session, market: make.Market) -> None:
    """T-2 and T-3, which corrections may turn round; afterwards the trader holds 510, the holder 7,990."""
    there, back = market.trader.account.code, market.holder.account.code
    make.move(session, market.a, MovementKind.TRANSFER, 40, there)
    make.move(session, market.t, MovementKind.TRANSFER, 30, back)
    make.move(session, market.a, MovementKind.TRANSFER, 500, there)


@pytest.mark.parametrize("whose", ["holder", "trader"])
def test_what_the_page_says_of_a_state_is_what_the_services_do(
    session: Session, market: make.Market, whose: str
) -> None:
    """Every state × every movement kind and every other ability; banking has no act of its own yet."""
    trade(session, market)
    account: Account = getattr(market, whose).account
    wrong = []
    for state in (OPEN, SUSPENDED):
        if state is SUSPENDED:
            make.take(session, market, account, SUSPEND)
        said = account_life.abilities(account.kind, state)
        for ability, act in acts(session, market, account).items():
            if ability not in said:
                continue
            got = tried(session, act)
            if (got == "done") is not said[ability]:
                wrong.append((state, ability, said[ability], got))
    assert wrong == []


@pytest.mark.parametrize("whose", ["holder", "trader"])
def test_a_closed_account_does_what_the_page_says_too(
    session: Session, market: make.Market, whose: str
) -> None:
    trade(session, market)
    account: Account = getattr(market, whose).account
    if whose == "holder":
        make.move(session, market.a, MovementKind.RETIRE, 7_990)
    else:
        make.move(session, market.t, MovementKind.TRANSFER, 510, market.holder.account.code)
    make.take(session, market, account, CLOSE)
    said = account_life.abilities(account.kind, CLOSED)
    got = {
        ability: tried(session, act)
        for ability, act in acts(session, market, account).items()
        if ability in said
    }
    assert {a: g for a, g in got.items() if (g == "done") is not said[a]} == {}
    assert "TARGET_CLOSED" in got[Ability.RECEIVE] and "SOURCE_NOT_OPEN" in got[Ability.MOVE]


def test_an_issue_waits_for_no_closed_account(session: Session) -> None:
    market = make.market(session, issued=False)
    make.take(session, market, market.holder.account, CLOSE)
    (one,) = queues.issuable(session)
    assert [problem.refusal for problem in one.problems] == [Refusal.TARGET_CLOSED]
    propose = lambda: make.issue(session, market)  # noqa: E731
    assert refused(propose) == [Refusal.TARGET_CLOSED]


def test_the_logins_of_a_closed_account_go_on_reading(session: Session, market: make.Market) -> None:
    make.empty(session, market)
    make.take(session, market, market.holder.account, CLOSE)
    logins = session.scalars(select(User).where(User.holder_id == market.holder.id)).all()
    assert [user.usable for user in logins] == [True, True]
    with pytest.raises(NotAllowed):
        account_life.propose(session, market.holder.account.id, SUSPEND, "x", actor=market.a)


@pytest.mark.parametrize(("wall", "held_back"), [("2016-01-31 23:59", True), ("2016-02-01 00:00", False)])
def test_units_that_cannot_move_any_more_keep_no_account_open(
    session: Session, market: make.Market, wall: str, held_back: bool
) -> None:
    account = market.trader.account
    make.move(session, market.a, MovementKind.TRANSFER, 5, account.code)
    make.at(wall)
    standing = account_life.standing_of(session, account)
    assert [one.quantity for one in (standing.units if held_back else standing.left)] == [5]
    close = lambda: make.take(session, market, account, CLOSE)  # noqa: E731
    if held_back:
        assert refused(close) == [Refusal.ACCOUNT_NOT_EMPTY]
        return
    close()
    session.flush()
    assert account.state is CLOSED


def test_jver_know_no_end_and_keep_an_account_open(session: Session, market: make.Market) -> None:
    made = issuance.propose_jver(
        session, market.trader.account.code, 7, "第1号", key="j", actor=market.officer
    )
    issuance.confirm(session, made.id, version=made.version, actor=market.approver)
    make.at("2016-04-10 10:00")
    close = lambda: make.take(session, market, market.trader.account, CLOSE)  # noqa: E731
    assert refused(close) == [Refusal.ACCOUNT_NOT_EMPTY]
