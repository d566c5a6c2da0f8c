"""How a case file writes figures, people and what it leaves to the annex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import User
from portal.services import case_file_pdf
from portal.web_text import NOTHING, number

#: of a reason or an answer, what the first page keeps when it is full
_LETTERS = 50


def tonnes(value: int | None) -> str:
    """7,460 t-CO2."""
    return _("%(n)s t-CO2", n=number(value)) if value is not None else NOTHING


def person(user: User | None) -> str:
    """Who acted, with the verifier or the login."""
    if user is None:
        return _("システム")
    if user.verifier is not None:
        return _("%(name)s（%(login)s）", name=user.name, login=user.verifier.label)
    return _("%(name)s（%(login)s）", name=user.name, login=user.login_id)


def cut(words: str | None) -> str:
    """The beginning of what somebody wrote, on one line."""
    said = " ".join((words or "").split())
    return said if len(said) <= _LETTERS else f"{said[:_LETTERS]}…"


def more(count: int) -> list[Mapping[str, Any]]:
    """A line that so many more stand in the annex; nothing if there are none."""
    if count <= 0:
        return []
    words = ngettext(
        "ほかの%(n)s件は、別添にあります。", "ほかの%(n)s件は、別添にあります。", count, n=number(count)
    )
    return [case_file_pdf.text(words)]
