"""Holders with issued allowances, and movements made the way people make them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Account,
    AccountAction,
    AccountChange,
    BankingApplication,
    Holder,
    LedgerTransaction,
    Movement,
    MovementKind,
    Period,
    ReportState,
    Trader,
    User,
)
from portal.permissions import Role
from portal.services import account_life, allowances, banking, issuance, targets
from portal.services.allowances import Request
from tests.factories import registration as make
from tests.factories import reports
from tests.factories.replayed import replayed


@dataclass
class Market:
    """One holder with 8,500 JAA (base 10,000 − target 1,500), one trader, the office."""

    scheme: reports.Scheme
    holder: Holder
    trader: Trader
    officer: User
    approver: User

    @property
    def a(self) -> User:
        return next(user for user in self.holder.users if user.role is Role.HOLDER_A)

    @property
    def b(self) -> User:
        return next(user for user in self.holder.users if user.role is Role.HOLDER_B)

    @property
    def t(self) -> User:
        return self.trader.users[0]


def at(wall: str) -> None:
    """Stop the clock at a Tokyo wall time."""
    clock.set_time(datetime.fromisoformat(wall).replace(tzinfo=clock.TOKYO))


@replayed
def market(session: Session, *, base: int = 10_000, target: int = 1_500, issued: bool = True) -> Market:
    """The worked example of domain §5 at its first step."""
    scheme = reports.scheme(session)
    reports.bring(session, scheme, ReportState.APPROVED, Period.BASE, base)
    made = Market(
        scheme,
        scheme.holder,
        make.trader(session),
        make.office(session, Role.OFFICER),
        make.office(session, Role.APPROVER),
    )
    proposed = targets.propose_target(session, made.holder.id, target, actor=made.officer)
    targets.confirm_target(session, proposed.id, actor=made.approver)
    at("2014-04-08 09:00")
    if issued:
        issue(session, made)
    return made


def issue(session: Session, made: Market) -> Movement:
    """Issue base − target by two persons."""
    return confirmed(
        session,
        made,
        issuance.propose_issue(session, made.holder.id, key=secrets.token_hex(8), actor=made.officer),
    )


def confirmed(session: Session, made: Market, proposed: Movement) -> Movement:
    """The officer's proposal, confirmed by the approver."""
    return issuance.confirm(session, proposed.id, version=proposed.version, actor=made.approver)


def jver(session: Session, made: Market, account: Account, quantity: int) -> Movement:
    """Issue jVER to an account by two persons."""
    key = secrets.token_hex(8)
    return confirmed(
        session,
        made,
        issuance.propose_jver(session, account.code, quantity, "申請のため", key=key, actor=made.officer),
    )


def undo(session: Session, made: Market, wrong: LedgerTransaction | None) -> Movement:
    """Post a movement back by two persons."""
    assert wrong is not None
    key = secrets.token_hex(8)
    return confirmed(
        session,
        made,
        issuance.propose_correction(session, wrong.id, "誤り", key=key, actor=made.officer),
    )


def carry_over(session: Session, made: Market, quantity: int | str) -> BankingApplication:
    """The holder's application for banking, accepted by two persons; the window must be open."""
    row = banking.apply(session, str(quantity), key=secrets.token_hex(8), actor=made.a)
    key = secrets.token_hex(8)
    confirmed(
        session, made, banking.propose(session, row.id, version=row.version, key=key, actor=made.officer)
    )
    return row


def move(
    session: Session,
    actor: User,
    kind: MovementKind,
    quantity: int | str,
    account: str = "",
    *,
    key: str | None = None,
    voluntary: bool = False,
) -> Movement:
    """One movement as the confirmation page sends it."""
    request = Request(kind=kind, quantity=str(quantity), account=account, voluntary=voluntary)
    return allowances.move(session, request, key=key or secrets.token_hex(8), actor=actor)


def take(
    session: Session, made: Market, account: Account, *actions: AccountAction, reason: str = "届出のため"
) -> AccountChange:
    """Take an account through steps of its life, each proposed by the officer, confirmed by the approver."""
    for action in actions:
        change = account_life.propose(session, account.id, action, reason, actor=made.officer)
        account_life.confirm(session, change.id, actor=made.approver)
    return change


def empty(session: Session, made: Market) -> None:
    """Leave nothing in the market's accounts: the holder retires all, the trader sends all back first."""
    held = allowances.unit_classes(session, made.trader.account)
    for _unit_class, row in held:
        if row.quantity:
            move(session, made.t, MovementKind.TRANSFER, row.quantity, made.holder.account.code)
    for _unit_class, row in allowances.unit_classes(session, made.holder.account):
        if row.quantity:
            move(session, made.a, MovementKind.RETIRE, row.quantity, voluntary=True)
