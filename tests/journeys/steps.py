"""The steps of the main road, each as the person does it, with pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal.services.demo.papers import small_pdf
from tests.factories.registration import PASSWORD as OFFICE_PASSWORD
from tests.journeys.people import Person

MAIL_B = "kankyo@asset.example"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PERIOD_WORDS = {"base": "基準年度", "target": "削減目標年度", "adjustment": "調整・自主削減年度"}


@dataclass
class Road:
    """Who walks it, and the clock."""

    officer: Person
    approver: Person
    verifier: Person
    a: Person
    b: Person
    staff: dict[str, str]
    at: Callable[[str], datetime]

    def officer_in(self) -> Person:
        self.officer.log_in(self.staff["officer"], OFFICE_PASSWORD)
        return self.officer

    def approver_in(self) -> Person:
        self.approver.log_in(self.staff["approver"], OFFICE_PASSWORD)
        return self.approver

    def verifier_in(self) -> Person:
        self.verifier.log_in(self.staff["verifier"], OFFICE_PASSWORD)
        return self.verifier


FORM = {
    "代表事業者の法人名": "ABCリース株式会社",
    "法人名のふりがな": "えーびーしーりーすかぶしきがいしゃ",
    "代表者氏名": "先進 花子",
    "代表者氏名のふりがな": "せんしん はなこ",
    "所属する法人名": "株式会社アセット不動産",
    "部署": "環境部",
    "役職": "環境部長",
    "担当者氏名": "環境 太郎",
    "担当者氏名のふりがな": "かんきょう たろう",
    "郵便番号": "123-4567",
    "住所": "東京都千代田区みほん1-2-3",
    "電話番号": "03-0000-0001",
    "FAX番号": "03-0000-0002",
    "メールアドレスA": "taro@asset.example",
    "メールアドレスB": MAIL_B,
    "事業所名": "アセット第一ビル",
    "事業所名のふりがな": "あせっとだいいちびる",
    "所在地": "埼玉県みほん市みほん町1-2-3",
    "口座名": "株式会社アセット不動産　アセット第一ビル",
}


def register_by_paper(road: Road) -> bytes:
    """An officer records the paper application, accepts it, prints the notice: the letter is the answer."""
    officer = road.officer_in()
    officer.picture("secretariat-home")
    officer.press("登録申請")
    officer.press("申請を記録する")
    officer.press("目標保有者の申請を記録する")
    for label, value in FORM.items():
        officer.page.get_by_label(label, exact=False).locator("visible=true").first.wait_for()
        _fill(officer, label, value)
    officer.page.locator("[name='joint_companies-0-name']").fill("株式会社アセット不動産")
    officer.page.locator("[name='joint_companies-0-kana']").fill("カブシキガイシャアセット")
    officer.choose("ほかの参加者への担当者情報の公開", "同意する")
    officer.choose("事業所の種類", "事業場")
    officer.choose("参加の形", "単独")
    officer.choose("東京都・埼玉県の制度への参加", "無")
    officer.press("申請を記録する")
    officer.says("ひらがなで入力してください")
    assert officer.page.locator("[name=company_name]").input_value() == FORM["代表事業者の法人名"]
    officer.picture("application-refused-kana")
    officer.page.locator("[name='joint_companies-0-kana']").fill("かぶしきがいしゃあせっとふどうさん")
    officer.press("申請を記録する")
    officer.says("受理は、まだできません", "ABCリース株式会社")
    officer.picture("application-recorded")
    officer.press("書類の受領を記録する")
    officer.page.get_by_label("社印", exact=False).check()
    officer.page.get_by_label("同意書", exact=False).check()
    officer.answer()
    officer.press("受理する")
    officer.picture("application-accept")
    officer.press("申請を受理する")
    officer.says("受理しました", "AST-1001")
    officer.picture("application-accepted")
    letter_link = officer.page.get_by_role("link", name="第2期 通知第0001号").first
    letter_link.click()
    officer.page.wait_for_load_state()
    officer.picture("letter-waiting")
    officer.press("通知書を印刷する")
    officer.picture("letter-print")
    return officer.save("通知書を印刷する")


def _fill(person: Person, label: str, value: str) -> None:
    """Fill the field of a form whose label begins with ``label`` (the word for required follows it)."""
    names = {
        "代表事業者の法人名": "company_name",
        "法人名のふりがな": "company_kana",
        "代表者氏名": "representative_name",
        "代表者氏名のふりがな": "representative_kana",
        "所属する法人名": "contact_company",
        "部署": "contact_department",
        "役職": "contact_post",
        "担当者氏名": "contact_name",
        "担当者氏名のふりがな": "contact_kana",
        "郵便番号": "contact_postal_code",
        "住所": "contact_address",
        "電話番号": "contact_telephone",
        "FAX番号": "contact_fax",
        "メールアドレスA": "mail_a",
        "メールアドレスB": "mail_b",
        "事業所名": "site_name",
        "事業所名のふりがな": "site_kana",
        "所在地": "site_address",
        "口座名": "account_name",
    }
    person.page.locator(f"[name={names[label]}]").fill(value)


def prepare_holder(road: Road) -> None:
    """The officer assigns the verifier and proposes the target; the approver confirms it."""
    officer = road.officer
    officer.go("/admin/holder/")
    officer.press("AST-1001")
    officer.says("AST-1001", "アセット第一ビル")
    officer.picture("holder-record")
    officer.press("削減目標量を起案する")
    officer.page.locator("[name=quantity]").fill("1,500")
    officer.answer()
    officer.go("/admin/holder/")
    officer.press("AST-1001")
    officer.press("検証機関を決める")
    officer.page.locator("main input[name=verifier]").first.check()
    officer.answer()
    approver = road.approver_in()
    approver.go("/admin/target/")
    approver.page.get_by_role("row").filter(has_text="1,500").get_by_role("link").first.click()
    approver.page.wait_for_load_state()
    approver.press("起案の内容を確認する")
    approver.picture("target-confirm")
    approver.answer()


def first_login(road: Road, password: str) -> None:
    """A logs in with the letter's password and must set an own one."""
    road.at("2013-10-25 10:00")
    a = road.a
    a.page.goto(f"{a.url}/login")
    a.picture("login")
    a.log_in("AST1001A", password)
    a.says("新しいパスワード")
    a.go("/home")
    a.says("新しいパスワード")
    a.picture("first-password")
    a.set_password()
    a.says("環境 太郎", "未確定")
    a.picture("holder-home-begin")


