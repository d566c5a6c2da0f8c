"""Registration applications: recorded, checked, corrected, decided (domain §3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, flash, g, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField

from portal import clock
from portal.admin import application_forms, application_words, formats
from portal.admin.acts import KeySearch, Question, ReasonForm, VersionForm, ask, status, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.import_words import ImportFilter
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import (
    ApplicationState,
    Holder,
    ParticipantKind,
    Phase,
    RegistrationApplication,
    Trader,
    Verifier,
)
from portal.permissions import Permission
from portal.services import registration
from portal.services.queues import GUIDES, QueueKind
from portal.services.registration_checks import OPEN_STATES, Check, CheckResult, checks, near_duplicates
from portal.web import actor
from portal.web_text import day, label, phase_name

OPEN = "open"


class PapersForm(VersionForm):
    """What of the paper has arrived in order."""

    seal_received = BooleanField(_l("申請書に社印がある"))
    consent_received = BooleanField(_l("個人情報提供の同意書（責任者印あり）を受け取った"))


class StateFilter(ChoiceFilter):
    """The states, and all that are still open together."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        if value == OPEN:
            return query.filter(self.get_column(alias).in_(OPEN_STATES))
        return super().apply(query, value, alias)


def phase_choices() -> list[tuple[Any, str]]:
    """Every phase, the newest first."""
    phases = db_session.scalars(select(Phase).order_by(Phase.number.desc()))
    return [(phase.id, phase_name(phase.number)) for phase in phases]


def _states() -> list[tuple[Any, Any]]:
    return [(OPEN, _("未完了")), *((state, label(state)) for state in ApplicationState)]


def _received(_view: Any, _context: Any, model: RegistrationApplication, _name: str) -> Any:
    shown = formats.day(None, model.received_on)
    late = (clock.today() - model.received_on).days - GUIDES[QueueKind.APPLICATIONS].days
    if model.state not in OPEN_STATES or late <= 0:
        return shown
    words = ngettext("目安を%(n)s日超過", "目安を%(n)s日超過", late, n=late)
    return Markup('{}<span class="as-table__more as-table__more--bad">{}</span>').format(shown, words)


def _checks(model: RegistrationApplication) -> list[Check]:
    """The checks of the one application this request shows, made once."""
    if "application_checks" not in g:
        g.application_checks = checks(db_session(), model)
    found: list[Check] = g.application_checks
    return found


