"""The life of an account: suspended, resumed, closed; proposed by one, confirmed by another (domain §2).

What each state forbids (safety 5; *decided* where the domain is silent):

* suspended: nothing leaves the account; it still receives transfers, issues and corrections;
* closed, for good: nothing leaves and nothing enters; it is left out of the directory. What cannot move
  any more (its phase closed, or the window over) hinders no closing and stays where it is.

Whatever the state, its owner's logins go on reading balance, history and reports and applying for
changes of contact data, and the office goes on writing letters (*decided*: an account is not a login).
Triggers in both databases hold the same against a mistake here (``migrations/triggers.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Amount, NotFound, Problem, Refusal, Refused
from portal.models import (
    Account,
    AccountAction,
    AccountChange,
    AccountKind,
    AccountState,
    BankingApplication,
    DecisionState,
    Movement,
    MovementState,
    ProposalState,
    User,
)
from portal.permissions import Permission
from portal.services import access, four_eyes, ledger, leftovers, once, proposal_days, proposal_ends, shown
from portal.services.allowance_rules import may_give, may_take
from portal.services.audit import EventTag, record
from portal.services.mail import MailKind, notify
from portal.services.transitions import ACCOUNT, ACCOUNT_CHANGE
from portal.services.workflow import advance, clean_reason, expect_version

#: accounts that have a life: the scheme's own are always open
LIVING = frozenset({AccountKind.COMPLIANCE, AccountKind.TRADING})
#: what a proposal is called in mail, Japanese and English
WORDS: Mapping[AccountAction, tuple[str, str]] = {
    AccountAction.SUSPEND: ("停止", "suspension"),
    AccountAction.RESUME: ("停止の解除", "resumption"),
    AccountAction.CLOSE: ("閉鎖", "closing"),
}


#: the state each step leads to
LEADS_TO: Mapping[AccountAction, AccountState] = {
    AccountAction.SUSPEND: AccountState.SUSPENDED,
    AccountAction.RESUME: AccountState.OPEN,
    AccountAction.CLOSE: AccountState.CLOSED,
}


class Ability(StrEnum):
    """What the owner of an account may do with it, or what may happen to it."""

    READ = auto()  # balance, history, files
    RECEIVE = auto()  # transfers
    BE_ISSUED = auto()  # JAA and jVER
    BE_CORRECTED_TO = auto()  # a correction brings units back
    MOVE = auto()  # transfer, cancel, offset
    RETIRE = auto()
    BANK = auto()
    BE_CORRECTED_FROM = auto()  # a correction takes units away
    BE_FOUND = auto()  # in the directory, if consented
    CHANGE_CONTACT = auto()
    GET_LETTERS = auto()  # new passwords by letter


_OF_HOLDERS = (Ability.RETIRE, Ability.BANK)


def abilities(kind: AccountKind, state: AccountState) -> dict[Ability, bool]:
    """What an account of ``kind`` in ``state`` allows, as the office's page lists it; pure."""
    gives, takes = may_give(state), may_take(state)
    rules = {
        Ability.READ: True,
        Ability.RECEIVE: takes,
        Ability.BE_ISSUED: takes,
        Ability.BE_CORRECTED_TO: takes,
        Ability.MOVE: gives,
        Ability.RETIRE: gives,
        Ability.BANK: gives,
        Ability.BE_CORRECTED_FROM: gives,
        Ability.BE_FOUND: takes,
        Ability.CHANGE_CONTACT: True,
        Ability.GET_LETTERS: True,
    }
    return {
        one: allowed
        for one, allowed in rules.items()
        if kind is AccountKind.COMPLIANCE or one not in _OF_HOLDERS
    }


@dataclass(frozen=True)
class Standing:
    """What the rules of an account's life look at. ``units``: what it holds, class by class."""

    kind: AccountKind
    state: AccountState
    units: tuple[Amount, ...] = ()  # that may still move
    left: tuple[Amount, ...] = ()  # that cannot move any more: their phase's window is over, or it is closed
    movements: int = 0  # proposed: out of it or into it, issues among them
    banking: int = 0  # applications that wait
    change_open: bool = False


