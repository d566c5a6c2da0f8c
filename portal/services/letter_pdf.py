"""Letters as PDF (A4, window envelope), typeset by typst from ``templates/letters``.

A letter's words go in as data and never as markup, so a company called ``#import "x"`` prints just
that. Only the fonts in ``portal/fonts`` are used, nothing is read outside the two folders, and no
package is fetched. The same contents give the same bytes.
"""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from pypdf import PdfWriter

from portal.services.typesetter import FONT_FOLDER, KEEPS, forget, typeset

TEMPLATE_FOLDER = Path(__file__).resolve().parents[2] / "templates" / "letters"
LETTER_FONT = FONT_FOLDER / "BIZUDPMincho-Regular.ttf"
#: letters in one run of the typesetter
AT_ONCE = 25


class LetterTextError(ValueError):
    """The letter font cannot print ``characters``; check names at input with :func:`check_letter_text`."""

    def __init__(self, characters: Sequence[str]) -> None:
        super().__init__("the letter font lacks: " + " ".join(characters))
        self.characters = tuple(characters)


@dataclass(frozen=True)
class LetterAddress:
    """What the window shows. An empty ``name`` addresses the company (御中 instead of 様)."""

    postal_code: str
    address: str
    company: str
    department: str
    post: str
    name: str


@dataclass(frozen=True)
class LoginLine:
    """One row of the password table; ``password=None`` prints a black bar (the copy that is kept)."""

    kind_label: str
    login_id: str
    password: str | None = field(repr=False)
    scope: str


@dataclass(frozen=True)
class Honorifics:
    person: str = "様"
    company: str = "御中"


@dataclass(frozen=True)
class LetterWords:
    """The fixed words of the form; a letter in another language brings its own."""

    opening: str = "記"
    closing: str = "以上"
    facts_heading: str = "登録の内容"
    logins_heading: str = "ログインIDと初期パスワード"
    login_columns: tuple[str, str, str, str] = ("区分", "ログインID", "初期パスワード", "使える機能")
    honorifics: Honorifics = Honorifics()


@dataclass(frozen=True)
class LetterContent:
    """All words of one letter, ready to print.

    ``facts`` are (label, value) rows, a line feed in a value starts a new line; ``notes`` are
    (heading, lines), several lines are numbered (1), (2) …; a letter with ``logins`` is laid out so
    that the passwords stay between the folds (domain §3, registration completion notice).
    """

    kind: str
    number: str
    date_label: str
    sender_lines: tuple[str, ...]
    address: LetterAddress
    title: str
    intro: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    logins: tuple[LoginLine, ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    footer: str
    words: LetterWords = LetterWords()
    #: the ISO day by which the letter asks to be answered; the notes say it in words
    answer_by: str = ""


def render_letter(content: LetterContent) -> bytes:
    """Return one letter as PDF. Raises :class:`LetterTextError` if a character cannot be printed."""
    return render_letters((content,))


def render_letters(contents: Iterable[LetterContent], *, told: Callable[[int], None] | None = None) -> bytes:
    """Return many letters as one PDF, each beginning on a new page with its own page numbers.

    They are set ``AT_ONCE`` at a time and joined, for the typesetter needs some 4 MB a letter;
    ``told`` hears how many were set just now. Raises :class:`LetterTextError` naming every character
    that cannot be printed, and :class:`ValueError` if there is no letter at all.
    """
    letters = tuple(contents)
    if not letters:
        raise ValueError("no letter to render")
    missing = check_letter_text(*(text for letter in letters for text in letter_texts(letter)))
    if missing:
        raise LetterTextError(missing)
    parts = []
    for first in range(0, len(letters), AT_ONCE):
        some = letters[first : first + AT_ONCE]
        data = json.dumps([asdict(letter) for letter in some], ensure_ascii=False)
        parts.append(typeset(TEMPLATE_FOLDER / "letters.typ", "letters", data))
        if len(letters) > AT_ONCE:
            forget(TEMPLATE_FOLDER, KEEPS)
        if told is not None:
            told(len(some))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[bytes]) -> bytes:
    writer, whole = PdfWriter(), io.BytesIO()
    for part in parts:
        writer.append(io.BytesIO(part), import_outline=False)
    writer.write(whole)
    return whole.getvalue()


def letter_texts(content: LetterContent) -> list[str]:
    """Return every text of the letter, in no particular order, for :func:`check_letter_text`."""
    return list(_strings(asdict(content)))


def check_letter_text(*texts: str) -> list[str]:
    """Return the characters of all ``texts`` that the letter font lacks, each once, in order."""
    return list(dict.fromkeys(character for text in texts for character in missing_glyphs(text)))


def missing_glyphs(text: str) -> list[str]:
    """Return the characters of ``text`` that the letter font lacks, each once, in order.

    White space and control characters count as present. A character with a variation selector is
    judged as a pair; what cannot be seen alone (a selector, a direction mark) is named ``U+202E``.
    """
    if _printable().issuperset(text):  # nearly always, and long lists ask it of every item
        return []
    present, pairs = _coverage()
    missing: list[str] = []
    for index, character in enumerate(text):
        code = ord(character)
        if character.isspace() or unicodedata.category(character) == "Cc":
            continue
        if _is_selector(code):
            if index == 0 or (ord(text[index - 1]), code) not in pairs:
                missing.append(text[max(0, index - 1) : index + 1] if index else f"U+{code:04X}")
        elif code not in present:
            missing.append(character if character.isprintable() else f"U+{code:04X}")
    return list(dict.fromkeys(missing))


@cache
def _printable() -> frozenset[str]:
    """The characters that the letter font prints by themselves."""
    return frozenset(chr(code) for code in _coverage()[0] if not _is_selector(code))


def _is_selector(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF


@cache
def _coverage() -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    """Characters and (character, selector) pairs that the letter font has; read once a process."""
    pairs: set[tuple[int, int]] = set()
    with TTFont(LETTER_FONT, lazy=True) as font:
        present = frozenset(font.getBestCmap() or ())
        for table in font["cmap"].tables:
            if table.format == 14:
                for selector, entries in table.uvsDict.items():
                    pairs.update((code, selector) for code, _ in entries)
    return present, frozenset(pairs)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _strings(part)
