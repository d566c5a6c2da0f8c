"""Which verifier verifies which reports: for one holder, or for many at once (domain §3, §4)."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from wtforms import RadioField

from portal.admin.acts import Needed, status, submitted
from portal.admin.door import SecretariatPage, page
from portal.admin.forms import AdminForm
from portal.admin.holders import verifier_of
from portal.errors import Refusal, refuse
from portal.extensions import db_session
from portal.models import EmissionsReport, Holder, ReportState, VerifierAssignment
from portal.permissions import Permission
from portal.services import verifiers
from portal.services.verifiers import VERIFIED_PERIODS
from portal.web import actor
from portal.web_text import number

MOST_AT_ONCE = 100


class AssignForm(AdminForm):
    """The verifier that gets the reports."""

    verifier = RadioField(_l("検証機関"), validators=[Needed()], validate_choice=False)


def _asked() -> list[int]:
    """The holders the address names."""
    keys = [key for key in request.args.getlist("id") if key.isascii() and key.isdigit() and len(key) < 16]
    return list(dict.fromkeys(int(key) for key in keys))[:MOST_AT_ONCE]


def still_here(holder: Holder) -> list[EmissionsReport]:
    """The holder's verified periods whose verifier can still be changed."""
    return [
        report
        for report in holder.reports
        if report.period in VERIFIED_PERIODS and report.state is ReportState.NOT_SUBMITTED
    ]


class AssignmentPage(SecretariatPage):
    """検証機関を決める."""

    permission_view = Permission.VERIFIER_ASSIGN

    def _holders(self, ids: list[int]) -> list[Holder]:
        reports = selectinload(Holder.reports).selectinload(EmissionsReport.assignments)
        query = (
            select(Holder)
            .where(Holder.id.in_(ids))
            .options(
                joinedload(Holder.representative),
                joinedload(Holder.account),
                reports.joinedload(VerifierAssignment.verifier),
            )
            .order_by(Holder.id)
        )
        return list(db_session.scalars(query))

    @page("/", Permission.VERIFIER_ASSIGN, methods=("GET", "POST"))
    def index(self) -> Any:
        holders = self._holders(_asked())
        if not holders:
            abort(404)
        open_ids = [holder.id for holder in holders if still_here(holder)]
        only = holders[0].id if len(holders) == 1 else None
        form = AssignForm()
        form["verifier"].choices = [
            (str(one.verifier.id), one.verifier.label) for one in verifiers.load(db_session())
        ]
        done = submitted(form, lambda: self._assign(open_ids, form["verifier"].data))
        if done is not None:
            flash(_("%(n)s件の報告書の検証機関を決めました。", n=number(done)), "good")
            if only is not None:
                return redirect(self.get_url("holder.details_view", id=only))
            return redirect(self.get_url("holder.index_view"))
        html = self.render(
            "admin/assignment/index.html",
            form=form,
            holders=self._holders(_asked()),
            still_here=still_here,
            verifier_of=verifier_of,
            loads=verifiers.load(db_session()),
            back=self.get_url("holder.details_view", id=only) if only else self.get_url("holder.index_view"),
        )
        return html, status()

    def _assign(self, holder_ids: list[int], chosen: str | None) -> int:
        """How many reports have the chosen verifier now."""
        if not chosen or not chosen.isascii() or not chosen.isdigit():
            raise refuse(Refusal.REQUIRED, "verifier")
        if not holder_ids:
            raise refuse(Refusal.VERIFIER_BUSY, "verifier")
        made = [
            verifiers.assign_holder(db_session(), holder_id, int(chosen), actor=actor())
            for holder_id in holder_ids
        ]
        return sum(len(one) for one in made)


def views() -> list[Any]:
    """The screens of this subject."""
    return [AssignmentPage(name=_l("検証機関を決める"), endpoint="assignment")]
