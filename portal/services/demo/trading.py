"""Scenes of the ledger: issues by two persons, trades, retirements, a correction, what still waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from portal.models import LedgerTransaction, Movement, MovementKind, User
from portal.services import allowances, issuance, issue_batch_jobs, issue_batches, lapses
from portal.services.allowances import Request
from portal.services.demo import carrying, plan
from portal.services.demo.plan import Progress
from portal.services.demo.stage import Stage, tokyo


def _move(
    stage: Stage, actor: User, kind: MovementKind, quantity: int, account: str = "", note: str = ""
) -> Movement:
    request = Request(kind=kind, quantity=str(quantity), account=account, note=note)
    return stage.play(allowances.move, stage.session, request, key=stage.key(), actor=actor)


def issues(stage: Stage) -> Iterator[datetime]:
    """Allowances for every holder of phase 2 (base − target), one by one; for phase 1's three together."""
    proposed = []
    for number, holder_id in enumerate(stage.holders):
        yield tokyo("2014-04-07 09:00", minutes=number)
        made = stage.play(
            issuance.propose_issue, stage.session, holder_id, key=stage.key(), actor=stage.officer()
        )
        proposed.append((made.id, made.version))
    for number, (movement_id, version) in enumerate(proposed):
        yield tokyo("2014-04-08 09:00", minutes=number)
        stage.play(issuance.confirm, stage.session, movement_id, version=version, actor=stage.approver())
    yield tokyo("2014-09-20 09:50")
    phase, officer = stage.phases[1], stage.officer()
    ready = issue_batches.table(stage.session, phase, actor=officer).ready
    shown = {line.holder.id: line.quantity or 0 for line in ready}
    batch = stage.play(issue_batches.propose, stage.session, phase, shown, key=stage.key(), actor=officer)
    yield tokyo("2014-09-22 09:50")
    stage.play(
        issue_batch_jobs.confirm, stage.session, batch.id, version=batch.version, actor=stage.approver()
    )


def trades(stage: Stage) -> Iterator[datetime]:
    """What was sold and bought: eight holders to the traders, the worked example both ways."""
    yield tokyo("2014-06-12 15:13")
    example, partner = stage.login_of(stage.holder(0)), stage.holder(11).account.code
    _move(stage, example, MovementKind.TRANSFER, 1_500, partner, "2014年6月契約分")
    buyers = [stage.trader(number).account.code for number in range(6)]
    for one in plan.holders()[1:9]:
        yield tokyo("2014-07-01 10:00", days=9 * one.position)
        seller = stage.login_of(stage.holder(one.position))
        _move(stage, seller, MovementKind.TRANSFER, one.sells, buyers[one.position % 6], "2014年度契約分")
    example = stage.login_of(stage.holder(0))
    yield tokyo("2015-02-18 13:20")
    bought = stage.trader(3).users[0]
    for number in (0, 1, 2, 4, 5):
        held = stage.balance_of(stage.trader(number).account)
        if held > 60:
            _move(stage, stage.trader(number).users[0], MovementKind.TRANSFER, held - 37, buyers[3])
    yield tokyo("2015-02-18 13:40")
    _move(stage, bought, MovementKind.TRANSFER, 400, stage.holder(0).account.code, "2015年2月契約分")
    yield tokyo("2015-03-20 10:24")
    _move(stage, example, MovementKind.RETIRE, 5_000)
    yield tokyo("2015-03-25 11:00")
    _move(stage, bought, MovementKind.OFFSET, 25, note="社内会議のオフセット")
    _move(stage, stage.login_of(stage.holder(9)), MovementKind.CANCEL, 3)


def retirements(stage: Stage) -> Iterator[datetime]:
    """After the target-year figures were approved: most have retired all, some a part."""
    for number, holder_id in enumerate(stage.earlier_holders[:2]):
        holder = stage.session.get_one(type(stage.holder(0)), holder_id)
        yield tokyo("2014-11-20 10:00", minutes=number)
        _move(stage, stage.login_of(holder), MovementKind.RETIRE, stage.earlier_emissions[number])
    for one in plan.holders():
        holder = stage.holder(one.position)
        actor = stage.login_of(holder)
        # twelve in a working day
        day, place = divmod(one.position, 12)
        yield tokyo("2015-09-01 10:00", days=day, minutes=37 * place)
        if one.progress is Progress.MET:
            _move(stage, actor, MovementKind.RETIRE, one.emissions)
        elif one.progress is Progress.TO_BUY or (
            one.progress is Progress.TO_RETIRE and one.position % 3 == 0
        ):
            _move(stage, actor, MovementKind.RETIRE, one.emissions // 2)


def proposals(stage: Stage) -> Iterator[datetime]:
    """jVER issued, waiting, withdrawn and expired; a wrong transfer put right by its mirror image."""
    trader = stage.trader(4).account.code
    jver = issuance.propose_jver
    yield tokyo("2015-05-12 10:00")
    made = stage.play(
        jver, stage.session, trader, 310, "省エネ事業 第7号の申請", key=stage.key(), actor=stage.officer()
    )
    yield tokyo("2015-05-13 10:00")
    stage.play(issuance.confirm, stage.session, made.id, version=made.version, actor=stage.approver())
    yield tokyo("2015-05-20 10:00")
    wrong = _move(
        stage,
        stage.trader(4).users[0],
        MovementKind.TRANSFER,
        19,
        stage.trader(5).account.code,
        "口座番号の誤り",
    )
    transaction = (
        stage.session.get_one(LedgerTransaction, wrong.transaction.id) if wrong.transaction else None
    )
    assert transaction is not None
    yield tokyo("2015-05-21 10:00")
    undo = stage.play(
        issuance.propose_correction,
        stage.session,
        transaction.id,
        "移転先の口座番号の誤りについて、双方から書面で申し出がありました。",
        key=stage.key(),
        actor=stage.officer(2),
    )
    yield tokyo("2015-05-22 10:00")
    stage.play(issuance.confirm, stage.session, undo.id, version=undo.version, actor=stage.approver(2))
    yield tokyo("2015-08-03 10:00")
    given_up = stage.play(
        jver, stage.session, trader, 47, "省エネ事業 第8号の申請", key=stage.key(), actor=stage.officer()
    )
    stage.play(issuance.withdraw, stage.session, given_up.id, version=given_up.version, actor=stage.officer())
    yield tokyo("2015-09-01 10:00")
    stage.play(
        jver, stage.session, trader, 53, "省エネ事業 第9号の申請", key=stage.key(), actor=stage.officer()
    )
    yield tokyo("2015-09-16 10:00")
    stage.play(lapses.MOVEMENTS, stage.session)
    yield tokyo("2015-10-13 16:20")
    stage.play(
        jver, stage.session, trader, 128, "省エネ事業 第12号の申請", key=stage.key(), actor=stage.officer(2)
    )


def the_ledger(stage: Stage) -> None:
    """All that was ever posted, in the order in which it happened."""
    stage.together(
        issues(stage), trades(stage), retirements(stage), carrying.leftovers(stage), proposals(stage)
    )
