"""The texts of mails: blocks of a template in a common frame, or the same text again around other words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from portal.services.mail_kinds import MailKind
from portal.settings import ROOT, Settings

TEMPLATES = ROOT / "templates" / "mail"
_BLANKS = re.compile(r"\n{3,}")
#: stand for words while a text is made once for many mails; no text has them
_GAPS = re.compile("([\ue000-\ue0ff])")
_FIRST_GAP = 0xE000
#: what every subject begins with, by language
_MARKS = {"ja": "【ASSET】", "en": "[ASSET] "}
#: the longest name of a company with its site that a subject gives in full
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Letterhead:
    """What every mail says of the office, and where the reader logs in."""

    base_url: str = Settings.base_url
    office_mail: str = Settings.office_mail
    office_phone: str = Settings.office_phone

    @property
    def host(self) -> str:
        """The host of the Message-IDs."""
        return urlsplit(self.base_url).hostname or "localhost"


_letterhead = Letterhead()


def letterhead() -> Letterhead:
    """The one in use."""
    return _letterhead


def configure(settings: Settings) -> None:
    """Take the addresses mails name from ``settings``; called once when the program starts."""
    global _letterhead
    _letterhead = Letterhead(settings.base_url, settings.office_mail, settings.office_phone)


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
    whose = str(values.get("participant") or "")
    if not words:
        return _named(_subject(kind, locale, values), whose, locale), _body(kind, locale, values)
    names = tuple(words)
    rest = tuple((name, value) for name, value in values.items() if name not in words and value is not None)
    subject, body = _mould(kind, locale, names, rest, tuple(values))
    text = _BLANKS.sub("\n\n", _filled(body, words)).strip() + "\n"
    return _named(_filled(subject, words), whose, locale), text


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
    # in a list of thirty reports the fiscal year tells them apart
    told = {**values, "period": values.get("period_years") or values.get("period")}
    return "".join(text.blocks["subject"](text.new_context(told)))


def _named(subject: str, whose: str, locale: str) -> str:
    """The subject with whose affair it is: the number first, where a list cuts nothing off, the name last."""
    number, _gap, name = whose.partition("　")
    if not number:
        return subject
    mark = _MARKS[locale]
    rest, between = subject.removeprefix(mark), ("：", " – ")[locale == "en"]
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    return f"{mark}{number} {rest}{between + name if name else ''}"


def _body(kind: MailKind, locale: str, values: dict[str, Any]) -> str:
    return _BLANKS.sub("\n\n", template(kind, locale).render(values)).strip() + "\n"
