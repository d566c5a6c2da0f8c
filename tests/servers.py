"""Real servers inside the test process: the portal over TCP, and a mail server that keeps what it gets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from waitress.server import create_server


def loopback_socket() -> socket.socket:
    """A socket bound to a free port, kept from now on: nobody else can take the port meanwhile."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


@contextmanager
def serving(app: Flask, bound: socket.socket) -> Iterator[str]:
    """Serve ``app`` on a bound socket, in threads as ``portal run`` does; gives the address."""
    server = create_server(app, sockets=[bound], threads=4, clear_untrusted_proxy_headers=True)
    thread = threading.Thread(target=server.run, name="portal-under-test", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        # asked from within its own loop: closing from another thread would pull the sockets from under it
        server.trigger.pull_trigger(lambda: [open_.close() for open_ in list(server._map.values())])
        thread.join(timeout=60)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive(), "the server under test did not stop"


@dataclass
class Received:
    """A message as the mail server got it."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body else ""


@dataclass
class MailServer:
    """Keeps every message. ``answer`` may be set to a refusal such as ``"451 try later"``."""

    host: str = "127.0.0.1"
    port: int = 0
    answer: str | None = None
    messages: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    def to(self, address: str) -> list[Received]:
        """What one address got, in order."""
        return [message for message in self.messages if address in message.recipients]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer:
            return self.answer
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message: Any = message_from_bytes(raw, policy=policy.default)
        self.messages.append(Received(str(envelope.mail_from), tuple(envelope.rcpt_tos), message))
        return "250 kept"


class _AnyPort(Controller):
    """A controller on a port the system chooses; the original wants to know it beforehand."""

    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A real SMTP server on a free loopback port."""
    kept = MailServer()
    controller = _AnyPort(kept, hostname=kept.host, port=0)
    controller.start()
    kept.port = controller.port
    try:
        yield kept
    finally:
        controller.stop()
