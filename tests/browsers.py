"""Real Chromium for journeys: Japanese glyphs from the shipped fonts, and no word to the outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tools.system_parts import PartMissing, find_chromium

FONTS = Path(__file__).resolve().parent.parent / "portal" / "fonts"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LOOPBACK = ("127.0.0.1", "localhost", "")  # "" is the host of data: and blob: addresses

FONT_CONFIGURATION = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <!-- with hinting Chromium draws no dash in this font at 16 pixels -->
  <match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit></match>
  <alias><family>sans-serif</family><prefer><family>BIZ UDPGothic</family></prefer></alias>
  <alias><family>serif</family><prefer><family>BIZ UDPMincho</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>BIZ UDGothic</family></prefer></alias>
</fontconfig>
"""


def font_configuration(folder: Path) -> Path:
    """Write a configuration that knows the portal's fonts only, so that pictures are the same everywhere."""
    path = folder / "fonts.conf"
    text = FONT_CONFIGURATION.format(fonts=escape(str(FONTS)), cache=escape(str(folder / "cache")))
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A running headless Chromium; ``folder`` takes its font settings."""
    path = find_chromium()
    if path is None:
        raise PartMissing("Chromium is not installed; Debian and Ubuntu: apt-get install chromium")
    env: dict[str, str | float | bool] = {
        **os.environ,
        "FONTCONFIG_FILE": str(font_configuration(folder)),
        "LANGUAGE": "ja",  # the browser's own words and dates, as our readers have them
    }
    # Chromium's own sandbox refuses to run as root; the pages it opens here are ours
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, env=env, args=["--disable-dev-shm-usage", "--lang=ja", *sandbox]
        )
        yield browser
        browser.close()


class Pages:
    """Opens pages, each with its own cookies, and remembers what no page may do."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    def open(self, *, locale: str = "ja-JP", viewport: dict[str, int] | None = None, **more: Any) -> Page:
        """A page of a reader of its own (nobody else's cookies), 1280 wide unless told otherwise."""
        context = self._browser.new_context(
            locale=locale,
            timezone_id="Asia/Tokyo",
            viewport=viewport or DESKTOP,  # type: ignore[arg-type]
            accept_downloads=True,
            reduced_motion="reduce",
            **more,
        )
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        context.on("request", self._note_request)
        context.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))
        context.on("console", self._note_console)
        return context.new_page()

    def _note_request(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in (None, *LOOPBACK):
            self.faults.append(f"request to another host: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.faults.append(f"against the content security policy: {message.text}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()
