"""Transfer, retire, balance and receipts as participants meet them, on both databases."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Holder, LedgerTransaction, MovementKind, Period, ReportState, User
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories.registration import PASSWORD
from tests.participant.visitor import Visitor, asked, confirmed, values, words


@dataclass
class Names:
    """Logins and account numbers of the market, as plain words."""

    a: str
    b: str
    t: str
    own: str
    other: str
    verifier: str


@pytest.fixture
def names(session: Session) -> Names:
    """8,500 JAA issued at the holder, clock at the day of the example."""
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


def count(session: Session) -> int:
    found = session.scalar(select(func.count()).select_from(LedgerTransaction)) or 0
    session.rollback()
    return found


def login(session: Session, login_id: str) -> User:
    return session.scalars(select(User).where(User.login_id == login_id)).one()


def test_a_transfer_goes_from_input_to_receipt(app: Flask, session: Session, names: Names) -> None:
    reader, before = Visitor(app, names.a), count(session)
    page = asked(
        reader, "transfer", quantity="１，５００", account=names.other.lower(), note="2014年6月契約分"
    )
    text = words(page)
    assert f"1,500 JAA（第2期 JAA）を、{names.other}（" in text
    assert "8,500 JAA から 7,000 JAA になります" in text
    assert count(session) == before, "nothing moves before the confirmation"
    done = reader.send(page, "/allowances/transfer/confirm", password=PASSWORD)
    assert done.status_code == 302
    receipt = words(reader.get(done.location))
    assert "移転の受領書" in receipt
    assert "7,000 JAA" in receipt
    assert "2014年6月契約分" in receipt
    assert count(session) == before + 1


def test_a_second_press_gives_the_same_receipt(app: Flask, session: Session, names: Names) -> None:
    reader, before = Visitor(app, names.a), count(session)
    page = asked(reader, "transfer", quantity="1500", account=names.other)
    first = reader.send(page, "/allowances/transfer/confirm", password=PASSWORD)
    second = reader.send(page, "/allowances/transfer/confirm", password=PASSWORD)
    assert first.location == second.location
    assert count(session) == before + 1


def test_going_back_from_a_receipt_sends_nothing_and_leads_to_the_receipt(
    app: Flask, session: Session, names: Names
) -> None:
    reader, before = Visitor(app, names.a), count(session)
    sent = reader.send(
        reader.get("/allowances/transfer"), "/allowances/transfer", quantity="1500", account=names.other
    )
    question = sent.location
    done = reader.send(reader.get(question), "/allowances/transfer/confirm", password=PASSWORD)
    back = reader.get(question)
    assert (back.status_code, back.location) == (302, done.location)
    assert reader.get("/allowances/transfer/confirm").location == "/allowances/transfer"
    assert reader.get("/allowances/retire/confirm?" + question.split("?")[1]).status_code == 302
    assert count(session) == before + 1


def test_every_failing_rule_is_shown_at_once_and_what_was_typed_stays(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    page = reader.send(
        reader.get("/allowances/transfer"),
        "/allowances/transfer",
        quantity="9000",
        account="AST-9999",
        note="覚え",
    )
    assert page.status_code == 422
    text = words(page)
    assert "移転できません。2件の問題を直してください。" in text
    # one mistake, one refusal; by how much it is too much stands beside
    assert "500不足" in text and "足りません" not in text
    assert "7,000 JAA（コミットメントリザーブ量）" in text
    assert "AST-9999はありません" in text
    kept = values(page, "/allowances/transfer")
    assert (kept["quantity"], kept["account"], kept["note"]) == ("9000", "AST-9999", "覚え")


def test_the_password_is_asked_for_and_a_wrong_one_moves_nothing(
    app: Flask, session: Session, names: Names
) -> None:
    reader, before = Visitor(app, names.a), count(session)
    page = confirmed(reader, "transfer", password="wrong", quantity="10", account=names.other)
    # the answer only leads back to the question, so that "back" never finds a form to be sent again
    assert page.status_code == 303
    told = reader.get(page.location)
    assert told.status_code == 422 and "いまのパスワードが違います" in words(told)
    assert "いまのパスワードが違います" not in words(reader.get(page.location))
    assert count(session) == before


def test_buttons_fill_in_and_name_without_scripts(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    page = reader.get("/allowances/transfer")
    page = reader.send(page, "/allowances/transfer", fill="max", account=names.other)
    assert values(page, "/allowances/transfer")["quantity"] == "1,500"
    page = reader.send(page, "/allowances/transfer", look="name", account=names.other)
    assert "取引先の名前と一致するか" in words(page)
    page = reader.send(page, "/allowances/transfer", look="name", account="AST-7777")
    assert "AST-7777はありません" in words(page)


def test_retiring_more_than_needed_must_be_said(app: Flask, session: Session, names: Names) -> None:
    with one_transaction(session):
        scheme = session.scalars(select(Holder)).all()
        holder = next(h for h in scheme if h.account.code == names.own)
        target = next(r for r in holder.reports if r.period is Period.TARGET)
        # the approved figure, put there directly: how it comes is the reports' own test
        target.state, target.emissions, target.confirmed_emissions = ReportState.APPROVED, 7_400, 7_400
        target.confirmed_at = clock.now()
    trade.at("2015-10-28 10:00")
    reader = Visitor(app, names.a)
    page = reader.send(reader.get("/allowances/retire"), "/allowances/retire", fill="missing")
    assert values(page, "/allowances/retire")["quantity"] == "7,400"
    page = reader.send(page, "/allowances/retire", quantity="7401")
    assert page.status_code == 422
    assert 'name="voluntary"' in page.text
    page = asked(reader, "retire", page, quantity="7401", voluntary="y")
    assert "必要量を超えて償却します" in words(page)
    page = reader.send(page, "/allowances/retire", back="1")
    done = confirmed(reader, "retire", quantity="7400")
    assert done.status_code == 302
    home = words(reader.get("/home"))
    assert "目標を達成しました。必要な手続きはありません" in home


def test_the_balance_is_shown_as_of_any_day_and_the_history_runs(
    app: Flask, session: Session, names: Names
) -> None:
    with one_transaction(session):
        a, t = (
            session.scalars(select(trade.User).where(trade.User.login_id == n)).one()
            for n in (names.a, names.t)
        )
        trade.move(session, a, MovementKind.TRANSFER, 1_500, names.other)
        trade.at("2015-02-18 13:40")
        trade.move(session, t, MovementKind.TRANSFER, 400, names.own)
        trade.at("2015-03-20 10:24")
        trade.move(session, a, MovementKind.RETIRE, 5_000)
    reader = Visitor(app, names.a)
    now = words(reader.get("/allowances"))
    assert "残高2,400JAA" in now.replace(" ", "")
    then = words(reader.get("/allowances?asof=2015-02-20")).replace(" ", "")
    assert "残高7,400JAA" in then
    assert "8,500−1,500−0" in then
    received = words(reader.get(f"/allowances?kind=transfer&from=2015-01-01&other={names.other}"))
    assert "移転（受取）" in received
    assert "+400 7,400" in received
    assert "移転（送出）" not in received
    assert "条件に合うものはありません" in words(reader.get("/allowances?other=nobody"))


def test_files_carry_the_history_and_no_formula(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    confirmed(reader, "transfer", quantity="5", account=names.other, note="=1+1")
    lines = list(csv.reader(io.StringIO(reader.get("/allowances/history.csv").text.removeprefix("\ufeff"))))
    assert [line[6] for line in lines[1:]] == ["-5", "8500"]
    assert lines[1][8] == "'=1+1"
    with reader.get("/allowances/history.xlsx") as answer:
        book = load_workbook(io.BytesIO(answer.data))
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert rows[1][6:8] == (-5, 8_495)
    assert rows[1][8] == "'=1+1"
    filtered = reader.get("/allowances/history.csv?kind=issue").text
    assert "移転" not in filtered


def test_a_file_of_the_history_has_its_bounds_and_says_so(
    app: Flask, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Visitor(app, names.a)
    confirmed(reader, "transfer", quantity="5", account=names.other)
    monkeypatch.setattr("portal.participant.allowances.MOST_IN_A_FILE", 1)
    for file in ("csv", "xlsx"):
        refused = reader.get(f"/allowances/history.{file}?from=2010-01-01")
        assert refused.location == "/allowances?from=2010-01-01#history"
        assert "期間や種類で絞ってください" in words(reader.get("/allowances"))
    assert reader.get("/allowances/history.csv?kind=issue").status_code == 200


def test_a_note_stays_with_its_writer(app: Flask, names: Names) -> None:
    done = confirmed(
        Visitor(app, names.a), "transfer", quantity="5", account=names.other, note="ひみつの覚え"
    )
    other = Visitor(app, names.t)
    for url in (done.location, "/allowances", "/home", "/allowances/history.csv"):
        page = other.get(url)
        assert page.status_code == 200
        assert "ひみつの覚え" not in page.text


def test_only_the_two_sides_have_the_receipt(app: Flask, names: Names) -> None:
    issue = "/allowances/receipt/T-000001"
    assert Visitor(app, names.a).get(issue).status_code == 200
    for login in (names.t, names.b, names.verifier):
        assert Visitor(app, login).get(issue).status_code == 404
    for wrong in ("T-999999", "T-1", "x", "T-" + "9" * 15):
        assert Visitor(app, names.a).get(f"/allowances/receipt/{wrong}").status_code == 404


@pytest.mark.parametrize("url", ["", "/transfer", "/retire", "/cancel", "/offset", "/history.csv"])
def test_login_b_and_verifiers_find_no_allowance_page(app: Flask, names: Names, url: str) -> None:
    for login in (names.b, names.verifier):
        reader = Visitor(app, login)
        assert reader.get(f"/allowances{url}").status_code == 404


def test_cancel_and_offset_keep_the_reserve(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    for kind in ("cancel", "offset"):
        page = reader.send(reader.get(f"/allowances/{kind}"), f"/allowances/{kind}", quantity="1501")
        assert page.status_code == 422
        assert "コミットメントリザーブ量" in words(page)
        assert confirmed(reader, kind, quantity="100").status_code == 302


def test_the_history_costs_no_query_for_each_row(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    with queries(app) as few:
        reader.get("/allowances")
    with one_transaction(session):
        a = login(session, names.a)
        for n in range(15):
            trade.move(session, a, MovementKind.TRANSFER, n + 1, names.other)
    with queries(app) as many:
        reader.get("/allowances")
    assert len(many) <= len(few) + 2


@contextmanager
def queries(app: Flask) -> Iterator[list[str]]:
    from portal.extensions import session_factory

    seen: list[str] = []

    def note(_c: object, _u: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = session_factory.kw["bind"]
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
