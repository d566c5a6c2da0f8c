"""One frozen Settings object, read from the environment once. A leaf."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
DEVELOPMENT_SECRET = "development-only-secret-never-in-production"  # noqa: S105


class SettingsError(Exception):
    """The configuration cannot be used; ``problems`` lists everything that is wrong, at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides. Nothing else in the portal reads the environment."""

    environment: str = "development"  # development | production | test
    secret_key: str = field(default=DEVELOPMENT_SECRET, repr=False)
    password_salt: str = field(default=DEVELOPMENT_SECRET, repr=False)
    database_url: str = field(default="", repr=False)
    instance: Path = ROOT / "instance"
    base_url: str = "http://127.0.0.1:8000"
    smtp_url: str | None = field(default=None, repr=False)
    mail_sender: str = "ASSET事務局 <asset@example.go.jp>"
    office_mail: str = "asset@example.go.jp"
    office_phone: str = "03-0000-0000"
    #: postal code and address in one line, as letters print it
    office_address: str = "〒100-0000 東京都みほん区みほん1-2-3"
    trusted_proxies: int = 0
    idle_minutes: int = 30
    fresh_minutes: int = 10
    initial_password_days: int = 30
    upload_limit_mb: int = 20
    form_limit_mb: int = 10
    reader_memory_mb: int = 256
    reader_seconds: int = 10
    #: where uploads are searched for viruses: tcp://host:port or unix:/path; none: they are not
    clamd: str | None = None
    clamd_seconds: int = 20
    clamd_limit_mb: int = 25

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @property
    def secure_cookies(self) -> bool:
        """Cookies carry Secure and the __Host- name whenever the address is https."""
        return urlsplit(self.base_url).scheme == "https"

    @property
    def mail_folder(self) -> Path:
        """Where messages lie as .eml files when no mail server is set."""
        return self.instance / "mail"


_PLAIN = {
    "PORTAL_BASE_URL": "base_url",
    "PORTAL_SMTP_URL": "smtp_url",
    "PORTAL_MAIL_SENDER": "mail_sender",
    "PORTAL_OFFICE_MAIL": "office_mail",
    "PORTAL_OFFICE_PHONE": "office_phone",
    "PORTAL_OFFICE_ADDRESS": "office_address",
    "PORTAL_SECRET_KEY": "secret_key",
    "PORTAL_PASSWORD_SALT": "password_salt",
    "PORTAL_CLAMD": "clamd",
}
_WHOLE = {
    "PORTAL_TRUSTED_PROXIES": ("trusted_proxies", 0, 5),
    "PORTAL_IDLE_MINUTES": ("idle_minutes", 1, 720),
    "PORTAL_FRESH_MINUTES": ("fresh_minutes", 1, 60),
    "PORTAL_INITIAL_PASSWORD_DAYS": ("initial_password_days", 1, 90),
    "PORTAL_UPLOAD_LIMIT_MB": ("upload_limit_mb", 1, 100),
    "PORTAL_FORM_LIMIT_MB": ("form_limit_mb", 1, 50),
    "PORTAL_READER_MEMORY_MB": ("reader_memory_mb", 128, 2048),
    "PORTAL_READER_SECONDS": ("reader_seconds", 1, 120),
    "PORTAL_CLAMD_SECONDS": ("clamd_seconds", 1, 120),
    "PORTAL_CLAMD_LIMIT_MB": ("clamd_limit_mb", 1, 500),
}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (``PORTAL_…``).

    Raises :class:`SettingsError` with every problem at once: unknown names, values of the wrong
    shape and, in production, each secret or address that is missing or still the default.
    """
    env = dict(os.environ if environ is None else environ)
    problems: list[str] = []
    values: dict[str, object] = {}
    known = {*_PLAIN, *_WHOLE, "PORTAL_ENV", "PORTAL_INSTANCE", "PORTAL_DATABASE_URL"}
    for name in sorted(env):
        if name.startswith("PORTAL_") and not name.startswith("PORTAL_TEST_") and name not in known:
            problems.append(f"{name}: no such setting")
    for name, key in _PLAIN.items():
        if env.get(name):
            values[key] = env[name]
    for name, (key, low, high) in _WHOLE.items():
        if env.get(name):
            text = env[name]
            if text.isascii() and text.isdigit() and low <= int(text) <= high:
                values[key] = int(text)
            else:
                problems.append(f"{name}: a whole number from {low} to {high} is needed")
    environment = env.get("PORTAL_ENV") or "development"
    if environment not in ("development", "production", "test"):
        problems.append("PORTAL_ENV: development, production or test")
    instance = Path(env.get("PORTAL_INSTANCE") or ROOT / "instance").absolute()
    url = env.get("PORTAL_DATABASE_URL") or f"sqlite:///{instance / 'portal.db'}"
    url, bad = _database_url(url)
    problems += bad
    problems += _smtp_problems(env.get("PORTAL_SMTP_URL"))
    problems += _clamd_problems(env.get("PORTAL_CLAMD"), values)
    if environment == "production":
        problems += _production_problems(env, values)
    if problems:
        raise SettingsError(problems)
    return Settings(environment=environment, instance=instance, database_url=url, **values)  # type: ignore[arg-type]


