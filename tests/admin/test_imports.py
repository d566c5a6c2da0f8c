"""Bulk imports on their pages: sent, looked through, started, followed; who may and who may not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Import, ImportKind, ImportState, RegistrationApplication, User
from portal.permissions import Role
from portal.services import import_jobs, jobs, once, transitions
from portal.services.spreadsheets.import_table import read_table
from portal.services.transaction import one_transaction
from portal.services.workflow import advance
from tests.admin.desk import Clerk, office
from tests.factories import imports as make
from tests.factories import registration as people
from tests.services.spreadsheets.samples import changed

ROLES = {Role.OFFICER: "officer", Role.APPROVER: "approver", Role.VIEWER: "viewer"}
UPLOAD = "/admin/import/upload/?kind=applications"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    at("2013-10-01 09:00")
    monkeypatch.setattr(import_jobs, "read_table_jailed", read_table)


@pytest.fixture
def clerk(app: Flask, session: Session) -> Clerk:
    office(session)
    return Clerk(app, session, "officer")


def work(clerk: Clerk) -> None:
    clerk.session.rollback()
    make.work(clerk.session.get_bind())  # type: ignore[arg-type]


def send(clerk: Clerk, data: bytes, name: str = "申請.xlsx") -> int:
    answer = clerk.send(UPLOAD, {"file": (io.BytesIO(data), name)}, follow=False)
    assert answer.status_code == 302, answer.text
    return int(answer.location.rsplit("=", 1)[1])


def details(import_id: int, **more: str) -> str:
    return f"/admin/import/details/?id={import_id}" + "".join(f"&{k}={v}" for k, v in more.items())


@cache
def two() -> bytes:
    return make.workbook([make.plain_holder(1), make.plain_holder(2)])


def test_a_file_is_sent_looked_through_started_and_its_result_shown(clerk: Clerk, app: Flask) -> None:
    sent = send(clerk, two())
    page = clerk.get(details(sent)).text
    assert "最新の状態を見る" in page and "<progress" in page and "progress.js" in page
    assert clerk.get(f"/admin/import/progress/?id={sent}").json == {
        "state": "uploaded",
        "done": 0,
        "total": None,
    }
    work(clerk)
    page = clerk.get(details(sent)).text
    for words in ("2件を取り込めます", "R2-（次の番号）", "みほん第1工業株式会社", "口座名：みほん第2工業"):
        assert words in page
    answer = clerk.send(f"/admin/import/start/?id={sent}")
    assert "すべての行を取り込んでいます" in answer.text
    work(clerk)
    page = clerk.get(details(sent)).text
    assert "2件を取り込みました" in page and "R2-0002" in page
    link = re.search(r'href="([^"]*/admin/application/\?[^"]*)"', page)
    assert link is not None
    listed = clerk.get(link[1].replace("&amp;", "&")).text
    assert "2件" in listed and "R2-0001" in listed and "申請.xlsx" in listed
    # its contents are gone after their time, its page and its result are not
    clock.set_time(clock.now() + timedelta(days=31))
    with one_transaction(clerk.session):
        jobs.enqueue(clerk.session, "forget_imports")
    work(clerk)
    clerk = Clerk(app, clerk.session, "officer")
    page = clerk.get(details(sent)).text
    assert "ファイルと行の内容は、消去しました" in page and "2件を取り込みました" in page
    assert "みほん第1工業" not in page and "似た登録がある行" not in page
    assert "R2-0001" in clerk.get(link[1].replace("&amp;", "&")).text


def test_every_problem_is_shown_and_the_marked_file_comes_back(clerk: Clerk) -> None:
    wrong = {n: {"mail_a": "nobody"} for n in range(60)}
    sent = send(clerk, make.workbook([make.plain_holder(n) for n in range(1, 62)], wrong))
    work(clerk)
    page = clerk.get(details(sent, only="bad")).text
    assert "60行に不備があるため、取り込めません" in page
    assert page.count("メールアドレスの形が正しくありません。") == 50
    assert clerk.get(details(sent, only="bad", page="2")).text.count("の形が正しくありません。") == 10
    assert "This is not a well-formed mail address." in clerk.get(details(sent, only="bad", lang="en")).text
    clerk.get("/admin/?lang=ja")
    answer = clerk.get(f"/admin/import/marked/?id={sent}")
    sheet = load_workbook(io.BytesIO(answer.data))["目標保有者"]
    assert sheet[f"{make.letters('mail_a')}64"].comment is not None
    assert "3件を取り込む" not in page and "/admin/import/start/" not in page


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("申請.xlsx", b"", "選んだファイルは空です"),
        ("申請.xlsx", b"%PDF-1.7", "中身はその形式ではありません"),
        ("申請.csv", two(), "Excel（.xlsx）"),
    ],
)
def test_what_is_no_workbook_is_refused_at_the_field(
    clerk: Clerk, name: str, data: bytes, words: str
) -> None:
    answer = clerk.send(UPLOAD, {"file": (io.BytesIO(data), name)})
    assert answer.status_code == 422
    assert words in answer.text
    assert clerk.session.scalar(select(func.count()).select_from(Import)) == 0


def test_a_refused_package_is_named_with_its_reason(clerk: Clerk) -> None:
    sheet = "xl/worksheets/sheet1.xml"
    sent = send(clerk, changed(two(), sheet, lambda xml: "<!DOCTYPE x>" + xml))
    work(clerk)
    page = clerk.get(details(sent)).text
    assert "許されない宣言（DOCTYPE）" in page and "直したファイルを送る" in page


def test_the_blank_workbooks_are_handed_out(clerk: Clerk) -> None:
    answer = clerk.get("/admin/import/blank/?kind=applications")
    assert "目標保有者" in load_workbook(io.BytesIO(answer.data)).sheetnames
    # this phase has no holder that lacks a target: a workbook without a row would say nothing
    nothing = clerk.get("/admin/import/blank/?kind=targets&phase=1")
    assert "様式は作りませんでした" in nothing.text and "記入したファイルを送る" in nothing.text
    for address in ("?kind=targets", "?kind=targets&phase=999", "?kind=letters", ""):
        assert clerk.get(f"/admin/import/blank/{address}").status_code == 404


def test_a_page_older_than_the_import_is_told_and_a_second_press_does_nothing_more(clerk: Clerk) -> None:
    sent = send(clerk, two())
    work(clerk)
    shown = clerk.form(f"/admin/import/start/?id={sent}")
    second = Clerk(clerk.client.application, clerk.session, "approver")
    other = second.form(f"/admin/import/discard/?id={sent}")
    assert clerk.post(f"/admin/import/start/?id={sent}", shown).status_code == 302
    assert clerk.post(f"/admin/import/start/?id={sent}", shown).status_code == 302
    late = second.post(f"/admin/import/discard/?id={sent}", other)
    assert late.status_code == 422 and "この操作はもうできません" in late.text
    work(clerk)
    assert clerk.session.scalar(select(func.count()).select_from(RegistrationApplication)) == 2


# ---- every state, act and role, on the real pages

ACTS = ("start", "discard")
POSSIBLE = {(edge.state, edge.action) for edge in transitions.IMPORT.edges if edge.action in ACTS}


def bring_to(clerk: Clerk, state: ImportState) -> int:
    """An import in ``state``, taken there along the table."""
    ways: dict[ImportState, tuple[str, ...]] = {
        ImportState.UPLOADED: (),
        ImportState.READY: ("pass",),
        ImportState.REFUSED: ("refuse",),
        ImportState.RUNNING: ("pass", "start"),
        ImportState.DONE: ("pass", "start", "finish"),
        ImportState.FAILED: ("pass", "start", "fail"),
        ImportState.DISCARDED: ("pass", "discard"),
    }
    with one_transaction(clerk.session) as session:
        officer = session.scalars(select(User).where(User.login_id == "officer")).one()
    sent = make.send(clerk.session, two(), actor=officer)
    with one_transaction(clerk.session) as session:
        row = session.get_one(Import, sent)
        for action in ways[state]:
            if action == "finish":
                row.finished_at = row.created_at
            advance(session, transitions.IMPORT, row, action, actor=None)
    return sent


@pytest.fixture
def readers(app: Flask, clerk: Clerk) -> dict[Role, Clerk]:
    return {role: Clerk(app, clerk.session, login) for role, login in ROLES.items()}


@pytest.mark.parametrize("state", ImportState)
def test_each_act_is_offered_and_done_in_its_states_by_its_roles_only(
    clerk: Clerk, readers: dict[Role, Clerk], state: ImportState
) -> None:
    for act in ACTS:
        for role, reader in readers.items():
            sent = bring_to(clerk, state)
            may = role is not Role.VIEWER
            page = reader.get(details(sent)).text
            offered = f"/admin/import/{act}/?id={sent}" in page
            assert offered == (may and (state, act) in POSSIBLE), (state, act, role)
            version = make.state_of(clerk.session, sent).version
            values: dict[str, Any] = {"version": version, "key": once.new_key()}
            clerk.session.rollback()
            values["csrf_token"] = reader.form(UPLOAD)["csrf_token"] if may else ""
            answer = reader.post(f"/admin/import/{act}/?id={sent}", values)
            done = answer.status_code == 302 and "/admin/import/" in answer.location
            assert done == offered, (state, act, role, answer.status_code)
            after = make.state_of(clerk.session, sent).state
            assert (after is not state) == offered
            clerk.session.rollback()


def test_participants_find_no_such_room(clerk: Clerk, app: Flask) -> None:
    sent = send(clerk, two())
    with one_transaction(clerk.session) as session:
        login = people.holder(session).users[0].login_id
    holder = Clerk(app, clerk.session, login)
    for address in (details(sent), UPLOAD, "/admin/import/", f"/admin/import/progress/?id={sent}"):
        assert holder.get(address).status_code == 404


def test_the_navigation_counts_what_waits_for_a_person(clerk: Clerk) -> None:
    bring_to(clerk, ImportState.READY)
    bring_to(clerk, ImportState.REFUSED)
    bring_to(clerk, ImportState.DONE)
    page = clerk.get("/admin/import/").text
    link = re.search(r'aria-current="page">一括取り込み.*?aria-hidden="true">(\d+)<', page)
    assert link is not None and link[1] == "2"
    assert ImportKind.APPLICATIONS.value in page
