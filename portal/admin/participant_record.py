"""The whole record of a participant on one page: what holders, traders and verifiers have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from portal import clock
from portal.admin import record_words
from portal.admin.acts import KeyForm, Needed, Question, ask, submitted
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.paper_changes import PaperChangePages, code_of
from portal.admin.participant_history import HistoryPages
from portal.extensions import db_session
from portal.models import CompanyChange, ParticipantKind
from portal.permissions import Permission
from portal.services import notes
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
        return steps

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
