"""A warm process that forks a limited reader for each uploaded file: ``python -m …spreadsheets.template``.

Starting Python and importing the readers costs far more than reading a form. This process has done both.
It has one thread, never looks at a file itself, and gives each file to a child of its own that is
forked, bound (:func:`.child.serve`) and gone after one answer: nothing of an upload is left for the next.

The web process (:mod:`.warm`) holds the other end of the socket on standard input. Each message is the
seconds the reading may take, with three open files: the task, the answer, and a pipe for the exit code.
When the socket ends, so do this process and its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from portal.services.spreadsheets import child
from portal.services.spreadsheets.confinement import leave_the_network
from portal.services.spreadsheets.warm import END, ORDER

_DIE_WITH_PARENT = 1
_MOST_FILES = 4096


@dataclass(frozen=True)
class _Reading:
    """A child that reads: when it is killed, and the pipe its end is told to."""

    deadline: float
    end: int


def run(control: socket.socket, serve: Callable[[], None]) -> None:
    """Fork a child that runs ``serve`` for each message on ``control``, until that ends."""
    children: dict[int, _Reading] = {}
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    ended.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    # What is here already is never collected, so a child does not copy the pages it lies in.
    gc.collect()
    gc.freeze()
    try:
        while True:
            ready, _, _ = select.select([control, ended], [], [], _patience(children))
            if ended in ready:
                ended.recv(4096)
            if control in ready and not _begin(control, children, serve):
                return
            _reap(children)
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _patience(children: dict[int, _Reading]) -> float | None:
    """How long to wait before a child has to be killed (s)."""
    if not children:
        return None
    return max(0.0, min(one.deadline for one in children.values()) - time.monotonic())


def _begin(control: socket.socket, children: dict[int, _Reading], serve: Callable[[], None]) -> bool:
    """Take one message and fork its reader. False when there will be no further message."""
    order, files, _, _ = socket.recv_fds(control, ORDER.size, 3)
    if len(order) < ORDER.size or len(files) != 3:
        for each in files:
            os.close(each)
        return False
    task, answer, end = files
    pid = os.fork()
    if pid == 0:
        _become_reader(task, answer, serve)
    os.close(task)
    os.close(answer)
    children[pid] = _Reading(time.monotonic() + ORDER.unpack(order)[0], end)
    return True


def _become_reader(task: int, answer: int, serve: Callable[[], None]) -> None:
    """In the child: keep the task and the answer and nothing else that is open, read, end."""
    code = 1
    try:
        parent = os.getppid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if parent != os.getppid():
            return
        os.dup2(task, 0)
        os.dup2(answer, 1)
        os.closerange(3, _MOST_FILES)
        serve()
        code = 0
    except BaseException:  # noqa: S110 - whatever it is, the process ends here and its code says so
        pass
    finally:
        os._exit(code)


def _reap(children: dict[int, _Reading]) -> None:
    """Tell the end of each child that has ended; kill those whose time is over."""
    now = time.monotonic()
    for pid, reading in list(children.items()):
        if reading.deadline <= now:
            os.kill(pid, signal.SIGKILL)  # not reaped yet, so the number is still this child's
            status = os.waitpid(pid, 0)[1]
        else:
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
        del children[pid]
        with contextlib.suppress(OSError):
            os.write(reading.end, END.pack(os.waitstatus_to_exitcode(status)))
        os.close(reading.end)


def main() -> None:
    """Serve the socket on standard input."""
    with socket.socket(fileno=os.dup(0)) as control:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        leave_the_network()
        run(control, child.serve)


if __name__ == "__main__":
    main()
