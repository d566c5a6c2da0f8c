"""What needs a second person looks and answers alike: accounts, movements, phases, reduction targets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    AccountAction,
    AccountChange,
    Event,
    Movement,
    Phase,
    PhaseProposal,
    ReductionTarget,
    User,
)
from portal.services import account_life, issuance, phase_proposals, phases, targets
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import registration as make

#: screen → its rows
KINDS: dict[str, Any] = {
    "account_change": AccountChange,
    "movement": Movement,
    "phase_proposal": PhaseProposal,
    "target": ReductionTarget,
}
each_kind = pytest.mark.parametrize("screen", KINDS)
#: what is the pages' affair only, not the database's
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def proposed(
    session: Session, at: Callable[[str], datetime], request: pytest.FixtureRequest
) -> Callable[[str, str], str]:
    """One proposal of each kind by ``by``; gives the address of the act on it."""
    at("2013-11-05 10:00")
    office(session)

    def propose(screen: str, by: str) -> None:
        actor = session.scalars(select(User).where(User.login_id == by)).one()
        if screen == "target":
            targets.propose_target(session, make.holder(session).id, 50, actor=actor, reason="約束の量")
        elif screen == "phase_proposal":
            phase = session.scalars(select(Phase)).one()
            dates = phases.dates_of(phases.rule_in_force(session, phase))
            later = replace(dates, retirement_deadline=dates.retirement_deadline + timedelta(days=7))
            phase_proposals.propose_rule(session, phase.id, later, reason="大雪のため", actor=actor)
        else:
            account = make.trader(session).account
            if screen == "account_change":
                account_life.propose(session, account.id, AccountAction.SUSPEND, "名義の確認", actor=actor)
            else:
                issuance.propose_jver(session, account.code, 128, "申請どおり", key="jver", actor=actor)

    def address(screen: str, by: str) -> str:
        with one_transaction(session):
            propose(screen, by)
        newest = select(KINDS[screen].id).order_by(KINDS[screen].id.desc()).limit(1)
        row_id = session.scalars(newest).one()
        session.rollback()
        return f"/admin/{screen}/{{}}/?id={row_id}"

    return address


def state(session: Session, screen: str) -> str:
    session.rollback()
    session.expire_all()
    newest = select(KINDS[screen].state).order_by(KINDS[screen].id.desc()).limit(1)
    return str(session.scalars(newest).one().value)


@ONE_DATABASE
@each_kind
def test_the_queue_opens_on_what_waits_and_the_steps_are_the_same(
    app: Flask, session: Session, proposed: Callable[[str, str], str], screen: str
) -> None:
    url = proposed(screen, "approver")
    first, second = Clerk(app, session, "approver"), Clerk(app, session, "second")
    listed = second.get(f"/admin/{screen}/").text
    assert url.format("details") in listed and "確認を待つもの" in listed
    assert "すべて" in listed and 'aria-current="page">確認を待つもの' in listed
    assert url.format("details") in second.get(f"/admin/{screen}/?lang=ja").text
    mine = first.get(url.format("details")).text
    assert "起案の内容を確認する" not in mine and "起案を取り下げる" in mine
    assert "確認は、まだできません" in mine and "起案した方は確認できません" in mine
    officer = Clerk(app, session, "officer").get(url.format("details")).text
    assert "承認者の役割を持つ、起案した人とは別の人です。" in officer
    viewer = Clerk(app, session, "viewer")
    page = viewer.get(url.format("details")).text
    assert "起案を取り下げる" not in page and "起案の内容を確認する" not in page
    assert (
        viewer.get(url.format("confirm")).status_code == viewer.get(url.format("withdraw")).status_code == 403
    )
    assert "起案の内容を確認する" in second.get(url.format("details")).text


@each_kind
def test_the_second_person_is_asked_proves_who_he_is_and_confirms_once(
    app: Flask, session: Session, proposed: Callable[[str, str], str], screen: str
) -> None:
    url = proposed(screen, "approver").format("confirm")
    first, second = Clerk(app, session, "approver"), Clerk(app, session, "second")
    own = first.post(url, first.form(url.replace("confirm", "withdraw")))
    assert own.status_code == 422 and "起案した方は確認できません" in own.text
    asked = second.get(url).text
    for words in ("起案した人", "起案した日時", "理由"):
        assert words in asked
    form = second.form(url)
    assert second.post(url, {**form, "version": "77"}).status_code == 422
    clock.set_time(clock.now() + timedelta(minutes=15))
    assert "入力してください" in second.send(url).text and state(session, screen) == "proposed"
    done = second.send(url, {"password": make.PASSWORD})
    assert done.status_code == 200 and state(session, screen) != "proposed"
    # what is recorded of a refused movement is the refusal alone
    acts = select(Event.id).where(Event.tag != EventTag.MOVEMENT_REFUSED)
    told = session.scalars(acts).all()
    again = second.post(url, {**form, "password": make.PASSWORD})
    assert again.status_code == 422 and len(session.scalars(acts).all()) == len(told)
    # who came too late reads what was done, by whom, and finds no button that must fail
    late = again.text.split("<main", 1)[1]
    assert "<button" not in late and "この操作はもうできません" in late and "最新の内容を見る" in late
    assert re.search("先に行われた操作.*<time .*事務 花子", late, re.DOTALL) is not None
    assert "いまはできません" in second.get(url).text


@ONE_DATABASE
@each_kind
def test_what_another_proposed_is_declined_with_a_reason_and_withdrawn_by_nobody(
    app: Flask, session: Session, proposed: Callable[[str, str], str], screen: str
) -> None:
    url = proposed(screen, "approver")
    officer, second = Clerk(app, session, "officer"), Clerk(app, session, "second")
    page = officer.get(url.format("details")).text
    assert "起案を取り下げる" not in page and "起案を却下する" not in page
    assert "いまはできません" in officer.get(url.format("withdraw")).text
    page = second.get(url.format("details")).text
    assert "起案を却下する" in page and "起案を取り下げる" not in page
    asked = second.get(url.format("withdraw")).text
    assert "この起案を却下します。" in asked and "起案した人への" in asked
    bare = second.send(url.format("withdraw"))
    assert (
        bare.status_code == 422 and 'id="reason-error"' in bare.text and state(session, screen) == "proposed"
    )
    done = second.send(url.format("withdraw"), {"reason": "数量の誤り"}).text
    assert "起案を却下しました。" in done and state(session, screen) == "withdrawn"
    line = second.get(url.format("details")).text
    assert "の起案を却下しました" in line and "数量の誤り" in line
    assert re.search(r"as-badge[^>]*>(取下げ・)?却下<", line) is not None


@ONE_DATABASE
@each_kind
def test_a_proposal_is_taken_back_with_a_word_about_why(
    app: Flask, session: Session, proposed: Callable[[str, str], str], screen: str
) -> None:
    url = proposed(screen, "officer")
    officer = Clerk(app, session, "officer")
    asked = officer.get(url.format("withdraw")).text
    assert "この起案を取り下げます。" in asked and 'name="reason"' in asked
    long = officer.send(url.format("withdraw"), {"reason": "あ" * 2_001})
    assert long.status_code == 422 and 'id="reason-error"' in long.text
    done = officer.send(url.format("withdraw"), {"reason": "記入の誤り"}).text
    assert "起案を取り下げました。" in done and state(session, screen) == "withdrawn"
    assert "記入の誤り" in officer.get(url.format("details")).text
    assert url.format("details") not in officer.get(f"/admin/{screen}/").text
    assert url.format("details") in officer.get(f"/admin/{screen}/?page=0").text
