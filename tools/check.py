"""Everything that must be green before a change is handed in (``make test``).

Lint, format, types and the import contract first, because they answer in seconds; then every test
on SQLite and PostgreSQL, journeys in Chromium among them. A missing part is a failure, never a skip.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tools.system_parts import PartMissing, memory, provide
from tools.throwaway_postgres import throwaway_postgres

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
URL_NAME = "PORTAL_TEST_POSTGRES_URL"
WORKERS = "2"
STATIC = (
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("types", ["mypy"]),
    ("import contract", ["lint-imports", "--no-cache"]),
)


def run(name: str, command: list[str], env: dict[str, str]) -> bool:
    """Run one step; the answer is whether it went well."""
    print(f"── {name}", flush=True)
    began = time.monotonic()
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=env)
    if done.returncode != 0:
        print(f"── {name}: failed after {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


@contextmanager
def postgres(quick: bool) -> Iterator[dict[str, str]]:
    """The environment for the tests: a server named beforehand is used, else one is made."""
    env = dict(os.environ)
    if quick or env.get(URL_NAME):
        yield env
        return
    with throwaway_postgres() as url:
        yield {**env, URL_NAME: url}


@contextmanager
def folder(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment with a folder for the tests' files that goes in the end; in memory, if there is room.

    SQLite waits for a disk at each commit (synchronous=FULL), some 3 ms and tens of thousands of times.
    """
    # a short name: the path of a socket in it must fit into 107 bytes
    with tempfile.TemporaryDirectory(prefix="t-", dir=memory(), ignore_cleanup_errors=True) as place:
        yield {**env, "TMPDIR": place}


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="without PostgreSQL and browser")
    quick = parser.parse_args().quick
    signal.signal(signal.SIGTERM, _end)  # so that the server is stopped then too
    try:
        if not quick:
            provide()
    except PartMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    good = [run(name, command, dict(os.environ)) for name, command in STATIC]
    chosen = ["-m", "not browser", "-k", "not postgresql"] if quick else []
    with postgres(quick) as server, folder(server) as env:
        # neighbours stay with one worker, which then knows what the first of them had made
        good.append(run("tests", ["pytest", "-n", WORKERS, "--dist", "worksteal", "-q", *chosen], env))
    failed = [name for (name, _), ok in zip([*STATIC, ("tests", [])], good, strict=True) if not ok]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