def refusals_for(standing: Standing, action: AccountAction) -> list[Problem]:
    """Every reason why the account cannot take this step now, in order; pure.

    ACCOUNT_OF_SCHEME alone, else WRONG_STATE, ACCOUNT_NOT_EMPTY (``units``), ACCOUNT_PENDING
    (``count``), ACCOUNT_CHANGE_OPEN.
    """
    if standing.kind not in LIVING:
        return [Problem(Refusal.ACCOUNT_OF_SCHEME)]
    found = []
    if ACCOUNT.edge(standing.state, action.value) is None:
        found.append(Problem(Refusal.WRONG_STATE))
    if action is AccountAction.CLOSE:
        if standing.units:
            found.append(Problem(Refusal.ACCOUNT_NOT_EMPTY, None, {"units": standing.units}))
        if standing.movements or standing.banking:
            count = standing.movements + standing.banking
            found.append(Problem(Refusal.ACCOUNT_PENDING, None, {"count": count}))
    if standing.change_open:
        found.append(Problem(Refusal.ACCOUNT_CHANGE_OPEN))
    return found


def standing_of(session: Session, account: Account, *, but: int | None = None) -> Standing:
    """How an account stands now; ``but`` is a proposal that does not stand in its own way."""
    movable, left = leftovers.by_use(session, account)
    movements = select(func.count()).where(
        or_(Movement.source_id == account.id, Movement.target_id == account.id),
        Movement.state == MovementState.PROPOSED,
    )
    banking = select(func.count()).where(
        BankingApplication.holder_id == account.holder_id, BankingApplication.state == DecisionState.APPLIED
    )
    change = open_change(session, account.id)
    return Standing(
        kind=account.kind,
        state=account.state,
        units=movable,
        left=left,
        movements=session.scalar(movements) or 0,
        banking=(session.scalar(banking) or 0) if account.holder_id is not None else 0,
        change_open=change is not None and change.id != but,
    )


def figures_of(standing: Standing, action: AccountAction) -> dict[str, Any]:
    """What a page says beside the step, as ``shown`` marks it: the units that a closing leaves for good."""
    left = standing.left if action is AccountAction.CLOSE else ()
    return {"left": [one.shown("en") for one in left]}


def open_change(session: Session, account_id: int) -> AccountChange | None:
    """The proposal about an account that waits for another person, if any."""
    return session.scalars(
        select(AccountChange).where(
            AccountChange.account_id == account_id, AccountChange.state == ProposalState.PROPOSED
        )
    ).one_or_none()


def changes_of(session: Session, account_id: int) -> list[AccountChange]:
    """Every proposal about an account, the newest first."""
    return list(
        session.scalars(
            select(AccountChange)
            .where(AccountChange.account_id == account_id)
            .options(joinedload(AccountChange.proposed_by), joinedload(AccountChange.confirmed_by))
            .order_by(AccountChange.id.desc())
        )
    )


def last_change(session: Session, account_id: int) -> AccountChange | None:
    """The confirmed change that brought the account into its present state; none if it was only opened."""
    return session.scalars(
        select(AccountChange)
        .where(AccountChange.account_id == account_id, AccountChange.state == ProposalState.CONFIRMED)
        .order_by(AccountChange.confirmed_at.desc(), AccountChange.id.desc())
        .limit(1)
    ).one_or_none()


def state_at(session: Session, account: Account, moment: datetime) -> AccountState:
    """The state of ``account`` just before ``moment``: as the last change confirmed by then left it."""
    action = session.scalars(
        select(AccountChange.action)
        .where(
            AccountChange.account_id == account.id,
            AccountChange.state == ProposalState.CONFIRMED,
            AccountChange.confirmed_at < moment,
        )
        .order_by(AccountChange.confirmed_at.desc(), AccountChange.id.desc())
        .limit(1)
    ).one_or_none()
    return LEADS_TO[action] if action is not None else AccountState.OPEN


def propose(
    session: Session,
    account_id: int,
    action: AccountAction,
    reason: str,
    *,
    actor: User,
    key: str | None = None,
    version: int | None = None,
    seen: str | None = None,
) -> AccountChange:
    """Propose to suspend, resume or close an account, with a reason; nothing changes yet.

    ``key`` is the form's, ``version`` the account's as the page showed it. Raises ``Refused`` with
    every reason of :func:`refusals_for`, REASON_NEEDED, or with FIGURES_CHANGED (``seen``: the mark of
    :func:`figures_of`), ``Stale``.
    """
    access.check(actor, Permission.ACCOUNT_PROPOSE)
    account = _locked_account(session, account_id)
    content = {"account": account_id, "action": action.value, "reason": (reason or "").strip()}
    waits = {"state": ProposalState.PROPOSED, "proposed_by_id": actor.id, "proposed_at": clock.now()}
    made = once.earlier(session, key, "account_change", content, actor=actor)
    if made is not None:
        return session.get_one(AccountChange, made)
    expect_version(account, version)
    standing = standing_of(session, account)
    found = refusals_for(standing, action)
    try:
        why = clean_reason(reason, needed=True) or ""
    except Refused as refused:
        found += refused.problems
    if found:
        raise Refused(*found)
    shown.expect(seen, figures_of(standing, action))
    change = AccountChange(account_id=account.id, action=action, reason=why, **waits)
    session.add(change)
    record(
        session,
        EventTag.ACCOUNT_CHANGE_PROPOSED,
        change,
        actor=actor,
        holder_id=account.holder_id,
        reason=why,
        account=account.code,
        kind=action.value,
    )
    once.remember(session, key, "account_change", content, change.id, actor=actor)
    notify(
        session,
        MailKind.ACCOUNT_CHANGE_TO_CONFIRM,
        row=change,
        holder=account.holder,
        trader=account.trader,
        actor=actor,
        account=account.code,
        change=WORDS[action],
        reason=why,
        until=proposal_days.ends_at(session, change),
    )
    return change


