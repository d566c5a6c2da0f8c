"""Factor tables on screen: figures typed, rows added and taken out, old and new side by side, confirmed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import FactorProposal, ProposalState
from portal.services import factors
from tests.admin import desk

INPUT = re.compile(r"<input[^>]*>")
SELECTED = re.compile(r'<select[^>]*name="([^"]+)".*?</select>', re.DOTALL)
PROPOSE = "/admin/factor/propose/?id=2014"


@pytest.fixture
def staffed(session: Session, at: Callable[[str], datetime]) -> None:
    at("2015-06-15 10:00")
    desk.office(session)


def filled_in(page: str) -> dict[str, str]:
    """Every value that the form of the page would send."""
    form = page.split("<main", 1)[1].rsplit('<form method="post"', 1)[1]
    values = {}
    for tag in INPUT.findall(form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or "checked" in tag):
            values[name[1]] = html.unescape(value[1]) if value else ""
    return values | dict.fromkeys(SELECTED.findall(form), "fuel")


def waiting(session: Session) -> int:
    session.rollback()
    query = select(FactorProposal.id).where(FactorProposal.state == ProposalState.PROPOSED)
    return session.scalars(query).one()


def test_a_table_is_changed_by_two_persons_who_see_both_sides(
    app: Flask, session: Session, staffed: None
) -> None:
    officer, approver = desk.Clerk(app, session, "officer"), desk.Clerk(app, session, "approver")
    values = filled_in(officer.get(PROPOSE).text)
    assert (values["rows-7-code"], values["rows-7-factor"]) == ("electricity", "0.000550")
    values |= {"rows-7-factor": "0.000570", "rows-0-taken_out": "y", "reason": "告示の改正"}
    values |= {"rows-12-code": "mihon_gas", "rows-12-name_ja": "みほんガス", "rows-12-name_en": "Sample gas"}
    values |= {"rows-12-unit": "t", "rows-12-calorific": "20.1", "rows-12-carbon": "0.015"}
    told = officer.post(PROPOSE, values, follow=True).text
    assert "ほかの承認者が確かめると、確定します。" in told
    assert "0.000550 →" in told and "0.000570" in told
    assert officer.post(PROPOSE, values, follow=True).status_code == 200  # the second press
    row = waiting(session)
    assert officer.get(f"/admin/factor_proposal/confirm/?id={row}").status_code == 403
    assert "確認を待つ起案があります" in officer.get(PROPOSE).text
    home = approver.get("/admin/").text
    assert "確認を待つ排出係数" in home and "/admin/factor_proposal/waiting/" in home
    page = approver.get(f"/admin/factor_proposal/confirm/?id={row}").text
    assert "0.000550 →" in page and "みほんガス" in page and "外す" in page and "告示の改正" in page
    done = approver.send(f"/admin/factor_proposal/confirm/?id={row}").text
    assert "2014年度の排出係数を変更しました" in done
    assert "灯油" in done.split('id="before"', 1)[1]  # among the values before
    session.rollback()
    table = {factor.code: factor for factor in factors.factors_for(session, [2014])[2014]}
    assert "kerosene" not in table and "mihon_gas" in table
    assert f"{table['electricity'].factor}" == "0.000570"


def test_refused_rows_are_named_at_their_fields_and_nothing_typed_is_lost(
    app: Flask, session: Session, staffed: None
) -> None:
    clerk = desk.Clerk(app, session, "officer")
    values = filled_in(clerk.get(PROPOSE).text)
    values |= {"rows-7-factor": "-1", "rows-12-code": "Bad Code", "rows-12-name_ja": "みほん", "reason": ""}
    answer = clerk.post(PROPOSE, values)
    assert answer.status_code == 422
    for name in ("rows-7-factor", "rows-12-code", "rows-12-name_en", "rows-12-unit", "reason"):
        assert f'id="{name}-error"' in answer.text, name
        assert f'href="#{name}"' in answer.text, name
    kept = filled_in(answer.text)
    assert (kept["rows-7-factor"], kept["rows-12-code"], kept["rows-12-name_ja"]) == (
        "-1",
        "Bad Code",
        "みほん",
    )
    more = clerk.post(PROPOSE, {**values, "more": "1"})
    assert more.status_code == 200 and "-error" not in more.text
    grown = filled_in(more.text)
    assert grown["rows-12-code"] == "Bad Code" and "rows-13-code" in grown
    assert session.scalars(select(FactorProposal)).all() == []


def test_a_new_year_begins_with_the_table_of_another(app: Flask, session: Session, staffed: None) -> None:
    clerk, approver = desk.Clerk(app, session, "officer"), desk.Clerk(app, session, "approver")
    url = "/admin/factor/propose/?id=2017&like=2016"
    page = clerk.get(url).text
    assert "2016年度の表を写しています" in page
    clerk.post(url, {**filled_in(page), "reason": "2017年度の表"})
    row = waiting(session)
    assert f"/admin/factor_proposal/details/?id={row}" in clerk.get("/admin/factor/").text
    approver.send(f"/admin/factor_proposal/confirm/?id={row}")
    assert "灯油" in approver.get("/admin/factor/year/?id=2017").text
    assert approver.get("/admin/factor/year/?id=2040").status_code == 404
    assert "年度を1990から2099までの数字で" in clerk.get("/admin/factor/propose/?id=17").text


def test_viewers_read_and_whoever_proposed_withdraws(app: Flask, session: Session, staffed: None) -> None:
    officer, viewer = desk.Clerk(app, session, "officer"), desk.Clerk(app, session, "viewer")
    values = filled_in(officer.get(PROPOSE).text)
    officer.post(PROPOSE, {**values, "rows-7-factor": "0.00057", "reason": "改正"})
    row = waiting(session)
    assert viewer.get(PROPOSE).status_code == 403
    assert viewer.get(f"/admin/factor_proposal/withdraw/?id={row}").status_code == 403
    for url in ("/admin/factor/", "/admin/factor/year/?id=2014", f"/admin/factor_proposal/details/?id={row}"):
        page = viewer.get(url)
        assert page.status_code == 200 and "を起案する" not in page.text.split("<main", 1)[1]
    told = officer.send(f"/admin/factor_proposal/withdraw/?id={row}", {"reason": "書き間違い"}).text
    assert "排出係数は変わっていません" in told
    event = officer.get(f"/admin/factor_proposal/details/?id={row}").text
    assert "排出係数の変更の起案を取り下げました" in event
