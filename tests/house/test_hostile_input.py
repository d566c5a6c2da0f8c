"""What people and programs may send that no row can hold: never a 5xx, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.services.transaction import one_transaction
from tests.factories import allowances
from tests.factories.registration import PASSWORD

HUGE = "9" * 23
HOLDER_PAGES = (
    "/allowances?other=%00a",
    "/allowances?from=0001-01-01&to=9999-12-31",
    "/allowances?from=notaday&page=-1",
    f"/allowances?page={HUGE}",
    "/allowances/history.csv?from=0001-01-01",
    "/allowances/history.xlsx?to=9999-12-31",
    "/allowances?asof=0001-01-01",
    "/allowances?asof=9999-12-31",
    "/allowances/statement?from=0001-01-01&to=9999-12-31",
    "/allowances/statement.csv?from=0001-01-01&to=0001-01-01",
    "/allowances/statement?from=9999-12-31&to=%00",
    "/allowances/receipt/T-%00",
    f"/allowances/receipt/T-{HUGE}",
    f"/reports/files/report/{HUGE}",
    f"/reports/marked/{HUGE}",
    "/reports/%00",
    "/events?before=0-0",
    f"/events?after={HUGE}-{HUGE}",
)
OFFICE_PAGES = (
    *(f"/admin/{name}/?search=%00a" for name in ("ledger", "holder", "user", "event", "mail", "letter")),
    "/admin/ledger/?flt2_2=0001-01-01",
    "/admin/ledger/?flt3_3=9999-12-31",
    "/admin/ledger/?page=-5&page_size=x",
    *(
        f"/admin/account/{page}id=1001&asof=0001-01-01&from=0001-01-01&to=9999-12-31"
        for page in ("statement/?", "details/?")
    ),
    *(
        f"/admin/publication/propose/?phase=2&subject=allowances&day={day}"
        for day in ("0001-01-01", "9999-12-31")
    ),
    *(f"/admin/holder/history/?id=1&day={day}" for day in ("0001-01-01", "9999-12-31")),
    f"/admin/holder/details/?id={HUGE}",
    "/admin/holder/details/?id=%00",
    f"/admin/report/file/report/{HUGE}/",
    f"/admin/holder/?page={HUGE}",
)


@pytest.fixture
def open_app(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def logins(session: Session) -> dict[str, str]:
    with one_transaction(session):
        market = allowances.market(session)
        names = {"holder": market.a.login_id, "office": market.approver.login_id}
    session.close()
    return names


def entered(app: Flask, login_id: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/login", data={"login_id": login_id, "password": PASSWORD})
    assert answer.status_code == 302, answer.status_code
    return client


def status_of(client: FlaskClient, page: str) -> int:
    """The answer's status; a file it carries is closed."""
    answer = client.get(page)
    answer.close()
    return answer.status_code


def test_addresses_no_row_can_have_are_answered_with_a_reason(
    open_app: Flask, logins: dict[str, str], at: Callable[[str], datetime]
) -> None:
    at("2014-06-12 10:00")
    for who, pages in (("holder", HOLDER_PAGES), ("office", OFFICE_PAGES)):
        client = entered(open_app, logins[who])
        answers = {page: status_of(client, page) for page in pages}
        assert not {page: code for page, code in answers.items() if code >= 500}, answers


@pytest.mark.parametrize("name", ["quantity", "account", "note", "key"])
@pytest.mark.parametrize("typed", ["a\0b", "0" * 5000 + "1", "９" * 400, "🙂", "'; DROP TABLE account;--"])
def test_a_movement_typed_in_any_way_is_refused_or_shown_never_broken(
    open_app: Flask, logins: dict[str, str], at: Callable[[str], datetime], name: str, typed: str
) -> None:
    at("2014-06-12 10:00")
    client = entered(open_app, logins["holder"])
    values = {"quantity": "1", "account": "AST-1002", "note": "", "key": "k", name: typed}
    for page in ("/allowances/transfer", "/allowances/transfer/confirm"):
        answer = client.post(page, data={**values, "password": PASSWORD})
        assert answer.status_code < 500, (page, name, answer.status_code)


def test_a_post_without_a_token_and_an_upload_too_large_are_pages(app: Flask) -> None:
    client = app.test_client()
    refused = client.post("/login", data={"login_id": "x", "password": "y"})
    assert refused.status_code == 400
    assert "Content-Security-Policy" in refused.headers
    large = client.post("/login", data={"login_id": "x" * (24 * 1024 * 1024)})
    assert large.status_code == 413
    assert "Content-Security-Policy" in large.headers
