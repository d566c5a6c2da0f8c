"""Commands are typed in this process, in an environment of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli import portal
from portal.services import installation, mail
from portal.settings import Settings
from tests.cli.typing_commands import Run


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Type a command in a clean environment: ``typed("check", "--json", url=…)``."""
    for name in os.environ.copy():
        if name.startswith("PORTAL_") and not name.startswith("PORTAL_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_INSTANCE", str(tmp_path / "instance"))

    def run(*words: str, url: str | None = None) -> Result:
        if url is not None:
            monkeypatch.setenv("PORTAL_DATABASE_URL", url)
        try:
            return CliRunner().invoke(portal, list(words), obj=lambda settings: None)
        finally:
            mail.configure(Settings())
            installation.forget()

    return run
