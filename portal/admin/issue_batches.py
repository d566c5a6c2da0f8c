"""Issuing to a whole phase at once: the table, the proposal, and the second person's look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload, selectinload
from wtforms import HiddenField

from portal.admin import formats
from portal.admin.acts import ProvenKeyForm, Question, ask, read_versions, status, submitted, written_versions
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.errors import NotFound
from portal.extensions import db_session
from portal.models import Holder, IssueBatch, IssueBatchState, JobState, Movement, MovementKind, Phase
from portal.permissions import Permission
from portal.services import boards, issue_batch_jobs, issue_batches
from portal.services.issue_batches import Table
from portal.services.queues import issuable
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_text import label, number, phase_name

_ASKS = ("GET", "POST")

#: what the second person's pages know of it
PROPOSALS = Proposals(
    endpoint="issue_batch",
    propose=Permission.MOVEMENT_PROPOSE,
    confirm=Permission.MOVEMENT_CONFIRM,
    waits=lambda one: one.state is IssueBatchState.PROPOSED,
    problems=lambda one: issue_batches.confirm_problems(db_session(), one, actor()),
)


class BatchForm(ProvenKeyForm):
    """The chosen holders, and what the page showed of each: the boxes stand in the table itself."""

    shown = HiddenField()

    def quantities(self) -> dict[int, int]:
        """Units by holder, as the page showed them, of those that were ticked. Raises ``Stale``."""
        shown = read_versions(self["shown"].data)
        ticked = {int(one) for one in request.form.getlist("holder") if one.isascii() and one.isdigit()}
        return {holder: units for holder, units in shown.items() if holder in ticked}


class IssueBatchView(ProposalView):
    """一括発行."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, IssueBatchState.PROPOSED.value)
    withdrawal_says = _l("この一括発行の起案を、すべて取り下げます。何も発行しません。")
    withdrawal_told = _l("起案を取り下げました。何も発行していません。")
    column_list: Any = ("phase_id", "count", "total", "proposed_at", "state", "decided_at")
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("count", "total", "proposed_at")
    column_details_list: Any = ("count", "total")
    column_figures = frozenset({"count", "total"})
    column_units = {"total": "JAA"}
    column_labels: Any = {
        "phase_id": _l("期"),
        "count": _l("件数"),
        "total": _l("発行する量の合計"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
        "decided_at": _l("決定"),
    }
    column_formatters: Any = {
        "phase_id": lambda _v, _c, m, _n: phase_name(m.phase.number),
        "count": formats.figure,
        "total": formats.figure,
        "state": formats.state_until,
        "proposed_at": formats.moment_and("proposed_by.name"),
        "decided_at": formats.moment_and("decided_by.name"),
    }
    column_formatters_export: Any = {
        "phase_id": lambda _v, _c, m, _n: phase_name(m.phase.number),
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
        "decided_at": lambda _v, _c, m, _n: m.decided_at,
    }
    column_filters: Any = (
        ChoiceFilter(IssueBatch.state, _l("状態"), lambda: [(s, label(s)) for s in IssueBatchState]),
    )
    list_template = "admin/issue_batch/list.html"
    details_template = "admin/issue_batch/details.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(IssueBatch.phase),
                joinedload(IssueBatch.proposed_by),
                joinedload(IssueBatch.decided_by),
            )
        )

    def get_one(self, id: Any) -> Any:  # Flask-Admin's name
        row = super().get_one(id)
        movements = selectinload(IssueBatch.movements)
        db_session.get(
            IssueBatch,
            row.id,
            options=[
                movements.joinedload(Movement.holder).joinedload(Holder.representative),
                movements.joinedload(Movement.target),
                movements.joinedload(Movement.transaction),
            ],
            populate_existing=True,
        )
        return row

    def starts(self) -> list[tuple[str, str]]:
        """(words, address) for each phase with a holder whom something can be issued, if no batch waits."""
        ready = {one.holder.phase.number for one in issuable(db_session()) if not one.problems}
        ready -= issue_batches.waiting_phases(db_session())
        return [
            (
                _("%(phase)sの一括発行を起案する", phase=phase_name(number)),
                self.get_url(".propose", phase=number),
            )
            for number in sorted(ready)
        ]

    # ---- one batch

    def title_of(self, model: IssueBatch) -> str:
        return _("%(phase)sの一括発行", phase=phase_name(model.phase.number))

    def details_context(self, model: IssueBatch) -> dict[str, Any]:
        job = issue_batch_jobs.newest_job(db_session(), model.id)
        waits = model.state is IssueBatchState.PROPOSED
        return {
            "at_work": waits and issue_batch_jobs.is_at_work(job),
            "gave_up": waits and job is not None and job.state is JobState.FAILED,
            "job": job,
            "running": job is not None and job.state is JobState.RUNNING,
            "lines": issue_batches.judged(db_session(), model) if waits else [],
            "why": lambda line: texts(line.problems),
        }

    def steps_for(self, model: IssueBatch) -> Sequence[Step]:
        return () if self._at_work(model) else super().steps_for(model)

    def later_for(self, model: IssueBatch) -> tuple[Any, Any] | None:
        if self._at_work(model):
            return _("いま実行しています"), _("終わると、ここに結果が出ます。")
        return super().later_for(model)

    def _at_work(self, model: IssueBatch) -> bool:
        if model.state is not IssueBatchState.PROPOSED or model.count <= issue_batch_jobs.AT_ONCE:
            return False
        return issue_batch_jobs.is_at_work(issue_batch_jobs.newest_job(db_session(), model.id))

    def history_of(self, model: IssueBatch) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("issue_batch", [model.id])])

    @page("/progress/", Permission.ALLOWANCE_ALL_VIEW)
    def progress(self) -> Any:
        """How far the worker is, for the page's script."""
        row = super().get_one(request.args.get("id", ""))
        job = issue_batch_jobs.newest_job(db_session(), row.id)
        # all are posted in one transaction: there is no number of those done that would be true
        at_work = issue_batch_jobs.is_at_work(job) and job is not None
        return {"state": job.state.value if at_work and job else row.state.value, "done": 0, "total": 0}

    # ---- the proposal

    @page("/propose/", Permission.MOVEMENT_PROPOSE, methods=_ASKS)
    def propose(self) -> Any:
        """Every holder of the phase with what would be issued and why not; the chosen ones are proposed."""
        wanted = request.args.get("phase", "")
        phase = next((one for one in boards.phases(db_session()) if str(one.number) == wanted), None)
        if phase is None:
            raise NotFound
        phase_id, form = phase.id, BatchForm()

        def work() -> IssueBatch:
            form.prove()
            return issue_batches.propose(
                db_session(), phase_id, form.quantities(), key=form["key"].data or "", actor=actor()
            )

        made = submitted(form, work, attempt=Attempt(Phase, phase_id, MovementKind.ISSUE.value))
        if made is not None:
            flash(_("起案しました。別の承認者が一覧を確かめると、発行されます。"), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        table = issue_batches.table(db_session(), phase_id, actor=actor())
        if table.open is not None and request.method == "GET":
            return redirect(self.get_url(".details_view", id=table.open.id))
        return self._table_page(form, table), status()

    def _table_page(self, form: BatchForm, table: Table) -> str:
        ready = table.ready
        ticked = set(request.form.getlist("holder")) if request.method == "POST" else None
        form["shown"].data = written_versions({one.holder.id: one.quantity or 0 for one in ready})
        form["shown"].raw_data = None
        html: str = self.render(
            "admin/issue_batch/propose.html",
            form=form,
            table=table,
            ready=ready,
            left=[(one, texts(one.problems)) for one in table.lines if one.problems],
            ticked=lambda holder_id: ticked is None or str(holder_id) in ticked,
            cap=texts([table.cap_problem])[0] if table.cap_problem is not None else "",
            back=self.get_url("issue.index"),
            name=phase_name(table.terms.phase.number),
        )
        return html

    # ---- the second person

    def shown(self, row: IssueBatch) -> list[tuple[Any, Any]]:
        return [
            (_("期"), phase_name(row.phase.number)),
            (_("件数"), ngettext("%(n)s者", "%(n)s者", row.count, n=number(row.count))),
            (_("発行する量の合計"), _("%(n)s JAA", n=number(row.total))),
        ]

    def confirmation(self, row: IssueBatch) -> Confirmation:
        amount = _("%(n)s JAA", n=number(row.total))
        return Confirmation(
            _("一括発行を確定する"),
            ngettext(
                "%(phase)sの目標保有者%(n)s者に、合計%(amount)sを発行します。",
                "%(phase)sの目標保有者%(n)s者に、合計%(amount)sを発行します。",
                row.count,
                n=number(row.count),
                phase=phase_name(row.phase.number),
                amount=amount,
            ),
            _("%(amount)sを発行する", amount=amount),
            makes=[
                _("ぜんぶを一度に発行します。1件でも発行できないものがあれば、何も発行しません。"),
                _("口座の持ち主に、メールでお知らせします。"),
            ],
            warn=(
                _("確定すると、元に戻せません。"),
                _("間違いがあったときは、理由をつけた訂正を起案し、別の人が確認します。"),
            ),
        )

    def asked(self, form: Any, row: Any, question: Question) -> Any:
        if request.path.rstrip("/").endswith("withdraw"):
            return super().asked(form, row, question)
        lines = issue_batches.judged(db_session(), row) if PROPOSALS.waits(row) else []
        more = {"lines": lines, "why": lambda line: texts(line.problems)}
        return ask(self, form, question, "admin/issue_batch/confirm.html", **more)

    def attempt(self, row: IssueBatch) -> Attempt:
        return Attempt(IssueBatch, row.id, MovementKind.ISSUE.value, str(row.total))

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return issue_batch_jobs.confirm(db_session(), row_id, version=version, actor=actor())

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return issue_batches.withdraw(db_session(), row_id, version=version, reason=reason, actor=actor())

    def confirmed_told(self, row: IssueBatch) -> Any:
        if row.state is IssueBatchState.PROPOSED:
            return _("一括発行の実行を始めました。この画面を離れても、処理は続きます。")
        return ngettext("%(n)s者に発行しました。", "%(n)s者に発行しました。", row.count, n=number(row.count))


def views() -> list[Any]:
    """The screens of this subject."""
    return [IssueBatchView(IssueBatch, name=_l("一括発行"), endpoint="issue_batch")]
