"""Japanese words of an English page are marked; a company's name breaks beside its legal form only."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser

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
        ("<option>水島</option>", '<option lang="ja">水島</option>', "<option>水島</option>"),
        (
            '<p title="a > 水島" data-x=\'水 > "\'>水島</p>',
            '<p title="a > 水島" data-x=\'水 > "\'><span lang="ja">水島</span></p>',
            '<p title="a > 水島" data-x=\'水 > "\'>水島</p>',
        ),
        ("<!-- <p>みほん株式会社</p> --><p>a</p>",) * 3,
    ],
)
def test_words_are_marked_where_an_element_may_stand(
    lang: str, html: str, english: str, japanese: str
) -> None:
    assert spoken(html) == (english if lang == "en" else japanese)


@pytest.mark.parametrize(
    "text", ["水 " + "a" * 2_000, "a水" * 1_000, "水 a" * 700, "a" * 1_990 + "みほん株式会社"]
)
@pytest.mark.parametrize("tag", ["td", "option"])
def test_long_words_cost_their_length_only(lang: str, tag: str, text: str) -> None:
    """Twenty texts as long as a reason may be; at the square of its length each took a third of a second."""
    page, taken = f"<{tag}>{text}</{tag}>" * 20, []
    for _ in range(5):
        begun = time.perf_counter()
        spoken(page)
        taken.append(time.perf_counter() - begun)
    assert min(taken) < (0.05 if "a" * 1_000 in text else 0.2), lang


TEXT = st.text("あ株式会社水A1 \u3000。&;->\"'", max_size=8) | st.sampled_from(["みほん株式会社", "水島 A"])
VALUE = st.text("あ水A <>=-/\"'", max_size=8)


def _element(name: str, value: str, quote: str, text: str, after: str) -> str:
    """Name, a value in either quotes, the text within, text or a comment behind."""
    inside = f"<!-- <p>{after} -->{text}<i>{after}</i>" if name in ("td", "svg") else text
    behind = f"<!-- {after} -->" if quote == "'" else after
    return f"<{name} title={quote}{value.replace(quote, '')}{quote}>{inside}</{name}>{behind}"


ELEMENT = st.builds(
    _element,
    st.sampled_from(["td", "p", "option", "textarea", "svg"]),
    VALUE,
    st.sampled_from("'\""),
    TEXT,
    TEXT.map(lambda text: text.replace("-", "")),
)


class Read(HTMLParser):
    """What a reader of HTML finds, without our marks: tags with their attributes, comments, the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[object] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("span", "wbr"):
            self.found.append((tag, [one for one in attrs if one[0] != "lang"]))

    def handle_endtag(self, tag: str) -> None:
        if tag != "span":
            self.found.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", data))

    def handle_data(self, data: str) -> None:
        if self.found and isinstance(self.found[-1], list):
            self.found[-1].append(data)
        else:
            self.found.append([data])

    def told(self) -> list[object]:
        return ["".join(one) if isinstance(one, list) else one for one in self.found]


@given(st.lists(ELEMENT, max_size=3).map("".join))
def test_what_is_added_taken_out_again_leaves_the_page(html: str) -> None:
    """Nothing is lost or added, and no mark stands within a tag's values or a comment."""
    for part in (web_spoken._marked, web_spoken._held):
        page = web_spoken._PARTS.sub(part, html)
        assert OURS.sub("", page).replace(' lang="ja"', "") == html
        assert Read(page).told() == Read(html).told()


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
