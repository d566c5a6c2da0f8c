"""Registration applications: recorded, put right, and the page that shows one (domain §3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask import abort, flash, g, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.admin import application_forms, application_words
from portal.admin.acts import status, submitted
from portal.admin.application_acts import ApplicationActs
from portal.admin.application_scans import ApplicationScans
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.extensions import db_session
from portal.models import ApplicationState, LetterState, ParticipantKind, RegistrationApplication
from portal.permissions import Permission
from portal.services import registration, scans
from portal.services.near_duplicates import NearDuplicate, code_of, near_duplicates, participants_of
from portal.services.registration_checks import Check, CheckResult, checks
from portal.services.registration_data import OPEN_STATES
from portal.web import actor


def _similar(model: RegistrationApplication) -> list[NearDuplicate]:
    """What looks like the one application this request shows, asked once."""
    if "application_similar" not in g:
        still_open = model.state in OPEN_STATES
        g.application_similar = near_duplicates(db_session(), model) if still_open else []
    found: list[NearDuplicate] = g.application_similar
    return found


def _checks(model: RegistrationApplication) -> list[Check]:
    """The checks of the one application this request shows, made once."""
    if "application_checks" not in g:
        g.application_checks = checks(db_session(), model, _similar(model))
    found: list[Check] = g.application_checks
    return found


class ApplicationView(ApplicationActs, ApplicationScans):
    """登録申請."""

    can_create = True
    form = application_forms.ApplicationForm
    create_label = _l("申請を記録する")
    details_template = "admin/application/details.html"

    # ---- recorded and put right

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        kind = next((k for k in ParticipantKind if k.value == request.args.get("kind")), None)
        if kind is None:
            return self.render("admin/application/kind.html", **application_forms.kind_page())
        form = application_forms.new_form(kind)
        made = self._written(
            form,
            lambda: registration.record_application(
                db_session(), form.application_data(kind), actor=actor(), key=form["key"].data
            ),
        )
        if made is not None:
            flash(_("申請を記録しました。受付番号は%(number)sです。", number=made.number), "good")
            self._warn_of_similar(made)
            return redirect(self._details(made.id))
        return self._paper(form, kind, _("申請を記録する"), self.get_url(".index_view"))

    @page("/change/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def change_view(self) -> Any:
        row = self._row()
        if row.state not in OPEN_STATES:
            abort(404)
        form, row_id, kind = application_forms.change_form(row), row.id, row.kind
        back = self._details(row_id)
        correcting = row.state is ApplicationState.CORRECTION_ASKED
        made = self._written(
            form,
            lambda: registration.change_application(
                db_session(), row_id, form.application_data(kind), actor=actor(), version=form["version"].data
            ),
        )
        if made is not None:
            flash(_("補正された内容を記録しました。") if correcting else _("内容を直しました。"), "good")
            return redirect(back)
        title = _("補正された内容を記録する") if correcting else _("申請の内容を直す")
        return self._paper(form, kind, title, back)

    @staticmethod
    def _warn_of_similar(row: RegistrationApplication) -> None:
        n = len(near_duplicates(db_session(), row))
        if n:
            words = ngettext(
                "似た登録が%(n)s件あります。「重複のおそれ」を確かめてください。",
                "似た登録が%(n)s件あります。「重複のおそれ」を確かめてください。",
                n,
                n=n,
            )
            flash(words, "warn")

    def _written(self, form: Any, work: Callable[[], Any]) -> Any:
        return None if "more_rows" in request.form else submitted(form, work)

    def _paper(self, form: Any, kind: ParticipantKind, title: str, back: str) -> tuple[str, int]:
        asked_rows = "more_rows" in request.form
        html = self.render(
            "admin/application/form.html",
            form=form,
            kind=kind,
            title=title,
            back=back,
            widths=application_forms.WIDTHS,
            changing="version" in form,
        )
        return html, 200 if asked_rows else status()

    # ---- the row's page

    def details_context(self, model: RegistrationApplication) -> dict[str, Any]:
        session = db_session()
        found, similar = _checks(model), _similar(model)
        letters = registration.letters_of(session, model.id)
        return {
            "checks": [application_words.check_line(check) for check in found],
            "missing": sum(check.result is CheckResult.BAD for check in found),
            "duplicates": similar,
            "item_words": application_words.item_words,
            "letters": letters,
            # by when the applicant was asked to answer
            "answer_days": {
                one.id: date.fromisoformat(due) for one in letters if (due := one.content.get("answer_by"))
            },
            "scans": scans.scans_of(session, model.id),
            "most_scans": scans.MOST,
            "participant": self._participant(model),
            "is_open": model.state in OPEN_STATES,
            "own": model.clerk_id == actor().id,
        }

    def _participant(self, model: RegistrationApplication) -> tuple[str, str] | None:
        """What the acceptance made: its name and address."""
        row = participants_of(db_session(), model.kind, [model.id]).get(model.id)
        if row is None:
            return None
        return f"{code_of(row)}　{row.label}", self.get_url(f"{model.kind.value}.details_view", id=row.id)

    def steps_for(self, model: RegistrationApplication) -> Sequence[Step]:
        if model.state not in OPEN_STATES:
            return self._letter_steps(model)

        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id))

        received = model.state is ApplicationState.RECEIVED
        bad = any(check.result is CheckResult.BAD for check in _checks(model))
        steps = [] if received else self._letter_steps(model)
        if self.allows(Permission.REGISTRATION_DECIDE):
            if received and not bad:
                steps.append(Step(_("受理する"), at("accept_view")))
            if received:
                steps.append(Step(_("補正を求める"), at("correction_view")))
        if self.allows(Permission.REGISTRATION_EDIT):
            change = Step(_("内容を直す") if received else _("補正された内容を記録する"), at("change_view"))
            papers = Step(_("書類の受領を記録する"), at("papers_view"))
            steps += [papers, change] if received else [change, papers]
            if received and application_words.only_papers(_checks(model)):
                steps.sort(key=lambda step: step is not papers)
            steps.append(self._clerk_step(model))
        if self.allows(Permission.REGISTRATION_DECIDE):
            steps.append(Step(_("却下する"), at("reject_view"), "danger-quiet"))
            steps.append(Step(_("取下げを記録する"), at("withdraw_view"), "danger-quiet"))
        return steps

    def _letter_steps(self, model: RegistrationApplication) -> list[Step]:
        """The paper that tells a decision: printed, then posted."""
        words = {
            LetterState.WAITING: (_("通知書を印刷する"), "letter.print_view"),
            LetterState.PRINTED: (_("発送を記録する"), "letter.post_view"),
        }
        if not self.allows(Permission.LETTER_PRINT):
            return []
        letters = registration.letters_of(db_session(), model.id)
        return [
            Step(words[letter.state][0], self.get_url(words[letter.state][1], id=letter.id))
            for letter in letters
            if letter.state in words
        ][:1]

    def _clerk_step(self, model: RegistrationApplication) -> Step:
        """Taken with one press while nobody has it; otherwise it is asked who gets it."""
        if model.clerk_id is None:
            url, fields = self.get_url(".take_view", id=model.id), {"version": model.version}
            return Step(_("担当になる"), url, "other", post=True, fields=fields)
        return Step(_("担当を決める"), self.get_url(".clerk_view", id=model.id), "other")

    def later_for(self, model: RegistrationApplication) -> tuple[Any, Any] | None:
        head = _("受理は、まだできません")
        if not self.allows(Permission.REGISTRATION_DECIDE) or model.state not in OPEN_STATES:
            return None
        if model.state is ApplicationState.CORRECTION_ASKED:
            return head, _("補正された内容を記録すると、受付済に戻ります。")
        if any(check.result is CheckResult.BAD for check in _checks(model)):
            return head, _("下の確認から「不備」がなくなると、ここに「受理する」が出ます。")
        return None

    def history_of(self, model: RegistrationApplication) -> Sequence[tuple[Any, ...]]:
        letters = [letter.id for letter in registration.letters_of(db_session(), model.id)]
        return history(db_session(), [("registration_application", [model.id]), ("letter", letters)])


def views() -> list[Any]:
    """The screens of this subject."""
    return [ApplicationView(RegistrationApplication, name=_l("登録申請"), endpoint="application")]
