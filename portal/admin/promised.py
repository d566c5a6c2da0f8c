"""Until when what waits for a second person can be confirmed: on each of its pages, lists and questions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, g
from flask_babel import gettext as _
from sqlalchemy import select

from portal import clock
from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import Phase, ReductionTarget
from portal.services import proposal_days
from portal.web import texts
from portal.web_text import moment


def until(row: Any) -> datetime | None:
    """The first moment at which ``row`` can be confirmed no more; none if it waits for nobody, or on.

    The rules of all phases are read once for a page, however long its list is: they are a handful.
    """
    if row.state != "proposed" or isinstance(row, ReductionTarget):  # targets wait on
        return None
    rules: proposal_days.Rules | None = g.get("proposal_rules")
    if rules is None:
        session = db_session()
        rules = g.proposal_rules = proposal_days.Rules(session, session.scalars(select(Phase.id)))
    return rules.ends_at(row)


def past(row: Any) -> tuple[Any, Any] | None:
    """(head, sentence) about a ``row`` whose day is past, until the night ends it."""
    end = until(row)
    if end is None or end > clock.now():
        return None
    return _("この起案は、もう確認できません"), " ".join(texts([Problem(Refusal.PROPOSAL_EXPIRED)]))


def fact(row: Any) -> list[tuple[Any, Any]]:
    """The same as a fact beside the question."""
    end = until(row)
    return [(_("確認の期限"), _("%(when)sまで", when=moment(end)))] if end is not None else []


def install(app: Flask) -> None:
    """Give the templates :func:`until`."""
    app.jinja_env.globals["waits_until"] = until
