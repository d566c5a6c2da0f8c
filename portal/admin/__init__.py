"""The secretariat's room: Flask-Admin screens behind one closed door; every write calls a service."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask, redirect, url_for
from flask_admin.base import Admin, AdminIndexView

from portal.admin.door import SecretariatIndex, page
from portal.permissions import Permission
from portal.web import register_navigation

#: the subjects of the room; each module's ``views()`` makes its screens anew for one application
MODULES: tuple[str, ...] = (
    "home",
    "applications",
    "contact_changes",
    "holders",
    "traders",
    "verifiers",
    "targets",
    "assignments",
    "reports",
    "accounts",
    "movements",
    "ledger",
    "letters",
    "mails",
    "phases",
    "users",
    "events",
    "demo_clock",
)


class _Index(SecretariatIndex):
    """The way into a room without a home of its own: the first queue."""

    permission_view = Permission.SIGNED_IN

    @page("/", Permission.SIGNED_IN)
    def index(self) -> Any:
        return redirect(url_for("application.index_view"))


def install(app: Flask) -> None:
    """Hang the secretariat's screens and their navigation on ``app``."""
    views: list[Any] = []
    for name in MODULES:
        if find_spec(f"{__name__}.{name}") is not None:
            views += import_module(f"{__name__}.{name}").views()
    home = next((view for view in views if isinstance(view, AdminIndexView)), None) or _Index()
    # none of Flask-Admin's own scripts or styles is used, so none is served
    home.static_folder = None
    admin = Admin(app, name="ASSET", url="/admin", index_view=home)
    for view in views:
        if view is not home:
            admin.add_view(view)
    app.extensions["portal_admin_blueprints"] = frozenset(view.endpoint for view in [home, *views])
    navigation = import_module(f"{__name__}.navigation")
    register_navigation("admin", navigation.build)
