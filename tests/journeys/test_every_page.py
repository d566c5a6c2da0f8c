"""The office's pages as a reader meets them in real Chromium: axe-core, a phone's width, and English.

The serious and critical findings of axe-core are failures, so is a page wider than a phone, and so are
Japanese words on an English page that are nobody's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, Page

from portal import create_app
from portal.extensions import db_session, make_engine, session_factory
from portal.settings import Settings
from tests import databases
from tests.admin.desk import typed
from tests.browsers import DESKTOP, PHONE, Pages
from tests.conftest import PASSWORD_SALT, SECRET_KEY
from tests.factories import registration as make
from tests.factories.allowances import at
from tests.journeys import office_world
from tests.servers import loopback_socket, serving
from tests.services.spreadsheets.application_samples import filled

AXE = """([tags, colours]) => axe.run(document, {resultTypes: ['violations'], runOnly: tags,
    rules: {'color-contrast': {enabled: colours}}}).then(run => run.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .map(one => one.id + ' (' + one.impact + '): ' + one.nodes[0].html.slice(0, 160)))"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = "() => [document.scrollingElement.scrollWidth, innerWidth]"
WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 1).map(one => one.outerHTML.slice(0, 160)).join()"""
WORDS = """async url => {
  const from = url && new DOMParser().parseFromString(await (await fetch(url)).text(), 'text/html');
  const shown = from || document;
  const words = 'title, h1, h2, h3, h4, button, label, legend, th, dt, summary, caption, nav a, .as-button';
  return [shown.documentElement.lang,
    ...[...shown.querySelectorAll('[aria-label]')].map(one => one.getAttribute('aria-label')),
    ...[...shown.querySelectorAll(words)].filter(one => !one.closest('[lang]:not(html)'))
      .map(one => {
        // what a template says is Japanese; what the layout marks by its look is judged all the same
        const own = one.cloneNode(true);
        own.querySelectorAll('[lang]:not(span)').forEach(part => part.remove());
        return one.tagName + ': ' + own.textContent; })]; }"""
FOCUSED = """() => { const one = document.activeElement;
  const inside = one.closest('main form[method=post]');
  return inside ? [one.name || one.type, one.type, one.checked || false] : ['', '', false]; }"""
VALUE = "() => document.activeElement.value"
JAPANESE = re.compile("[\\u3041-\\u30ff\\u4e00-\\u9fff]")

#: one of each kind of page of the office (acts that only ask share theirs); in braces: rows of the world
OFFICE = (
    "/admin/application/?page=0",
    "/admin/application/new/",
    "/admin/application/new/?kind=holder",
    "/admin/application/details/?id={plain}",
    "/admin/application/details/?id={waiting}",
    "/admin/application/compare/?id={plain}&other={alike}",
    "/admin/application/accept/?id={plain}",
    "/admin/application/clerk/?id={plain}&id={waiting}",
    "/admin/application/attach/?id={waiting}",
    "/admin/application/reject/?id={plain}",
    "/admin/application-excel/",
    "/admin/import/",
    "/admin/import/upload/?kind=applications",
    "/admin/import/details/?id={ready}",
    "/admin/import/details/?id={refused}",
    "/admin/import/details/?id={running}",
    "/admin/import/details/?id={uploaded}",
    "/admin/letter/",
    "/admin/letter_batch/start/",
    "/admin/list-file/",
    "/admin/phase/new/",
    "/admin/phase_proposal/details/?id={phase_proposal}",
    "/admin/phase_proposal/confirm/?id={phase_proposal}",
    "/admin/factor/",
    "/admin/factor/year/?id=2016",
    "/admin/factor/propose/?id=2015",
    "/admin/factor_proposal/details/?id={factor_proposal}",
    "/admin/factor_proposal/confirm/?id={factor_proposal}",
    "/admin/target/confirm-many/?id={target}",
    "/admin/account/details/?id={account}",
    "/admin/account/statement/?id={account}",
    "/admin/account/suspend/?id={account}",
    "/admin/account_change/confirm/?id={account_change}",
    "/admin/user/details/?id={user}",
    "/admin/user/lock/?id={user}",
    "/admin/contact_change/accept/?id={contact_change}",
    "/admin/holder/details/?id={holder}",
    "/admin/holder/history/?id={holder}",
    "/admin/holder/paper/?id={holder}",
    "/admin/verifier/details/?id={verifier}",
    "/admin/report/details/?id={assigned}",
    "/admin/company_change/details/?id={company_change}",
    "/admin/directory/",
    "/admin/report_grid/",
    "/admin/late_report/",
    "/admin/report/one-by-one/?id={report}",
    "/admin/publication/details/?id={publication}",
    "/admin/publication/propose/?phase=2",
    "/admin/publication/end/?id={publication}",
)
#: what everybody reads without a login
PUBLIC = ("/application-forms", "/public/", "/public/2/emissions/", "/public/2/allowances/")
OWNER = ("/registration", "/registration/consent", "/directory")


@dataclass
class Looking:
    """The served world, and what was found wrong in it."""

    url: str
    rows: dict[str, Any]
    found: list[str] = field(default_factory=list)

    def log_in(self, page: Page, login: str) -> None:
        page.goto(f"{self.url}/login")
        page.locator("[name=login_id]").fill(self.rows[login])
        page.locator("[name=password]").fill(make.PASSWORD)
        page.locator("main button[type=submit]").click()
        page.wait_for_url(lambda url: "/login" not in url)

    def look(self, page: Page, path: str) -> None:
        """Open a page in Japanese and in English, and note what is wrong with it."""
        answer = page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}lang=ja")
        assert answer is not None and answer.status == 200, (path, answer)
        assert urlsplit(page.url).path == urlsplit(path).path, (path, page.url)
        self.judge(page, path)
        # read without being drawn: the drawing of a page is what costs
        self.read(page, path, page.url.replace("lang=ja", "lang=en"))

    def judge(self, page: Page, path: str) -> None:
        """What axe-core and a ruler say of the page as it stands."""
        page.evaluate(AXE_SCRIPT)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            # colours are the same at every width, and cost most to judge
            said = page.evaluate(AXE, [TAGS, size is DESKTOP])
            self.found += [f"{path} at {size['width']}: {one}" for one in said]
        width, limit = page.evaluate(WIDTHS)
        if width > limit + 1:
            self.found.append(f"{path} is {width} wide: {page.evaluate(WIDE)}")
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    def read(self, page: Page, path: str, url: str = "") -> None:
        """What an English page (the one shown, or ``url``) says in Japanese that is no name."""
        lang, *texts = page.evaluate(WORDS, url)
        assert lang == "en", path
        for text in texts:
            left = " ".join(text.split())
            if not JAPANESE.search(left):
                continue
            for name in self.rows["names"]:
                left = left.replace(name, "")
            if JAPANESE.search(left):
                self.found.append(f"{path} in English: {' '.join(text.split())[:120]}")


@pytest.fixture(scope="module")
def looking(
    database_templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Looking]:
    folder = tmp_path_factory.mktemp("every_page")
    url = databases.copy(database_templates.of("sqlite"), folder)
    engine, bound = make_engine(url), loopback_socket()
    rows = office_world.build(engine)
    engine.dispose()
    app: Flask = create_app(
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
    at(office_world.TODAY)
    looking.found.clear()


def test_what_the_office_opens(looking: Looking, pages: Pages) -> None:
    page = pages.open()
    looking.log_in(page, "approver")
    for path in OFFICE:
        looking.look(page, path.format(**looking.rows))
    assert looking.found == []


def test_what_the_office_sends(looking: Looking, pages: Pages, tmp_path: Path) -> None:
    """Pages that are an answer: a form read, a file with problems, a paper to confirm, letters to fetch."""
    page = pages.open()
    looking.log_in(page, "officer")
    excel = f"{looking.url}/admin/application-excel/"
    for lang in ("ja", "en"):
        for name, data in (
            ("read", filled()),
            ("problems", filled(contact_telephone="abc", mail_a="mihon", company_name=None)),
        ):
            page.goto(f"{excel}?lang={lang}")
            file = tmp_path / f"{name}.xlsx"
            file.write_bytes(data)
            page.locator("input[type=file]").set_input_files(file)
            _send(page)
            _seen(looking, page, f"Excel: {name}", lang)
        page.goto(f"{looking.url}/admin/holder/paper/?id={looking.rows['holder']}&lang={lang}")
        page.locator("[name=site_name]").fill(office_world.LONG)
        _send(page)
        _seen(looking, page, "paper refused", lang)
        page.locator("[name=seal_received]").check()
        _send(page)
        _seen(looking, page, "paper to confirm", lang)
    page.goto(f"{looking.url}/admin/letter_batch/start/?lang=ja")
    _send(page)
    assert "/letter_batch/details/" in page.url
    _seen(looking, page, "letters", "ja")
    assert looking.found == []


def _send(page: Page) -> None:
    page.locator("main form[method=post] button[type=submit]:visible").last.click()
    page.wait_for_load_state()


def _seen(looking: Looking, page: Page, name: str, lang: str) -> None:
    if lang == "en":
        looking.read(page, name)
    else:
        looking.judge(page, name)


def test_what_participants_and_strangers_open(looking: Looking, pages: Pages) -> None:
    for path in PUBLIC:
        looking.look(pages.open(), path)
    verifier = ("/verification", "/verification/{assigned}")
    for login, paths in (("a", OWNER), ("t", ("/registration/contact",)), ("v", verifier)):
        page = pages.open()
        looking.log_in(page, login)
        for path in paths:
            looking.look(page, path.format(**looking.rows))
    assert looking.found == []


def test_an_application_is_recorded_by_keyboard_alone(looking: Looking, pages: Pages) -> None:
    """Tab reaches every field in the order of the paper, and Enter records it; no pointer is touched."""
    page = pages.open()
    looking.log_in(page, "officer")
    page.goto(f"{looking.url}/admin/application/new/?kind=trader")
    values, met = typed(make.trader_data()), list[str]()
    for _ in range(120):
        page.keyboard.press("Tab")
        name, kind, checked = page.evaluate(FOCUSED)
        if not name or name in met:
            continue
        met.append(name)
        value = values.get(name)
        if kind == "radio" and value is not None and not checked:
            page.keyboard.press("Space" if value == page.evaluate(VALUE) else "ArrowDown")
        elif kind == "checkbox" and value is not None and not checked:
            page.keyboard.press("Space")
        elif kind == "date" and value is not None:
            _type_day(page, value)
        elif value is not None and kind not in ("radio", "checkbox"):
            page.keyboard.type(value)
        if kind == "submit":
            break
    assert set(values) <= set(met), set(values) - set(met)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "/admin/application/details/" in page.url, page.locator("#form-errors").inner_text()
    assert values["company_name"] in page.locator("main").inner_text()


def _type_day(page: Page, day: str) -> None:
    """Fill the parts of a date field, in whichever order this machine's Chromium shows them."""
    year, month, date = day.split("-")
    for parts in ((year, month, date), (month, date, year), (date, month, year)):
        for _ in parts:
            page.keyboard.press("ArrowLeft")
        for part in parts:
            page.keyboard.type(part)
            if part == year:
                page.keyboard.press("ArrowRight")  # a year may have six digits
        if page.evaluate(VALUE) == day:
            return
    raise AssertionError(page.evaluate(VALUE))


def test_the_ruler_and_the_readers_find_what_is_planted(looking: Looking, browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<html lang=en><title>x</title><h1>状態</h1><img src=x><div style='width:900px'>x</div></html>"
    )
    looking.judge(page, "planted")
    looking.read(page, "planted")
    page.close()
    text = "\n".join(looking.found)
    assert all(word in text for word in ("image-alt", "wide", "状態")), text
