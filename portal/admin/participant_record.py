"""The whole record of a participant on one page: what holders, traders and verifiers have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from portal import clock
from portal.admin import record_words
from portal.admin.account_words import PROPOSE
from portal.admin.acts import KeyForm, Needed, Question, ask, submitted
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.paper_changes import PaperChangePages, code_of
from portal.admin.participant_history import HistoryPages
from portal.extensions import db_session
from portal.models import Account, AccountAction, CompanyChange, DecisionState, ParticipantKind, Verifier
from portal.permissions import Permission
from portal.services import account_life, notes
from portal.services.records import Participant
from portal.services.whole_record import WholeRecord, whole_record
from portal.web import actor

#: how many events the page of a record shows
EVENTS = 15


class NoteForm(KeyForm):
    """A note of the office."""

    text = TextAreaField(
        _l("メモ"),
        validators=[Needed()],
        description=_l("事務局だけが読めます。書いたあとは、直すことも消すこともできません。2,000字まで。"),
    )


class RecordPages(PaperChangePages, HistoryPages):
    """The sections, steps and pages of a participant's record. Mix in before ``SecretariatView``."""

    record_kind: ClassVar[ParticipantKind]

    def record_context(self, model: Participant) -> dict[str, Any]:
        """What the sections of ``templates/admin/record`` show."""
        view: Any = self
        return {
            "record": self._record(model),
            "note_form": NoteForm() if view.allows(Permission.NOTE_WRITE) else None,
            "code": code_of(model),
            "now": clock.now(),
            "items_of": self._items_of,
            "letters": self._record(model).letters,
        }

    def _items_of(self, change: CompanyChange) -> str:
        return _("、").join(record_words.word(item, self.record_kind) for item in change.new)

    def record_steps(self, model: Participant) -> list[Step]:
        """The acts on the record itself; they stand behind those of the subject."""
        view: Any = self
        steps = []
        if view.allows(Permission.REGISTRATION_EDIT):
            url = view.get_url(".paper_view", id=model.id)
            steps.append(Step(_("登録情報変更申請書を記録する"), url, "other"))
        if view.allows(Permission.NOTE_WRITE):
            steps.append(Step(_("メモを書く"), view.get_url(".note_view", id=model.id), "other"))
        return [*self.elsewhere_steps(model), *steps]

    def waiting_steps(self, model: Participant) -> list[Step]:
        """What waits for the office; it stands before the acts of the subject."""
        view: Any = self
        if not view.allows(Permission.CONTACT_CHANGE_DECIDE):
            return []
        return [
            Step(_("担当者の変更申請を審査する"), view.get_url("contact_change.details_view", id=change.id))
            for change in self._record(model).contact_changes
            if change.state is DecisionState.APPLIED
        ]

    def elsewhere_steps(self, model: Participant) -> list[Step]:
        """Acts on its account and its logins: their own pages ask, this one leads there."""
        view: Any = self
        steps = [] if isinstance(model, Verifier) else self._account_steps(model.account)
        if not view.allows(Permission.LOGIN_LOCK):
            return steps
        for user in model.users:
            if user.locked_at is not None:
                words = _("%(login)sのロックを解く", login=user.login_id)
                steps.append(Step(words, view.get_url("user.details_view", id=user.id), "other"))
        usable = [user for user in model.users if user.usable]
        if len(usable) == 1:
            url = view.get_url("user.details_view", id=usable[0].id)
            steps.append(Step(_("%(login)sをロックする", login=usable[0].login_id), url, "other"))
        elif usable:
            steps.append(Step(_("ログインIDを選んでロックする"), "#logins", "other"))
        return steps

    def _account_steps(self, account: Account) -> list[Step]:
        view: Any = self
        session, url = db_session(), view.get_url("account.details_view", id=account.id)
        if account_life.open_change(session, account.id) is not None:
            may_act = view.allows(Permission.ACCOUNT_PROPOSE) or view.allows(Permission.ACCOUNT_CONFIRM)
            return [Step(_("起案された口座の状態の変更を見る"), url, "other")] if may_act else []
        if not view.allows(Permission.ACCOUNT_PROPOSE):
            return []
        standing = account_life.standing_of(session, account)
        acts = [act for act in AccountAction if not account_life.refusals_for(standing, act)]
        if not acts:
            return []
        words = _("、").join(str(PROPOSE[act]) for act in acts)
        return [Step(_("口座の画面へ（%(acts)s）", acts=words), url, "other")]

    def record_history(
        self, model: Participant, *more: tuple[str, list[int]], holder_id: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The newest events about the participant and all that is its own; one query."""
        found = self._record(model)
        subjects = [
            ("registration_application", [model.application_id]),
            ("letter", [one.id for one in found.letters]),
            ("user", [one.id for one in model.users]),
            ("contact_change", [one.id for one in found.contact_changes]),
            ("company_change", [one.id for one in found.paper_changes]),
            ("participant_note", [one.id for one in found.notes]),
            *more,
        ]
        # the page is long; the audit trail behind its link has all of them
        return list(history(db_session(), subjects, holder_id=holder_id, longest=EVENTS))

    def _record(self, model: Participant) -> WholeRecord:
        """The record of the one participant this request shows, read once."""
        if "whole_record" not in g:
            g.whole_record = whole_record(db_session(), model)
        found: WholeRecord = g.whole_record
        return found

    @page("/note/", Permission.NOTE_WRITE, methods=("GET", "POST"))
    def note_view(self) -> Any:
        view: Any = self
        row: Participant = view.get_one(request.args.get("id", ""))
        row_id = row.id
        form = NoteForm()
        made = submitted(
            form,
            lambda: notes.write(
                db_session(),
                self.record_kind,
                row_id,
                form["text"].data or "",
                actor=actor(),
                key=form["key"].data,
            ),
        )
        back = view.get_url(".details_view", id=row_id)
        if made is not None:
            flash(_("メモを書きました。"), "good")
            return redirect(f"{back}#notes")
        row = view.get_one(str(row_id))
        question = Question(
            _("メモを書く"),
            [(view.name, view.get_url(".index_view")), (row.label, back)],
            say=_("この参加者についての、事務局のメモを残します。"),
            verb=_("メモを書く"),
            back=back,
            facts=[(_("参加者"), f"{code_of(row)}　{row.label}")],
        )
        return ask(view, form, question)
