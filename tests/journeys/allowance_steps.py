"""The steps of the main road that move allowances, and what each reader may see."""

from __future__ import annotations

from pathlib import Path

from tests.factories.registration import PASSWORD as OFFICE_PASSWORD
from tests.journeys.people import OWN_PASSWORD, Person
from tests.journeys.steps import Road, confirm_if_asked, upload


def issue(road: Road, quantity: str) -> None:
    """An officer proposes the issue, an approver confirms it; the account shows base − target."""
    road.at("2014-04-08 09:00")
    officer = road.officer_in()
    officer.go("/admin/issue/")
    officer.says(quantity)
    officer.picture("issue-ready")
    officer.press("起案する")
    officer.picture("issue-propose")
    officer.answer()
    approver = road.approver_in()
    approver.go("/admin/movement/")
    approver.page.get_by_role("row").filter(has_text=quantity).get_by_role("link").first.click()
    approver.page.wait_for_load_state()
    approver.press("起案の内容を確認する")
    approver.picture("issue-confirm")
    approver.answer()
    road.a.log_in("AST1001A")
    road.a.press("排出枠")
    road.a.says(quantity, "7,000")
    road.a.picture("balance-issued")


def transfer(road: Road, account: str) -> None:
    """A transfers to a trader by account number; below the reserve it is refused with the figures."""
    road.at("2014-06-12 15:00")
    a = road.a
    a.log_in("AST1001A")
    a.go("/allowances/transfer")
    a.page.locator("[name=quantity]").fill("1,501")
    a.page.locator("[name=account]").fill(account)
    a.page.get_by_role("button", name="確認へ進む").last.click()
    a.page.wait_for_load_state()
    a.says("7,000", "1,500", "コミットメントリザーブ量")
    a.picture("transfer-refused")
    a.page.locator("[name=quantity]").fill("１，０００")
    a.press("口座名を確認する")
    a.picture("transfer-name")
    a.page.get_by_role("button", name="確認へ進む").last.click()
    a.page.wait_for_load_state()
    a.says("1,000 JAA", account)
    a.picture("transfer-confirm")
    a.page.locator("[name=password]").fill(OWN_PASSWORD)
    a.press("1,000 JAAを移転する")
    a.says("T-000002")
    a.picture("transfer-receipt")


def trader_sees(road: Road, trader: Person, login_id: str) -> None:
    """The trader sees what came in, and no report."""
    trader.log_in(login_id, OFFICE_PASSWORD)
    trader.says("1,000")
    trader.picture("trader-home")
    trader.go("/reports")
    trader.says("見つかりません")


def retire_all(road: Road) -> None:
    """A retires what the approved figure needs; home says 遵守."""
    road.at("2015-10-16 09:00")
    a = road.a
    a.log_in("AST1001A")
    a.says("不足", "7,400")
    a.picture("home-short")
    a.press("7,400 JAAを償却する")
    if a.page.locator("[name=quantity]").input_value() == "":
        a.press("必要な量")
    a.page.get_by_role("button", name="確認へ進む").last.click()
    a.page.wait_for_load_state()
    a.picture("retire-confirm")
    a.page.locator("[name=password]").fill(OWN_PASSWORD)
    a.press("7,400 JAAを償却する")
    a.picture("retire-receipt")
    a.go("/home")
    a.says("遵守", "目標を達成しました")
    a.picture("home-met")


def adjustment(road: Road, form: Path) -> None:
    """The adjustment-year report is submitted and received without verification."""
    road.at("2016-04-11 09:00")
    a = road.a
    a.log_in("AST1001A")
    a.go("/reports/adjustment/upload")
    upload(a, form.name, form.read_bytes())
    a.says("7,300")
    a.press("事務局に提出する")
    a.answer()
    a.says("提出しました")
    officer = road.officer_in()
    officer.go("/admin/report/")
    officer.page.get_by_role("row").filter(has_text="提出済").get_by_role("link").first.click()
    officer.page.wait_for_load_state()
    officer.press("受領する")
    confirm_if_asked(officer)
    officer.says("受領済")
    officer.picture("adjustment-received")


def b_sees_reports_only(road: Road) -> None:
    """B logs in and sees reports only: no menu, page, file with an allowance figure."""
    b = road.b
    road.at("2016-04-12 09:00")
    b.log_in("AST1001B")
    b.picture("home-b")
    for path in (
        "/home",
        "/reports",
        "/reports/base",
        "/reports/target",
        "/events",
        "/registration",
        "/directory",
    ):
        b.go(path)
        b.says_nothing_of("JAA", "8,500", "7,000", "排出枠", "償却")
    for path in ("/allowances", "/allowances/transfer", "/allowances/retire", "/allowances/receipt/T-000001"):
        b.go(path)
        b.says("見つかりません")
    b.picture("not-for-b")
