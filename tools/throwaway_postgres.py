"""A private PostgreSQL for one run of the tests: made in a new folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tools.system_parts import find_postgresql, memory

START_SECONDS = 60

# durability stays on (the portal refuses to start without); the rest keeps the cluster small
CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 128MB
min_wal_size = 32MB
max_wal_size = 256MB
autovacuum_naptime = 10min
timezone = 'UTC'
log_min_messages = warning
"""


def _owner() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root. ``None``: whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither a user postgres nor nobody: PostgreSQL cannot run as root")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _make(binaries: Path, folder: Path, owner: pwd.struct_passwd | None) -> str:
    """Make the cluster's files under ``folder``; the answer is its password."""
    password = secrets.token_urlsafe(18)
    secret = folder / "password"
    secret.write_text(password, encoding="ascii")
    if owner:
        for path in (folder, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    # thousands of connections are made; SCRAM's 4,096 rounds guard a weak password, and this one is random
    command: list[str | Path] = [binaries / "initdb", "-D", data, "-U", "portal", "-A", "md5"]
    command += [f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = _launch(command, folder, owner, subprocess.PIPE)
    _, complaint = made.communicate()
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {complaint.decode(errors='replace').strip()}")
    secret.unlink()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(CONFIGURATION.format(folder=folder))
    return password


def _launch(
    command: list[str | Path], folder: Path, owner: pwd.struct_passwd | None, output: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program as ``owner``, free of this process's settings and groups."""
    return subprocess.Popen(
        command,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        cwd=folder,
        stdout=output,
        stderr=output,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
    )


def _start(
    binaries: Path, folder: Path, owner: pwd.struct_passwd | None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port and wait until it answers."""
    port = _free_port()
    with (folder / "log").open("wb") as log:
        server = _launch([binaries / "postgres", "-D", folder / "data", "-p", str(port)], folder, owner, log)
    until = time.monotonic() + START_SECONDS
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            said = (folder / "log").read_text(errors="replace")
            raise RuntimeError(f"PostgreSQL did not start: {said[-800:]}")
        time.sleep(0.1)
    return server, port


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast": connections are cut, nothing is waited for
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=10)


@contextmanager
def throwaway_postgres() -> Iterator[str]:
    """Give the address of a fresh server that ends with the block."""
    binaries = find_postgresql()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="portal-pg-", dir=memory()))
    server = None
    try:
        owner = _owner()
        password = _make(binaries, folder, owner)
        server, port = _start(binaries, folder, owner)
        yield f"postgresql+psycopg://portal:{password}@127.0.0.1:{port}/postgres"
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)
