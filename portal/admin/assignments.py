"""Which verifier verifies which reports: for one holder, or for many at once (domain §3, §4)."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import HiddenField, RadioField, TextAreaField

from portal.admin.acts import (
    KeyForm,
    Needed,
    Question,
    ReasonForm,
    ask,
    chosen_ids,
    read_versions,
    status,
    submitted,
    written_versions,
)
from portal.admin.door import SecretariatPage, page
from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import EmissionsReport, Holder, ReportState
from portal.permissions import Permission
from portal.services import assignments, verifiers
from portal.services.assignments import MOST_AT_ONCE, AssignmentLine
from portal.services.report_rules import live_verifier
from portal.services.verifiers import VerifierLoad
from portal.web import actor, texts
from portal.web_text import label, number


class AssignForm(KeyForm):
    """The verifier that gets the reports which the page shows, each in the version it showed."""

    verifier = RadioField(_l("検証機関"), validators=[Needed()], validate_choice=False)
    reason = TextAreaField(
        _l("理由"),
        description=_l(
            "検証依頼中の報告書の検証機関を変えるときは、必ず書いてください。事務局の記録に残ります。"
        ),
    )
    rows = HiddenField()


class EndForm(ReasonForm):
    """Why the assignment ends without a next verifier."""

    reason = TextAreaField(_l("理由"), validators=[Needed()], description=_l("事務局の記録に残ります。"))


def _choice(load: VerifierLoad) -> str:
    """A verifier with how much lies with it."""
    return _(
        "%(name)s（担当%(n)s件、うち検証中%(m)s件）",
        name=load.verifier.label,
        n=number(load.assigned),
        m=number(load.waiting),
    )


def _why(line: AssignmentLine) -> str:
    """Why this report's verifier cannot be changed."""
    if line.report.state is ReportState.APPROVED:
        return _("承認されているため、変えません。")
    return texts([line.problem])[0] if line.problem is not None else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


class AssignmentPage(SecretariatPage):
    """検証機関を決める."""

    permission_view = Permission.VERIFIER_ASSIGN

    @page("/", Permission.VERIFIER_ASSIGN, methods=("GET", "POST"))
    def index(self) -> Any:
        ids = chosen_ids(MOST_AT_ONCE)
        lines = assignments.lines(db_session(), ids)
        if not lines:
            abort(404)
        holders = list(dict.fromkeys(line.report.holder_id for line in lines))
        only = holders[0] if len(holders) == 1 else None
        back = self.get_url("holder.details_view", id=only) if only else self.get_url("holder.index_view")
        loads = verifiers.load(db_session())
        form = AssignForm(data={"rows": self._offered(lines)})
        form["verifier"].choices = [(str(one.verifier.id), _choice(one)) for one in loads]
        done = submitted(
            form,
            lambda: assignments.assign_many(
                db_session(),
                read_versions(form["rows"].data),
                _number(form["verifier"].data),
                reason=form["reason"].data,
                actor=actor(),
                key=form["key"].data,
            ),
        )
        if done is not None:
            flash(_("%(n)s件の報告書の検証機関を決めました。", n=number(done)), "good")
            return redirect(back)
        if request.method == "POST":  # the page tells how things stand now, and offers just that
            lines = assignments.lines(db_session(), ids)
            form["rows"].data = self._offered(lines)
        html = self.render(
            "admin/assignment/index.html",
            form=form,
            lines=lines,
            why=_why,
            open_lines=[line for line in lines if line.problem is None],
            takes_over=any(line.takes_over for line in lines),
            unused=any(line.unused for line in lines),
            back=back,
        )
        return html, status()

    @staticmethod
    def _offered(lines: list[AssignmentLine]) -> str:
        return written_versions({one.report.id: one.report.version for one in lines if one.problem is None})

    def _report(self) -> EmissionsReport:
        query = (
            select(EmissionsReport)
            .where(EmissionsReport.id == (_number(request.args.get("id")) or 0))
            .options(
                joinedload(EmissionsReport.holder).joinedload(Holder.representative),
                joinedload(EmissionsReport.holder).joinedload(Holder.account),
            )
        )
        return db_session.scalars(query).one_or_none() or abort(404)

    @page("/end/", Permission.VERIFIER_ASSIGN, methods=("GET", "POST"))
    def end(self) -> Any:
        """End an assignment without a next verifier."""
        report = self._report()
        report_id, holder_id = report.id, report.holder_id
        form = EndForm(data={"version": report.version})
        done = submitted(
            form,
            lambda: verifiers.end_assignment(
                db_session(), report_id, form["reason"].data, actor=actor(), version=form["version"].data
            ),
        )
        back = self.get_url("holder.details_view", id=holder_id)
        if done is not None:
            flash(_("検証機関の担当を終えました。この報告書は、もう検証機関から見えません。"), "good")
            return redirect(back)
        report = self._report()
        verifier = live_verifier(report)
        against = verifiers.refusal_to_end(report.period, report.state)
        if request.method == "GET" and (verifier is None or against is not None):
            problem = Problem(against if against is not None else Refusal.NO_VERIFIER)
            flash(texts([problem])[0], "warn")
            return redirect(back)
        question = Question(
            _("検証機関の担当を終える"),
            [(_("目標保有者"), self.get_url("holder.index_view")), (report.holder.label, back)],
            say=_("次の検証機関を決めずに、この報告書の担当を終えます。"),
            verb=_("担当を終える"),
            back=back,
            facts=[
                (_("目標保有者"), report.holder.label),
                (_("報告書"), label(report.period)),
                (_("いまの検証機関"), verifier.label if verifier is not None else _("未定")),
            ],
            makes=[
                _("検証機関は、すぐにこの報告書を見られなくなります。"),
                _("検証機関に、メールでお知らせします。"),
            ],
            danger=True,
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [AssignmentPage(name=_l("検証機関を決める"), endpoint="assignment")]
