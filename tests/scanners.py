"""A stub of clamd inside the test process: it speaks INSTREAM, PING and VERSION, and knows EICAR."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: the harmless test file of all scanners, in two halves: this file itself must not be found infected
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Win.Test.EICAR_HDB-1"


@dataclass
class Stub:
    """What the stub was asked, and how it behaves: ``ok``, ``silent``, ``hang_up``, ``garbage``."""

    address: str = ""
    mood: str = "ok"
    longest: int = 26_214_400
    asked: list[str] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def _handler(stub: Stub) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            command = self._command()
            stub.asked.append(command)
            if stub.mood == "hang_up":
                return
            if stub.mood == "silent":
                stub.over.wait(20)
                return
            answer = {"PING": "PONG", "VERSION": "ClamAV 1.0.7/27500"}.get(command)
            if command == "INSTREAM":
                answer = self._stream()
            self.wfile.write((stub.mood if stub.mood != "ok" else answer or "UNKNOWN COMMAND").encode())
            self.wfile.write(b"\0")

        def _command(self) -> str:
            typed = b""
            while not typed.endswith(b"\0"):
                typed += self.rfile.read(1) or b"\0"
            return typed.rstrip(b"\0").decode().removeprefix("z")

        def _stream(self) -> str:
            data = b""
            while size := struct.unpack("!I", self.rfile.read(4))[0]:
                data += self.rfile.read(size)
                if len(data) > stub.longest:
                    return "INSTREAM size limit exceeded. ERROR"
            stub.seen.append(data)
            return f"stream: {SIGNATURE} FOUND" if EICAR in data else "stream: OK"

    return Handler


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def clamd(socket_path: Path | None = None) -> Iterator[Stub]:
    """A running stub on a free loopback port, or on ``socket_path``."""
    stub = Stub()
    server: Any
    if socket_path is None:
        server = _Tcp(("127.0.0.1", 0), _handler(stub))
        stub.address = f"tcp://127.0.0.1:{server.server_address[1]}"
    else:
        server = _Unix(str(socket_path), _handler(stub))
        stub.address = f"unix:{socket_path}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.over.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
