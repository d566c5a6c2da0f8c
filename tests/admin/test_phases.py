"""Opening a phase on screen: an approver may, the form suggests a year on, wrong dates are named."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Phase
from portal.services import phases
from tests.admin import desk


@pytest.fixture
def staffed(session: Session) -> None:
    desk.office(session)


def suggested(page: str) -> dict[str, str]:
    """Every value the form came filled in with."""
    main = page.split("<main", 1)[1]
    values = {}
    for tag in re.findall(r"<input[^>]*>", main):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ('type="checkbox"' not in tag or "checked" in tag):
            values[name[1]] = value[1]
    return values


def test_an_approver_opens_the_next_phase_with_dates_a_year_on(
    app: Flask, session: Session, staffed: None
) -> None:
    clerk = desk.Clerk(app, session, "approver")
    values = suggested(clerk.get("/admin/phase/new/").text)
    assert (values["number"], values["target_year"]) == ("3", "2015")
    assert values["retirement_deadline"] == "2016-11-30"
    answer = clerk.post("/admin/phase/new/", {**values, "reason": "第3期の実施ルール"}, follow=True)
    assert "第3期を始めました" in answer.text
    made = session.scalars(select(Phase).where(Phase.number == 3)).one()
    assert phases.rule_in_force(session, made).reserve_released_by_compliance


def test_dates_out_of_order_are_named_and_nothing_is_made(
    app: Flask, session: Session, staffed: None
) -> None:
    clerk = desk.Clerk(app, session, "approver")
    values = suggested(clerk.get("/admin/phase/new/").text)
    wrong = {**values, "banking_until": "2016-01-01", "reason": "第3期の実施ルール"}
    answer = clerk.post("/admin/phase/new/", wrong)
    assert answer.status_code == 422
    assert "2016-01-01" in answer.text
    assert session.scalars(select(Phase).where(Phase.number == 3)).one_or_none() is None


def test_an_officer_and_a_viewer_cannot_open_a_phase(app: Flask, session: Session, staffed: None) -> None:
    for login in ("officer", "viewer"):
        clerk = desk.Clerk(app, session, login)
        assert clerk.get("/admin/phase/new/").status_code == 403
        assert "期を始める" not in clerk.get("/admin/phase/").text
