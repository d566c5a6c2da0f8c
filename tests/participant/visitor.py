"""A reader at the participants' pages without scripts: logs in, reads, fills in the form that is shown."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from flask import Flask
from werkzeug.test import TestResponse

from tests.factories.registration import PASSWORD


class _Form(HTMLParser):
    """The values of the inputs of the form whose action ends with ``action`` (the first one for '')."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.inside, self.found = action, False, False
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        if tag == "form":
            post = (a.get("method") or "").lower() == "post" and "logout" not in (a.get("action") or "")
            self.inside = post and not self.found and (a.get("action") or "").endswith(self.action)
            self.found = self.found or self.inside
        elif self.inside and tag == "input" and a.get("name") and a.get("type") != "checkbox":
            self.values[str(a["name"])] = a.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


class Visitor:
    """One login in a browser of its own."""

    def __init__(self, app: Flask, login_id: str, password: str = PASSWORD) -> None:
        self.client = app.test_client()
        page = self.client.get("/login")
        answer = self.client.post("/login", data={**values(page), "login_id": login_id, "password": password})
        assert answer.status_code == 302, words(answer)

    def get(self, url: str) -> TestResponse:
        # read to the end and closed, as a browser does: a download's temporary file is gone then
        return self.client.get(url, buffered=True)

    def send(self, page: TestResponse, url: str, **typed: str) -> TestResponse:
        """Send the form on ``page`` whose action is ``url``, with what was typed over its values."""
        return self.client.post(url, data={**values(page, url), **typed})


def values(page: TestResponse, action: str = "") -> dict[str, str]:
    """What the form on ``page`` holds; the one that goes to ``action``, or to the page itself."""
    main = page.text.split("<main", 1)[-1]
    for wanted in (action, ""):
        form = _Form(wanted)
        form.feed(main)
        if form.found:
            return form.values
    raise AssertionError(f"no form for {action!r}")


def words(page: TestResponse) -> str:
    """The words of the page itself, without header and footer."""
    main = page.text.split("<main", 1)[-1].split("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", main)))


def asked(reader: Visitor, kind: str, page: TestResponse | None = None, **typed: str) -> TestResponse:
    """Through the input to the question, as a browser follows; or the input again, with what is wrong."""
    answer = reader.send(page or reader.get(f"/allowances/{kind}"), f"/allowances/{kind}", **typed)
    return reader.get(answer.location) if answer.status_code == 302 else answer


def confirmed(reader: Visitor, kind: str, password: str = PASSWORD, **typed: str) -> TestResponse:
    """Through input and confirmation; the last answer."""
    page = asked(reader, kind, None, **typed)
    assert page.status_code == 200, words(page)
    return reader.send(page, f"/allowances/{kind}/confirm", password=password)
