"""Proposed changes of accounts' states: the queue, and the second person's yes (domain §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.account_words import CONFIRM, DONE, LEADS_TO, means, says
from portal.admin.acts import KeySearch, ProvenForm, Question, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import AccountAction, AccountChange, ProposalState
from portal.permissions import Permission
from portal.services import account_life
from portal.web import actor, texts
from portal.web_text import badge, label, moment

_ASKS = ("GET", "POST")
_STATE = 0  # its place in ``column_filters``


class WithdrawForm(VersionForm):
    """A proposal is taken back."""


def confirm_step(view: SecretariatView, change: AccountChange) -> list[Step]:
    """What the reader may do about a proposal that waits; also on the account's own page."""
    steps = []
    if change.state is not ProposalState.PROPOSED:
        return []
    if view.allows(Permission.ACCOUNT_CONFIRM) and not against(change):
        steps.append(Step(_("内容を確認する"), view.get_url("account_change.confirm", id=change.id)))
    if view.allows(Permission.ACCOUNT_PROPOSE):
        url = view.get_url("account_change.withdraw", id=change.id)
        steps.append(Step(_("起案を取り下げる"), url, "danger-quiet"))
    return steps


def against(change: AccountChange) -> list[str]:
    """Why the reader cannot confirm it, in sentences."""
    return texts(account_life.confirm_problems(db_session(), change, actor()))


def waits_for(view: SecretariatView, change: AccountChange) -> tuple[Any, Any] | None:
    """(head, sentence) of why the reader cannot confirm a proposal that waits."""
    if change.state is not ProposalState.PROPOSED:
        return None
    head = _("確認は、まだできません")
    if not view.allows(Permission.ACCOUNT_CONFIRM):
        return head, _("確認できるのは、承認者の役割を持つ、起案した人とは別の人です。")
    reasons = against(change)
    return (head, " ".join(reasons)) if reasons else None


class AccountChangeView(KeySearch, SecretariatView):
    """口座の状態の変更."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    column_list = ("account.id", "account.name", "action", "reason", "proposed_at", "state")
    column_searchable_list = ("account.search_key",)
    column_default_sort = ("proposed_at", True)
    column_sortable_list = ("proposed_at",)
    column_labels: Any = {
        "account.id": _l("口座番号"),
        "account.name": _l("口座名"),
        "action": _l("内容"),
        "reason": _l("理由"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
    }
    column_formatters = {
        "account.id": formats.unbroken(lambda m: m.account.code),
        "action": formats.word,
        "state": formats.state,
    }
    column_formatters_export = {"account.id": lambda _v, _c, m, _n: m.account.code}
    column_filters = (
        ChoiceFilter(AccountChange.state, _l("状態"), lambda: [(s, label(s)) for s in ProposalState]),
        ChoiceFilter(AccountChange.action, _l("内容"), lambda: [(a, label(a)) for a in AccountAction]),
    )
    search_help = _l("口座名・会社名（漢字・かな）、口座番号で探せます。")
    list_template = "admin/account/changes.html"
    details_template = "admin/account/change.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(AccountChange.account),
                joinedload(AccountChange.proposed_by),
                joinedload(AccountChange.confirmed_by),
            )
        )

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            return redirect(self.waiting_address())
        return super().index_view()

    def waiting_address(self) -> str:
        """The list of the proposals that wait."""
        waiting = [(_STATE, "", ProposalState.PROPOSED.value)]
        return self.list_address(filters=waiting, search=None, page=0)

    def all_address(self) -> str:
        """The list of all proposals."""
        return self.list_address(filters=[], search=None, page=0)

    def waiting_only(self) -> bool:
        """Whether the list shows the proposals that wait and nothing else."""
        chosen = self._get_list_filter_args() or []
        return any(one[0] == _STATE and one[2] == ProposalState.PROPOSED.value for one in chosen)

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what waits; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def title_of(self, model: AccountChange) -> Any:
        return _("%(account)s　%(action)s", account=model.account.code, action=label(model.action))

    def details_context(self, model: AccountChange) -> dict[str, Any]:
        return {"says": says(model.account, model.action), "means": means(model.action)}

    def history_of(self, model: AccountChange) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("account_change", [model.id])])

    def steps_for(self, model: AccountChange) -> Sequence[Step]:
        return confirm_step(self, model)

    def later_for(self, model: AccountChange) -> tuple[Any, Any] | None:
        return waits_for(self, model)

    # ---- acts

    def _change(self) -> AccountChange:
        row: AccountChange = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: AccountChange, title: Any, say: Any, verb: Any, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        parents = [(self.name, self.get_url(".index_view")), (self.title_of(row), back)]
        facts = [
            (_("口座"), f"{row.account.code}　{row.account.name}"),
            (_("いまの状態"), badge(row.account.state)),
            (_("変更後の状態"), badge(LEADS_TO[row.action])),
            (_("理由"), row.reason),
            (_("起案した人"), row.proposed_by.name),
            (_("起案した日時"), moment(row.proposed_at)),
        ]
        return Question(title, parents, say, verb, back, facts=facts, **more)

    @page("/confirm/", Permission.ACCOUNT_CONFIRM, methods=_ASKS)
    def confirm(self) -> Any:
        """The second person says yes, on a page that says in words what will happen."""
        row = self._change()
        if (away := not_offered(self, row)) is not None:
            return away
        form, row_id = ProvenForm(data={"version": row.version}), row.id

        def work() -> Any:
            form.prove()
            return account_life.confirm(db_session(), row_id, version=form["version"].data, actor=actor())

        if submitted(form, work) is not None:
            row = self._change()
            flash(DONE[row.action], "good")
            return redirect(self.get_url("account.details_view", id=row.account_id))
        row = self._change()
        closing = row.action is AccountAction.CLOSE
        question = self._question(
            row,
            CONFIRM[row.action],
            says(row.account, row.action),
            CONFIRM[row.action],
            makes=[means(row.action), _("口座の持ち主に、理由を添えてメールでお知らせします。")],
            warn=(
                _("閉鎖すると、元に戻せません。"),
                _("口座番号が、ほかの口座に使われることもありません。"),
            )
            if closing
            else None,
            danger=closing,
        )
        return ask(self, form, question)

    @page("/withdraw/", Permission.ACCOUNT_PROPOSE, methods=_ASKS)
    def withdraw(self) -> Any:
        """A proposal is taken back; the account stays as it is."""
        row = self._change()
        if (away := not_offered(self, row)) is not None:
            return away
        form, row_id = WithdrawForm(data={"version": row.version}), row.id
        done = submitted(
            form,
            lambda: account_life.withdraw(db_session(), row_id, version=form["version"].data, actor=actor()),
        )
        if done is not None:
            flash(_("起案を取り下げました。口座の状態は変わっていません。"), "good")
            return redirect(self.get_url("account.details_view", id=self._change().account_id))
        row = self._change()
        question = self._question(
            row,
            _("起案を取り下げる"),
            _("この起案を取り下げます。口座の状態は変わりません。"),
            _("取り下げる"),
            danger=True,
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [AccountChangeView(AccountChange, name=_l("口座の状態の変更"), endpoint="account_change")]
