"""Make the checkout runnable: environment, locked packages, the ``portal`` command, catalogues.

Runs with the machine's own Python and nothing else (``make run``, ``make test`` call it). Nothing is
done twice: a stamp in the environment remembers which lock file it was filled from.
"""

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "portal-setup.json"
OLDEST = (3, 11)

# a shell line first, so that the place may have blanks in its name; -P: the folder one stands in is not ours
COMMAND = """#!/bin/sh
'''exec' {python} -P "$0" "$@"
' '''
import sys

from portal.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""


def stop(message):
    # type: (str) -> None
    """Say what is missing and end with 1. Type comments here: an old Python must get this far."""
    sys.stderr.write(message + "\n")
    sys.exit(1)


def use_recent_python():
    # type: () -> None
    """Go on with the first Python that is recent enough, or say what to install."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])
    here = "{}.{}".format(*sys.version_info[:2])
    stop(
        "Python 3.11 or later is needed; this is {}. Install it, or name it:\n"
        "make PYTHON=/path/to/python3.11 ...".format(here)
    )


def venv_python():
    # type: () -> Path
    return VENV / "bin" / "python"


def runs():
    # type: () -> bool
    """Whether the environment's Python starts: a copied or half-made one does not."""
    if not venv_python().exists():
        return False
    answer = subprocess.run([str(venv_python()), "-m", "pip", "--version"], capture_output=True)
    return answer.returncode == 0


def make_environment():
    # type: () -> None
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            "This Python cannot make environments (venv and ensurepip are missing).\n"
            "Debian and Ubuntu: apt-get install python3-venv"
        )
    print("Making .venv …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def read_stamp():
    # type: () -> dict[str, str]
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def install(lock, stamp):
    # type: (Path, dict[str, str]) -> None
    """Install exactly what ``lock`` says, every file checked against its hash."""
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.get(lock.name) == wanted:
        return
    print("Installing {} …".format(lock.name), flush=True)
    pip = [str(venv_python()), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*pip, "install", "--use-pep517", "--require-hashes", "-r", str(lock)])
    if done.returncode != 0:
        stop("The packages of {} could not be installed (see above).".format(lock.name))
    # the test lock holds everything the run lock holds, so only the last one installed is true
    stamp.clear()
    stamp.update({"place": str(ROOT), lock.name: wanted})
    if lock.name == "requirements-test.lock":
        run_lock = ROOT / "requirements.lock"
        stamp[run_lock.name] = hashlib.sha256(run_lock.read_bytes()).hexdigest()


def link_command():
    # type: () -> None
    """Put this checkout on the environment's path and write its ``portal`` command.

    No build step: nothing but the locked packages is fetched, and an edit counts at once.
    """
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = subprocess.run([str(venv_python()), "-c", ask], check=True, capture_output=True, text=True)
    Path(site.stdout.strip(), "portal-checkout.pth").write_text(str(ROOT) + "\n", encoding="utf-8")
    command = VENV / "bin" / "portal"
    command.write_text(COMMAND.format(python=shlex.quote(str(venv_python()))), encoding="utf-8")
    command.chmod(0o755)


def main():
    # type: () -> None
    parser = argparse.ArgumentParser(description="Make the checkout runnable.")
    parser.add_argument("--test", action="store_true", help="also what the tests need")
    options = parser.parse_args()
    use_recent_python()
    stamp = read_stamp()
    if stamp.get("place", str(ROOT)) != str(ROOT) or not runs():
        make_environment()
        stamp = {}
    before = dict(stamp)
    install(ROOT / ("requirements-test.lock" if options.test else "requirements.lock"), stamp)
    if stamp != before or not (VENV / "bin" / "portal").exists():
        link_command()
        STAMP.write_text(json.dumps(stamp), encoding="utf-8")
    subprocess.run([str(venv_python()), "-m", "tools.catalogues"], check=True, cwd=str(ROOT))


if __name__ == "__main__":
    main()
