"""The two parts of the tests that no Python package brings: Chromium and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOM_NEEDED = 2 * 1024**3  # bytes; below this the memory file system is left alone
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class PartMissing(Exception):
    """Something to be installed on the machine; the text says what, in one line."""


def find_chromium() -> str | None:
    """The path of a Chromium on this machine."""
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


def find_postgresql() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: the newest one Debian keeps, or the path's."""
    kept = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    numbered = [folder for folder in kept if folder.parent.name.isdigit()]
    if numbered:
        return max(numbered, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def memory() -> Path | None:
    """Memory as a folder, if there is room: a commit there is as durable as a throw-away needs, and fast."""
    place = Path("/dev/shm")
    if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > ROOM_NEEDED:
        return place
    return None


def provide() -> None:
    """Install what is missing if this user may; else raise :class:`PartMissing`."""
    missing = []
    if find_chromium() is None:
        missing.append("chromium")
    if find_postgresql() is None:
        missing.append("postgresql")
    if not missing:
        return
    word = f"The tests need: {' and '.join(missing)}. Debian and Ubuntu: apt-get install {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PartMissing(word)
    print(f"Installing {' and '.join(missing)} from the system's packages …", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=env, check=False)
    subprocess.run(
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], env=env, check=False
    )
    if find_chromium() is None or find_postgresql() is None:
        raise PartMissing(word)
