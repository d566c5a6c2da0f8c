"""Who in the office is in charge (担当) of what waits, on the screens of applications and of reports.

The truth is ``services/in_charge.py``; each subject hands in its desk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import HiddenField, RadioField

from portal.admin.acts import (
    Needed,
    VersionForm,
    chosen_ids,
    read_versions,
    status,
    submitted,
    written_versions,
)
from portal.admin.filters import ChoiceFilter
from portal.admin.forms import AdminForm
from portal.extensions import db_session
from portal.services.in_charge import Desk
from portal.web import actor
from portal.web_text import number

MINE, NOBODY = "mine", "nobody"
#: rows that get somebody in charge together
MOST_AT_ONCE = 100


class ClerkFilter(ChoiceFilter):
    """What the reader, a colleague or nobody is in charge of."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        column = self.get_column(alias)
        if value == NOBODY:
            return query.filter(column.is_(None))
        return query.filter(column == (actor().id if value == MINE else value))


def filter_choices(desk: Desk[Any]) -> list[tuple[Any, Any]]:
    """Oneself, nobody, then the colleagues."""
    own = actor().id
    others = [(one.id, one.name) for one in desk.clerks(db_session()) if one.id != own]
    return [(MINE, _("自分")), (NOBODY, _("未定")), *others]


class ClerkForm(AdminForm):
    """Who is in charge from now on."""

    versions = HiddenField()
    clerk = RadioField(_l("担当"), validators=[Needed()], validate_choice=False)


def taken(desk: Desk[Any], row_id: int) -> None:
    """The reader takes what nobody has, with one press; a word says what came of it."""
    form = VersionForm()
    done = submitted(
        form, lambda: desk.take(db_session(), row_id, actor=actor(), version=form["version"].data)
    )
    if done is not None:
        flash(_("担当になりました。"), "good")
    for text in (*form.form_errors, *form["version"].errors):
        flash(text, "bad")


def clerk_page(view: Any, desk: Desk[Any], chosen: Callable[[list[int]], list[Any]], template: str) -> Any:
    """One or many rows get somebody in charge; ``chosen`` gives those of the rows that the reader may see."""
    asked = chosen_ids(MOST_AT_ONCE)
    rows = chosen(asked) or abort(404)
    back = view.get_url(".details_view", id=rows[0].id) if len(rows) == 1 else view.get_url(".index_view")
    waiting = [row.id for row in rows if row.state in desk.waiting]
    if not waiting and request.method == "GET":
        flash(_("この操作は、いまはできません。いまの状態は、次のとおりです。"), "warn")
        return redirect(back)
    form = ClerkForm(data={"versions": written_versions({row.id: row.version for row in rows})})
    form["clerk"].choices = _choices(desk)
    done = submitted(form, lambda: _assign(desk, form, waiting))
    if done is not None:
        flash(
            ngettext("%(n)s件の担当を決めました。", "%(n)s件の担当を決めました。", done, n=number(done)),
            "good",
        )
        return redirect(back)
    html = view.render(
        template,
        form=form,
        rows=chosen(asked),
        loads=desk.loads(db_session()),
        waits=lambda row: row.state in desk.waiting,
        back=back,
    )
    return html, status()


def _choices(desk: Desk[Any]) -> list[tuple[str, str]]:
    own = actor()
    names = [(str(own.id), _("自分（%(name)s）", name=own.name))]
    others = [one for one in desk.clerks(db_session()) if one.id != own.id and one.usable]
    return [*names, *((str(one.id), one.name) for one in others), (NOBODY, _("未定に戻す"))]


def _assign(desk: Desk[Any], form: ClerkForm, ids: Sequence[int]) -> int:
    chosen = form["clerk"].data or ""
    plain = chosen.isascii() and chosen.isdigit() and len(chosen) < 16
    clerk_id = None if chosen == NOBODY else int(chosen) if plain else -1
    versions = read_versions(form["versions"].data)
    return desk.assign(db_session(), ids, clerk_id, actor=actor(), versions=versions)
