"""The web process's end of :mod:`.template`: one warm process, begun when first needed, safe for threads.

It dies with this process, is begun again when it breaks, and is not shared with a fork of this process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

#: What :mod:`.template` is told: the seconds a reading may take.
ORDER = struct.Struct("<i")
#: What it tells: the exit code of the child that read, or the signal that ended it, negative.
END = struct.Struct("<i")
_TEMPLATE = "portal.services.spreadsheets.template"
#: Where the package ``portal`` lies: the process has no environment to find it by.
ROOT = Path(__file__).resolve().parents[3]
OPTIONS = ("-B", "-s", "-X", "utf8", "-m")
#: The template kills in time; only one that hangs itself is waited for longer (s).
_GRACE = 5


class Broken(Exception):
    """The warm process is gone or does not answer; the file has not been judged."""


class Warm:
    """One warm process. Use :func:`read`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def read(self, task: IO[bytes], answer: IO[bytes], seconds: int) -> int:
        """Have the task read and the answer written; the exit code of the child that did it.

        Negative is the signal that ended it, SIGKILL when its time was over. Raises :class:`Broken`.
        """
        told, end = os.pipe()
        try:
            try:
                control = self._send(ORDER.pack(seconds), [task.fileno(), answer.fileno(), end])
            finally:
                os.close(end)
            return self._code(told, seconds, control)
        finally:
            os.close(told)

    def _send(self, order: bytes, files: list[int]) -> socket.socket:
        """Give the warm process its order; the socket it went through."""
        with self._lock:
            control = self._running()
            try:
                # whoever waits for the lock does not wait for a warm process that takes nothing any more
                control.settimeout(_GRACE)
                socket.send_fds(control, [order], files)
                control.settimeout(None)
            except OSError as error:
                self._stop()
                raise Broken from error
            return control

    def _code(self, told: int, seconds: int, control: socket.socket) -> int:
        # poll, not select: a busy web process has more than 1,024 files open
        waiting = select.poll()
        waiting.register(told, select.POLLIN)
        said = os.read(told, END.size) if waiting.poll((seconds + _GRACE) * 1000) else b""
        if len(said) == END.size:
            return int(END.unpack(said)[0])
        with self._lock:
            if self._control is control:
                self._stop()
        raise Broken

    def _running(self) -> socket.socket:
        """The socket of the warm process, begun now if there is none. Holding the lock."""
        if self._owner != os.getpid():
            self._forget()
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    self._process = subprocess.Popen(
                        [sys.executable, *OPTIONS, _TEMPLATE],
                        stdin=theirs.fileno(),
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        cwd=ROOT,
                        env={},
                    )
            except OSError as error:
                ours.close()
                raise Broken from error
            self._control, self._owner = ours, os.getpid()
        return self._control

    def _forget(self) -> None:
        """After a fork the process is the parent's; this one lets go of its copy of the socket."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.returncode = 0  # not this process's child: never waited for here
        self._control = self._process = None

    def _stop(self) -> None:
        """End the warm process, and with it whatever it reads just now. Holding the lock."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
            self._process.kill()
            self._process.wait()
        self._control = self._process = None

    def stop(self) -> None:
        """End the warm process; the next reading begins another."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()


#: This process's.
readers = Warm()
atexit.register(readers.stop)
# a lock that another thread held while this process was forked would never open again
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: setattr(readers, "_lock", threading.Lock()))
