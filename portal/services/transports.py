"""How a message leaves the house: over SMTP, or as a readable ``.eml`` file where no server is set."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from portal import clock
from portal.settings import Settings

TIMEOUT_SECONDS = 20


class Unreachable(Exception):
    """The mail server cannot be used at all: no message is to blame."""


class NotTaken(Exception):
    """The server does not take this message; others may pass."""


@dataclass(frozen=True)
class Outgoing:
    """A queued message, free of the database session."""

    id: int
    locale: str
    recipient: str
    recipient_name: str
    subject: str
    body: str
    message_id: str
    created_at: datetime

    def as_message(self, sender: str) -> EmailMessage:
        """The message with its headers. Raises :class:`NotTaken` if one of them cannot be written."""
        name, address = parseaddr(sender)
        message = EmailMessage(policy=policy.SMTP)
        try:
            message["From"] = Address(name, addr_spec=address)
            message["To"] = Address(self.recipient_name, addr_spec=self.recipient)
            message["Subject"] = self.subject
            message["Date"] = format_datetime(clock.in_tokyo(self.created_at))
            message["Message-ID"] = self.message_id
            message["Content-Language"] = self.locale
            # no holiday notice answers it (RFC 3834)
            message["Auto-Submitted"] = "auto-generated"
        except (ValueError, IndexError) as error:
            raise NotTaken(f"a header cannot be written: {error}") from error
        message.set_content(self.body, charset="utf-8", cte="base64")
        return message


class Transport(Protocol):
    """Something that takes messages."""

    def send(self, outgoing: Outgoing) -> None:
        """Hand over one message. Raises :class:`Unreachable` or :class:`NotTaken`."""

    def close(self) -> None:
        """Let the connection go."""


class FileTransport:
    """Writes ``.eml`` files. The name is the message's, so a second delivery writes the same file."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, outgoing: Outgoing) -> None:
        content = outgoing.as_message(self._sender).as_bytes()
        name = f"{clock.in_tokyo(outgoing.created_at):%Y%m%d-%H%M%S}-{outgoing.id:06d}.eml"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f".{name}.part"
            part.write_bytes(content)
            part.replace(self._folder / name)
        except OSError as error:
            raise Unreachable(f"{error.strerror}: {self._folder.name}/{name}") from error

    def close(self) -> None:
        """Nothing is held open."""


class SmtpTransport:
    """One connection, opened with the first message and once more if the server hung up."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or {"smtps": 465, "smtp+starttls": 587}.get(parts.scheme, 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else ""
        self._sender = sender
        self._server: smtplib.SMTP | None = None

    def send(self, outgoing: Outgoing) -> None:
        message = outgoing.as_message(self._sender)
        fresh = self._server is None
        try:
            self._hand_over(message)
        except smtplib.SMTPServerDisconnected as error:
            self._forget()
            if fresh:
                raise Unreachable("the server hung up") from error
            self._again(message)

    def _again(self, message: EmailMessage) -> None:
        try:
            self._hand_over(message)
        except smtplib.SMTPServerDisconnected as error:
            self._forget()
            raise Unreachable("the server hung up") from error

    def _hand_over(self, message: EmailMessage) -> None:
        server = self._server or self._connect()
        try:
            server.send_message(message)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise NotTaken(_answer(code, text)) from error
        except smtplib.SMTPResponseException as error:
            self._reset()
            raise NotTaken(_answer(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, UnicodeError, ValueError) as error:
            self._reset()
            raise NotTaken(str(error)) from error
        except OSError as error:
            self._forget()
            raise Unreachable(str(error)) from error

    def _connect(self) -> smtplib.SMTP:
        server: smtplib.SMTP | None = None
        try:
            if self._scheme == "smtps":
                context = ssl.create_default_context()
                server = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
            else:
                server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
            if self._scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self._user is not None:
                server.login(self._user, self._password)
        except smtplib.SMTPResponseException as error:
            _close(server)
            raise Unreachable(_answer(error.smtp_code, error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            _close(server)
            raise Unreachable(str(error)) from error
        self._server = server
        return server

    def _reset(self) -> None:
        """After a refusal the same connection may serve on; if not, the next message opens another."""
        if self._server is not None:
            try:
                self._server.rset()
            except (OSError, smtplib.SMTPException):
                self._forget()

    def _forget(self) -> None:
        _close(self._server)
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            try:
                self._server.quit()
            except (OSError, smtplib.SMTPException):
                self._server.close()
        self._server = None


def _close(server: smtplib.SMTP | None) -> None:
    if server is not None:
        server.close()


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {said}"


def transport_for(settings: Settings) -> Transport:
    """The way out that the settings name; without ``PORTAL_SMTP_URL`` the folder ``instance/mail``."""
    if settings.smtp_url:
        return SmtpTransport(settings.smtp_url, settings.mail_sender)
    return FileTransport(settings.mail_folder, settings.mail_sender)
