"""How long a newcomer waits: from a clean clone over ``make run`` to the first page, and what it weighs.

Run from the top of the project: ``python bench/first_page.py``. Clones the committed state into a
temporary folder, runs ``make run`` there on a free loopback port, asks for the login page until it
answers, then asks once more with the database kept. Ends only what it started.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 900


def free_port() -> int:
    """A loopback port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_first_page(clone: Path, log: Path) -> float:
    """Seconds from ``make run`` to the first answered page."""
    port, began = free_port(), time.monotonic()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=clone,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while time.monotonic() - began < LIMIT_SECONDS:
            if process.poll() is not None:
                sys.exit(f"make run ended early:\n{log.read_text(errors='replace')[-3000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        sys.exit("no page within the limit")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def size_of(folder: Path) -> float:
    """MB of everything below ``folder``."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone)], check=True)
        source = size_of(clone) - size_of(clone / ".git")
        log = Path(folder) / "log"
        first = seconds_to_first_page(clone, log)
        again = seconds_to_first_page(clone, log)
        print(f"make run, clean clone to first page: {first:.0f} s")
        print(f"make run again, database kept:       {again:.0f} s")
        print(f"source {source:.0f} MB, .venv {size_of(clone / '.venv'):.0f} MB, ", end="")
        print(f"instance {size_of(clone / 'instance'):.0f} MB")


if __name__ == "__main__":
    main()
