"""A page that outlived its session: a page of the portal says so, never a bare error."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.admin.desk import Clerk, office


def test_a_form_without_its_session_is_answered_by_a_page(client: FlaskClient) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/login", data={"login_id": "AST1001A", "password": "x"})
    assert answer.status_code == 400
    assert "まだ何も変わっていません" in answer.get_data(as_text=True)


def test_an_act_without_its_session_leads_to_the_door(client: FlaskClient) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/allowances/transfer", data={"quantity": "5"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/allowances/transfer"
    assert "実行されていません" in client.get("/login").get_data(as_text=True)


def test_an_act_after_the_time_out_leads_back_to_its_page(app: Flask, session: Session) -> None:
    office(session)
    clerk = Clerk(app, session, "officer")

    def late(url: str, **more: Any) -> str:
        with clerk.client.session_transaction() as kept:
            kept["seen"] = 0.0
        return clerk.client.post(url, **more).headers["Location"]

    assert late("/admin/application/new/?kind=trader") == "/login?next=/admin/application/new/?kind%3Dtrader"
    assert "実行されていません" in clerk.client.get("/login").get_data(as_text=True)
    clerk = Clerk(app, session, "officer")
    came = late("/admin/mail/again/?id=1", headers={"Referer": "http://localhost/admin/mail/details/?id=1"})
    assert came == "/login?next=/admin/mail/details/?id%3D1"
    clerk = Clerk(app, session, "officer")
    assert late("/admin/mail/again/?id=1", headers={"Referer": "http://elsewhere.example/"}) == "/login"
