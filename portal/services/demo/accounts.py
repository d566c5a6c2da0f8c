"""Scenes of accounts and logins: one account is suspended, one waits to be closed, one login is locked."""

from __future__ import annotations

from portal.models import AccountAction, MovementKind
from portal.services import account_life, login_locks
from portal.services.allowances import Request, move
from portal.services.demo.stage import Stage

#: places among the traders and the holders; nobody whom a visitor plays
LEAVING, SUSPENDED, LOST_LETTER = 1, 2, 6


def states(stage: Stage) -> None:
    """The third trader is suspended by two people; the second has sold out and gives up its account."""
    stage.at("2015-10-02 10:00")
    change = stage.play(
        account_life.propose,
        stage.session,
        stage.trader(SUSPENDED).account.id,
        AccountAction.SUSPEND,
        "口座の名義について、会社に確認しているため",
        key=stage.key(),
        actor=stage.officer(),
    )
    stage.at("2015-10-02 15:30")
    stage.play(account_life.confirm, stage.session, change.id, actor=stage.approver())
    leaving = stage.trader(LEAVING)
    stage.at("2015-10-09 11:00")
    rest = Request(
        kind=MovementKind.TRANSFER,
        quantity=str(stage.balance_of(leaving.account)),
        account=stage.trader(3).account.code,
        note="取引の終了",
    )
    stage.play(move, stage.session, rest, key=stage.key(), actor=leaving.users[0])
    stage.at("2015-10-13 14:00")
    stage.play(
        account_life.propose,
        stage.session,
        stage.trader(LEAVING).account.id,
        AccountAction.CLOSE,
        "取引を終えるとの届出がありました",
        key=stage.key(),
        actor=stage.officer(2),
    )


def locks(stage: Stage) -> None:
    """A letter with a password did not arrive: its login stays shut until that is cleared up."""
    login = stage.login_of(stage.holder(LOST_LETTER))
    stage.at("2015-10-14 09:40")
    stage.play(
        login_locks.lock,
        stage.session,
        login.id,
        reason="通知書が届かないとの電話がありました。所在が分かるまでロックします",
        actor=stage.officer(),
    )
