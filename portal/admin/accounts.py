"""The registry's accounts: whose, in what state, what they hold, what moved, and their life."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.admin import account_past, formats
from portal.admin.account_changes import PROPOSALS
from portal.admin.account_words import ABILITIES, PROPOSE, left_behind, means, says
from portal.admin.acts import KeySearch, Question, ReasonForm, SeenField, ask, carry_figures, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import (
    Account,
    AccountAction,
    AccountChange,
    AccountKind,
    AccountState,
    BankingApplication,
    DecisionState,
    Holder,
    Holding,
    Movement,
    MovementState,
    ProposalState,
    Trader,
    UnitClass,
)
from portal.permissions import Permission
from portal.services import account_life
from portal.web import actor, texts
from portal.web_forms import KeyField
from portal.web_text import NOTHING, account_name, badge, label

_ASKS = ("GET", "POST")


class ProposeForm(ReasonForm):
    """A step of an account's life, proposed with its reason."""

    key = KeyField()
    seen = SeenField()


def _code(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    return Markup('<span class="as-code">{}</span>').format(model.code)


def owner_of(account: Account) -> str:
    """Whose account it is; the scheme's own belong to nobody else."""
    if account.holder is not None:
        return account.holder.label
    if account.trader is not None:
        return account.trader.label
    return _("制度の口座")


def _lives_at_all(account: Account) -> bool:
    """Whether it was opened for somebody: the scheme's own accounts are as old as the installation."""
    return account.kind in account_life.LIVING


def _opened(view: Any, _context: Any, model: Account, _name: str) -> Any:
    return formats.day(view, model.opened_at) if _lives_at_all(model) else NOTHING


class AccountView(account_past.StatementPages, KeySearch, SecretariatView):
    """口座."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    column_list = ("id", "name", "owner", "kind", "state", "opened_at")
    column_default_sort = ("id", False)
    column_sortable_list = ("id", "name", "opened_at")
    column_labels: Any = {
        "id": _l("口座番号"),
        "name": _l("口座名"),
        "owner": _l("口座の持ち主"),
        "kind": _l("種類"),
        "state": _l("状態"),
        "opened_at": _l("開設"),
    }
    column_formatters = {
        "id": _code,
        "owner": lambda _v, _c, m, _n: owner_of(m),
        "kind": formats.word,
        "state": formats.state,
        "name": lambda _v, _c, m, _n: account_name(m),
        "opened_at": _opened,
    }
    column_formatters_export = {
        "id": lambda _v, _c, m, _n: m.code,
        "name": lambda _v, _c, m, _n: account_name(m),
        "opened_at": lambda _v, _c, m, _n: m.opened_at if _lives_at_all(m) else "",
        "owner": lambda _v, _c, m, _n: owner_of(m),
    }
    column_filters = (
        ChoiceFilter(Account.kind, _l("種類"), lambda: [(k, label(k)) for k in AccountKind]),
        ChoiceFilter(Account.state, _l("状態"), lambda: [(s, label(s)) for s in AccountState]),
        FromDayFilter(Account.opened_at, _l("開設（から）")),
        ToDayFilter(Account.opened_at, _l("開設（まで）")),
    )
    search_help = _l("口座名・会社名・事業所名（漢字・かな）、口座番号で探せます。")
    details_template = "admin/account/details.html"

    def get_query(self) -> Any:
        holder, trader = joinedload(Account.holder), joinedload(Account.trader)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.phase),
                trader.joinedload(Trader.organisation),
            )
        )

    def title_of(self, model: Account) -> str:
        return f"{model.code}　{account_name(model)}"

    def details_context(self, model: Account) -> dict[str, Any]:
        session = db_session()
        holdings = session.scalars(
            select(Holding)
            .join(Holding.unit_class)
            .where(Holding.account_id == model.id)
            .options(joinedload(Holding.unit_class).joinedload(UnitClass.phase))
            .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
        ).all()
        waiting = session.scalars(
            select(Movement)
            .where(
                (Movement.source_id == model.id) | (Movement.target_id == model.id),
                Movement.state == MovementState.PROPOSED,
            )
            .options(joinedload(Movement.unit_class).joinedload(UnitClass.phase))
            .order_by(Movement.id)
        ).all()
        banking = session.scalars(
            select(BankingApplication).where(
                BankingApplication.holder_id == model.holder_id,
                BankingApplication.state == DecisionState.APPLIED,
            )
        ).all()
        changes = account_life.changes_of(session, model.id)
        living = model.kind in account_life.LIVING
        return {
            "abilities": [
                (ABILITIES[one], allowed)
                for one, allowed in account_life.abilities(model.kind, model.state).items()
            ]
            if living
            else [],
            "banking": banking if model.holder_id is not None else [],
            "open_change": next((one for one in changes if one.state is ProposalState.PROPOSED), None),
            "lives": _lives(model, changes) if living else [],
            "says": says,
            "means": means,
            "owner": owner_of(model),
            "holdings": holdings,
            "waiting": waiting,
            **account_past.standing(model),
            **account_past.past(self, model),
        }

    def history_of(self, model: Account) -> Sequence[tuple[Any, ...]]:
        changes = [one.id for one in account_life.changes_of(db_session(), model.id)]
        return history(db_session(), [("account", [model.id]), ("account_change", changes)])

    # ---- its life

    def steps_for(self, model: Account) -> Sequence[Step]:
        if model.kind not in account_life.LIVING:
            return ()
        steps: list[Step] = []
        session = db_session()
        waiting = account_life.open_change(session, model.id)
        if waiting is not None:
            steps += PROPOSALS.steps(self, waiting)
        elif self.allows(Permission.ACCOUNT_PROPOSE):
            standing = account_life.standing_of(session, model)
            steps += [
                Step(
                    PROPOSE[action],
                    self.get_url(f".{action.value}_view", id=model.id),
                    "danger-quiet" if action is AccountAction.CLOSE else "other",
                )
                for action in AccountAction
                if not account_life.refusals_for(standing, action)
            ]
        if self.allows(Permission.MOVEMENT_PROPOSE) and model.state is not AccountState.CLOSED:
            url = self.get_url("issue.jver", account=model.code)
            steps.append(Step(_("jVERの発行を起案する"), url, "other"))
        return steps

    def later_for(self, model: Account) -> tuple[Any, Any] | None:
        """Why what one may look for is not offered: the confirmation, or the closing, with every reason."""
        if model.kind not in account_life.LIVING:
            return _("制度の口座です"), _("停止や閉鎖はできません。")
        session = db_session()
        waiting = account_life.open_change(session, model.id)
        if waiting is not None:
            return PROPOSALS.later(self, waiting)
        if model.state is AccountState.CLOSED:
            return _("閉鎖された口座です"), _("状態を元に戻すことはできません。")
        if not self.allows(Permission.ACCOUNT_PROPOSE):
            return None
        found = account_life.refusals_for(account_life.standing_of(session, model), AccountAction.CLOSE)
        return (_("閉鎖は、まだ起案できません"), " ".join(texts(found))) if found else None

    def _propose(self, action: AccountAction) -> Any:
        row: Account = self.get_one(request.args.get("id", ""))
        if (away := not_offered(self, row)) is not None:
            return away
        form, row_id = ProposeForm(data={"version": row.version}), row.id
        form["reason"].description = _("口座の持ち主へのメールと記録に、このまま載ります。")
        done = submitted(
            form,
            lambda: account_life.propose(
                db_session(),
                row_id,
                action,
                form["reason"].data or "",
                actor=actor(),
                key=form["key"].data,
                version=form["version"].data,
                seen=form["seen"].data or "",
            ),
        )
        if done is not None:
            flash(_("起案しました。ほかの承認者が確認するまで、口座の状態は変わりません。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        row = self.get_one(row_id)
        back = self.get_url(".details_view", id=row.id)
        closing = action is AccountAction.CLOSE
        standing = account_life.standing_of(db_session(), row)
        left = left_behind(standing.left) if closing else []
        carry_figures(form, account_life.figures_of(standing, action))
        question = Question(
            PROPOSE[action],
            [(self.name, self.get_url(".index_view")), (row.code, back)],
            say=says(row, action),
            verb=PROPOSE[action],
            back=back,
            facts=[
                (_("口座"), f"{row.code}　{account_name(row)}"),
                (_("口座の持ち主"), owner_of(row)),
                (_("いまの状態"), badge(row.state)),
                (_("変更後の状態"), badge(account_life.LEADS_TO[action])),
            ],
            makes=[means(action), *left, _("確定には、起案した人とは別の承認者の確認が必要です。")],
        )
        return ask(self, form, question)

    @page("/suspend/", Permission.ACCOUNT_PROPOSE, methods=_ASKS)
    def suspend_view(self) -> Any:
        """Propose that nothing may leave the account for the time being."""
        return self._propose(AccountAction.SUSPEND)

    @page("/resume/", Permission.ACCOUNT_PROPOSE, methods=_ASKS)
    def resume_view(self) -> Any:
        """Propose that a suspended account is used again."""
        return self._propose(AccountAction.RESUME)

    @page("/close/", Permission.ACCOUNT_PROPOSE, methods=_ASKS)
    def close_view(self) -> Any:
        """Propose that an empty account is closed for good."""
        return self._propose(AccountAction.CLOSE)


def _lives(account: Account, changes: Sequence[AccountChange]) -> list[tuple[Any, ...]]:
    """The states an account has had, the newest first: (since, state, reason, proposer, confirmer)."""
    confirmed = [one for one in changes if one.state is ProposalState.CONFIRMED]
    found: list[tuple[Any, ...]] = [
        (
            one.confirmed_at,
            badge(account_life.LEADS_TO[one.action]),
            one.reason,
            one.proposed_by.name,
            one.confirmed_by.name if one.confirmed_by is not None else "",
        )
        for one in sorted(confirmed, key=lambda one: (one.confirmed_at, one.id), reverse=True)
    ]
    return [*found, (account.opened_at, badge(AccountState.OPEN), _("開設"), "", "")]


def views() -> list[Any]:
    return [AccountView(Account, name=_lp("list", "口座"), endpoint="account")]
