"""History by its neighbours, statements of account and receipts on paper, as their owner gets them."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from html import unescape

import pytest
from flask import Flask
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import Account, Event, LedgerTransaction, MovementKind, User
from portal.services import account_statement, positions, statements
from portal.services.audit import EventTag
from portal.services.line_search import Filters
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.participant.test_allowances import Names, login
from tests.participant.visitor import Visitor, confirmed, words

SPAN = "from=2014-06-01&to=2015-02-28"


@pytest.fixture
def names(session: Session) -> Names:
    """The example's movements: 1,500 sold, 400 bought, 5,000 retired."""
    with one_transaction(session):
        made = trade.market(session)
        trade.at("2014-06-12 15:13")
        trade.move(session, made.a, MovementKind.TRANSFER, 1_500, made.trader.account.code)
        trade.at("2015-02-18 13:40")
        trade.move(session, made.t, MovementKind.TRANSFER, 400, made.holder.account.code)
        trade.at("2015-03-20 10:24")
        trade.move(session, made.a, MovementKind.RETIRE, 5_000)
        found = Names(
            made.a.login_id,
            made.b.login_id,
            made.t.login_id,
            made.holder.account.code,
            made.trader.account.code,
            made.scheme.verifier.users[0].login_id,
        )
    trade.at("2015-04-01 09:00")
    return found


def paper(reader: Visitor, url: str) -> str:
    answer = reader.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)


def test_a_statement_says_what_stood_what_moved_and_what_is_left(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.a)
    page = words(reader.get(f"/allowances/statement?{SPAN}"))
    assert "2014年6月1日（日）から2015年2月28日（土）まで、2件" in page
    assert "第2期 JAA 8,500 400 1,500 7,400 2" in page
    table = list(
        csv.reader(io.StringIO(reader.get(f"/allowances/statement.csv?{SPAN}").text.removeprefix("\ufeff")))
    )
    assert [(row[3], row[6], row[7]) for row in table[1:]] == [
        ("はじめの残高", "", "8500"),
        ("移転（送出）", "-1500", "7000"),
        ("移転（受取）", "400", "7400"),
        ("終わりの残高", "", "7400"),
    ]
    book = load_workbook(io.BytesIO(reader.get(f"/allowances/statement.xlsx?{SPAN}").data))
    assert [row[7] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)] == [
        8_500,
        7_000,
        7_400,
        7_400,
    ]


def test_a_statement_on_paper_is_recorded_and_numbered(app: Flask, session: Session, names: Names) -> None:
    text = paper(Visitor(app, names.a), f"/allowances/statement.pdf?{SPAN}")
    for part in ("取引明細書", names.own, "はじめの残高", "8,500", "−1,500", "7,400", "T-000002", "1 / 1"):
        assert part in text
    event = session.scalars(select(Event).where(Event.tag == EventTag.STATEMENT_MADE.value)).one()
    assert (event.facts["since"], event.facts["lines"]) == ("2014-06-01", 2)
    session.rollback()
    assert "Opening balance" in paper(Visitor(app, names.a), f"/allowances/statement.pdf?{SPAN}&lang=en")


def wrong_day(page: TestResponse) -> list[str]:
    """The fields that are marked as wrong."""
    return re.findall(r'<input[^>]* name="(\w+)"[^>]* aria-invalid="true"', page.text)


def test_a_statement_that_is_too_long_unreadable_or_runs_backwards_says_so(
    app: Flask, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Visitor(app, names.a)
    wrong = reader.get("/allowances/statement?from=2015-03-01&to=2014-03-01")
    assert wrong.status_code == 422
    assert "終わりより後" in words(wrong) and 'value="2015-03-01"' in wrong.text
    unreadable = reader.get("/allowances/statement?from=2014-02-30&to=2014-03-01")
    assert unreadable.status_code == 422 and "期間の日付を読み取れません" in words(unreadable)
    assert wrong_day(unreadable) == ["from"] and wrong_day(wrong) == ["to"]
    monkeypatch.setattr("portal.web_statements.MOST_ON_PAPER", 1)
    assert "statement.pdf" not in reader.get(f"/allowances/statement?{SPAN}").text
    refused = reader.get(f"/allowances/statement.pdf?{SPAN}")
    assert refused.status_code == 302
    assert "この期間の移動は1件を超えています" in words(reader.get(refused.location))


def test_a_receipt_on_paper_carries_the_proof(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    done = confirmed(reader, "transfer", quantity="5", account=names.other, note="#let x = 1 😀")
    posted = session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id.desc())).first()
    assert posted is not None
    text = paper(reader, f"{done.location}/pdf")
    for part in ("移転の受領書", posted.code, posted.hash, posted.previous_hash, names.own, names.other):
        assert part in text
    assert "2,395 JAA" in text and "#let x = 1 〓" in text
    page = words(reader.get(done.location))
    assert posted.hash in page and posted.previous_hash in page
    session.rollback()
    other = paper(Visitor(app, names.t), f"{done.location}/pdf")
    assert "1,105 JAA" in other and "#let" not in other
    for nobody in (names.b, names.verifier):
        assert Visitor(app, nobody).get(f"{done.location}/pdf").status_code == 404


