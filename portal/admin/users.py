"""Logins of everybody: their state, enabling and disabling, new colleagues of the secretariat (domain §2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.acts import ProvenReasonForm, Question, ReasonForm, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.colleagues import ColleagueForm, ColleaguePages
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.login_states import (
    KindFilter,
    PasswordFilter,
    StateFilter,
    affiliation,
    password_badge,
    password_word,
    state_badge,
    state_word,
)
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import Holder, Trader, User, Verifier
from portal.permissions import SECRETARIAT, Permission, Role
from portal.services import login_locks, logins, users
from portal.services.numbers import search_key
from portal.services.users import PasswordState, password_state
from portal.web import actor
from portal.web_text import label

__all__ = ["UserView", "affiliation", "views"]


def _affiliation(_view: Any, _context: Any, model: User, _name: str) -> str:
    return affiliation(model)


class UserView(ColleaguePages, SecretariatView):
    """利用者."""

    permission_view = Permission.RECORD_VIEW
    permission_edit = Permission.USERS_MANAGE
    can_create = True
    form = ColleagueForm
    create_label = _l("事務局の利用者を追加する")
    column_list: Any = ("login_id", "name", "role", "holder", "active", "password", "last_login_at")
    column_default_sort = ("login_id", False)
    column_sortable_list: Any = ("login_id", "name", "last_login_at")
    column_searchable_list: Any = ("login_id",)
    column_labels: Any = {
        "login_id": _l("ログインID"),
        "name": _l("氏名"),
        "role": _l("役割"),
        "holder": _l("所属"),
        "active": _l("状態"),
        "password": _l("パスワード"),
        "last_login_at": _l("最後のログイン"),
    }
    column_formatters: Any = {
        "role": formats.word,
        "holder": _affiliation,
        "active": lambda _v, _c, m, _n: state_badge(m),
        "password": lambda _v, _c, m, _n: password_badge(m),
    }
    column_formatters_export: Any = {
        "role": formats.word,
        "active": lambda _v, _c, m, _n: state_word(m),
        "password": lambda _v, _c, m, _n: password_word(m),
        "holder": _affiliation,
    }
    column_filters: Any = (
        KindFilter(User.id, _l("所属の種類")),
        ChoiceFilter(User.role, _l("役割"), lambda: [(r, label(r)) for r in Role]),
        StateFilter(User.active, _l("状態")),
        PasswordFilter(User.must_change_password, _l("パスワード")),
    )
    search_help = _l("ログインID、氏名、メールアドレス、参加者の会社名・事業所名（漢字・かな）で探せます。")
    details_template = "admin/user/details.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(User.holder).joinedload(Holder.representative),
                joinedload(User.trader).joinedload(Trader.organisation),
                joinedload(User.verifier).joinedload(Verifier.organisation),
            )
        )

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        """Each word in the login's own columns or its participant's folded names; without a join."""
        for word in search.replace("\u3000", " ").split():
            found = _found_by(word)
            query = query.filter(found)
            count_query = count_query.filter(found) if count_query is not None else None
        return query, count_query, joins, count_joins

    def title_of(self, model: User) -> str:
        return model.login_id

    def details_context(self, model: User) -> dict[str, Any]:
        return {
            "affiliation": affiliation(model),
            "badge": state_badge(model),
            "password": password_badge(model),
            "owner_url": self._owner_url(model),
            "paused": logins.paused_until(db_session(), model.login_id),
        }

    def _owner_url(self, model: User) -> str | None:
        owner = _owner(model)
        return self.get_url(f"{owner[0]}.details_view", id=owner[1]) if owner is not None else None

    def steps_for(self, model: User) -> Sequence[Step]:
        office = model.role in SECRETARIAT
        steps = self._office_steps(model) if office else self._participant_steps(model)
        if self.allows(Permission.USERS_MANAGE) and model.id != actor().id:
            if model.active:
                steps.append(Step(_("停止する"), self.get_url(".disable_view", id=model.id), "danger-quiet"))
            else:
                steps.append(Step(_("停止を解く"), self.get_url(".enable_view", id=model.id)))
        return steps

    def _office_steps(self, model: User) -> list[Step]:
        if not self.allows(Permission.USERS_MANAGE) or model.id == actor().id or not model.active:
            return []
        return [
            Step(_("パスワードを再発行する"), self.get_url(".password_view", id=model.id), "other"),
            Step(_("役割を変更する"), self.get_url(".role_view", id=model.id), "other"),
        ]

    def _participant_steps(self, model: User) -> list[Step]:
        steps, owner = [], _owner(model)
        brakes = self.allows(Permission.LOGIN_LOCK)
        if brakes and model.locked_at is not None:
            steps.append(Step(_("ロックを解く"), self.get_url(".unlock_view", id=model.id)))
        elif brakes and logins.paused_until(db_session(), model.login_id) is not None:
            words = _("続けて間違えたための待ち時間を解く")
            steps.append(Step(words, self.get_url(".unlock_view", id=model.id)))
        if owner is not None and model.active and self.allows(Permission.LOGIN_REISSUE):
            url = self.get_url(f"{owner[0]}.reissue_view", id=owner[1], login=model.login_id)
            steps.append(Step(_("パスワードを再発行する通知書を作る"), url, "other"))
        if brakes and model.usable:
            steps.append(Step(_("ロックする"), self.get_url(".lock_view", id=model.id), "danger-quiet"))
        return steps

    def later_for(self, model: User) -> tuple[Any, Any] | None:
        if model.id == actor().id:
            return _("自分のログインIDです"), _("停止と役割の変更は、ほかの承認者が行います。")
        if model.role in SECRETARIAT and not self.allows(Permission.USERS_MANAGE):
            return _("事務局の利用者は、承認者が管理します"), _("停止、役割の変更、パスワードの再発行など。")
        if model.locked_at is not None and model.active:
            return (
                _("ロック中は、新しいパスワードでもログインできません"),
                _("通知書でパスワードを再発行したあと、本人に届いたことを確かめてから、ロックを解きます。"),
            )
        if password_state(model) in (PasswordState.NONE, PasswordState.OVER):
            return (
                _("このログインIDは、まだ使えません"),
                _("通知書を印刷して送ると、本人がその初期パスワードでログインできます。"),
            )
        return None

    def history_of(self, model: User) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("user", [model.id])])

    # ---- acts

    def _row(self) -> User:
        row: User = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: User, title: str, say: str, danger: bool = False) -> Question:
        back = self.get_url(".details_view", id=row.id)
        facts = [(_("ログインID"), row.login_id), (_("氏名"), row.name), (_("所属"), affiliation(row))]
        parents = [(self.name, self.get_url(".index_view")), (row.login_id, back)]
        return Question(title, parents, say=say, verb=title, back=back, facts=facts, danger=danger)

    def _with_reason(
        self,
        work: Callable[..., User],
        title: str,
        say: str,
        told: str,
        *,
        danger: bool = False,
        form_class: type[VersionForm] = ReasonForm,
    ) -> Any:
        """A page that asks for a reason and then does ``work(session, id, reason=…, actor=…, version=…)``."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form: Any = form_class(data={"version": row.version})
        form["reason"].description = _("本人へのメールと記録に、このまま載ります。")

        def act() -> User:
            if isinstance(form, ProvenReasonForm):
                form.prove()
            reason, version = form["reason"].data or "", form["version"].data
            return work(db_session(), row_id, reason=reason, actor=actor(), version=version)

        done = submitted(form, act)
        if done is not None:
            flash(told, "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, self._question(self._row(), title, say, danger=danger))

    @page("/lock/", Permission.LOGIN_LOCK, methods=("GET", "POST"))
    def lock_view(self) -> Any:
        return self._with_reason(
            login_locks.lock,
            _("ロックする"),
            _("このログインIDを、ロックを解くまで使えなくします。ログイン中の画面は、すべて終わります。"),
            _("ロックしました。"),
            danger=True,
        )

    @page("/unlock/", Permission.LOGIN_LOCK, methods=("GET", "POST"))
    def unlock_view(self) -> Any:
        return self._with_reason(
            login_locks.unlock,
            _("ロックを解く"),
            _(
                "このログインIDを、いまのパスワードでまた使えるようにします。"
                "続けて間違えたための待ち時間もなくなります。"
            ),
            _("ロックを解きました。"),
        )

    @page("/disable/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def disable_view(self) -> Any:
        return self._with_reason(
            partial(users.set_active, active=False),
            _("停止する"),
            _("このログインIDを使えなくします。ログイン中の画面は、すべて終わります。"),
            _("停止しました。"),
            danger=True,
        )

    @page("/enable/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def enable_view(self) -> Any:
        return self._with_reason(
            partial(users.set_active, active=True),
            _("停止を解く"),
            _("このログインIDを、また使えるようにします。"),
            _("停止を解きました。"),
            form_class=ProvenReasonForm,
        )


def _owner(user: User) -> tuple[str, int] | None:
    """(screen, id) of the participant whose login it is."""
    owners = (("holder", user.holder_id), ("trader", user.trader_id), ("verifier", user.verifier_id))
    return next(((screen, row_id) for screen, row_id in owners if row_id is not None), None)


def _found_by(word: str) -> Any:
    """Logins that a typed word finds: their own columns, or the names their participant is searched by."""
    own = [column.icontains(word, autoescape=True) for column in (User.login_id, User.name, User.email)]
    folded = search_key(word)
    if folded:
        own += [
            column.in_(select(model.id).where(model.search_key.contains(folded, autoescape=True)))
            for column, model in (
                (User.holder_id, Holder),
                (User.trader_id, Trader),
                (User.verifier_id, Verifier),
            )
        ]
    return or_(*own)


def views() -> list[Any]:
    """The screens of this subject."""
    return [UserView(User, name=_l("利用者"), endpoint="user")]
