"""The import contract bites: what is planted in a copy of the house is found, each by name."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.checkout import ROOT, below, named, tree

PLANTED = {
    "portal/services/once.py": "from portal.web_text import number",
    "portal/services/audit.py": "from portal import create_app",
    "portal/admin/formats.py": "def late() -> None:\n    from portal.participant import pages",
    "portal/clock.py": "import portal.models.user",
    "portal/services/second_book_rows.py": "from portal.services.compliance import reserve",
}
FOUND = (
    "portal.services.once -> portal.web_text",
    "portal.services.audit -> portal (l.",
    "portal.admin.formats -> portal.participant",
    "portal.clock -> portal.models.user",
    "portal.services.second_book_rows -> portal.services.compliance",
)


def test_every_kind_of_upward_import_breaks_the_contract(tmp_path: Path) -> None:
    for path in below("portal/"):
        copied = tmp_path / named(path)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(path.read_text(encoding="utf-8") + "\n" + PLANTED.get(named(path), "") + "\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 1, checked.stdout
    assert [line for line in FOUND if line not in checked.stdout] == [], checked.stdout


def imported(path: Path) -> set[str]:
    """The modules that a file of the house imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


def test_the_second_book_knows_nothing_of_the_house_and_only_its_readers_know_it() -> None:
    """The contract names what it must not lead to; this is all that it may: a new room is not among it."""
    book = {path for path in below("portal/services/second_book")}
    assert len(book) == 5
    for path in book:
        others = {one for one in imported(path) if not one.startswith("portal.services.second_book_")}
        assert {one.partition(".")[0] for one in others} - sys.stdlib_module_names <= {"sqlalchemy"}, path
    readers = {
        named(path) for path in below("portal/") if any("second_book" in one for one in imported(path))
    }
    assert readers - {named(path) for path in book} == {"portal/cli.py", "portal/services/book_checks.py"}
