"""Japanese words of an English page are marked; a company's name breaks beside its legal form only."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask import session as cookie
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from portal import web_spoken
from portal.permissions import Role
from portal.services.transaction import one_transaction
from portal.web_spoken import spoken
from tests.factories import registration
from tests.participant.visitor import Visitor

OURS = re.compile(r'<span (?:class="as-name"(?: lang="ja")?|lang="ja")>|</span>|<wbr>')


@pytest.fixture(params=["ja", "en"])
def lang(app: Flask, request: pytest.FixtureRequest) -> Iterator[str]:
    with app.test_request_context("/"):
        cookie["lang"] = request.param
        yield str(request.param)


@pytest.mark.parametrize(
    ("html", "english", "japanese"),
    [
        ("<td>Approved</td>", "<td>Approved</td>", "<td>Approved</td>"),
        ("<td>水島工場</td>", '<td><span lang="ja">水島工場</span></td>', "<td>水島工場</td>"),
        (
            "<p>Return it to 水島 工場 now</p>",
            '<p>Return it to <span lang="ja">水島 工場</span> now</p>',
            "<p>Return it to 水島 工場 now</p>",
        ),
        (
            "<th>みほん株式会社</th>",
            '<th><span class="as-name" lang="ja">みほん<wbr>株式会社</span></th>',
            '<th><span class="as-name">みほん株式会社</span></th>',
        ),
        (
            "<th>おおぞら航空整備株式会社　成田整備場</th>",
            '<th><span class="as-name" lang="ja">おおぞら航空整備<wbr>株式会社　成田整備場</span></th>',
            '<th><span class="as-name">おおぞら航空整備<wbr>株式会社　成田整備場</span></th>',
        ),
        (
            "<p>みほん株式会社は、届け出ました。</p>",
            '<p><span lang="ja">みほん株式会社は、届け出ました。</span></p>',
            "<p>みほん株式会社は、届け出ました。</p>",
        ),
        (
            '<option value="1">水島</option>',
            '<option value="1" lang="ja">水島</option>',
            '<option value="1">水島</option>',
        ),
        ('<a lang="ja">日本語</a>', '<a lang="ja">日本語</a>', '<a lang="ja">日本語</a>'),
        ("<textarea>水島</textarea>", "<textarea>水島</textarea>", "<textarea>水島</textarea>"),
        ("<svg><text>水島</text></svg>", "<svg><text>水島</text></svg>", "<svg><text>水島</text></svg>"),
        ("<p>「」、。・</p>", "<p>「」、。・</p>", "<p>「」、。・</p>"),
    ],
)
def test_words_are_marked_where_an_element_may_stand(
    lang: str, html: str, english: str, japanese: str
) -> None:
    assert spoken(html) == (english if lang == "en" else japanese)


TEXT = st.text("あ株式会社水A1 \u3000。&;-", max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["td", "p", "option", "textarea", "svg"]), TEXT), max_size=6))
def test_no_word_is_lost_or_added(parts: list[tuple[str, str]]) -> None:
    html = "".join(f"<{tag}>{text}</{tag}>" for tag, text in parts)
    for part in (web_spoken._marked, web_spoken._held):
        page = web_spoken._PARTS.sub(part, html)
        assert OURS.sub("", page).replace(' lang="ja"', "") == html


def test_the_unit_in_a_cards_head_is_held_together(app: Flask) -> None:
    with app.test_request_context("/"):
        assert "t-\u2060CO2" in spoken('<td data-head="Emissions t-CO2">1</td>')
        assert spoken("<td>t-CO2</td>") == "<td>t-CO2</td>"


def test_every_list_of_an_english_page_has_it(app: Flask, session: Session) -> None:
    with one_transaction(session):
        name = registration.holder(session).representative.name
        officer = registration.office(session, Role.OFFICER).login_id
    page = Visitor(app, officer).get("/admin/holder/?lang=en").text
    cells = page.split("<tbody>")[1].split("</tbody>")[0]
    bare = re.sub("<[^>]*>", "", re.sub(r'<span[^>]*lang="ja"[^>]*>.*?</span>', "", cells))
    assert name in OURS.sub("", cells) and not re.search("[ぁ-ん一-龥]", bare)