def confirm_problems(session: Session, change: AccountChange, actor: User) -> list[Problem]:
    """Why this person cannot confirm this proposal now; also for the page, before the button."""
    if change.state is not ProposalState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, change.proposed_by, actor, proposed_at=change.proposed_at)
    found += proposal_days.problems(session, change)
    return found + refusals_for(standing_of(session, change.account, but=change.id), change.action)


def confirm(
    session: Session,
    change_id: int,
    *,
    actor: User,
    version: int | None = None,
    seen: str | None = None,
) -> AccountChange:
    """The second person confirms: judged again under the account's lock, then the state changes.

    Raises ``Refused`` with every reason, or as :func:`propose` by ``seen``, ``Stale``, ``NotAllowed``.
    """
    access.check(actor, Permission.ACCOUNT_CONFIRM)
    change = _locked(session, change_id)
    expect_version(change, version)
    found = confirm_problems(session, change, actor)
    if found:
        raise Refused(*found)
    if seen is not None:
        shown.expect(seen, figures_of(standing_of(session, change.account), change.action))
    account, now = change.account, clock.now()
    # what the CHECKs want together goes to the database in one write
    with session.no_autoflush:
        change.confirmed_by_id, change.confirmed_at = actor.id, now
        advance(
            session,
            ACCOUNT_CHANGE,
            change,
            "confirm",
            actor=actor,
            holder_id=account.holder_id,
            account=account.code,
            kind=change.action.value,
        )
        if change.action is AccountAction.CLOSE:
            account.closed_at = now
        edge = advance(
            session,
            ACCOUNT,
            account,
            change.action.value,
            actor=actor,
            reason=change.reason,
            holder_id=account.holder_id,
            account=account.code,
        )
    if edge.mail is not None:
        notify(
            session,
            MailKind(edge.mail),
            holder=account.holder,
            trader=account.trader,
            actor=actor,
            account=account.code,
            reason=change.reason,
        )
    return change


def withdraw(
    session: Session, change_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> AccountChange:
    """End a proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.ACCOUNT_PROPOSE)
    change = _locked(session, change_id)
    action, why = proposal_ends.way_out(
        session, ACCOUNT_CHANGE, change, actor=actor, reason=reason, version=version
    )
    advance(
        session,
        ACCOUNT_CHANGE,
        change,
        action,
        actor=actor,
        reason=why,
        **facts_of(change),
    )
    owner = {"holder": change.account.holder, "trader": change.account.trader}
    proposal_ends.tell(session, change, words_of(change), actor=actor, reason=why, **owner)
    return change


def facts_of(change: AccountChange) -> dict[str, Any]:
    """What an event about the proposal says of it, and whose it is."""
    account = change.account
    return {"holder_id": account.holder_id, "account": account.code, "kind": change.action.value}


def words_of(change: AccountChange) -> tuple[str, str]:
    """What mails call the proposal: 口座AST-1001の停止 / suspension of account AST-1001."""
    ja, en = WORDS[change.action]
    return f"口座{change.account.code}の{ja}", f"{en} of account {change.account.code}"


def _locked_account(session: Session, account_id: int) -> Account:
    account = ledger.lock_accounts(session, account_id).get(account_id)
    if account is None:
        raise NotFound
    return account


def _locked(session: Session, change_id: int) -> AccountChange:
    """The proposal under its account's lock: the account first, as movements lock it."""
    query = select(AccountChange).where(AccountChange.id == change_id)
    change = session.scalars(query).one_or_none()
    if change is None:
        raise NotFound
    _locked_account(session, change.account_id)
    locked = query.with_for_update(of=AccountChange).execution_options(populate_existing=True)
    return session.scalars(locked).one()
