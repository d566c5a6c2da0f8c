"""The participants' rooms: holders, traders and verifiers. One blueprint, pages limited by role.

Every page module hangs its views on :data:`pages`; the homes of the subjects are the endpoints
``participant.home``, ``participant.balance``, ``participant.report_list`` and
``participant.verifier_desk``.
"""

from __future__ import annotations

from importlib import import_module

from flask import Blueprint, Flask

from portal.web import register_navigation

pages = Blueprint("participant", __name__)

#: the page modules; importing one hangs its views on the blueprint
MODULES = (
    "home",
    "allowances",
    "movements",
    "account_names",
    "receipts",
    "account_statements",
    "profile",
    "consent",
    "directory",
    "files",
    "reports",
    "report_upload",
    "report_acts",
    "verification",
    "verification_desk",
    "verification_report",
    "contact_withdrawal",
    "banking",
)


def install(app: Flask) -> None:
    """Hang the participants' pages and their navigation on ``app``."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
    navigation = import_module(f"{__name__}.navigation")
    register_navigation("participant", navigation.build)
    app.register_blueprint(pages)
