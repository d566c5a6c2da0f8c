"""Fields put back into a form of a finished page: what the browser would show had it not been reloaded.

Only the start tags of the form's own fields and the insides of its text areas are written anew; a token, a
password or a file is never filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from markupsafe import escape

TOKEN = "csrf_token"  # noqa: S105 (the name of a field)
_NEVER = {"password", "file", "submit", "button", "image", "reset"}
Attributes = list[tuple[str, str | None]]


@dataclass
class _Field:
    """A field of the page: its start tag stands from ``start`` to ``end``."""

    kind: str  # text | choice | option | area
    name: str
    start: int
    end: int
    tag: str
    attributes: Attributes
    #: of a text area: where its text ends; of an option: its words
    until: int = 0
    words: str = ""

    @property
    def value(self) -> str:
        """What a chosen box or option sends."""
        given = dict(self.attributes).get("value")
        if given is not None:
            return given
        return self.words.strip() if self.kind == "option" else "on"


@dataclass
class _Form:
    action: str
    posts: bool
    fields: list[_Field] = field(default_factory=list)
    buttons: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    """The forms of a page with the places of their fields."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__(convert_charrefs=True)
        self.path, self.forms = path, list[_Form]()
        self._lines = [0]
        for line in page.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._inside: _Form | None = None
        self._select = ""
        self._open: _Field | None = None
        self.feed(page)
        self.close()

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given, start = dict(attrs), self._place()
        end = start + len(self.get_starttag_text() or "")
        if tag == "form":
            action = urlsplit(given.get("action") or "").path or self.path
            self._inside = _Form(action, (given.get("method") or "").lower() == "post")
            self.forms.append(self._inside)
        if self._inside is None:
            return
        name = given.get("name") or ""
        if tag == "button" or (tag == "input" and (given.get("type") or "") in _NEVER):
            self._inside.buttons.add(name)
        elif tag == "input" and name:
            kind = "choice" if given.get("type") in ("checkbox", "radio") else "text"
            self._inside.fields.append(_Field(kind, name, start, end, tag, attrs))
        elif tag == "textarea":
            self._open = _Field("area", name, start, end, tag, attrs)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._open = _Field("option", self._select, start, end, tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.words += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "option") and self._open is not None and self._inside is not None:
            self._open.until = self._place()
            self._inside.fields.append(self._open)
            self._open = None
        elif tag == "select":
            self._select = ""
        elif tag == "form":
            self._inside = None


@dataclass(frozen=True)
class Filled:
    """A page, whether it has the form, and what found no place in it."""

    page: str
    found: bool
    left: tuple[tuple[str, str], ...]


def fill(page: str, path: str, action: str, typed: Sequence[tuple[str, str]]) -> Filled:
    """``page``, which stands at ``path``, with ``typed`` in its form that is sent to ``action``.

    ``typed`` are names and values in the order they were sent. Without such a form the page stays as it is
    and everything is left.
    """
    reader = _Reader(page, path)
    names = {name for name, _value in typed}
    found = [form for form in reader.forms if form.posts and form.action == action]
    if not found:
        return Filled(page, False, tuple(typed))
    form = max(found, key=lambda one: len(names & {field.name for field in one.fields}))
    waiting = [pair for pair in typed if pair[0] not in form.buttons | {TOKEN}]
    edits = [edit for one in form.fields if (edit := _edit(one, waiting, names)) is not None]
    placed = {one.name for one in form.fields if one.kind in ("choice", "option")}
    for start, end, text in sorted(edits, reverse=True):
        page = page[:start] + text + page[end:]
    return Filled(page, True, tuple(pair for pair in waiting if pair[0] not in placed))


def _edit(one: _Field, waiting: list[tuple[str, str]], names: set[str]) -> tuple[int, int, str] | None:
    """(from, to, instead) for one field; a text takes the first value that waits for its name."""
    if one.name == TOKEN:
        return None
    if one.kind in ("choice", "option"):
        word = "checked" if one.kind == "choice" else "selected"
        if one.kind == "option" and one.name not in names:
            return None
        chosen = (one.name, one.value) in waiting
        return one.start, one.end, _tag(one, {word: None} if chosen else {}, word)
    mine = next((pair for pair in waiting if pair[0] == one.name), None)
    if mine is None:
        return None
    waiting.remove(mine)
    if one.kind == "area":
        # a browser drops the first line break of a text area
        return one.end, one.until, "\n" + str(escape(mine[1]))
    return one.start, one.end, _tag(one, {"value": mine[1]}, "value")


def _tag(one: _Field, more: dict[str, str | None], without: str) -> str:
    """The start tag with ``more`` attributes instead of ``without``."""
    given = [pair for pair in one.attributes if pair[0] != without] + list(more.items())
    words = [name if value is None else f'{name}="{escape(value)}"' for name, value in given]
    return f"<{' '.join([one.tag, *words])}>"
