"""A page that asks before an act, opened when the act is not offered: it leads to how things stand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, request
from flask_babel import gettext as _

from portal.admin.base import SecretariatView


def offered(view: SecretariatView, row: Any) -> bool:
    """Whether ``view`` offers the act of this page on ``row`` now."""
    return any(urlsplit(step.url).path == request.path for step in view.steps_for(row))


def not_offered(view: SecretariatView, row: Any) -> Any:
    """On GET: the way to ``row``'s details, with a word, unless ``view`` offers this page's act now.

    ``None``: the page may ask. What was sent is always the service's to judge.
    """
    if request.method != "GET" or offered(view, row):
        return None
    flash(_("この操作は、いまはできません。いまの状態は、次のとおりです。"), "warn")
    return redirect(view.get_url(".details_view", id=row.id))
