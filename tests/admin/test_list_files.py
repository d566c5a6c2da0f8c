"""A long list is written by the worker, for the login that asked and for a day; a short one comes at once."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import clock
from portal.admin.listing import RowList
from portal.extensions import make_session
from portal.models import Document, DocumentContent, Event, Job, JobState, RegistrationApplication, User
from portal.permissions import ROLE_PERMISSIONS, Permission, Role
from portal.services import jobs, list_files
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import TOKEN, Clerk, office
from tests.factories import registration as make

#: what is the pages' affair only, not the database's
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ROWS = 4
LIST = "/admin/directory/"
EXCEL = f"{LIST}export/xlsx/"


@pytest.fixture
def clerk(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> Clerk:
    """A clerk who has a directory of four accounts, and more than two are many."""
    monkeypatch.setattr(RowList, "export_at_once", 2)
    office(session)
    with one_transaction(session):
        for n in range(ROWS):
            make.trader(session, disclosure_consent=n % 2 == 0, contact_telephone=f"03-1111-000{n}")
        session.execute(delete(Job))
    return Clerk(app, session, "officer")


def press(clerk: Clerk, address: str) -> TestResponse:
    """The button of the list, which is a form of its own."""
    found = TOKEN.search(clerk.get(address.split("export")[0] + "?page=0").text)
    assert found is not None
    return clerk.post(address, {"csrf_token": found[1]})


def worker(session: Session) -> str | None:
    session.rollback()
    return jobs.run_one(lambda: make_session(session.get_bind()))  # type: ignore[arg-type]


def written(clerk: Clerk, address: str) -> tuple[str, bytes]:
    """(the file's page, its bytes) once the worker was there."""
    page = str(press(clerk, address).location)
    assert worker(clerk.session) == list_files.KIND
    return page, fetched(clerk, page).data


def fetched(clerk: Clerk, page: str) -> TestResponse:
    return clerk.get(page.replace("list-file/", "list-file/fetch/"))


def kept(clerk: Clerk) -> int:
    """How many lists lie in the database as files."""
    clerk.session.rollback()
    query = select(func.count(Document.id)).where(Document.name.startswith("担当者リスト"))
    return clerk.session.scalar(query) or 0


def contents(clerk: Clerk) -> int:
    clerk.session.rollback()
    return clerk.session.scalar(select(func.count()).select_from(DocumentContent)) or 0


def sheet(data: bytes) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(data)).active
    assert book is not None
    return [[cell.value for cell in row] for row in book.iter_rows()]


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_long_list_goes_from_the_button_to_the_download(clerk: Clerk) -> None:
    shown = clerk.get(f"{LIST}?page=0").text
    assert re.search(r'<form[^>]*method="post"[^>]*export/xlsx/', shown)
    begun = press(clerk, EXCEL)
    page = str(begun.location)
    waiting = clerk.get(page).text
    assert "ファイルを作っています" in waiting and "<progress" in waiting and "progress.js" in waiting
    assert "最新の状態を見る" in waiting and f'href="{page}"' in waiting
    far = page.replace("list-file/", "list-file/progress/")
    assert clerk.get(far).json == {"state": "working", "done": 0, "total": None}
    assert fetched(clerk, page).status_code == 404
    worker(clerk.session)
    assert clerk.get(far).json == {"state": "ready", "done": ROWS, "total": ROWS}
    assert "ファイルをダウンロードする" in clerk.get(page).text
    answer = fetched(clerk, page)
    assert re.search(r'filename="directory_\d{8}\.xlsx"', answer.headers["Content-Disposition"])
    assert len(sheet(answer.data)) == 1 + ROWS


@ONE_DATABASE
def test_a_short_list_comes_at_once(clerk: Clerk) -> None:
    answer = clerk.get(f"{EXCEL}?flt0_0=1")
    assert len(sheet(answer.data)) == 1 + 2
    assert f'href="{EXCEL}?flt0_0=1"' in clerk.get(f"{LIST}?flt0_0=1").text
    assert clerk.session.scalar(select(func.count(Job.id))) == 0


@ONE_DATABASE
def test_an_address_that_is_only_opened_asks_first(clerk: Clerk) -> None:
    asked = clerk.get(EXCEL).text
    assert "4件あるため" in asked and f'action="{EXCEL}"' in asked
    assert clerk.session.scalar(select(func.count(Job.id))) == 0


