"""Every word goes through the catalogues: Japanese is the source, English one click away."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po

from portal.wiring import DOMAINS
from tests.house.checkout import JAPANESE, ROOT, WORD, below, named, tree

KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "_n": (1, 2), "lazy_gettext": None, "lazy_ngettext": (1, 2)}
KEYWORDS |= {"_lp": ((1, "c"), 2), "lazy_pgettext": ((1, "c"), 2)}
SPEAKERS = ("portal/admin/", "portal/participant/", "portal/web")
DATES_ARE_WRITTEN_IN = "portal/web_text.py"  # both languages by hand: a date is no sentence
PLACES = re.compile(r"%\((\w+)\)")
# brackets and blanks of Japanese writing are no more for an English reader than its letters
OURS = re.compile(JAPANESE.pattern + r"|[、。（）：]")
TEMPLATE_CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", re.DOTALL)
# names of a language are written in that language
OWN_NAMES = {"日本語"}


SPEAKING = [path for path in below(*SPEAKERS) if named(path) != DATES_ARE_WRITTEN_IN]


def used() -> dict[str, list[str]]:
    """Every Japanese message and where it stands."""
    found: dict[str, list[str]] = defaultdict(list)
    sources = [("python", p) for p in below("portal/")]
    sources += [
        ("jinja2.ext:babel_extract", p) for s in (".html", ".txt") for p in below("templates/", suffix=s)
    ]
    for method, path in sources:
        with path.open("rb") as text:
            options = {"encoding": "utf-8", "silent": "false"}
            for line, message, *_ in extract(method, text, KEYWORDS, (), options):
                for msgid in message if isinstance(message, tuple) else (message,):
                    if msgid and OURS.search(msgid):
                        found[msgid].append(f"{named(path)}:{line}")
    return found


@cache
def english() -> tuple[tuple[str, Catalog], ...]:
    paths = sorted((ROOT / "portal" / "translations" / "en" / "LC_MESSAGES").glob("*.po"))
    return tuple((path.name, read(path)) for path in paths)


def read(path: Path) -> Catalog:
    with path.open("rb") as text:
        return read_po(text, locale="en", abort_invalid=True)


def pairs() -> list[tuple[str, str, str]]:
    """(catalogue, msgid, msgstr) of every English entry that counts."""
    result = []
    for name, catalogue in english():
        for entry in catalogue:
            if not entry.id or entry.fuzzy:
                continue
            ids = entry.id if isinstance(entry.id, tuple | list) else (entry.id,)
            strings = entry.string if isinstance(entry.string, tuple | list) else (entry.string,)
            result += [
                (name, str(i), str(strings[min(n, len(strings) - 1)] or "")) for n, i in enumerate(ids)
            ]
    return result


def test_every_japanese_message_has_an_english_text() -> None:
    known = {msgid for _, msgid, text in pairs() if text}
    assert {msgid: places[:3] for msgid, places in used().items() if msgid not in known} == {}
    assert {name.removesuffix(".po") for name, _catalogue in english()} == set(DOMAINS)  # and it is read


def test_both_languages_name_the_same_figures() -> None:
    wrong = [
        (name, msgid, text)
        for name, msgid, text in pairs()
        if set(PLACES.findall(msgid)) != set(PLACES.findall(text))
    ]
    assert wrong == []


class AnyFigure(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "1"


def test_every_text_with_figures_and_every_text_of_a_page_can_be_written() -> None:
    """A template writes figures into each text, so that a bare percent sign there is an error of the page."""
    on_pages = {msgid for msgid, at in used().items() if any(one.startswith("templates/") for one in at)}
    wrong = []
    for name, msgid, text in pairs():
        if not (PLACES.search(msgid) or msgid in on_pages):
            continue
        for words in (msgid, text):
            try:
                words % AnyFigure()
            except (TypeError, ValueError) as error:
                wrong.append((name, words, str(error)))
    assert wrong == []


def test_one_message_has_one_english_text() -> None:
    texts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, catalogue in english():
        for entry in catalogue:
            if entry.id and entry.string:
                # singular and plural of one entry belong together
                first = entry.id if isinstance(entry.id, str) else entry.id[0]
                # a list's title is another text than the word for one of its rows
                texts[entry.context or "", first].add(str(entry.string))
    assert {msgid: found for msgid, found in texts.items() if len(found) > 1} == {}


def test_no_japanese_stands_in_an_english_text() -> None:
    assert [p for p in pairs() if p[1] not in OWN_NAMES and OURS.search(p[2])] == []


def test_templates_hold_no_japanese_outside_the_catalogues() -> None:
    wrong = []
    for path in below("templates/", suffix=".html"):
        plain = TEMPLATE_CODE.sub(lambda m: "\n" * m.group().count("\n"), path.read_text(encoding="utf-8"))
        for number, line in enumerate(plain.splitlines(), 1):
            words = [found.group() for found in WORD.finditer(line)]
            wrong += [f"{named(path)}:{number}: {word}" for word in words if word not in OWN_NAMES]
    assert wrong == []


def untranslated(path: Path) -> list[str]:
    """Japanese string literals of a Python file that no gettext call takes; docstrings are no texts."""
    module = tree(path)
    taken: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in KEYWORDS:
            taken |= {id(part) for argument in node.args for part in ast.walk(argument)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            taken.add(id(node.value))
    return [
        f"{named(path)}:{node.lineno}: {node.value[:40]}"
        for node in ast.walk(module)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in taken
        and JAPANESE.search(node.value)
    ]


def test_pages_speak_through_the_catalogues_only() -> None:
    assert [found for path in SPEAKING for found in untranslated(path)] == []
