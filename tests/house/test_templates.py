"""Templates keep the strict content security policy: nothing inline, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from tests.house.checkout import below, named

TEMPLATES = below("templates/", suffix=".html")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)

FORBIDDEN = {
    "inline handler": re.compile(r"(?<![\w.-])on[a-z]{3,}\s*=\s*[\"']"),
    "inline style": re.compile(r"(?<![\w.-])style\s*=\s*[\"']|<style(?![^>]*\bnonce=)"),
    "inline script without a nonce": re.compile(r"<script(?![^>]*\b(?:src|nonce)\s*=)|javascript:"),
    "asset from elsewhere": re.compile(r"(?:src|srcset|<link[^>]*href)\s*=\s*[\"'](?:https?:)?//"),
    "text marked as safe": re.compile(r"\|\s*safe\b"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_holds(what: str) -> None:
    found = []
    for path in TEMPLATES:
        text = COMMENT.sub(lambda m: "\n" * m.group().count("\n"), path.read_text(encoding="utf-8"))
        found += [
            f"{named(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
            for hit in FORBIDDEN[what].finditer(text)
        ]
    assert found == []


def test_the_style_sheet_asks_nobody_else() -> None:
    sheets = below("portal/static/", suffix=".css")
    assert sheets
    assert [
        named(p) for p in sheets if re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", p.read_text("utf-8"))
    ] == []


def test_every_post_form_carries_the_token() -> None:
    missing = []
    for path in TEMPLATES:
        for form in re.findall(
            r"<form\b.*?</form>", path.read_text(encoding="utf-8"), re.DOTALL | re.IGNORECASE
        ):
            if not re.search(r"method\s*=\s*[\"']post", form, re.IGNORECASE):
                continue
            if not re.search(r"csrf|hidden_tag|forms\.hidden\(|caller\(\)", form):
                missing.append(f"{named(path)}: {form[:80]}")
    assert missing == []