def test_the_file_is_what_would_have_come_at_once(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    for query, count in (("", ROWS), ("?search=1111-000&sort=1&desc=1", ROWS), ("?flt3_3=1", ROWS // 2)):
        monkeypatch.setattr(RowList, "export_at_once", 1_000)
        now = {kind: clerk.get(f"{LIST}export/{kind}/{query}").data for kind in ("csv", "xlsx")}
        monkeypatch.setattr(RowList, "export_at_once", 1)
        _page, later = written(clerk, f"{LIST}export/csv/{query}")
        assert later == now["csv"] and len(table(later)) == 1 + count
        _page, later = written(clerk, f"{LIST}export/xlsx/{query}")
        assert sheet(later) == sheet(now["xlsx"])


def test_what_concerns_the_reader_is_asked_for_whoever_asked(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """„In my charge“ is a filter that knows its reader."""
    monkeypatch.setattr(RowList, "export_at_once", 0)
    accepted = "/admin/application/export/csv/?flt2_2=accepted"
    _page, every = written(clerk, accepted)
    with one_transaction(clerk.session):
        officer = clerk.session.scalars(select(User).where(User.login_id == "officer")).one()
        first = select(func.min(RegistrationApplication.id)).scalar_subquery()
        clerk.session.execute(
            update(RegistrationApplication)
            .where(RegistrationApplication.id == first)
            .values(clerk_id=officer.id)
        )
    _page, mine = written(clerk, f"{accepted}&flt3_3=mine")
    assert (len(table(every)), len(table(mine))) == (1 + ROWS, 1 + 1)


@ONE_DATABASE
def test_the_file_speaks_the_language_of_who_asked(clerk: Clerk) -> None:
    clerk.get("/admin/?lang=en")
    page, data = written(clerk, EXCEL)
    assert sheet(data)[0][0] == "Company"
    clerk.get("/admin/?lang=ja")
    assert sheet(fetched(clerk, page).data)[0][0] == "Company"


def test_a_second_press_is_the_same_file_and_many_have_to_wait(clerk: Clerk) -> None:
    first = press(clerk, EXCEL).location
    assert press(clerk, EXCEL).location == first
    press(clerk, f"{LIST}export/csv/")
    press(clerk, f"{LIST}export/csv/?sort=1")
    refused = press(clerk, f"{LIST}export/csv/?sort=1&desc=1")
    assert "作っているファイルが3つあります" in clerk.get(str(refused.location)).text
    assert clerk.session.scalar(select(func.count(Job.id))) == 3


def test_nobody_else_fetches_it(app: Flask, clerk: Clerk) -> None:
    page, _data = written(clerk, EXCEL)
    other = Clerk(app, clerk.session, "approver")
    for address in (page, page.replace("file/", "file/progress/"), page.replace("file/", "file/fetch/")):
        assert clerk.get(address).status_code == 200
        assert other.get(address).status_code == 404


@ONE_DATABASE
def test_who_may_not_see_the_list_any_more_gets_neither_page_nor_file(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, _data = written(clerk, EXCEL)
    late = str(press(clerk, f"{LIST}export/csv/").location)
    left = ROLE_PERMISSIONS[Role.OFFICER] - {Permission.DIRECTORY_ALL}
    monkeypatch.setitem(ROLE_PERMISSIONS, Role.OFFICER, left)
    assert clerk.get(page).status_code == fetched(clerk, page).status_code == 403
    worker(clerk.session)
    monkeypatch.undo()
    assert clerk.get(page).status_code == 200
    assert "ファイルを作れませんでした" in clerk.get(late).text
    assert kept(clerk) == 1


@ONE_DATABASE
def test_for_a_login_that_was_locked_meanwhile_nothing_is_written(app: Flask, clerk: Clerk) -> None:
    press(clerk, EXCEL)
    with one_transaction(clerk.session):
        clerk.session.execute(
            update(User).where(User.login_id == "officer").values(locked_at=clock.now(), active=False)
        )
    worker(clerk.session)
    assert clerk.session.scalar(select(Job.state)) is JobState.FAILED
    assert kept(clerk) == 0


def test_after_a_day_it_is_gone_before_and_after_the_worker_came_by(clerk: Clerk) -> None:
    clock.set_time(clock.now())
    before = contents(clerk)
    page, _data = written(clerk, EXCEL)
    clock.step(list_files.KEPT - timedelta(minutes=1))
    login = Clerk(clerk.client.application, clerk.session, "officer")
    assert fetched(login, page).status_code == 200
    clock.step(timedelta(minutes=2))
    assert fetched(login, page).status_code == 404 and "もうありません" in login.get(page).text
    assert worker(clerk.session) == list_files.FORGET
    assert kept(clerk) == 0
    assert contents(clerk) == before
    assert fetched(login, page).status_code == 404 and "もうありません" in login.get(page).text


@ONE_DATABASE
def test_a_login_keeps_few_files_and_a_number_that_comes_again_is_no_other_file(clerk: Clerk) -> None:
    first, _data = written(clerk, EXCEL)
    for sort in range(list_files.MOST):
        written(clerk, f"{LIST}export/csv/?sort={sort}&search={'%20' * sort}1111")
    assert clerk.session.scalar(select(func.count(Job.id)).where(Job.kind == list_files.FORGET)) == 5
    assert "もうありません" in clerk.get(first).text


def test_a_worker_that_died_after_keeping_it_is_followed_by_one_that_finds_it(clerk: Clerk) -> None:
    page, data = written(clerk, EXCEL)
    again = update(Job).where(Job.kind == list_files.KIND)
    with one_transaction(clerk.session):
        clerk.session.execute(
            again.values(state=JobState.RUNNING, leased_until=clock.now() - timedelta(minutes=1), result=None)
        )
    assert worker(clerk.session) == list_files.KIND
    assert fetched(clerk, page).data == data
    assert kept(clerk) == 1
    tags = clerk.session.scalars(select(Event).where(Event.tag == EventTag.DIRECTORY_EXPORTED.value)).all()
    assert [event.facts for event in tags] == [{"count": ROWS, "chosen": {}}]


def test_a_worker_that_lost_its_lease_keeps_nothing(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    press(clerk, EXCEL)
    given = list_files._writers[0]

    def slow(*asked: Any) -> list_files.Made:
        made = given(*asked)
        with make_session(clerk.session.get_bind()) as other, one_transaction(other):  # type: ignore[arg-type]
            other.execute(update(Job).values(attempts=Job.attempts + 1))
        return made

    monkeypatch.setattr(list_files, "_writers", [slow])
    worker(clerk.session)
    assert kept(clerk) == 0
    assert clerk.session.scalar(select(func.count(Event.id)).where(Event.tag == "directory_exported")) == 0


@ONE_DATABASE
def test_a_process_without_the_application_leaves_it_for_another(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set_time(clock.now())
    page = str(press(clerk, EXCEL).location)
    with monkeypatch.context() as bare:
        bare.setattr(list_files, "_writers", [])
        worker(clerk.session)
    clock.step(timedelta(hours=1))
    worker(clerk.session)
    login = Clerk(clerk.client.application, clerk.session, "officer")
    assert "ファイルができました" in login.get(page).text


@ONE_DATABASE
def test_the_worker_tells_how_far_it_is(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("portal.admin.listing.TOLD_EACH", 2)
    monkeypatch.setattr(jobs.Work, "progress", lambda _work, done, total: told.append((done, total)))
    written(clerk, EXCEL)
    assert told == [(0, ROWS), (2, ROWS), (4, ROWS)]


def test_whoever_left_the_page_finds_the_file_again_and_nobody_else_does(clerk: Clerk, app: Flask) -> None:
    page, _data = written(clerk, EXCEL)
    press(clerk, f"{LIST}export/csv/")  # this one is not written yet
    number = page.rpartition("=")[2]
    own = clerk.get("/admin/list-file/").text
    assert f"/admin/list-file/fetch/?id={number}" in own and "作成中" in own and own.count("<tr>") == 3
    assert "いま、ファイルはありません" in Clerk(app, clerk.session, "second").get("/admin/list-file/").text
    clock.set_time(clock.now() + list_files.KEPT)
    # the proof of who is at the keyboard is old by then
    assert f"fetch/?id={number}" not in Clerk(app, clerk.session, "officer").get("/admin/list-file/").text
