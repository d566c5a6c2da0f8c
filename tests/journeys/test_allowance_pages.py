"""The allowance pages in Chromium: the name while typing, Back from a receipt, axe, a phone, English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from portal import create_app
from portal.extensions import db_session, make_engine, make_session, session_factory
from portal.models import MovementKind, Period, ReportState
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests import databases
from tests.browsers import PHONE, Pages
from tests.conftest import PASSWORD_SALT, SECRET_KEY
from tests.factories import allowances as trade
from tests.factories import registration as make
from tests.factories import reports
from tests.journeys.test_every_page import Looking
from tests.servers import loopback_socket, serving

TODAY = "2015-10-28 10:00"
LOOKED_AT = (
    "/home?retire=5000&buy=400",
    "/allowances",
    "/allowances/statement?from=2014-04-01",
    "/allowances/transfer",
    "/allowances/receipt/T-000002",
)


@pytest.fixture(scope="module")
def looking(
    database_templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Looking]:
    """The worked example with an approved target-year figure, served."""
    folder = tmp_path_factory.mktemp("allowance_pages")
    url = databases.copy(database_templates.of("sqlite"), folder)
    engine, bound = make_engine(url), loopback_socket()
    with make_session(engine) as session, one_transaction(session):
        made = trade.market(session)
        trade.at("2014-06-12 15:13")
        trade.move(session, made.a, MovementKind.TRANSFER, 500, made.trader.account.code)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
        rows = {
            "a": made.a.login_id,
            "own": made.holder.account.code,
            "other": made.trader.account.code,
            "name": made.trader.account.name,
            "names": [made.holder.account.name, made.trader.account.name, made.a.name, made.holder.label],
        }
    engine.dispose()
    app = create_app(
        Settings(
            environment="test",
            secret_key=SECRET_KEY,
            password_salt=PASSWORD_SALT,
            database_url=url,
            instance=folder,
            base_url=f"http://127.0.0.1:{bound.getsockname()[1]}",
        )
    )
    with serving(app, bound) as address:
        yield Looking(address, rows)
    bound.close()
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


@pytest.fixture(autouse=True)
def today(running_clock: None, looking: Looking) -> None:
    trade.at(TODAY)
    looking.found.clear()


def go_on(page: Page) -> None:
    page.locator(".as-form-end button").click()
    page.wait_for_load_state()


def test_every_allowance_page_passes_axe_a_phone_and_english(looking: Looking, pages: Pages) -> None:
    page = pages.open()
    looking.log_in(page, "a")
    for path in LOOKED_AT:
        looking.look(page, path)
    trade.at("2015-12-10 10:00")
    looking.log_in(page, "a")
    looking.look(page, "/allowances/retire")
    assert looking.found == []


def test_the_name_comes_while_typing_and_back_from_the_receipt_sends_nothing(
    looking: Looking, pages: Pages
) -> None:
    page = pages.open(viewport=PHONE)
    looking.log_in(page, "a")
    page.goto(f"{looking.url}/allowances/transfer?lang=ja")
    answer = page.locator("[data-account-answer]")
    page.locator("[name=account]").press_sequentially("ａｓｔ-9999")
    expect(answer).to_contain_text("口座AST-9999はありません")
    page.locator("[name=account]").fill(looking.rows["other"])
    expect(answer).to_contain_text(looking.rows["name"])
    page.locator("[name=quantity]").fill("９，０００")
    expect(page.locator("[data-after]")).to_have_text("1,000不足")
    page.locator("[name=quantity]").fill("1,000")
    expect(page.locator("[data-after]")).to_have_text("7,000")
    go_on(page)
    assert "/transfer/confirm?key=" in page.url
    looking.judge(page, "the question")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.locator("[name=password]").fill(make.PASSWORD)
    page.locator(".as-dialog .as-buttons button").first.click()
    page.wait_for_url("**/receipt/T-000003")
    looking.judge(page, "the receipt")
    page.go_back()
    page.wait_for_url("**/receipt/T-000003")
    page.goto(f"{looking.url}/allowances")
    assert page.get_by_text("T-000004").count() == 0
    assert looking.found == []


def test_a_refused_form_names_every_rule_and_is_read_by_everybody(looking: Looking, pages: Pages) -> None:
    page = pages.open()
    looking.log_in(page, "a")
    page.goto(f"{looking.url}/allowances/transfer?lang=ja")
    page.locator("[name=quantity]").fill("90000")
    page.locator("[name=account]").fill(looking.rows["own"])
    go_on(page)
    looking.judge(page, "the refused form")
    said = page.locator("#form-errors").inner_text()
    for sentence in ("コミットメントリザーブ量", "移転元と同じ口座です"):
        assert sentence in said
    assert page.evaluate("document.activeElement.id") == "form-errors"
    assert looking.found == []
