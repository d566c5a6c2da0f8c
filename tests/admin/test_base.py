"""The closed base view: who gets in, what a page may contain, who writes rows, what leaves as a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from portal.admin.base import SecretariatView
from portal.admin.door import SecretariatPage, page
from portal.extensions import db_session
from portal.permissions import PARTICIPANTS, SECRETARIAT, Permission, Role
from tests.admin.harness import Ship, ShipView, small_house

OFFICER = {"X-Role": "officer"}
PAGES = [
    "/admin/",
    "/admin/queue/",
    "/admin/ship/",
    "/admin/ship/?search=つばめ&flt0_0=open&sort=1&desc=1&page_size=20&page=1",
    "/admin/ship/?search=nothing-like-it",
    "/admin/ship/details/?id=1",
    "/admin/ship/new/",
    "/admin/ship/edit/?id=1",
]


@pytest.fixture
def house() -> Iterator[Flask]:
    with small_house() as app:
        yield app


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """Without tokens: what the forms do is asked here, that they ask for a token further down."""
    with small_house(protect=False) as app:
        yield app.test_client()


class _Strict(HTMLParser):
    """Collects what a strict Content-Security-Policy would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.found += [f"{tag} {name}" for name in names if name.startswith("on") or name == "style"]
        self.found += [f"{tag} javascript:" for v in names.values() if (v or "").startswith("javascript:")]
        if tag == "style" or (tag == "script" and "src" not in names and "nonce" not in names):
            self.found.append(tag)
        for name in ("src", "href", "action"):
            if re.match(r"(https?:)?//", names.get(name) or ""):
                self.found.append(f"{tag} {name} from elsewhere")


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_admin_page_holds_what_the_policy_forbids(house: Flask, url: str, lang: str) -> None:
    answer = house.test_client().get(f"{url}{'&' if '?' in url else '?'}lang={lang}", headers=OFFICER)
    assert answer.status_code == 200
    strict = _Strict()
    strict.feed(answer.get_data(as_text=True))
    assert strict.found == []
    assert "bootstrap" not in answer.get_data(as_text=True)


def test_a_view_without_a_permission_cannot_be_made() -> None:
    class Open(SecretariatView):
        column_list = ["name"]
        column_default_sort = "name"

    class OpenPage(SecretariatPage):
        @page("/", Permission.SIGNED_IN)
        def index(self) -> str:
            return ""

    with pytest.raises(TypeError, match="permission_view"):
        Open(Ship)
    with pytest.raises(TypeError, match="permission_view"):
        OpenPage()


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [
        ({"column_list": None}, "column_list"),
        ({"column_default_sort": None}, "column_default_sort"),
        ({"permission_edit": None}, "permission_edit"),
        ({"form": None}, "form"),
        ({"column_editable_list": ["name"]}, "column_editable_list"),
        ({"column_filters": ["name"]}, "column_filters"),
    ],
)
def test_a_view_that_leaves_a_default_open_cannot_be_made(
    attributes: dict[str, object], missing: str
) -> None:
    view = type("Half", (ShipView,), attributes)
    with pytest.raises(TypeError, match=missing):
        view(Ship)


@pytest.mark.parametrize("url", PAGES)
def test_who_is_not_logged_in_is_sent_to_the_door_and_back(house: Flask, url: str) -> None:
    answer = house.test_client().get(url)
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=/admin/")


@pytest.mark.parametrize("url", [*PAGES, "/admin/ship/export/csv/"])
@pytest.mark.parametrize("role", sorted(PARTICIPANTS))
def test_participants_are_not_told_that_this_room_exists(house: Flask, url: str, role: Role) -> None:
    assert house.test_client().get(url, headers={"X-Role": role.value}).status_code == 404


def test_a_viewer_sees_but_neither_makes_nor_changes(client: FlaskClient) -> None:
    viewer = {"X-Role": "viewer"}
    seen = client.get("/admin/ship/details/?id=1", headers=viewer)
    assert seen.status_code == 200
    assert "内容を直す" not in seen.text and "出航させる" not in seen.text
    assert "新しく記録する" not in client.get("/admin/ship/", headers=viewer).text
    assert client.get("/admin/ship/new/", headers=viewer).status_code == 403
    assert client.get("/admin/ship/edit/?id=1", headers=viewer).status_code == 403
    assert client.post("/admin/ship/sail/?id=1", headers=viewer).status_code == 403
    assert client.post("/admin/ship/sail/?id=1", headers=OFFICER).text == "第1つばめ丸"


def test_every_exposed_method_answers_to_a_permission(house: Flask) -> None:
    roles = {role: {"X-Role": role.value} for role in SECRETARIAT}
    assert roles
    view = next(v for v in house.extensions["admin"][0]._views if v.endpoint == "ship")
    methods = {name for _url, name, _methods in view._urls}
    assert {name: view.permission_of(name) for name in methods if view.permission_of(name) is None} == {}
    for name in ("ajax/lookup", "ajax/update"):
        answer = house.test_client().get(f"/admin/ship/{name}/", headers=OFFICER)
        assert answer.status_code in (404, 405)


