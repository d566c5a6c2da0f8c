"""The ASSET operations portal: emissions reports and the allowance ledger in one program.

Importing this package is light on purpose (the jailed form reader starts with it); the web
application is put together by :func:`create_app` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Wire the web application: nothing but putting parts together.

    ``settings`` is the frozen configuration; without it the environment is read.
    Raises :class:`portal.settings.SettingsError` naming everything that is missing.
    """
    from portal.wiring import make_app

    return make_app(settings)
