"""Which words of an English page are Japanese: names and what people wrote (WCAG 3.1.2, language of parts).

A page's own words are in the language of the page. What it shows of the registers and of letters between
people is Japanese, wherever it stands: so it is marked in the finished page, once for every list, table and
sentence. A reader's voice then speaks it as Japanese, and the browser breaks it between phrases.

The browser's phrases are a guess, and it guesses names badly. Where a text is a company's name, in either
language, its lines break beside its legal form only.
"""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup

from portal.web_text import english

#: kana, kanji and the marks written among them; signs alone (brackets, full stops) are of no language
_SIGNS = r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
_WORD = rf"[^\s<>{_SIGNS}]*+[{_SIGNS}][^\s<>]*+"
#: such words one after the other, as a company and its site; a word without signs is taken whole, for
#: trying each of its letters costs the square of its length
_WORDS = re.compile(rf"({_WORD}(?:[ \u3000\u00a0]{_WORD})*+)|[^\s<>]++")
_SIGN = re.compile(f"[{_SIGNS}]")
#: 株式会社, 有限会社, 合同会社, 一般・公益 社団・財団法人; escaped, for these are no words of a page
_FORM = re.compile(
    r"(?:\u4e00\u822c|\u516c\u76ca)?(?:\u793e\u56e3|\u8ca1\u56e3)\u6cd5\u4eba"
    r"|(?:\u682a\u5f0f|\u6709\u9650|\u5408\u540c)\u4f1a\u793e"
)
#: what each of them holds: whether a page has any is asked by far quicker so
_ESCAPED = (
    rb"\u682a\u5f0f\u4f1a\u793e \u6709\u9650\u4f1a\u793e \u5408\u540c\u4f1a\u793e"
    rb" \u793e\u56e3\u6cd5\u4eba \u8ca1\u56e3\u6cd5\u4eba"
)
_FORMS = tuple(_ESCAPED.decode("unicode_escape").split())
#: on a Japanese page, where all columns are as narrow, a name as short as this keeps its line
_ONE_LINE, _NAME = 11, re.compile(r"[^\s\u3000]+")
#: longer than this, or with a sentence's signs, a text is no name
_LONGEST_NAME, _SENTENCE = 40, re.compile("[。、「」？！：]")
#: what stands in a tag: its quoted values may hold what ends one
_WITHIN = r"""[^>"']*+(?:(?:"[^"]*"|'[^']*')[^>"']*+)*+"""
#: the texts of a page: a comment, what holds text only or is no text; an option, which holds no element;
#: else a tag and the text after it. All begin with the same sign, which the search runs to
_PARTS = re.compile(
    rf"<(?:!--.*?-->|(textarea|script|style|svg|title)\b{_WITHIN}>.*?</\1>"
    rf"|option\b({_WITHIN})>([^<]*)"
    rf"|((?!!--){_WITHIN}>)([^<]*))",
    re.DOTALL,
)
#: the head that a cell brings along on a phone, where no element can hold its unit together
_CARD_HEAD = re.compile('(data-head="[^"]*?)t-CO2')
_MARK = 'lang="ja"'


def spoken(html: str) -> Markup:
    """A finished page with company names held together and, if it is English, its Japanese words marked."""
    page = _CARD_HEAD.sub("\\g<1>t-\u2060CO2", str(html))
    if english():
        page = _PARTS.sub(_marked, page)
    elif _has_form(page):
        page = _PARTS.sub(_held, page)
    return Markup(page)  # noqa: S704 (what comes in is a page; the tags are ours)


def _held(found: re.Match[str]) -> str:
    """A part of a Japanese page."""
    text = found[5]
    if not text or text.isascii() or not _is_name(text):
        return found[0]
    name = _NAME.sub(lambda one: _breaks(one[0]) if len(one[0]) > _ONE_LINE else one[0], text)
    return f'<{found[4]}<span class="as-name">{name}</span>'


def _marked(found: re.Match[str]) -> str:
    """A part of an English page."""
    text = found[3] or found[5]
    if not text or text.isascii() or _SIGN.search(text) is None:
        return found[0]
    if found[3]:
        return found[0] if _MARK in found[2] else f"<option{found[2]} {_MARK}>{text}"
    return _held(found) if _MARK in found[4] else f"<{found[4]}{_WORDS.sub(_words, text)}"


def _words(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    if not _is_name(found[0]):
        return f"<span {_MARK}>{found[0]}</span>"
    return f'<span class="as-name" {_MARK}>{_breaks(found[0])}</span>'


def _is_name(text: str) -> bool:
    short = len(text.strip()) <= _LONGEST_NAME
    return short and _has_form(text) and _SENTENCE.search(text) is None


def _has_form(text: str) -> bool:
    return any(form in text for form in _FORMS)


def _breaks(name: str) -> str:
    """``name`` with the places where its line may break: beside the legal form, and at its spaces."""
    broken = _FORM.sub(r"<wbr>\g<0><wbr>", name).replace("<wbr>\u3000", "\u3000").replace("<wbr> ", " ")
    return broken.removeprefix("<wbr>").removesuffix("<wbr>")


def install(app: Flask) -> None:
    """Give the layout its filter."""
    app.jinja_env.filters["spoken"] = spoken
