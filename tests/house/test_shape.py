"""The house keeps its shape: short files and functions, nothing of the machine it was written on."""

from __future__ import annotations

import ast
import re
import zipfile
from pathlib import Path

from tests.house.checkout import ROOT, below, files, named, tree

CODE = ("portal/", "tests/", "bench/", "migrations/", "tools/")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

# put together here, so that this file does not hold what it looks for. A path of a machine begins at its
# root: "admin/home/index.html" is a template, "/home" a page of the portal
OF_A_MACHINE = re.compile(
    r"(?<![\w.}-])/(?:"
    + "|".join(
        ["wo" + "rk/", "ro" + "ot/", "fa" + "rm/", "home/[a-z_][\\w.-]*/", "Us" + "ers/", "tmp/b" + "ash"]
    )
    + "|opt/(?:wheels|pypi))"
)
OF_A_REGISTRY = re.compile(
    r"pypi\." + "org|python" + r"hosted\.org|npmjs\." + "(com|org)|--(extra-)?index" + "-url"
)
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + "ME|HA" + r"CK)\b")


def texts() -> list[tuple[str, str]]:
    """(name, text) of every text file, and of every part of the kept workbooks."""
    found = []
    for path in files():
        if path.suffix in (".xlsx", ".xlsm") and zipfile.is_zipfile(path):
            found += parts_of(path)
            continue
        try:
            found.append((named(path), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def parts_of(path: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(path) as book:
        small = [part for part in book.infolist() if part.file_size < 1_000_000]
        return [
            (f"{named(path)}:{part.filename}", book.read(part).decode(errors="replace")) for part in small
        ]


def found_in_texts(pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        if name not in but
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {named(p): len(p.read_text(encoding="utf-8").splitlines()) for p in below(*CODE)}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {}
    for path in below(*CODE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{named(path)}:{node.name}"] = length
    assert long == {}


def test_no_module_is_called_utils() -> None:
    assert [named(p) for p in files() if p.stem in ("utils", "util", "helpers", "misc")] == []


def test_a_machine_is_told_from_a_page() -> None:
    machine = [
        "/wo" + "rk/x",
        "file:///ro" + "ot/x",
        "=/home/" + "taro/x",
        '"/tmp/b' + "ash_jobs",
        "/opt/" + "pypi",
    ]
    pages = [
        "admin/home/index.html",
        '"/home"',
        "/home/reports",
        "templates/wo" + "rk/list.html",
        "../ro" + "ot/x",
    ]
    assert [text for text in machine if not OF_A_MACHINE.search(text)] == []
    assert [text for text in pages if OF_A_MACHINE.search(text)] == []


def test_no_file_names_the_machine_it_was_written_on() -> None:
    assert found_in_texts(OF_A_MACHINE) == []


def test_no_file_names_a_package_registry() -> None:
    # the Makefile tells uv to leave such addresses out, by the option's name
    assert found_in_texts(OF_A_REGISTRY, but=("Makefile",)) == []


def test_nothing_is_marked_unfinished() -> None:
    assert found_in_texts(UNFINISHED) == []


def pinned(lock: Path) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    heads = [line.split(";")[0].rstrip(" \\") for line in lines if line and not line.startswith((" ", "#"))]
    return dict(head.split("==") for head in heads)


def test_lock_files_pin_by_hash_and_name_no_host() -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text, f"{name} names a host"
        assert " @ " not in text, f"{name} names a place"
        requirements = [part for part in re.split(r"\n(?! )", text.strip()) if not part.startswith("#")]
        assert [part.split()[0] for part in requirements if "--hash=sha256:" not in part] == []


def test_tests_run_on_the_versions_that_the_portal_runs_on() -> None:
    portal = pinned(ROOT / "requirements.lock")
    tests = pinned(ROOT / "requirements-test.lock")
    assert {name: (v, tests.get(name)) for name, v in portal.items() if tests.get(name) != v} == {}


def test_ci_runs_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script
    assert "CI=true" in script
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in readme
    assert "make test" in readme
