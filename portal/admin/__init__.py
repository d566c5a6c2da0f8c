"""The secretariat's room: Flask-Admin screens behind one closed door; every write calls a service."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flask import Flask
from flask_admin.base import Admin, AdminIndexView

from portal.services.list_files import provide
from portal.web import register_navigation

#: the subjects of the room; each module's ``views()`` makes its screens anew for one application
MODULES: tuple[str, ...] = (
    "home",
    "applications",
    "application_excel",
    "imports",
    "contact_changes",
    "paper_changes",
    "holders",
    "traders",
    "verifiers",
    "directory",
    "targets",
    "assignments",
    "reports",
    "accounts",
    "account_changes",
    "movements",
    "ledger",
    "letters",
    "mails",
    "phases",
    "users",
    "events",
    "demo_clock",
    "phase_proposals",
    "list_files",
    "factors",
    "factor_proposals",
    "publications",
    "report_grid",
    "late_reports",
    "books",
    "banking",
    "issue_batches",
    "phase_closings",
)


def install(app: Flask) -> None:
    """Hang the secretariat's screens and their navigation on ``app``."""
    views: list[Any] = []
    for name in MODULES:
        views += import_module(f"{__name__}.{name}").views()
    home = next(view for view in views if isinstance(view, AdminIndexView))
    # none of Flask-Admin's own scripts or styles is used, so none is served
    home.static_folder = None
    admin = Admin(app, name="ASSET", url="/admin", index_view=home)
    for view in views:
        if view is not home:
            admin.add_view(view)
    app.extensions["portal_admin_blueprints"] = frozenset(view.endpoint for view in views)
    navigation = import_module(f"{__name__}.navigation")
    import_module(f"{__name__}.promised").install(app)
    register_navigation("admin", navigation.build)
    provide(import_module(f"{__name__}.list_files").writer(app))
