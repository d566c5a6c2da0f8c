"""The name behind an account number, for the script beside the field; the page's button says the same."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_babel import gettext as _

from portal.extensions import db_session
from portal.participant import pages
from portal.permissions import Permission
from portal.services import account_lookup
from portal.services.account_lookup import Named
from portal.web import actor, carry_out, requires, texts
from portal.web_text import label


@pages.get("/allowances/account-name")
@requires(Permission.ALLOWANCE_TRANSFER)
def account_name() -> Any:
    """The name behind ``?number=AST-1012``, for the script beside the field; the button says the same."""
    text = request.args.get("number", "")[:60]
    asked = carry_out(lambda: account_lookup.ask(db_session(), text, actor=actor()))
    if asked.paused is not None:
        return jsonify(tone="bad", name="", text=texts((asked.paused,))[0]), 429
    problems = account_lookup.problems(db_session(), text, actor=actor())
    if problems or asked.account is None:
        return jsonify(tone="bad", name="", text=" ".join(texts(problems)))
    return jsonify(tone="ok", name=asked.account.name, text=told(asked.account))


def told(account: Named) -> str:
    """What is said beside the name of an account that may receive."""
    kind, state = label(account.kind), label(account.state)
    return _("%(kind)s・%(state)s。取引先の名前と一致するか、お確かめください。", kind=kind, state=state)
