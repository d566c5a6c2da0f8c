"""The people of the journey: each with a browser of its own, a memory of passwords and a camera."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Download, Locator, Page
from pypdf import PdfReader

from tests.browsers import Pages

OWN_PASSWORD = "kawa-no-nagare-to-42-no-ishi"


@dataclass
class Camera:
    """Keeps a picture of every step, numbered; they are the beginning of the manual."""

    folder: Path
    count: int = 0
    taken: list[str] = field(default_factory=list)

    def take(self, page: Page, name: str) -> None:
        self.count += 1
        path = self.folder / f"{self.count:02d}-{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
        self.taken.append(path.name)


@dataclass
class Person:
    """Somebody at a keyboard."""

    page: Page
    url: str
    camera: Camera

    def log_in(self, login_id: str, password: str = OWN_PASSWORD) -> None:
        """Log in afresh (whoever was in before is logged out)."""
        self.page.context.clear_cookies()
        self.page.goto(f"{self.url}/login")
        self.page.get_by_label("ログインID").fill(login_id)
        self.page.get_by_label("パスワード").fill(password)
        self.press("ログインする")

    def set_password(self) -> None:
        """The first login demands a password of one's own."""
        self.page.locator("[name=new]").fill(OWN_PASSWORD)
        self.page.locator("[name=repeat]").fill(OWN_PASSWORD)
        self.press("パスワードを設定する")

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def press(self, name: str) -> None:
        """Press a button or follow a link by what it says."""
        self.thing(name).click()
        self.page.wait_for_load_state()

    def thing(self, name: str) -> Locator:
        exact = re.compile(rf"^{re.escape(name)}")
        button = self.page.get_by_role("button", name=exact)
        return button.or_(self.page.get_by_role("link", name=exact)).locator("visible=true").first

    def answer(self) -> None:
        """Press the verb of a question's own page."""
        self.page.locator("main form button.as-button:not(.as-button--secondary):visible").last.click()
        self.page.wait_for_load_state()

    def save(self, name: str) -> bytes:
        """Press what gives a file, and keep the file."""
        with self.page.expect_download() as waiting:
            self.thing(name).click()
        return content(waiting.value)

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).locator("visible=true").first.fill(value)

    def choose(self, group: str, choice: str) -> None:
        """Choose a radio button within its group."""
        self.page.get_by_role("group", name=re.compile(re.escape(group))).get_by_label(
            choice, exact=True
        ).check()

    def says(self, *sentences: str) -> None:
        """The page says each of ``sentences``."""
        text = self.text()
        for sentence in sentences:
            assert sentence in text, f"{sentence!r} is not on {self.page.url}:\n{text}"

    def says_nothing_of(self, *words: str) -> None:
        text = self.text() + self.page.content()
        for word in words:
            assert word not in text, f"{word!r} is on {self.page.url}"

    def text(self) -> str:
        """What the page shows, blanks folded."""
        return re.sub(r"\s+", " ", self.page.locator("body").inner_text())

    def picture(self, name: str) -> None:
        self.camera.take(self.page, name)


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def passwords_of(letter: bytes) -> dict[str, str]:
    """Login IDs and initial passwords as they stand in the letter."""
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(letter)).pages)
    found = dict(re.findall(r"((?:AST[0-9]{4}[ABT])|(?:VRF[0-9]{2}-[0-9]))\s+((?:\w{4}-){3}\w{4})", text))
    assert found, text
    return found


def office(pages: Pages, url: str, camera: Camera) -> Person:
    """A new person with an own browser window."""
    return Person(pages.open(), url, camera)
