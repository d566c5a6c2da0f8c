"""The documents say what is: tables equal the code's, what they name is there, words are the screens' own."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po

from portal import settings as config
from portal.cli import portal
from portal.refusals import TEXTS
from portal.services.transitions import ALL
from portal.services.workflow import Workflow
from tests.house.checkout import ROOT, below

DOCS = ROOT / "docs"
MANUAL = sorted((DOCS / "manual").glob("*.md"))
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def workflows_page() -> str:
    """docs/workflows.md as the transition tables say it (``python -m tests.house.test_docs``)."""
    lines = [
        "# Every workflow's states and steps",
        "",
        "Made from `portal/services/transitions.py` by",
        "`python -m tests.house.test_docs > docs/workflows.md`.",
        "Whoever holds the permission may take the step; who holds it stands in `portal/permissions.py`.",
    ]
    for workflow in ALL:
        lines += ["", f"## {workflow.name}", "", *_diagram(workflow), "", *_table(workflow)]
    return "\n".join(lines) + "\n"


def _diagram(workflow: Workflow) -> list[str]:
    steps = [f"    {e.state.value} --> {e.to.value}: {e.action}" for e in workflow.edges]
    return ["```mermaid", "stateDiagram-v2", *steps, "```"]


def _table(workflow: Workflow) -> list[str]:
    head = [
        "| state | action | next state | permission | audit | mail | reason |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        (e.state.value, e.action, e.to.value, e.permission.value, e.tag.value, e.mail or "–")
        for e in workflow.edges
    ]
    reasons = ["must say why" if e.reason else "–" for e in workflow.edges]
    return head + [f"| {' | '.join(row)} | {why} |" for row, why in zip(rows, reasons, strict=True)]


def test_the_page_about_workflows_is_the_table_of_the_code() -> None:
    assert text_of(DOCS / "workflows.md") == workflows_page()


def test_every_setting_stands_in_operations_with_its_bounds() -> None:
    known = {*config._PLAIN, *config._WHOLE, "PORTAL_ENV", "PORTAL_INSTANCE", "PORTAL_DATABASE_URL"}
    rows = re.findall(r"^\| `(PORTAL_\w+)` \|(.+)$", text_of(DOCS / "operations.md"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(known)
    told = dict(rows)
    for name, (key, low, high) in config._WHOLE.items():
        assert f"| {getattr(config.Settings(), key)} |" in told[name], name
        assert f"{low}–{high}" in told[name], name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text_of(page))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_contents_lead_to_every_page_of_the_manual() -> None:
    contents = text_of(DOCS / "manual" / "README.md")
    assert [
        page.name for page in MANUAL if page.name != "README.md" and f"({page.name})" not in contents
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_exists(page: Path) -> None:
    for line in re.findall(r"`portal ([a-z][^`]*)`", text_of(page)):
        command: click.Command = portal
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, line
            command = command.commands[word]
        flags = {
            name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]
        }
        assert (
            set(re.findall(r"(?<!\S)-{1,2}[a-z][a-z-]*", line.replace("[", "").replace("]", ""))) <= flags
        ), line


@pytest.mark.parametrize("name", ["house.md", "security.md"])
def test_every_file_and_test_named_exists(name: str) -> None:
    text = text_of(DOCS / name)
    paths = re.findall(
        r"`((?:portal|tests|templates|migrations|tools|docs|bench)/[\w./-]+)(?:::(\w+))?`", text
    )
    assert paths, name
    gone = [path for path, _ in paths if not (ROOT / path).exists()]
    assert gone == []
    for path, test in paths:
        assert not test or f"def {test}(" in text_of(ROOT / path), f"{path}::{test}"


def test_the_chain_of_rooms_is_that_of_the_contract() -> None:
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    (chain,) = re.findall(r"^`(__main__ → [^`]+)`$", text_of(DOCS / "house.md"), re.MULTILINE)
    assert re.split(r"\s+→\s+", chain) == layers


@pytest.mark.parametrize("name", ["house.md", "security.md"])
def test_everything_is_said_once(name: str) -> None:
    said_by = r"^(?:\|([^|]+)\|.*\n(?!\|---)|- \*\*([^*]+)\*\*)"  # rows but for their heads, decisions
    rows = re.findall(said_by, text_of(DOCS / name), re.MULTILINE)
    said = Counter("".join(row).strip(" -.") for row in rows)
    assert [what for what, times in said.items() if what and times > 1] == []


@cache
def screen_words() -> tuple[re.Pattern[str], ...]:
    """Every message of the screens, places for figures open."""
    messages = [ja for ja, _ in TEXTS.values()]
    for catalogue in sorted((ROOT / "portal" / "translations" / "en" / "LC_MESSAGES").glob("*.po")):
        with catalogue.open("rb") as file:
            ids = [message.id for message in read_po(file) if message.id]
        messages += [one if isinstance(one, str) else one[0] for one in ids]
    patterns = []
    for message in messages:
        parts = re.split(r"%\(\w+\)s|\{\w+\}", message.replace("%%", "%"))
        if len("".join(parts)) >= 2:
            patterns.append(re.compile(".+?".join(map(re.escape, parts))))
    return tuple(patterns)


@pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
def test_the_manual_quotes_the_screens_own_words(page: Path) -> None:
    quoted = set(re.findall(r"「([^「」]+)」", text_of(page)))
    assert sorted(q for q in quoted if not any(p.fullmatch(q) for p in screen_words())) == []


def test_the_pictures_of_the_manual_are_not_too_heavy() -> None:
    pictures = below("docs/manual/pictures", suffix=".png")
    assert sum(picture.stat().st_size for picture in pictures) < 9_000_000


if __name__ == "__main__":
    print(workflows_page(), end="")
