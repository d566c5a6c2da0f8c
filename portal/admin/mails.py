"""The outbox as the office reads it: every message as it was or will be sent; a failed one goes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.admin import formats
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.extensions import db_session
from portal.models import MailMessage, MailState
from portal.permissions import Permission
from portal.services import outbox
from portal.services.mail_kinds import KINDS, MailKind, Topic
from portal.web import actor, carry_out, done
from portal.web_text import label

_TOPICS: dict[Topic, Any] = {
    Topic.REPORTS: _l("排出量の報告"),
    Topic.ALLOWANCES: _l("排出枠"),
    Topic.REGISTRATION: _l("登録と利用者"),
}
_STATE = 0  # its place in ``column_filters``


def topic_word(kind: str) -> str:
    """What a mail is about, in words; a kind that is no longer used is shown as it is stored."""
    return str(_TOPICS[KINDS[MailKind(kind)].topic]) if kind in {one.value for one in MailKind} else kind


class TopicFilter(ChoiceFilter):
    """Mails of all kinds of one topic."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        kinds = [kind.value for kind, line in KINDS.items() if line.topic is value]
        return query.filter(self.get_column(alias).in_(kinds))


class MailView(SecretariatView):
    """メール."""

    permission_view = Permission.RECORD_VIEW
    #: a subject names its object and needs the width; the rest stands on the mail's page and in files
    column_list = ("subject", "kind", "recipient_name", "state", "created_at")
    column_export_list: Any = (*column_list, "attempts", "sent_at")
    column_searchable_list = ("subject", "recipient", "recipient_name")
    column_default_sort = ("id", True)
    column_sortable_list = ("created_at",)
    column_figures = frozenset({"attempts"})
    column_labels: Any = {
        "subject": _l("件名"),
        "kind": _l("種類"),
        "recipient_name": _l("宛先"),
        "state": _l("状態"),
        "attempts": _l("送信した回数"),
        "created_at": _l("作成"),
        "sent_at": _l("送信"),
    }
    column_formatters = {
        "kind": lambda _v, _c, m, _n: topic_word(m.kind),
        "recipient_name": formats.two_lines("recipient"),
        "state": formats.state,
        "attempts": formats.figure,
    }
    column_formatters_export = {
        "kind": lambda _v, _c, m, _n: topic_word(m.kind),
        "recipient_name": lambda _v, _c, m, _n: f"{m.recipient_name} <{m.recipient}>",
    }
    column_filters = (
        ChoiceFilter(MailMessage.state, _l("状態"), lambda: [(s, label(s)) for s in MailState]),
        TopicFilter(MailMessage.kind, _l("種類"), lambda: list(_TOPICS.items())),
        FromDayFilter(MailMessage.created_at, _l("作成（から）")),
        ToDayFilter(MailMessage.created_at, _l("作成（まで）")),
    )
    search_help = _l("件名、宛先の名前、メールアドレスで探せます。")
    details_template = "admin/mail/details.html"

    def title_of(self, model: MailMessage) -> str:
        return model.subject

    def details_context(self, model: MailMessage) -> dict[str, Any]:
        return {"topic": topic_word(model.kind), "lines": model.body.splitlines()}

    def history_of(self, model: MailMessage) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("mail_message", [model.id])])

    def steps_for(self, model: MailMessage) -> Sequence[Step]:
        if model.state is not MailState.FAILED or not self.allows(Permission.MAIL_RESEND):
            return ()
        return (Step(_("もう一度送る"), self.get_url(".resend"), post=True, fields={"id": model.id}),)

    def later_for(self, model: MailMessage) -> tuple[Any, Any] | None:
        if model.state is MailState.QUEUED:
            return _("送信を待っています"), _("送れないときは、間をあけて自動で送り直します。")
        return None

    @page("/failed/", Permission.RECORD_VIEW)
    def failed(self) -> Any:
        """The mails that could not be sent."""
        chosen = {f"flt{_STATE}_{_STATE}": MailState.FAILED.value}
        return redirect(self.get_url(".index_view", **chosen))

    @page("/resend/", Permission.MAIL_RESEND, methods=("POST",))
    def resend(self) -> Any:
        """A failed mail goes into the queue again, with its Message-ID."""
        row_id = self.get_one(request.form.get("id", "")).id
        carry_out(lambda: outbox.resend(db_session(), row_id, actor=actor()))
        done(_("送信待ちに戻しました。まもなく送ります。"))
        return redirect(self.get_url(".details_view", id=row_id))


def views() -> list[Any]:
    return [MailView(MailMessage, name=_l("メール"), endpoint="mail")]
