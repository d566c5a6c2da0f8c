"""A small client of clamd: bytes go over a socket, back comes a signature's name or none (INSTREAM).

Off unless ``PORTAL_CLAMD`` names one. Whatever goes wrong on the way is :class:`Away`, never a clean
answer: who cannot be asked has not said that a file is harmless (decided: it fails closed).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from urllib.parse import urlsplit

from portal.settings import Settings

_CHUNK = 64 * 1024
#: an answer is one short line
_ANSWER = 4096
#: how long a page of health waits for a sign of life
_GLANCE = 1


class Away(Exception):
    """The scanner cannot be reached, does not answer in time, or says nothing that can be understood."""


@dataclass(frozen=True)
class Scanner:
    """One clamd: ``tcp://host:port`` or ``unix:/path``; ``seconds`` for the whole of one question."""

    address: str
    seconds: float
    #: the largest file it takes, in MB; clamd's own StreamMaxLength must not be smaller
    limit_mb: int

    def signature(self, data: bytes) -> str | None:
        """The name of what was found in ``data``, or ``None``. Raises :class:`Away`."""
        answer = self._asked(b"zINSTREAM\0", data)
        if answer == "stream: OK":
            return None
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return answer.removeprefix("stream: ").removesuffix(" FOUND")[:200] or "?"
        raise Away(answer or "no answer")

    def version(self) -> str:
        """Program and signatures, as it names them. Raises :class:`Away`."""
        answer = self._asked(b"zVERSION\0")
        if not answer.startswith("ClamAV"):
            raise Away(answer or "no answer")
        return answer

    def alive(self) -> bool:
        """Whether it answers a call within a second."""
        try:
            return replace(self, seconds=min(self.seconds, _GLANCE))._asked(b"zPING\0") == "PONG"
        except Away:
            return False

    def _asked(self, question: bytes, data: bytes | None = None) -> str:
        until = monotonic() + self.seconds
        try:
            with self._connected() as line:
                refused = None
                try:
                    self._send(line, question, data, until)
                except (BrokenPipeError, ConnectionResetError) as error:
                    refused = error  # it hung up on a file too long for it: perhaps it said why
                answer = self._heard(line, until)
                if refused is not None:
                    raise Away(answer or str(refused))
                return answer
        except OSError as error:
            raise Away(str(error) or type(error).__name__) from error

    def _send(self, line: socket.socket, question: bytes, data: bytes | None, until: float) -> None:
        line.settimeout(_left(until))
        line.sendall(question)
        if data is None:
            return
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            line.settimeout(_left(until))
            line.sendall(struct.pack("!I", len(chunk)) + chunk)
        line.sendall(struct.pack("!I", 0))

    def _heard(self, line: socket.socket, until: float) -> str:
        heard = b""
        while not heard.endswith(b"\0") and len(heard) < _ANSWER:
            line.settimeout(_left(until))
            more = line.recv(_ANSWER)
            if not more:
                break
            heard += more
        return heard.rstrip(b"\0").decode("utf-8", "replace").strip()

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        if self.address.startswith("unix:"):
            line = socket.socket(socket.AF_UNIX)
            try:
                line.settimeout(self.seconds)
                line.connect(self.address.removeprefix("unix:"))
                yield line
            finally:
                line.close()
            return
        parts = urlsplit(self.address)
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=self.seconds) as line:
            yield line


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def scanner_of(settings: Settings) -> Scanner | None:
    """The scanner that the settings name, if any."""
    if settings.clamd is None:
        return None
    return Scanner(settings.clamd, settings.clamd_seconds, settings.clamd_limit_mb)


_using: list[Scanner | None] = [None]


def configure(settings: Settings) -> None:
    """Let everything that is uploaded from now on be asked about there, or nothing."""
    _using[0] = scanner_of(settings)


def scanner() -> Scanner | None:
    """The scanner in use; ``None``: uploads are not searched."""
    return _using[0]
