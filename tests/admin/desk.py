"""An office with its people, and a clerk's browser without scripts that fills the forms it is shown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import ParticipantKind
from portal.permissions import Role
from portal.services.registration import ApplicationData
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.factories.replayed import replayed

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
NAME, VALUE = re.compile(r'name="([^"]*)"'), re.compile(r'value="([^"]*)"')


class Clerk:
    """One colleague of the secretariat at a browser."""

    def __init__(self, app: Flask, session: Session, login_id: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.session = session
        session.rollback()  # what the test reads must not stand in the writers' queue
        page = self.client.get("/login").text
        answer = self.client.post(
            "/login",
            data={"login_id": login_id, "password": make.PASSWORD, "csrf_token": self._token(page)},
        )
        assert answer.status_code == 302, answer.text

    @staticmethod
    def _token(page: str) -> str:
        found = TOKEN.search(page)
        assert found is not None
        return found[1]

    def get(self, url: str) -> TestResponse:
        self.session.rollback()
        return self.client.get(url, follow_redirects=True)

    def post(self, url: str, values: Mapping[str, Any], *, follow: bool = False) -> TestResponse:
        """Press the button of a form whose values were read before."""
        self.session.rollback()
        return self.client.post(url, data=values, follow_redirects=follow)

    def form(self, url: str) -> dict[str, str]:
        """The hidden values of the form at ``url``."""
        answer = self.get(url)
        assert answer.status_code == 200, answer.text
        main = answer.text.split("<main", 1)[1]
        found = [(NAME.search(one), VALUE.search(one)) for one in HIDDEN.findall(main)]
        return {name[1]: html.unescape(value[1]) if value else "" for name, value in found if name}

    def send(self, url: str, typed: Mapping[str, Any] | None = None, *, follow: bool = True) -> TestResponse:
        """Open the page, fill in ``typed``, press its button."""
        return self.post(url, {**self.form(url), **(typed or {})}, follow=follow)


def office(session: Session) -> None:
    """An officer, two approvers and a viewer, each with the factories' password, and phase 2."""
    with one_transaction(session):
        _staff(session)


@replayed
def _staff(session: Session) -> None:
    make.office(session, Role.OFFICER, "officer")
    make.office(session, Role.APPROVER, "approver")
    make.office(session, Role.APPROVER, "second")
    make.office(session, Role.VIEWER, "viewer")
    make.phase(session)


def typed(data: ApplicationData) -> dict[str, str]:
    """An application as a clerk types it into the form of its kind."""
    values: dict[str, str] = {}
    for item in fields(data):
        value = getattr(data, item.name)
        if item.name in ("kind", "joint_companies") or value is None or value is False:
            if item.name in ("disclosure_consent", "other_scheme") and value is False:
                values[item.name] = "False"
            continue
        values[item.name] = str(getattr(value, "value", value))
    for place, (name, kana) in enumerate(data.joint_companies):
        values[f"joint_companies-{place}-name"] = name
        values[f"joint_companies-{place}-kana"] = kana
    if data.kind is ParticipantKind.VERIFIER:
        values.pop("disclosure_consent", None)
    return values
