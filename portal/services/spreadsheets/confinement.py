"""What a process that reads uploaded files gives up before it looks at a single byte of one.

safety.md "Uploads". Three walls, each of its own kind: limits of the system (:func:`bind`), a filter of
system calls and a network namespace without a network where the kernel grants them, and a hook inside
Python that refuses sockets, processes and writing everywhere. ``docs/security.md`` says what holds where.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

from portal.services.spreadsheets import syscall_filter

#: What an answer may take on disk.
_FILE_BYTES = 48 * 1024 * 1024
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Audit events (by the part before the first dot) that nothing in a reader has any use for.
_REFUSED_MODULES = frozenset({"socket", "subprocess", "pty", "shutil", "tempfile", "ctypes", "webbrowser"})
_REFUSED_EVENTS = frozenset(
    {
        *(
            f"os.{name}"
            for name in ("exec", "fork", "forkpty", "posix_spawn", "spawn", "startfile", "system")
        ),
        *(f"os.{name}" for name in ("kill", "killpg", "putenv", "unsetenv", "remove", "rename", "rmdir")),
        *(f"os.{name}" for name in ("mkdir", "link", "symlink", "truncate", "chmod", "chown", "utime")),
        *(f"os.{name}" for name in ("setxattr", "removexattr", "chflags", "lockf")),
        *("signal.pthread_kill", "_thread.start_new_thread", "resource.setrlimit", "resource.prlimit"),
        *("syslog.openlog", "fcntl.ioctl", "mmap.__new__", "sqlite3.connect"),
    }
)


def bind(memory_mb: int, seconds: int) -> None:
    """Limit this process for good: memory, CPU time, file size, open files, no further process, no core,
    no socket, no writing but to what is open already.

    A later call may only narrow. Nothing raises where the kernel lacks a part: the rest holds.
    """
    limits = (
        (resource.RLIMIT_AS, memory_mb * 1024 * 1024),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, limit in limits:
        hard = resource.getrlimit(kind)[1]
        low = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (low, low))
    syscall_filter.install()
    # last, for it refuses what the lines above needed
    sys.addaudithook(_refuse)


def leave_the_network() -> bool:
    """Move this process into a network namespace that holds nothing, not even a running loopback.

    Children begin there too. False where the kernel does not grant it. Call it while the process has one
    thread: a namespace of users, which an ordinary user needs for this, is given to no other.
    """
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    return any(unshare(flags) == 0 for flags in (_CLONE_NEWUSER | _CLONE_NEWNET, _CLONE_NEWNET))


def _refuse(event: str, details: tuple[object, ...]) -> None:
    if event == "open":
        if _writes(details):
            raise PermissionError(f"the reader writes no file: {event}")
    elif event in _REFUSED_EVENTS or event.partition(".")[0] in _REFUSED_MODULES:
        raise PermissionError(f"the reader has no use for {event}")


def _writes(details: tuple[object, ...]) -> bool:
    """Whether an ``open`` is for writing, told by its mode or, from ``os.open``, its flags."""
    mode, flags = details[1], details[2]
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return True
    return isinstance(flags, int) and bool(flags & _WRITING)