def test_the_history_is_narrowed_by_direction_and_unit(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.a)
    came, went = (words(reader.get(f"/allowances?way={way}")) for way in ("in", "out"))
    assert "2件" in came and "+8,500" in came and "−1,500" not in came
    assert "2件" in went and "−5,000 2,400" in went and "+400" not in went
    assert "条件に合うものはありません" in words(reader.get("/allowances?unit=999"))
    assert "4件" in words(reader.get("/allowances?unit=x&way=y&before=z"))


def test_pages_of_the_history_follow_each_other_both_ways(
    app: Flask, session: Session, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 lines in three pages, read through the links alone."""
    monkeypatch.setattr(statements, "PER_PAGE", 5)
    with one_transaction(session):
        for n in range(11):
            trade.move(session, login(session, names.a), MovementKind.TRANSFER, n + 1, names.other)
            trade.move(session, login(session, names.t), MovementKind.TRANSFER, n + 1, names.own)
    reader = Visitor(app, names.t)
    page, seen, turns = reader.get("/allowances?way=in"), [], 0
    while True:
        seen += re.findall(r">(T-[0-9]{6})</a>", page.text)
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        if older is None:
            break
        page, turns = reader.get(unescape(older[1]).split("#")[0]), turns + 1
    assert (len(seen), len(set(seen)), turns) == (12, 12, 2)
    assert seen == sorted(seen, reverse=True)
    for _turn in range(turns):
        newer = re.search(r'href="([^"]+)" rel="prev"', page.text)
        assert newer is not None
        page = reader.get(unescape(newer[1]).split("#")[0])
    assert re.findall(r">(T-[0-9]{6})</a>", page.text) == seen[:5]
    assert 'rel="prev"' not in page.text


def account_of(session: Session, names: Names) -> Account:
    holder = session.scalars(select(User).where(User.login_id == names.a)).one().holder
    assert holder is not None
    return holder.account


def test_every_balance_of_the_history_is_the_sum_of_what_came_before(session: Session, names: Names) -> None:
    account = account_of(session, names)
    everything = list(statements.all_lines(session, account, Filters()))
    running = 0
    for line in reversed(everything):
        running += line.quantity
        assert line.balance == running
    slices = statements.look_back(session, account, Filters(incoming=False), size=1)
    assert [(line.quantity, line.balance) for line in slices.lines] == [(-5_000, 2_400)]
    assert statements.look_back(session, account, Filters()).lines == everything
    for line in everything:
        assert statements.lines_by_id(session, account, [line.entry_id])[line.entry_id] == line


def test_opening_and_lines_make_the_closing_on_any_days(session: Session, names: Names) -> None:
    account = account_of(session, names)
    days = ("2014-04-07", "2014-04-08", "2014-06-12", "2015-02-18", "2015-03-20", "2015-04-01")
    for begin in days:
        for end in [day for day in days if day >= begin]:
            first, last = (date.fromisoformat(day) for day in (begin, end))
            made = account_statement.statement(session, account, first, last)
            closing = {one.unit_class.id: one.quantity for one in positions.balances(session, account, last)}
            assert {one.unit_class.id: one.closing for one in made.classes} == {
                number: quantity for number, quantity in closing.items() if quantity or made.count
            }
            for one in made.classes:
                assert not one.lines or one.lines[-1].balance == one.closing


def test_the_history_ends_with_the_day_of_the_page_and_what_cannot_be_read_is_named(
    app: Flask, names: Names
) -> None:
    reader = Visitor(app, names.a)
    past = words(reader.get("/allowances?asof=2015-02-18"))
    assert "T-000003" in past and "T-000004" not in past and "2015年2月18日（水）までの移動です。" in past
    table = reader.get("/allowances/history.csv?asof=2015-02-18").get_data().decode("utf-8-sig")
    assert "T-000003" in table and "T-000004" not in table
    for query, says in (
        ("asof=2016-12-31", "基準日が先の日付のため"),
        ("asof=abc", "基準日を読み取れないため"),
        ("from=xx", "期間の日付を読み取れないため"),
        ("from=2015-03-01&to=2015-02-01", "期間のはじめが、終わりより後"),
        ("asof=2003-01-01", "口座はまだありませんでした"),
    ):
        assert says in words(reader.get(f"/allowances?{query}")), query
    assert "期間のはじめが、終わりより後" in words(
        reader.get("/allowances/statement?from=2015-03-01&to=2015-02-01")
    )


def test_the_statement_page_shows_the_lines_of_its_span_page_by_page(
    app: Flask, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "PER_PAGE", 1)
    reader = Visitor(app, names.a)
    page = reader.get("/allowances/statement?from=2015-01-01&to=2015-02-28")
    assert "T-000003" in page.text and "T-000002" not in page.text and "T-000004" not in page.text
    first = reader.get("/allowances/statement?from=2014-06-01&to=2015-02-28")
    assert "T-000003" in first.text and "T-000002" not in first.text
    older = re.search(r'href="([^"]*)" rel="next"', first.text)
    assert older is not None
    assert "T-000002" in reader.get(unescape(older[1]).partition("#")[0]).text