class ApplicationView(KeySearch, SecretariatView):
    """登録申請."""

    permission_view = Permission.REGISTRATION_VIEW
    permission_edit = Permission.REGISTRATION_EDIT
    can_create = True
    form = application_forms.ApplicationForm
    create_label = _l("申請を記録する")
    column_list = ("number", "company_name", "kind", "phase.number", "received_on", "state")
    column_default_sort = ("received_on", False)
    column_sortable_list = ("number", "company_name", "received_on")
    column_labels: Any = {
        "number": _l("受付番号"),
        "company_name": _l("申請者・事業所"),
        "kind": _l("区分"),
        "phase.number": _l("期"),
        "received_on": _l("受付日"),
        "state": _l("状態"),
    }
    column_formatters: Any = {
        "company_name": formats.two_lines("site_name"),
        "kind": formats.word,
        "phase.number": lambda _v, _c, m, _n: phase_name(m.phase.number) if m.phase else "—",
        "received_on": _received,
        "state": formats.state,
    }
    column_formatters_export: Any = {"received_on": lambda _v, _c, m, _n: m.received_on}
    column_filters: Any = (
        ChoiceFilter(RegistrationApplication.phase_id, _l("期"), phase_choices),
        ChoiceFilter(
            RegistrationApplication.kind, _l("区分"), lambda: [(k, label(k)) for k in ParticipantKind]
        ),
        StateFilter(RegistrationApplication.state, _l("状態"), _states),
        ImportFilter(RegistrationApplication.id, _l("一括取り込み")),
        FromDayFilter(RegistrationApplication.received_on, _l("受付日（から）")),
        ToDayFilter(RegistrationApplication.received_on, _l("受付日（まで）")),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、受付番号、メールアドレスで探せます。")
    list_template = "admin/application/list.html"
    details_template = "admin/application/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(RegistrationApplication.phase))

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            opens = (2, "", OPEN)  # the third filter
            return redirect(self.list_address(filters=[opens]))
        return super().index_view()

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what is open; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def title_of(self, model: RegistrationApplication) -> str:
        return "　".join(part for part in (model.company_name, model.site_name) if part)

    # ---- recorded and put right

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        kind = next((k for k in ParticipantKind if k.value == request.args.get("kind")), None)
        if kind is None:
            return self.render("admin/application/kind.html", **application_forms.kind_page())
        form = application_forms.new_form(kind)
        made = self._sent(
            form,
            lambda: registration.record_application(
                db_session(), form.application_data(kind), actor=actor(), key=form["key"].data
            ),
        )
        if made is not None:
            flash(_("申請を記録しました。受付番号は%(number)sです。", number=made.number), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        return self._paper(form, kind, _("申請を記録する"), self.get_url(".index_view"))

    @page("/change/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def change_view(self) -> Any:
        row = self._row()
        if row.state not in OPEN_STATES:
            abort(404)
        form, row_id, kind = application_forms.change_form(row), row.id, row.kind
        back = self.get_url(".details_view", id=row_id)
        correcting = row.state is ApplicationState.CORRECTION_ASKED
        made = self._sent(
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

    def _sent(self, form: Any, work: Callable[[], Any]) -> Any:
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
        found = _checks(model)
        return {
            "checks": [application_words.check_line(check) for check in found],
            "missing": sum(check.result is CheckResult.BAD for check in found),
            "duplicates": near_duplicates(session, model) if model.state in OPEN_STATES else [],
            "item_words": application_words.item_words,
            "letters": registration.letters_of(session, model.id),
            "participant": self._participant(model),
            "is_open": model.state in OPEN_STATES,
        }

    def _participant(self, model: RegistrationApplication) -> tuple[str, str] | None:
        """What the acceptance made: its name and address."""
        made: dict[ParticipantKind, tuple[Any, str]] = {
            ParticipantKind.HOLDER: (Holder, "holder"),
            ParticipantKind.TRADER: (Trader, "trader"),
            ParticipantKind.VERIFIER: (Verifier, "verifier"),
        }
        table, screen = made[model.kind]
        row = db_session.scalars(select(table).where(table.application_id == model.id)).one_or_none()
        if row is None:
            return None
        code = row.code if isinstance(row, Verifier) else row.account.code
        return f"{code}　{row.label}", self.get_url(f"{screen}.details_view", id=row.id)

    def steps_for(self, model: RegistrationApplication) -> Sequence[Step]:
        if model.state not in OPEN_STATES:
            return ()

        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id))

        received = model.state is ApplicationState.RECEIVED
        bad = any(check.result is CheckResult.BAD for check in _checks(model))
        steps = []
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
        if self.allows(Permission.REGISTRATION_DECIDE):
            steps.append(Step(_("却下する"), at("reject_view"), "danger-quiet"))
            steps.append(Step(_("取下げを記録する"), at("withdraw_view"), "danger-quiet"))
        return steps

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

    # ---- acts, each on its own page

    def _row(self) -> RegistrationApplication:
        row: RegistrationApplication = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: RegistrationApplication, title: str, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        facts = [
            (_("受付番号"), row.number),
            (_("申請者"), self.title_of(row)),
            (_("受付日"), day(row.received_on)),
        ]
        parents = [(self.name, self.get_url(".index_view")), (row.number, back)]
        return Question(title, parents, back=back, facts=[*facts, *more.pop("facts", [])], **more)

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
            return redirect(self.get_url(".details_view", id=row_id))
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
            return redirect(self.get_url(".details_view", id=row_id))
        question = self._question(
            self._row(),
            _("書類の受領を記録する"),
            say=_("届いた書類を確かめて、そろっているものを選んでください。"),
            verb=_("受領を記録する"),
        )
        return ask(self, form, question)

    @page("/correction/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def correction_view(self) -> Any:
        return self._reasoned(
            _("補正を求める"),
            _("直していただくところを、申請者に手紙で知らせます。"),
            registration.ask_correction,
            _("補正を求めました。手紙が印刷を待っています。"),
        )

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
            _("申請者が申請を取り下げたことを記録します。記録は取り消せません。"),
            registration.withdraw,
            _("取下げを記録しました。"),
            danger=True,
        )

    @page("/accept/", Permission.REGISTRATION_DECIDE, methods=("GET", "POST"))
    def accept_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = VersionForm(data={"version": row.version})
        accepted = submitted(
            form,
            lambda: registration.accept(db_session(), row_id, actor=actor(), version=form["version"].data),
        )
        if accepted is not None:
            flash(_("受理しました。通知書を印刷して、担当者に送ってください。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, self._acceptance(self._row()))

    def _acceptance(self, row: RegistrationApplication) -> Question:
        similar = near_duplicates(db_session(), row) if row.state in OPEN_STATES else []
        warn = None
        if similar:
            names = "、".join(f"{one.code} {one.label}" for one in similar)
            warn = _("重複のおそれがあります。"), _("似た登録を確かめてください：%(names)s", names=names)
        return self._question(
            row,
            _("申請を受理する"),
            say=_("この申請を受理し、次のものを作ります。"),
            verb=_("申請を受理する"),
            facts=application_words.acceptance_facts(row),
            makes=application_words.what_is_made(row),
            warn=warn,
        )


def views() -> list[Any]:
    """The screens of this subject."""
    return [ApplicationView(RegistrationApplication, name=_l("登録申請"), endpoint="application")]
