"""The secretariat's acts on a report, each on a page of its own (domain §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, request, send_file
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import TextAreaField

from portal.admin import approval_words, promised
from portal.admin.acts import Needed, ProvenForm, Question, ReasonForm, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.offered import not_offered
from portal.admin.one_by_one import carried
from portal.admin.second_person import decline_words, declines, ending_form, ending_step
from portal.extensions import db_session
from portal.models import ApprovalRevocation, EmissionsReport, Period
from portal.permissions import Permission
from portal.services import report_files, reviews
from portal.services.queues import REPORTS_HERE
from portal.services.report_rules import facts_of
from portal.services.report_steps import open_revocation
from portal.web import actor, carry_out
from portal.web_forms import KeyField
from portal.web_text import fiscal, label, number

_ASKS = ("GET", "POST")


class ReviewDocumentForm(VersionForm):
    """A question to the verifier: text, file or both."""

    key = KeyField()
    body = TextAreaField(
        _l("本文"),
        description=_l("本文とファイルの、少なくとも一方が必要です。2,000字まで。目標保有者も読めます。"),
    )
    file = FileField(_l("ファイル"), description=_l("PDF、Word、Excel。20 MBまで。"))


class RevocationForm(ReasonForm):
    """Why an approval should be taken back."""

    reason = TextAreaField(
        _l("理由"),
        validators=[Needed()],
        description=_l(
            "確認されると、目標保有者と検証機関へのメールと、報告書の「これまでの経過」に、このまま載ります。"
        ),
    )
    key = KeyField()


class ReturnForm(VersionForm):
    """Why a report goes back."""

    reason = TextAreaField(
        _l("差し戻す理由"),
        validators=[Needed()],
        description=_l("相手が読んで直せるように、何をどう直すかを書いてください。"),
    )


class ReportActs(SecretariatView):
    """What the secretariat does with a report; ``ReportView`` shows them."""

    permission_view = Permission.REPORT_ALL_VIEW

    def steps(self, model: EmissionsReport, allowed: Sequence[str]) -> list[Step]:
        """The buttons for the acts ``allowed`` now, the next one first."""

        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id, **carried()))

        table = (
            ("start_review", Step(_("査読を始める"), at("start_review"))),
            ("approve", Step(_("承認する"), at("approve"))),
            ("receive", Step(_("受領する"), at("receive"))),
            ("send_review_document", Step(_("査読書類を送る"), at("review_document"))),
            ("return_to_verifier", Step(_("検証機関に差し戻す"), at("give_back"), "danger-quiet")),
            ("return_submitted", Step(_("目標保有者に差し戻す"), at("give_back"), "danger-quiet")),
            ("propose_revocation", Step(_("承認の取消しを起案する"), at("revoke"), "danger-quiet")),
        )
        steps = [step for act, step in table if act in allowed]
        if "propose_revocation" in allowed and reviews.revocation_problem(db_session(), model) is not None:
            steps = [step for step in steps if step.url != at("revoke")]
        return steps + self._revocation_steps(model)

    def _revocation_steps(self, model: EmissionsReport) -> list[Step]:
        row = open_revocation(db_session(), model)
        if row is None:
            return []
        steps = []
        other = self.allows(Permission.REVOCATION_CONFIRM) and row.proposed_by_id != actor().id
        # proposed in time, but the deadline or an issue came between: the page says why
        if other and reviews.revocation_problem(db_session(), model) is None:
            confirm = self.get_url(".confirm_revocation", id=model.id)
            steps.append(Step(_("承認の取消しを確認する"), confirm, "danger-quiet"))
        url = self.get_url(".withdraw_revocation", id=model.id)
        words = _("取消しの起案を取り下げる"), _("取消しの起案を却下する")
        rights = Permission.REVOCATION_PROPOSE, Permission.REVOCATION_CONFIRM
        return steps + ending_step(self, row, url, rights, words)

    # ---- what the pages share

    def _report(self) -> EmissionsReport:
        row: EmissionsReport = self.get_one(request.args.get("id", ""))
        return row

    def _back(self, report_id: int) -> Any:
        return redirect(self.get_url(".details_view", id=report_id, **carried()))

    def _facts(self, row: EmissionsReport) -> list[tuple[Any, Any]]:
        reported = _("%(n)s t-CO2", n=number(row.emissions)) if row.emissions is not None else None
        return [
            (_("目標保有者"), row.holder.label),
            (_("口座番号"), row.holder.account.code),
            (_("期間"), label(row.period)),
            (_("報告された排出量"), reported),
        ]

    def in_other_hands(self, row: EmissionsReport) -> tuple[str, str] | None:
        """A word before an act on what a colleague is in charge of; it stays possible."""
        if row.clerk is None or row.clerk_id == actor().id or row.state not in REPORTS_HERE:
            return None
        return (
            _("%(name)s さんが担当しています。", name=row.clerk.name),
            _("進めてよいか、先に声をかけてください。"),
        )

    def _question(self, row: EmissionsReport, title: Any, say: Any, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id, **carried()))
        parents = [(self.name, self.get_url(".index_view")), (row.holder.label, back)]
        facts = [*self._facts(row), *more.pop("facts", [])]
        more.setdefault("warn", self.in_other_hands(row))
        return Question(title, parents, say, more.pop("verb", title), back, facts=facts, **more)

    def _act(
        self,
        form: Any,
        work: Callable[[int], Any],
        told: Any,
        question: Callable[[EmissionsReport], Question],
        file: tuple[str, bytes] | None = None,
    ) -> Any:
        """Ask on a page of its own; when answered, do ``work`` with the report's number."""
        report = self._report()
        if (away := not_offered(self, report)) is not None:
            return away
        report_id = report.id
        files = [file] if file is not None else []
        if submitted(form, lambda: work(report_id), files=files) is not None:
            flash(str(told), "good")
            return self._back(report_id)
        return ask(self, form, question(self._report()))

    # ---- review

    @page("/start-review/", Permission.REPORT_REVIEW, methods=_ASKS)
    def start_review(self) -> Any:
        form = VersionForm(data={"version": self._report().version})
        return self._act(
            form,
            lambda n: reviews.start_review(db_session(), n, actor=actor(), version=form["version"].data),
            _("査読を始めました。"),
            lambda row: self._question(
                row,
                _("査読を始める"),
                _("この報告書の査読を始めます。"),
                makes=[_("目標保有者と検証機関に、メールでお知らせします。")],
            ),
        )

    @page("/review-document/", Permission.REPORT_REVIEW, methods=_ASKS)
    def review_document(self) -> Any:
        form = ReviewDocumentForm(data={"version": self._report().version})
        sent = form["file"].data
        # read once, before the act: it may be tried again
        file = (str(sent.filename or ""), bytes(sent.read())) if sent else None
        return self._act(
            form,
            lambda n: self._send(n, form, file),
            _("査読書類を送りました。"),
            lambda row: self._question(row, _("査読書類を送る"), _("検証機関に、質問または指摘を送ります。")),
            file=file,
        )

    def _send(self, report_id: int, form: Any, file: tuple[str, bytes] | None) -> Any:
        name, data = file if file is not None else (None, None)
        return reviews.send_review_document(
            db_session(),
            report_id,
            form["body"].data or "",
            name,
            data,
            actor=actor(),
            version=form["version"].data,
            key=form["key"].data,
        )

    @page("/return/", Permission.REPORT_REVIEW, methods=_ASKS)
    def give_back(self) -> Any:
        row = self._report()
        form = ReturnForm(data={"version": row.version})
        adjustment = row.period is Period.ADJUSTMENT
        work = reviews.return_submitted if adjustment else reviews.return_to_verifier
        title = _("目標保有者に差し戻す") if adjustment else _("検証機関に差し戻す")
        say = (
            _("この報告書を、理由をつけて目標保有者に差し戻します。")
            if adjustment
            else _("この報告書を、理由をつけて検証機関に差し戻します。検証報告書はそのまま残ります。")
        )
        return self._act(
            form,
            lambda n: work(db_session(), n, form["reason"].data, actor=actor(), version=form["version"].data),
            _("差し戻しました。"),
            lambda row: self._question(row, title, say, verb=_("差し戻す"), danger=True),
        )

    # ---- decisions

    @page("/approve/", Permission.REPORT_APPROVE, methods=_ASKS)
    def approve(self) -> Any:
        form = ProvenForm(data={"version": self._report().version})

        def work(report_id: int) -> Any:
            form.prove()
            return reviews.approve(db_session(), report_id, actor=actor(), version=form["version"].data)

        return self._act(form, work, _("承認しました。排出量が確定しました。"), self._approval)

    def _approval(self, row: EmissionsReport) -> Question:
        shown = number(row.emissions)
        what = (
            _("基準年度の排出量が確定し、削減目標量が確定していれば、排出枠の発行を起案できます。")
            if row.period is Period.BASE
            else _("償却期限までに償却する量が、この排出量に決まります。")
        )
        warn = (
            _("承認すると、排出量が確定します。"),
            _("取り消すには、理由をつけた起案と、別の承認者の確認が必要です。"),
        )
        if facts_of(row).question_open:
            warn = (
                _("検証機関がまだ答えていない査読書類があります。"),
                _(
                    "承認すると、回答を待たずに排出量が確定します。"
                    "取り消すには、理由をつけた起案と、別の承認者の確認が必要です。"
                ),
            )
        return self._question(
            row,
            _("承認の確認"),
            _("%(holder)sの排出量を、%(n)s t-CO2で承認します。", holder=row.holder.label, n=shown),
            verb=_("%(n)s t-CO2で承認する", n=shown),
            facts=approval_words.facts(row),
            notes=approval_words.notes(row),
            makes=[what, _("目標保有者と検証機関に、メールでお知らせします。")],
            warn=warn,
        )

    @page("/receive/", Permission.REPORT_REVIEW, methods=_ASKS)
    def receive(self) -> Any:
        form = VersionForm(data={"version": self._report().version})
        return self._act(
            form,
            lambda n: reviews.receive(db_session(), n, actor=actor(), version=form["version"].data),
            _("受領しました。"),
            lambda row: self._question(
                row,
                _("受領の確認"),
                _("%(year)sの報告書を受領します。", year=fiscal(row.holder.phase.adjustment_year)),
                verb=_("受領する"),
                makes=[_("目標保有者に、メールでお知らせします。")],
                warn=(
                    _("受領すると、元に戻せません。"),
                    _("検証は行わず、報告された排出量をそのまま記録します。"),
                ),
            ),
        )

    # ---- taking an approval back: one proposes, another confirms

    @page("/revoke/", Permission.REVOCATION_PROPOSE, methods=_ASKS)
    def revoke(self) -> Any:
        form = RevocationForm(data={"version": self._report().version})
        return self._act(
            form,
            lambda n: reviews.propose_revocation(
                db_session(),
                n,
                form["reason"].data,
                actor=actor(),
                version=form["version"].data,
                key=form["key"].data,
            ),
            _("承認の取消しを起案しました。別の承認者が確認すると、査読中に戻ります。"),
            lambda row: self._question(
                row,
                _("承認の取消しを起案する"),
                _("この報告書の承認を取り消す起案をします。"),
                verb=_("起案する"),
                danger=True,
            ),
        )

    def _revocation(self) -> ApprovalRevocation:
        return open_revocation(db_session(), self._report()) or abort(404)

    @page("/revoke/confirm/", Permission.REVOCATION_CONFIRM, methods=_ASKS)
    def confirm_revocation(self) -> Any:
        found = self._revocation()
        form, row_id = ProvenForm(data={"version": found.version}), found.id

        def work(_report_id: int) -> Any:
            form.prove()
            return reviews.confirm_revocation(
                db_session(), row_id, actor=actor(), version=form["version"].data
            )

        return self._act(
            form,
            work,
            _("承認を取り消しました。報告書は査読中に戻りました。"),
            lambda row: self._question(
                row,
                _("承認の取消しの確認"),
                _("この報告書の承認を取り消し、査読中に戻します。"),
                verb=_("承認を取り消す"),
                facts=self._revocation_facts(),
                danger=True,
            ),
        )

    def _revocation_facts(self) -> list[tuple[Any, Any]]:
        row = self._revocation()
        return [(_("起案した人"), row.proposed_by.name), (_("理由"), row.reason), *promised.fact(row)]

    @page("/revoke/withdraw/", Permission.REVOCATION_PROPOSE, methods=_ASKS)
    def withdraw_revocation(self) -> Any:
        found = self._revocation()
        form, row_id, declining = ending_form(found), found.id, declines(found)
        title, _say, told, declined = decline_words()
        verb = title if declining else _("取消しの起案を取り下げる")
        say = (
            _("承認を取り消す起案を却下します。承認はそのまま残ります。")
            if declining
            else _("承認を取り消す起案を取り下げます。承認はそのまま残ります。")
        )
        return self._act(
            form,
            lambda _n: reviews.withdraw_revocation(
                db_session(),
                row_id,
                actor=actor(),
                reason=form["reason"].data or None,
                version=form["version"].data,
            ),
            declined if declining else _("起案を取り下げました。承認はそのままです。"),
            lambda row: self._question(
                row,
                verb,
                say,
                facts=self._revocation_facts(),
                makes=[told] if declining else [],
                danger=True,
            ),
        )

    # ---- files

    @page("/file/<kind>/<int:file_id>/", Permission.REPORT_ALL_VIEW)
    def file(self, kind: str, file_id: int) -> Any:
        """One of a report's files; that it was read is recorded."""
        name, media_type, data = carry_out(
            lambda: report_files.open_file(
                db_session(), kind, file_id, actor=actor(), read=request.method != "HEAD"
            )
        )
        return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)
