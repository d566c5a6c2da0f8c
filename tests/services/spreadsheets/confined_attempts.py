"""What a reader must not be able to do, tried from inside one: ``confined_attempts alone|warm``.

Python's own functions are tried, and the system's calls behind its back. Each answer is one line of JSON:
what was tried → how it ended.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

from portal.services.spreadsheets import template
from portal.services.spreadsheets.confinement import bind, leave_the_network

_libc = ctypes.CDLL(None, use_errno=True)
#: found beforehand: a reader that is bound may not ask for them any more
_socket, _fork, _open = _libc.socket, _libc.fork, _libc.open
_unlink, _kill, _execve, _setrlimit = _libc.unlink, _libc.kill, _libc.execve, _libc.setrlimit
_TARGET = b"/tmp/a-reader-must-not-write-this"


def _call(function: Callable[..., int], *given: object) -> int:
    answer = function(*given)
    if answer < 0:
        raise OSError(errno.EPERM, "refused by the system")  # to ask which error it was is refused too
    return answer


def _write_python() -> None:
    with open(_TARGET, "w") as file:
        file.write("x")


def _fork_system() -> None:
    if _call(_fork) == 0:
        os._exit(0)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "python: socket": lambda: socket.socket(),
    "python: name of a host": lambda: socket.getaddrinfo("localhost", 80),
    "python: process": lambda: subprocess.run(["true"], check=True),
    "python: shell": lambda: os.system("true"),
    "python: fork": lambda: os.fork() or os._exit(0),
    "python: exec": lambda: os.execv("/bin/true", ["true"]),
    "python: thread": lambda: threading.Thread(target=int).start(),
    "python: write a file": _write_python,
    "python: write by flags": lambda: os.open(_TARGET, os.O_WRONLY | os.O_CREAT),
    "python: remove a file": lambda: os.remove(_TARGET),
    "python: kill the parent": lambda: os.kill(os.getppid(), 15),
    "python: more memory": lambda: __import__("resource").setrlimit(9, (-1, -1)),
    "system: socket": lambda: _call(_socket, 2, 1, 0),
    "system: local socket": lambda: _call(_socket, 1, 1, 0),
    "system: fork": _fork_system,
    "system: exec": lambda: _call(_execve, b"/bin/true", None, None),
    "system: write a file": lambda: _call(_open, _TARGET, 0o101, 0o600),
    "system: remove a file": lambda: _call(_unlink, _TARGET),
    "system: kill the parent": lambda: _call(_kill, os.getppid(), 15),
    "system: more memory": lambda: _call(_setrlimit, 9, b"\xff" * 16),
    "allowed: read a file": lambda: os.close(os.open(__file__, os.O_RDONLY)),
}


def attempts() -> None:
    """Bind this process as a reader is bound, try everything, write how it went to standard output."""
    ended = {"before, loopback": _ended(_loopback)}
    bind(256, 10)
    ended.update({name: _ended(attempt) for name, attempt in ATTEMPTS.items()})
    os.write(1, json.dumps(ended).encode())


def _ended(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__ if error.errno is None else os.strerror(error.errno)
    except RuntimeError as error:  # Python's word for a thread it did not get
        return str(error)
    return "done"


def _loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", 9))


if __name__ == "__main__":
    if sys.argv[1] == "alone":
        sys.stderr.write(str(leave_the_network()))
        attempts()
    else:
        sys.stderr.write(str(leave_the_network()))
        with socket.socket(fileno=0) as control:
            template.run(control, attempts)
