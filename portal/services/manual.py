"""The manual as the portal shows it: the chapters of ``docs/manual``, read once from the program's folder.

Only what the chapters use of Markdown is known: headings, paragraphs, lists, pictures, **strong** words,
links. A chapter ends with a short text in English under :data:`ENGLISH`, which an English reader sees first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from portal.errors import NotFound
from portal.permissions import SECRETARIAT, Role
from portal.settings import ROOT

FOLDER = ROOT / "docs" / "manual"
ENGLISH = "In English"
#: what everybody reads first
COMMON = "README"
#: chapter → who it is for; those of the office are shown to the office only, B and verifiers see their own
CHAPTERS: dict[str, tuple[Role, ...]] = {
    "holder": (Role.HOLDER_A, Role.HOLDER_B),
    "trader": (Role.TRADER,),
    "verifier": (Role.VERIFIER,),
    "officer": (Role.OFFICER, Role.VIEWER),
    "approver": (Role.APPROVER,),
}
#: who sees no allowance figure on any page, be it a picture of an invented company (safety 14)
_OWN_ONLY = frozenset({Role.HOLDER_B, Role.VERIFIER})
#: how the head of a section ends that is A's alone
_OF_A = "（A）"
_PICTURE = re.compile(r"!\[(?P<text>[^\]]*)\]\(pictures/(?P<file>[a-z0-9-]+\.png)\)")
_INLINE = re.compile(r"\*\*(?P<strong>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<to>[^)]+)\)")
#: between two lines of a paragraph a space is needed in Latin script only
_LATIN = re.compile(r"[!-~]")


@dataclass(frozen=True)
class Piece:
    """A run of text: ``kind`` is '', 'strong' or 'link' (``to`` a chapter)."""

    text: str
    kind: str = ""
    to: str = ""


@dataclass(frozen=True)
class Block:
    """``kind``: head, text, list or picture. A list has one line of pieces for each item."""

    kind: str
    lines: tuple[tuple[Piece, ...], ...]
    file: str = ""


@dataclass(frozen=True)
class Chapter:
    """A chapter's title and its two texts."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    english: tuple[Block, ...]


def chapters_of(role: Role | None) -> list[str]:
    """The chapters a reader of this role is shown, their own first; without a login: the participants'."""
    office = role in SECRETARIAT
    if role in _OWN_ONLY:
        return [name for name, roles in CHAPTERS.items() if role in roles]
    shown = [name for name, roles in CHAPTERS.items() if office or not SECRETARIAT & frozenset(roles)]
    return sorted(shown, key=lambda name: role not in CHAPTERS[name])


@cache
def chapter(name: str, role: Role | None = None) -> Chapter:
    """A chapter by its name as this role reads it: B without what is A's alone. Raises ``NotFound``."""
    if name not in (*CHAPTERS, COMMON):
        raise NotFound
    blocks = _blocks((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    title = blocks[0].lines[0][0].text
    rest = blocks[1:]
    if name == COMMON:
        # what stands before the first heading is for whoever reads the files
        rest = rest[next(n for n, one in enumerate(rest) if one.kind == "head") :]
    at = next(n for n, one in enumerate(rest) if one.kind == "head" and one.lines[0][0].text == ENGLISH)
    own = _without_a(rest[:at]) if role is Role.HOLDER_B else rest[:at]
    return Chapter(name, title, own, rest[at + 1 :])


def _without_a(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    found, of_a = [], False
    for one in blocks:
        if one.kind == "head":
            of_a = one.lines[0][0].text.endswith(_OF_A)
        if not of_a:
            found.append(one)
    return tuple(found)


def pictures_of(role: Role | None) -> frozenset[str]:
    """The file names of the pictures in the chapters that a reader of this role is shown."""
    shown = [chapter(name, role) for name in (COMMON, *chapters_of(role))]
    return frozenset(one.file for each in shown for one in (*each.blocks, *each.english) if one.file)


def _blocks(text: str) -> tuple[Block, ...]:
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = part.splitlines()
        picture = _PICTURE.fullmatch(part.strip())
        if lines[0].startswith("#"):
            found.append(Block("head", (_pieces(lines[0].lstrip("#").strip()),)))
            lines = lines[1:]
        if picture is not None:
            found.append(Block("picture", ((Piece(picture["text"]),),), picture["file"]))
        elif lines and lines[0].startswith("- "):
            items = re.split(r"^- ", "\n".join(lines), flags=re.MULTILINE)[1:]
            found.append(Block("list", tuple(_pieces(_joined(item.splitlines())) for item in items)))
        elif lines and not lines[0].startswith("|"):
            found.append(Block("text", (_pieces(_joined(lines)),)))
    return tuple(found)


def _joined(lines: list[str]) -> str:
    whole = ""
    for line in (one.strip() for one in lines):
        glue = " " if whole and line and _LATIN.match(whole[-1]) and _LATIN.match(line[0]) else ""
        whole += glue + line
    return whole


def _pieces(text: str) -> tuple[Piece, ...]:
    found, at = [], 0
    for one in _INLINE.finditer(text):
        if one.start() > at:
            found.append(Piece(text[at : one.start()]))
        if one["strong"] is not None:
            found.append(Piece(one["strong"], "strong"))
        elif one["code"] is not None:
            found.append(Piece(one["code"]))
        else:
            found.append(Piece(one["text"], "link", one["to"].removesuffix(".md")))
        at = one.end()
    return (*found, Piece(text[at:])) if at < len(text) or not found else tuple(found)
