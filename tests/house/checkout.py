"""The checkout's own files, for tests that read the house instead of running it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
JAPANESE = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]")
WORD = re.compile(JAPANESE.pattern + "+")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    # the repository may belong to another user than the one who tests it
    trusted = [*command[:1], "-c", f"safe.directory={ROOT}", *command[1:]]
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return tuple(sorted(walked()))
    listed = subprocess.run(trusted, cwd=ROOT, check=True, capture_output=True).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def walked() -> Iterator[Path]:
    """The same from an unpacked archive: everything but what set-up and use leave behind."""
    left_behind = {"instance", "htmlcov", "build", "__pycache__"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name for name in folders if name not in left_behind and (name == ".ci" or name[0] != ".")
        ]
        yield from (Path(folder, name) for name in names if not name.endswith((".pyc", ".mo")))


def named(path: Path) -> str:
    """The path as the reader of a failure wants it."""
    return path.relative_to(ROOT).as_posix()


def below(*folders: str, suffix: str = ".py") -> tuple[Path, ...]:
    """The repository's files with ``suffix`` below the named folders."""
    return tuple(p for p in files() if p.suffix == suffix and named(p).startswith(folders))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=named(path))


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted text of everything called in a Python file: ``(12, "session.commit")``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield node.lineno, ast.unparse(node.func)