def first_login_of_b(road: Road, password: str) -> None:
    """B does the same with its own password from the letter."""
    road.b.log_in("AST1001B", password)
    road.b.set_password()
    road.b.says("環境 太郎")


def hand_out_form(road: Road) -> bytes:
    """A downloads the prefilled designated form of the base year."""
    a = road.a
    a.press("報告書")
    a.picture("reports-begin")
    a.go("/reports/base/upload")
    return a.save("指定様式（Excel）をダウンロードする")


def refuse_wrong_files(road: Road, files: Path) -> None:
    """Another kind of file, and another holder's form, are refused with sheet, cell, found, expected."""
    a = road.a
    upload(a, "memo.pdf", small_pdf("not a form"))
    a.says("登録できませんでした")
    a.picture("upload-refused-kind")
    upload(a, "form.xlsx", (files / "journey" / "AST1001_target_libreoffice.xlsx").read_bytes())
    a.says("登録できませんでした", "表紙")
    a.picture("upload-refused-other-form")
    marked = a.save("印を付けたファイルをダウンロードする")
    assert marked[:2] == b"PK"


def upload(person: Person, name: str, data: bytes) -> None:
    person.page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": XLSX if name.endswith("xlsx") else "application/pdf", "buffer": data}
    )
    person.page.evaluate("document.body.dataset.before = 'yes'")
    person.page.get_by_role("button", name="ファイルを登録する").click()
    # the answer takes the place of the page while its script shows the progress
    person.page.locator("body[data-before]").wait_for(state="detached")
    person.page.wait_for_load_state()


def report_and_approve(road: Road, period: str, form: Path, figure: str) -> None:
    """Upload, request verification, verify, review with one document each way, approve."""
    a, word = road.a, PERIOD_WORDS[period]
    if period != "base":
        a.log_in("AST1001A")
    a.go(f"/reports/{period}/upload")
    upload(a, form.name, form.read_bytes())
    a.says(figure, "F40")
    a.picture(f"{period}-registered")
    a.press("検証を依頼する")
    a.picture(f"{period}-request")
    a.answer()
    a.says("検証を依頼しました")
    _verify(road, period, figure)
    _review(road, period, word, figure)


def _verify(road: Road, period: str, figure: str) -> None:
    verifier = road.verifier_in()
    verifier.says("1件")
    verifier.press("開く")
    verifier.says("ABCリース株式会社", figure)
    verifier.picture(f"{period}-verifier-desk")
    assert verifier.save("算定報告書")[:2] == b"PK"
    verifier.press("自分が担当する")
    for answer in verifier.page.locator(".as-checklist").get_by_label("適合", exact=True).all():
        answer.check()
    verifier.page.locator("[name=remark_documents]").fill("検針票12か月分の原本")
    verifier.press("下書きを保存する")
    verifier.says("下書きを保存しました", "下書き：")
    verifier.page.get_by_label("無限定適正", exact=True).check()
    verifier.page.locator("[name=verified]").fill(figure)
    verifier.page.locator("main input[type=file]").first.set_input_files(
        {"name": "検証報告書.pdf", "mimeType": "application/pdf", "buffer": small_pdf("verification report")}
    )
    verifier.press("事務局に承認を依頼する")
    verifier.says("承認")
    verifier.says_nothing_of("JAA", "8,500")


def _review(road: Road, period: str, word: str, figure: str) -> None:
    officer = road.officer_in()
    officer.go("/admin/report/")
    officer.page.get_by_role("row").filter(has_text=word).filter(has_text="承認依頼中").get_by_role(
        "link"
    ).first.click()
    officer.page.wait_for_load_state()
    officer.press("査読を始める")
    confirm_if_asked(officer)
    officer.press("査読書類を送る")
    officer.page.locator("[name=body]").fill("都市ガスの検針票の期間を教えてください。")
    officer.answer()
    verifier = road.verifier_in()
    verifier.go("/verification")
    verifier.press("開く")
    verifier.page.locator("[name=body]").fill("各月1日から末日までです。")
    verifier.picture(f"{period}-review-answer")
    verifier.page.locator("main form.as-panel button").first.click()
    verifier.page.wait_for_load_state()
    approver = road.approver_in()
    approver.go("/admin/report/")
    approver.page.get_by_role("row").filter(has_text=word).filter(has_text="査読中").get_by_role(
        "link"
    ).first.click()
    approver.page.wait_for_load_state()
    approver.says(figure, "各月1日から末日まで", "チェックリスト（15項目）")
    approver.picture(f"{period}-review")
    approver.press("承認する")
    approver.picture(f"{period}-approve")
    approver.answer()
    approver.says("承認済", figure)


def confirm_if_asked(person: Person) -> None:
    if person.page.locator("main form.as-dialog").count():
        person.answer()
