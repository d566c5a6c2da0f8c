"""A page that outlived its session: a page of the portal says so, never a bare error."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_a_form_without_its_session_is_answered_by_a_page(client: FlaskClient) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/login", data={"login_id": "AST1001A", "password": "x"})
    assert answer.status_code == 400
    assert "まだ何も変わっていません" in answer.get_data(as_text=True)


def test_an_act_without_its_session_leads_to_the_door(client: FlaskClient) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/allowances/transfer", data={"quantity": "5"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login")
