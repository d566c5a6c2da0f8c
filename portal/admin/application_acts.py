"""The acts on an application, each on a page of its own: papers, correction, decision, who is in charge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, DateField, HiddenField
from wtforms.validators import Optional

from portal.admin import application_words, in_charge
from portal.admin.acts import ReasonForm, VersionForm, ask, status, submitted
from portal.admin.application_list import ApplicationList
from portal.admin.door import page
from portal.admin.offered import not_offered
from portal.errors import Problem
from portal.extensions import db_session
from portal.models import RegistrationApplication
from portal.permissions import Permission
from portal.services import application_desk, letter_requests, registration
from portal.services.near_duplicates import NearDuplicate, near_duplicates
from portal.services.registration_checks import late_problem
from portal.services.registration_data import OPEN_STATES, data_of
from portal.web import actor, texts


class PapersForm(VersionForm):
    """What of the paper has arrived in order."""

    seal_received = BooleanField(_l("申請書に社印がある"))
    consent_received = BooleanField(_l("個人情報提供の同意書（責任者印あり）を受け取った"))


class CorrectionForm(ReasonForm):
    """What must be put right, and by when."""

    answer_by = DateField(
        _l("提出期限"),
        validators=[Optional()],
        description=_l(
            "補正した申請書が事務局に届く日。手紙に載ります。空欄のときは、はじめに入っていた日になります。"
        ),
    )


class AcceptForm(VersionForm):
    """Acceptance; where something looks alike, it asks whether that was looked at."""

    seen = HiddenField()
    distinct = BooleanField(_l("重複でないことを確かめました"))

    def looked_at(self) -> list[int]:
        """The near-duplicates the page showed, if the tick is set."""
        shown = (self["seen"].data or "").split()
        return [int(one) for one in shown if _is_key(one)] if self["distinct"].data else []


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _late_words(late: Problem) -> tuple[str, str]:
    """What whoever accepts a late application is asked to think of."""
    return texts([late])[0], _("期限のあとに届いた申請を受理してよいことを、確かめてください。")


class ApplicationActs(ApplicationList):
    """登録申請への操作."""

    def _reasoned(
        self, title: str, say: str, work: Callable[..., Any], told: str, danger: bool = False
    ) -> Any:
        """A page that asks for the reason, then does ``work``."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = ReasonForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: work(
                db_session(), row_id, form["reason"].data, actor=actor(), version=form["version"].data
            ),
        )
        if done is not None:
            flash(told, "good")
            return redirect(self._details(row_id))
        return ask(self, form, self._question(self._row(), title, say=say, verb=title, danger=danger))

    @page("/papers/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def papers_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = PapersForm(obj=row)
        done = submitted(
            form,
            lambda: registration.record_papers(
                db_session(),
                row_id,
                seal=form["seal_received"].data,
                consent=form["consent_received"].data,
                actor=actor(),
                version=form["version"].data,
            ),
        )
        if done is not None:
            flash(_("書類の受領を記録しました。"), "good")
            return redirect(self._details(row_id))
        question = self._question(
            self._row(),
            _("書類の受領を記録する"),
            say=_("届いた書類を確かめて、そろっているものを選んでください。"),
            verb=_("受領を記録する"),
        )
        return ask(self, form, question)

    @page("/correction/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def correction_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        usual = letter_requests.usual_answer_by(db_session(), row)
        form = CorrectionForm(data={"version": row.version, "answer_by": usual})
        done = submitted(
            form,
            lambda: registration.ask_correction(
                db_session(),
                row_id,
                form["reason"].data,
                answer_by=form["answer_by"].data,
                actor=actor(),
                version=form["version"].data,
            ),
        )
        if done is not None:
            flash(_("補正を求めました。手紙が印刷を待っています。"), "good")
            return redirect(self._details(row_id))
        title = _("補正を求める")
        say = _("直していただくところを、申請者に手紙で知らせます。手紙を送ることは、メールでも伝えます。")
        return ask(self, form, self._question(self._row(), title, say=say, verb=title))

    @page("/reject/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def reject_view(self) -> Any:
        return self._reasoned(
            _("却下する"),
            _("この申請を却下し、理由を申請者に手紙で知らせます。却下は取り消せません。"),
            registration.reject,
            _("却下しました。通知書が印刷を待っています。"),
            danger=True,
        )

    @page("/withdraw/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def withdraw_view(self) -> Any:
        return self._reasoned(
            _("取下げを記録する"),
            _("申請者が申請を取り下げたことを記録し、申請者にメールで知らせます。記録は取り消せません。"),
            registration.withdraw,
            _("取下げを記録しました。"),
            danger=True,
        )

    # ---- acceptance

    @page("/accept/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def accept_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = AcceptForm(data={"version": row.version})
        accepted = submitted(
            form,
            lambda: registration.accept(
                db_session(),
                row_id,
                actor=actor(),
                version=form["version"].data,
                distinct=form.looked_at(),
            ),
        )
        if accepted is not None:
            flash(_("受理しました。通知書を印刷して、担当者に送ってください。"), "good")
            return redirect(self._details(row_id))
        return self._acceptance(form, self._row())

    def _acceptance(self, form: AcceptForm, row: RegistrationApplication) -> tuple[str, int]:
        similar = near_duplicates(db_session(), row) if row.state in OPEN_STATES else []
        self._ask_for_tick(form, similar)
        late = late_problem(db_session(), data_of(row))
        question = self._question(
            row,
            _("申請を受理する"),
            say=_("この申請を受理し、次のものを作ります。"),
            verb=_("申請を受理する"),
            facts=application_words.acceptance_facts(row),
            makes=application_words.what_is_made(row),
            warn=_late_words(late) if late is not None else None,
        )
        html = self.render(
            "admin/application/accept.html",
            form=form,
            question=question,
            model=row,
            duplicates=similar,
            item_words=application_words.item_words,
        )
        return html, status()

    @staticmethod
    def _ask_for_tick(form: AcceptForm, similar: list[NearDuplicate]) -> None:
        """The tick stands for what this page shows; if that is more than before, it is asked anew."""
        if set(form.looked_at()) != {one.application_id for one in similar}:
            form["distinct"].data = False
        form["seen"].data = " ".join(str(one.application_id) for one in similar)
        if not similar:
            form._fields.pop("distinct")

    @page("/compare/", Permission.REGISTRATION_VIEW)
    def compare_view(self) -> Any:
        """Two applications side by side, item by item."""
        row, other = self._row(), self.get_one(request.args.get("other", ""))
        if other.id == row.id or other.kind is not row.kind:
            abort(404)
        return self.render(
            "admin/application/compare.html",
            model=row,
            title_of=self.title_of,
            **application_words.comparison(db_session(), row, other),
        )

    # ---- who is in charge

    @page("/take/", Permission.REGISTRATION_EDIT, methods=("POST",))
    def take_view(self) -> Any:
        row_id = self._row().id
        in_charge.taken(application_desk.DESK, row_id)
        return redirect(self._details(row_id))

    @page("/clerk/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def clerk_view(self) -> Any:
        """One or many applications get somebody in charge."""
        return in_charge.clerk_page(self, application_desk.DESK, self._chosen, "admin/application/clerk.html")

    def _chosen(self, ids: list[int]) -> list[RegistrationApplication]:
        row = RegistrationApplication
        query = self.scope(select(row)).where(row.id.in_(ids)).options(joinedload(row.clerk))
        return list(db_session.scalars(query.order_by(row.received_on, row.id)))