def _database_url(url: str) -> tuple[str, list[str]]:
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            url = "postgresql+psycopg://" + url[len(plain) :]
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        return url, ["PORTAL_DATABASE_URL: a sqlite:///… or postgresql://… address is needed"]
    return url, []


def _smtp_problems(url: str | None) -> list[str]:
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        return ["PORTAL_SMTP_URL: smtp://…, smtp+starttls://… or smtps://… with a host is needed"]
    return []


def _clamd_problems(address: str | None, values: Mapping[str, object]) -> list[str]:
    if not address:
        return []
    problems = []
    if not (_is_tcp(address) or (address.startswith("unix:/") and len(address) > len("unix:/"))):
        problems.append("PORTAL_CLAMD: tcp://host:port or unix:/path is needed")
    largest = max(
        int(str(values.get("upload_limit_mb", Settings.upload_limit_mb))),
        int(str(values.get("form_limit_mb", Settings.form_limit_mb))),
    )
    if int(str(values.get("clamd_limit_mb", Settings.clamd_limit_mb))) < largest:
        problems.append(f"PORTAL_CLAMD_LIMIT_MB: at least {largest}, the largest file that may be uploaded")
    return problems


def _is_tcp(address: str) -> bool:
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.path or parts.query or parts.fragment or parts.username)
    return parts.scheme == "tcp" and bool(parts.hostname) and bool(port) and plain


def _production_problems(env: Mapping[str, str], values: Mapping[str, object]) -> list[str]:
    problems = []
    for name in ("PORTAL_SECRET_KEY", "PORTAL_PASSWORD_SALT"):
        value = env.get(name, "")
        if not value or value == DEVELOPMENT_SECRET:
            problems.append(f"{name}: must be set in production")
        elif len(value) < 32:
            problems.append(f"{name}: at least 32 characters in production")
    if env.get("PORTAL_SECRET_KEY") and env.get("PORTAL_SECRET_KEY") == env.get("PORTAL_PASSWORD_SALT"):
        problems.append("PORTAL_PASSWORD_SALT: must differ from PORTAL_SECRET_KEY")
    office = ("PORTAL_OFFICE_MAIL", "PORTAL_OFFICE_PHONE", "PORTAL_OFFICE_ADDRESS")
    for name in ("PORTAL_DATABASE_URL", "PORTAL_SMTP_URL", *office):
        if not env.get(name):
            problems.append(f"{name}: must be set in production")
    if not str(values.get("base_url", "")).startswith("https://"):
        problems.append("PORTAL_BASE_URL: an https:// address must be set in production")
    return problems
