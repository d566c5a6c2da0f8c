"""The office's pages of banking, of issuing to a whole phase and of closing one, by two persons."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal
from portal.extensions import make_session
from portal.models import (
    BankingApplication,
    DecisionState,
    EmissionsReport,
    IssueBatch,
    IssueBatchState,
    Movement,
    MovementState,
    Period,
    Phase,
    PhaseClosing,
    PhaseProposal,
)
from portal.services import banking, issue_batch_jobs, jobs
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make
from tests.participant.visitor import words


def only(session: Session, model: type[object]) -> object:
    session.rollback()
    session.expire_all()
    return session.scalars(select(model)).one()


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    office(session)
    with one_transaction(session):
        return make.cohort(session)


def test_a_whole_phase_is_proposed_by_one_and_issued_by_another(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    holders = [str(one) for one in cohort.quantities]
    first, second = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    url = "/admin/issue_batch/propose/?phase=2"
    assert "/admin/issue_batch/propose/?phase=2" in first.get("/admin/issue/").text
    page = first.get(url).text
    assert "発行できる目標保有者 2者" in page and "合計 8,540 JAA" in page
    assert "発行できない目標保有者 1者" in page and "基準年度の排出量がまだ承認されていません。" in page
    assert "第2期の一括発行を起案する" in first.get("/admin/issue_batch/").text
    form = {**first.form(url), "holder": holders}
    for _press in range(2):
        assert first.post(url, form).status_code == 302
    row = only(session, IssueBatch)
    assert isinstance(row, IssueBatch) and (row.count, row.total) == (2, 8_540)
    details, confirm = (f"/admin/issue_batch/{act}/?id={row.id}" for act in ("details", "confirm"))
    assert "起案の内容を確認する" not in first.get(details).text
    assert "一括発行の一部です" in first.get(f"/admin/movement/details/?id={row.movements[0].id}").text
    assert "確認を待つ一括発行" in second.get("/admin/").text
    asked = words(second.get(confirm))
    assert "第2期の目標保有者2者に、合計8,540 JAAを発行します。" in asked and "8,500" in asked
    assert "2者に発行しました。" in second.send(confirm).text
    row = only(session, IssueBatch)
    assert isinstance(row, IssueBatch) and row.state is IssueBatchState.EXECUTED
    assert "T-000002" in second.get(details).text


def test_only_the_ticked_are_proposed_and_a_page_of_yesterday_is_told(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    clerk, url = Clerk(app, session, "officer"), "/admin/issue_batch/propose/?phase=2"
    form = clerk.form(url)
    nobody = clerk.post(url, form)
    assert nobody.status_code == 422 and "発行できる目標保有者がいません。" in nobody.text
    old = {**form, "shown": form["shown"].replace(":40", ":41"), "holder": [str(cohort.second.id)]}
    stale = clerk.post(url, old)
    assert stale.status_code == 422 and "checked" in stale.text
    chosen = {**form, "holder": [str(cohort.second.id)]}
    made_up = clerk.post(url, {**chosen, "key": "issue-batch-1-1"})
    assert made_up.status_code == 422 and Problem(Refusal.KEY_SHAPE).text("ja") in made_up.text
    assert clerk.post(url, chosen).status_code == 302
    # one waits: another is not begun, and the way leads to the one that waits
    assert "第2期の一括発行を起案する" not in clerk.get("/admin/issue_batch/").text
    assert "確認を待つ第2期の一括発行を見る" in clerk.get("/admin/issue/").text
    made = only(session, Movement)
    assert isinstance(made, Movement) and made.quantity == 40


def test_a_large_batch_shows_its_progress_and_is_not_asked_again(
    app: Flask, session: Session, cohort: make.Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_batch_jobs, "AT_ONCE", 1)
    with one_transaction(session):
        number = make.batch(session, cohort).id
    clerk = Clerk(app, session, "approver")
    assert "一括発行の実行を始めました" in clerk.send(f"/admin/issue_batch/confirm/?id={number}").text
    page = clerk.get(f"/admin/issue_batch/details/?id={number}").text
    assert "発行の順番を待っています" in page and "途中の件数はありません" in page
    assert "起案の内容を確認する" not in page
    told = clerk.get(f"/admin/issue_batch/progress/?id={number}").json
    assert told == {"state": "queued", "done": 0, "total": 0}


def test_a_batch_that_was_refused_names_its_rows(
    app: Flask, session: Session, cohort: make.Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_batch_jobs, "AT_ONCE", 1)
    with one_transaction(session):
        number = make.batch(session, cohort).id
    clerk, details = Clerk(app, session, "approver"), f"/admin/issue_batch/details/?id={number}"
    clerk.send(f"/admin/issue_batch/confirm/?id={number}")
    base = {"holder_id": cohort.second.id, "period": Period.BASE}
    with one_transaction(session):
        session.execute(update(EmissionsReport).filter_by(**base).values(confirmed_emissions=101))
    assert jobs.run_one(lambda: make_session(session.get_bind())) == issue_batch_jobs.EXECUTE  # type: ignore[arg-type]
    notice = words(clerk.get(details)).split("内容 期")[0]
    assert "実行できませんでした。何も発行していません。" in notice
    assert cohort.second.account.code in notice and cohort.market.holder.account.code not in notice
    session.rollback()
    with one_transaction(session):
        session.execute(update(EmissionsReport).filter_by(**base).values(confirmed_emissions=100))
    assert "いまは、発行を妨げるものはありません。" in words(clerk.get(details))


def test_banking_is_proposed_by_one_and_confirmed_by_another_with_the_figures(
    app: Flask, session: Session
) -> None:
    office(session)
    with one_transaction(session):
        market = trade.market(session)
        registration.phase(session, 3)
    trade.at("2015-12-10 10:00")
    with one_transaction(session):
        number = banking.apply(session, "1500", key="k", actor=market.a).id
    first, second = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    assert "B-000001" in first.get("/admin/banking/").text
    page = first.get(f"/admin/banking/details/?id={number}").text
    assert "7,000" in page and "1,500" in page and "バンキングを起案する" in page
    refused = first.send(f"/admin/banking/decline/?id={number}", {"reason": ""})
    assert "理由" in refused.text and refused.status_code == 422
    assert first.send(f"/admin/banking/propose/?id={number}").status_code == 200
    made = session.scalars(select(Movement).order_by(Movement.id.desc()).limit(1)).one()
    assert made.state is MovementState.PROPOSED
    confirm = f"/admin/movement/confirm/?id={made.id}"
    asked = words(second.get(confirm))
    assert "第2期の1,500 JAAを、第3期 JAAに移します（バンキング）。" in asked
    assert "コミットメントリザーブ量" in asked and "7,000 JAA" in asked
    assert second.send(confirm).status_code == 200
    row = only(session, BankingApplication)
    assert isinstance(row, BankingApplication) and row.state is DecisionState.ACCEPTED


def test_a_phase_is_closed_by_two_and_its_totals_stay(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        make.over(session)
    trade.at("2016-01-31 10:00")
    standing, url = (f"/admin/phase_closing/{act}/?phase=2" for act in ("standing", "propose"))
    assert "受付の終わりのあと" in Clerk(app, session, "officer").get("/admin/phase_closing/").text
    early = words(Clerk(app, session, "officer").get(url))
    assert "2016年1月31日を過ぎるまで、この期は締められません。" in early
    trade.at(make.OVER)
    first, second = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    assert "締められます" in first.get("/admin/phase_closing/").text
    assert "第2期の締めを起案する" in first.get(standing).text
    assert "第2期の締めを起案する" not in Clerk(app, session, "viewer").get(standing).text
    assert first.send(url, {"reason": ""}).status_code == 422
    assert first.send(url, {"reason": "期が終わったため"}).status_code == 200
    listed = first.get("/admin/phase_closing/").text
    assert "起案済" in listed and "締められます" not in listed
    row = only(session, PhaseClosing)
    assert isinstance(row, PhaseClosing)
    confirm = f"/admin/phase_closing/confirm/?id={row.id}"
    assert "第2期を締めます。この期の排出枠は、もう動かせなくなります。" in words(second.get(confirm))
    done = second.send(confirm).text
    assert "締めたときの集計値" in done and "6,000 JAA" in done and "2,500 JAA" in done
    phase = only(session, Phase)
    assert isinstance(phase, Phase) and phase.closed_at is not None
    assert "に締めました" in first.get(f"/admin/phase/details/?id={phase.id}").text


def test_the_cap_is_proposed_with_the_dates_and_may_be_left_empty(app: Flask, session: Session) -> None:
    office(session)
    phase = only(session, Phase)
    assert isinstance(phase, Phase)
    clerk, url = Clerk(app, session, "officer"), f"/admin/phase/change/?id={phase.id}"
    rule = phase.rules[-1]
    typed = {
        name: getattr(rule, name).isoformat()
        for name in rule.__table__.columns.keys()  # noqa: SIM118
        if hasattr(getattr(rule, name), "isoformat") and name not in ("created_at", "superseded_at")
    }
    typed |= {"proposal_days": "14", "reason": "上限", "jver_counts_for_compliance": "y"}
    typed |= {"reserve_released_by_compliance": "y"}
    wrong = clerk.send(url, {**typed, "issue_cap": "1.5"})
    assert wrong.status_code == 422 and 'value="1.5"' in wrong.text
    assert clerk.send(url, {**typed, "issue_cap": ""}).status_code == 422  # nothing changed
    assert clerk.send(url, {**typed, "issue_cap": "１３６，１５０"}).status_code == 200
    session.rollback()
    made = session.scalars(select(PhaseProposal).order_by(PhaseProposal.id.desc()).limit(1)).one()
    assert made.dates["new"]["issue_cap"] == 136_150
    shown = clerk.get(f"/admin/phase_proposal/details/?id={made.id}").text
    assert "136,150 JAA" in shown and "上限なし" in shown


def test_the_name_behind_a_number_is_looked_at_before_jver_are_proposed(
    app: Flask, session: Session, cohort: make.Cohort
) -> None:
    code, name = cohort.second.account.code, cohort.second.account.name
    clerk, url = Clerk(app, session, "officer"), "/admin/issue/jver/"
    looked = clerk.send(url, {"account": code, "quantity": "128", "look": "1"})
    assert looked.status_code == 200 and name in words(looked) and 'value="128"' in looked.text
    unknown = clerk.send(url, {"account": "AST-999999", "look": "1"})
    assert unknown.status_code == 422 and "口座AST-999999はありません。" in words(unknown)
    session.rollback()
    assert session.scalars(select(Movement)).all() == []
