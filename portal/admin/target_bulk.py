"""Many reduction targets confirmed with one press: one page lists all of them, with all that is wrong."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import ngettext
from wtforms import HiddenField

from portal.admin.acts import (
    ProvenForm,
    SeenField,
    carry_figures,
    chosen_ids,
    read_versions,
    status,
    submitted,
    written_versions,
)
from portal.admin.base import SecretariatView
from portal.extensions import db_session
from portal.models import ReductionTarget
from portal.services import targets
from portal.services.targets import MOST_AT_ONCE, TargetLine
from portal.web import actor, texts
from portal.web_text import number


class ConfirmManyForm(ProvenForm):
    """The targets the page offers, each with the version it showed."""

    version: Any = None
    rows = HiddenField()
    seen = SeenField()


def confirm_many_page(view: SecretariatView) -> Any:
    """Ask, and confirm all that was offered or none. What cannot be confirmed is named and left out."""
    ids = chosen_ids(MOST_AT_ONCE)
    lines = targets.lines(db_session(), ids, actor=actor())
    if not lines:
        flash(_("確定する削減目標量を、一覧から選んでください。"), "warn")
        return redirect(view.get_url(".index_view"))
    offered = {line.target.id: line.target.version for line in lines if not line.problems}
    form = ConfirmManyForm(data={"rows": written_versions(offered)})

    def confirm() -> list[ReductionTarget]:
        form.prove()
        versions, seen = read_versions(form["rows"].data), form["seen"].data or ""
        return targets.confirm_targets(db_session(), versions, seen=seen, actor=actor())

    done = submitted(form, confirm)
    if done is not None:
        words = ngettext(
            "削減目標量を%(n)s件、確定しました。",
            "削減目標量を%(n)s件、確定しました。",
            len(done),
            n=number(len(done)),
        )
        flash(words, "good")
        return redirect(view.get_url(".index_view"))
    if request.method == "POST":  # the page tells how things stand now, and offers just that
        lines = targets.lines(db_session(), ids, actor=actor())
        offered = {line.target.id: line.target.version for line in lines if not line.problems}
        form["rows"].data = written_versions(offered)
    ready = [line for line in lines if not line.problems]
    carry_figures(form, targets.figures_of_lines(ready))
    html = view.render(
        "admin/target/confirm_many.html",
        form=form,
        ready=ready,
        left=[(line, _why(line)) for line in lines if line.problems],
        total=sum(line.target.quantity for line in ready),
        back=view.get_url(".index_view"),
    )
    return html, status()


def _why(line: TargetLine) -> str:
    return " ".join(texts(line.problems))
