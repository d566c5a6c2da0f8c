"""Approving many reports with one press is refused on purpose: they are opened one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _

from portal.admin.acts import chosen_ids
from portal.admin.base import SecretariatView
from portal.errors import Problem, Refusal
from portal.models import EmissionsReport
from portal.web import texts

#: reports that are gone through in one round
MOST = 100
_CHOSEN = "chosen"


def _round() -> list[int]:
    """The reports of the round that the address carries: ``?chosen=12-15-19``."""
    parts = request.args.get(_CHOSEN, "").split("-")
    keys = [int(one) for one in parts if one.isascii() and one.isdigit() and len(one) < 16]
    return list(dict.fromkeys(keys))[:MOST]


def carried() -> dict[str, str]:
    """What an address of the round takes along."""
    ids = _round()
    return {_CHOSEN: "-".join(map(str, ids))} if ids else {}


@dataclass(frozen=True)
class Place:
    """Where a report stands in the round: the ``number``-th of ``count``, with its neighbours' addresses."""

    number: int
    count: int
    before: str | None
    after: str | None
    all: str


def place_of(view: SecretariatView, report: EmissionsReport) -> Place | None:
    """Its place in the round that the address carries; ``None`` outside of one."""
    ids = _round()
    if report.id not in ids:
        return None
    here = ids.index(report.id)

    def at(place: int) -> str | None:
        if not 0 <= place < len(ids):
            return None
        return str(view.get_url(".details_view", id=ids[place], **carried()))

    back = str(view.get_url(".one_by_one", id=ids))
    return Place(here + 1, len(ids), at(here - 1), at(here + 1), back)


def one_by_one_page(view: SecretariatView) -> Any:
    """The reason, and the chosen reports in the order of the list they were chosen in."""
    ids = chosen_ids(MOST)
    rows = {one.id: one for one in view.get_query().filter(EmissionsReport.id.in_(ids))}
    found = [rows[one] for one in ids if one in rows]
    if not found:
        flash(_("承認する報告書を、一覧から選んでください。"), "warn")
        return redirect(view.get_url(".index_view"))
    chosen = "-".join(str(one.id) for one in found)
    return view.render(
        "admin/report/one_by_one.html",
        reason=texts([Problem(Refusal.ONE_BY_ONE)])[0],
        rows=[(one, view.get_url(".details_view", id=one.id, chosen=chosen)) for one in found],
    )
