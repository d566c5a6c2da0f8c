"""The name behind an account number while typing: for who may transfer, and not for walking the register."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.services import account_lookup, once
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration as make
from tests.factories.registration import PASSWORD
from tests.participant.test_allowances import Names
from tests.participant.visitor import Visitor, asked, values, words

URL = "/allowances/account-name?number="


@pytest.fixture
def names(session: Session) -> Names:
    with one_transaction(session):
        made = trade.market(session)
        found = Names(
            made.a.login_id,
            made.b.login_id,
            made.t.login_id,
            made.holder.account.code,
            made.trader.account.code,
            made.scheme.verifier.users[0].login_id,
        )
    trade.at("2014-06-12 15:12")
    return found


def said(reader: Visitor, number: str) -> dict[str, Any]:
    answer = reader.get(URL + number)
    return {"status": answer.status_code, **answer.json}  # type: ignore[dict-item]


def test_the_script_is_told_what_the_button_says(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    found = said(reader, names.other.replace("AST-", "ａｓｔ－"))
    page = reader.send(
        reader.get("/allowances/transfer"), "/allowances/transfer", look="name", account=names.other
    )
    assert found["tone"] == "ok"
    assert found["name"] in words(page) and found["text"] in words(page)
    for number, sentence in (
        ("AST-9999", "口座AST-9999はありません"),
        (names.own, "移転元と同じ口座です"),
        ("AST-2", "種類の口座です"),
        ("x", "AST-1234の形で"),
    ):
        found = said(reader, number)
        assert (found["tone"], found["name"]) == ("bad", "")
        assert sentence in found["text"]
        page = reader.send(page, "/allowances/transfer", look="name", account=number)
        assert sentence in words(page)


def test_login_b_and_verifiers_are_not_told_that_there_is_such_an_address(app: Flask, names: Names) -> None:
    for login in (names.b, names.verifier):
        assert Visitor(app, login).get(URL + names.other).status_code == 404


def test_a_register_is_not_walked(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    for number in range(2001, 2001 + account_lookup.LOOKS - 1):
        assert said(reader, f"AST-{number}")["status"] == 200
    assert said(reader, names.other)["tone"] == "ok"
    # the same again costs nothing, another one is too many, by whichever way
    assert said(reader, names.other)["status"] == 200
    paused = said(reader, "AST-3001")
    assert (paused["status"], paused["name"]) == (429, "")
    assert "10分ほど待ってから" in paused["text"]
    page = reader.get("/allowances/transfer")
    for typed in ({"look": "name"}, {"quantity": "5"}, {"fill": "max"}):
        refused = reader.send(page, "/allowances/transfer", account="AST-3001", **typed)
        assert refused.status_code == 429
        assert "10分ほど待ってから" in words(refused)
        assert values(refused, "/allowances/transfer")["account"] == "AST-3001", "nothing typed is lost"
    # what was looked up before can still be dealt with, and others are not held up
    assert asked(reader, "transfer", quantity="5", account=names.other).status_code == 200
    assert said(Visitor(app, names.t), names.own)["tone"] == "ok"


def test_after_ten_minutes_names_are_told_again(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    for number in range(2001, 2001 + account_lookup.LOOKS + 1):
        last = said(reader, f"AST-{number}")
    assert last["status"] == 429
    trade.at("2014-06-12 15:22")
    assert said(reader, f"AST-{number}")["status"] == 200


def test_a_refused_confirmation_with_the_right_password_tells_no_more_names(
    app: Flask, session: Session, names: Names
) -> None:
    """25 numbers, each asked for by a transfer of more than there is: the last ones are not named."""
    with one_transaction(session):
        first, last = (make.trader(session).account for _ in range(2))
        names_of = {first.code: first.name, last.code: last.name}
    reader = Visitor(app, names.a)
    page = asked(reader, "transfer", quantity="5", account=names.other)
    assert page.status_code == 200, words(page)
    (code, last_code), answers = names_of, []
    for number in (code, *(f"AST-{n}" for n in range(2001, 2024)), last_code):
        refused = reader.send(
            page,
            "/allowances/transfer/confirm",
            password=PASSWORD,
            quantity="999999999999",
            account=number,
            key=once.new_movement_key(),
        )
        told = any(name in words(refused) for name in names_of.values())
        answers.append((refused.status_code, told))
    # one look was the question's own
    assert answers == [(422, True), *[(422, False)] * 18, *[(429, False)] * 6]
    # a road that forgets to ask the counter has no name to print
    for kind, typed in (("transfer", {"look": "name"}), ("transfer", {"quantity": "1"})):
        again = reader.send(page, f"/allowances/{kind}", account=last_code, **typed)
        assert (again.status_code, names_of[last_code] in words(again)) == (429, False)
