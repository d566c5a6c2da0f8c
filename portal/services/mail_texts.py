"""The texts of mails: blocks of a template in a common frame, or the same text again around other words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from portal.services.mail_kinds import MailKind
from portal.settings import ROOT

TEMPLATES = ROOT / "templates" / "mail"
_BLANKS = re.compile(r"\n{3,}")
#: stand for words while a text is made once for many mails; no text has them
_GAPS = re.compile("([\ue000-\ue0ff])")
_FIRST_GAP = 0xE000


@cache
def _environment() -> Environment:
    # plain text: autoescape would write &amp; into company names
    return Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def template(kind: MailKind, locale: str) -> Template:
    """The texts of ``kind`` in ``locale``: blocks ``subject``, ``event``, ``act`` in a common frame."""
    return _environment().get_template(f"{kind.value}/{locale}.txt")


def rendered(
    kind: MailKind, locale: str, values: dict[str, Any], gaps: frozenset[str] = frozenset()
) -> tuple[str, str]:
    """Subject and body of one mail.

    ``gaps`` name values that are only printed and asked whether they are there: the text is then made
    once for all mails that agree in the others.
    """
    words = {name: value for name, value in values.items() if name in gaps and value and type(value) is str}
    if not words:
        return _subject(kind, locale, values), _body(kind, locale, values)
    names = tuple(words)
    rest = tuple((name, value) for name, value in values.items() if name not in words and value is not None)
    subject, body = _mould(kind, locale, names, rest, tuple(values))
    return _filled(subject, words), _BLANKS.sub("\n\n", _filled(body, words)).strip() + "\n"


@lru_cache(maxsize=500)
def _mould(
    kind: MailKind,
    locale: str,
    names: tuple[str, ...],
    rest: tuple[tuple[str, Any], ...],
    known: tuple[str, ...],
) -> tuple[Sequence[str], Sequence[str]]:
    """Subject and body in pieces: a text, the name of what comes there, a text …"""
    values = dict.fromkeys(known) | dict(rest)
    values |= {name: chr(_FIRST_GAP + place) for place, name in enumerate(names)}
    made = []
    for text in (_subject(kind, locale, values), _body(kind, locale, values)):
        pieces = _GAPS.split(text)
        pieces[1::2] = [names[ord(gap) - _FIRST_GAP] for gap in pieces[1::2]]
        made.append(pieces)
    return made[0], made[1]


def _filled(pieces: Sequence[str], words: dict[str, str]) -> str:
    full = list(pieces)
    full[1::2] = [words[name] for name in pieces[1::2]]
    return "".join(full)


def _subject(kind: MailKind, locale: str, values: dict[str, Any]) -> str:
    text = template(kind, locale)
    return "".join(text.blocks["subject"](text.new_context(values)))


def _body(kind: MailKind, locale: str, values: dict[str, Any]) -> str:
    return _BLANKS.sub("\n\n", template(kind, locale).render(values)).strip() + "\n"