@pytest.mark.parametrize("key", ["5", "0", "999", "x", "1,2", "-1", "9" * 30, ""])
@pytest.mark.parametrize("place", ["details", "edit"])
def test_a_row_outside_the_scope_or_no_row_is_not_found(client: FlaskClient, place: str, key: str) -> None:
    assert client.get(f"/admin/ship/{place}/?id={key}", headers=OFFICER).status_code == 404


def test_the_list_finds_filters_sorts_and_pages(client: FlaskClient) -> None:
    def numbers(query: str) -> list[str]:
        text = client.get(f"/admin/ship/?{query}", headers=OFFICER).text
        return re.findall(r"details/\?id=\d+\">(N\d+)", text)

    assert len(numbers("")) == 50
    assert "N0005" not in numbers("")  # outside the scope
    assert len(numbers("page=2")) == 19
    assert numbers("search=第7つばめ　n0007") == ["N0007"]
    assert set(numbers("flt0_0=suspended&page_size=100")) == {f"N{n:04}" for n in range(3, 121, 3)}
    assert numbers("sort=0&desc=1")[0] == "N0120"
    assert numbers("flt0_0=&flt1_1=&flt2_2=") == numbers("")


@pytest.mark.parametrize(
    "query",
    ["page=-3", "page=99999999999", "sort=99", "flt0_0=sunk", "flt2_2=yesterday", "_scheme=x", "endpoint=x"],
)
def test_an_odd_address_is_answered_calmly(client: FlaskClient, query: str) -> None:
    assert client.get(f"/admin/ship/?{query}", headers=OFFICER).status_code == 200


def test_what_is_filtered_leaves_as_csv_without_a_formula(client: FlaskClient) -> None:
    answer = client.get("/admin/ship/export/csv/?search=N000&flt0_0=suspended", headers=OFFICER)
    assert answer.mimetype == "text/csv" and answer.data.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[0][:4] == ["番号", "船名", "状態", "総トン数"]
    assert [row[0] for row in rows[1:]] == ["N0003", "N0006", "N0009"]
    assert rows[1][1:4] == ["'=1+1丸", "停止中", "1003"]


def test_what_is_filtered_leaves_as_excel_with_figures_as_figures(client: FlaskClient) -> None:
    with client.get("/admin/ship/export/xlsx/?search=N000", headers=OFFICER) as answer:
        sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[1][3] == 1001 and rows[2][3] is None
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_too_many_rows_for_a_file_are_refused_with_the_way_out(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ShipView, "export_max_rows", 10)
    answer = client.get("/admin/ship/export/csv/", headers=OFFICER, follow_redirects=True)
    assert "10件を超えるため" in answer.text


def test_rows_are_made_by_the_service_and_a_refusal_leaves_nothing(client: FlaskClient) -> None:
    refused = client.post("/admin/ship/new/", headers=OFFICER, data={"name": "大船丸", "tons": "10000"})
    assert refused.status_code == 422
    assert "大船丸" in refused.text and 'id="tons-error"' in refused.text
    assert db_session.query(Ship).filter_by(number="N9").count() == 0
    made = client.post(
        "/admin/ship/new/", headers=OFFICER, data={"name": "小船丸", "tons": "10"}, follow_redirects=True
    )
    assert "記録しました。" in made.text and "小船丸" in made.text


def test_the_slower_of_two_clerks_is_told(client: FlaskClient) -> None:
    typed = {"name": "新つばめ丸", "tons": "5", "version": "1"}
    assert client.post("/admin/ship/edit/?id=1", headers=OFFICER, data=typed).status_code == 302
    late = client.post("/admin/ship/edit/?id=1", headers=OFFICER, data={**typed, "name": "遅れ丸"})
    assert late.status_code == 422 and "遅れ丸" in late.text and 'role="alert"' in late.text
    without = client.post("/admin/ship/edit/?id=1", headers=OFFICER, data={"name": "無印丸", "tons": "5"})
    assert without.status_code == 422
    db_session.expire_all()
    assert db_session.get_one(Ship, 1).name == "新つばめ丸"


def test_every_form_asks_for_its_token(house: Flask) -> None:
    client = house.test_client()
    for url in ("new/", "edit/?id=1", "delete/", "action/", "sail/?id=1"):
        answer = client.post(
            f"/admin/ship/{url}", headers=OFFICER, data={"name": "x", "tons": "1", "id": "1"}
        )
        assert answer.status_code == 400
    assert house.test_client().get("/admin/ship/new/", headers=OFFICER).text.count('name="csrf_token"') == 3


def test_nothing_is_deleted_where_deleting_is_not_allowed(client: FlaskClient) -> None:
    assert client.post("/admin/ship/delete/", headers=OFFICER, data={"id": "1"}).status_code == 404
    client.post("/admin/ship/action/", headers=OFFICER, data={"action": "delete", "rowid": "1"})
    assert db_session.query(Ship).count() == 120


def test_a_fault_in_a_view_is_raised_once_and_not_tried_again(house: Flask) -> None:
    with house.test_client() as client, pytest.raises(TypeError, match="secret words"):
        client.get("/admin/ship/broken/", headers=OFFICER)
