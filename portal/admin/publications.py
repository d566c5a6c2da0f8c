"""Tables for the public: proposed with a preview, released by another person, replaced, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask import abort, flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy.orm import joinedload

from portal.admin import formats, promised
from portal.admin.acts import (
    Question,
    ask,
    carry_figures,
    status,
    submitted,
)
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.admin.publication_changes import changes_of, goes_back, in_words
from portal.admin.publication_forms import EndForm, ProposeForm
from portal.admin.second_person import ConfirmForm, decline_words, declines, ending_form, ending_step
from portal.errors import Refusal
from portal.extensions import db_session
from portal.models import Phase, Publication, PublicationState, PublicationSubject
from portal.permissions import Permission
from portal.services import boards, publications
from portal.services.publication_content import day_of, last_whole_day
from portal.web import actor, texts
from portal.web_tables import publication_name, shown
from portal.web_text import day as day_words
from portal.web_text import label, moment, number, phase_name

_ASKS = ("GET", "POST")
_STATE, _DIFFERS = 2, 3  # their places in ``column_filters``
_S = PublicationState


def name_of(row: Publication) -> str:
    """第2期　検証済排出量."""
    return publication_name(row.phase.number, row.subject)


class DiffersFilter(ChoiceFilter):
    """What is public although the record says something else by now."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        public = Publication.state == PublicationState.RELEASED
        return query.filter(public, self.get_column(alias).is_not(None))


def _state(view: Any, context: Any, model: Publication, name: str) -> Any:
    badge = formats.state_until(view, context, model, name)
    if model.state is not _S.RELEASED or model.differs_since is None:
        return badge
    more = Markup('<span class="as-table__more as-table__more--bad">{}</span>')
    return badge + more.format(_("記録と違ってきています"))


class PublicationView(SecretariatView):
    """公表."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = (
        "phase.number",
        "subject",
        "state",
        "proposed_by.name",
        "proposed_at",
        "released_at",
        "ended_at",
    )
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("proposed_at", "released_at", "ended_at")
    column_details_list: Any = ("subject",)
    column_labels: Any = {
        "phase.number": _l("期"),
        "subject": _l("表"),
        "state": _l("状態"),
        "proposed_by.name": _l("起案者"),
        "proposed_at": _l("起案"),
        "released_at": _l("公表した日時"),
        "ended_at": _l("終えた日時"),
    }
    column_formatters: Any = {
        "phase.number": formats.unbroken(lambda m: phase_name(m.phase.number)),
        "subject": formats.word,
        "state": _state,
    }
    column_filters: Any = (
        ChoiceFilter(Publication.phase_id, _l("期"), phase_choices),
        ChoiceFilter(Publication.subject, _l("表"), lambda: [(s, label(s)) for s in PublicationSubject]),
        ChoiceFilter(Publication.state, _l("状態"), lambda: [(s, label(s)) for s in PublicationState]),
        DiffersFilter(Publication.differs_since, _l("記録との違い"), lambda: [("1", _("記録と違う"))]),
    )
    list_template = "admin/publication/list.html"
    details_template = "admin/publication/details.html"

    def get_query(self) -> Any:
        people = (Publication.proposed_by, Publication.confirmed_by, Publication.ended_by)
        return super().get_query().options(*(joinedload(one) for one in (Publication.phase, *people)))

    @page("/waiting/", Permission.RECORD_VIEW)
    def waiting(self) -> Any:
        """The list of what waits to be released by another person."""
        chosen = [(_STATE, "", _S.PROPOSED.value)]
        return redirect(self.list_address(filters=chosen, search=None, page=0))

    @page("/differing/", Permission.RECORD_VIEW)
    def differing(self) -> Any:
        """The list of what is public although the record says something else."""
        chosen = [(_DIFFERS, "", "1")]
        return redirect(self.list_address(filters=chosen, search=None, page=0))

    # ---- one publication

    def title_of(self, model: Publication) -> str:
        return name_of(model)

    def details_context(self, model: Publication) -> dict[str, Any]:
        waits = model.state is _S.PROPOSED
        return {
            "shown": shown(model.content),
            "outdated": self._judged(model)[0],
            "changes": changes_of(model),
            "back": goes_back(model.phase, model.subject, model.content) if waits else [],
            "ended_word": formats.outcome_word(model),
        }

    def history_of(self, model: Publication) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("publication", [model.id])])

    def _judged(self, model: Publication) -> tuple[bool, list[str]]:
        """(outdated, what stands against releasing it): once for a page, it reads the whole phase."""
        kept: dict[int, tuple[bool, list[str]]] = g.setdefault("publications_judged", {})
        if model.id not in kept:
            found = []
            if model.state is _S.PROPOSED:
                found = publications.release_problems(db_session(), model, actor())
                old = any(one.refusal is Refusal.PUBLICATION_OUTDATED for one in found)
            else:
                old = model.state is _S.RELEASED and publications.outdated(db_session(), model)
            kept[model.id] = old, texts(found)
        return kept[model.id]

    def _newer(self, model: Publication) -> bool:
        """Whether a newer table can be proposed: the record reads otherwise, or another day is over."""
        as_of = day_of(model.content)
        return self._judged(model)[0] or (as_of is not None and as_of < last_whole_day())

    def steps_for(self, model: Publication) -> list[Step]:
        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id))

        steps: list[Step] = []
        if model.state is _S.PROPOSED:
            if self.allows(Permission.PUBLICATION_CONFIRM) and not self._judged(model)[1]:
                steps.append(Step(_("公表する"), at("release_view")))
            rights = Permission.PUBLICATION_PROPOSE, Permission.PUBLICATION_CONFIRM
            steps += ending_step(self, model, at("withdraw_view"), rights)
        if model.state is _S.RELEASED:
            if self.allows(Permission.PUBLICATION_PROPOSE) and self._newer(model):
                url = self.get_url(".propose_view", phase=model.phase.number, subject=model.subject.value)
                steps.append(Step(_("新しい内容での差替えを起案する"), url))
            if self.allows(Permission.PUBLICATION_CONFIRM):
                steps.append(Step(_("公表を終える"), at("end_view"), "danger-quiet"))
        return steps

    def later_for(self, model: Publication) -> tuple[Any, Any] | None:
        if model.state is not _S.PROPOSED:
            return None
        head = _("公表は、まだできません")
        if self._judged(model)[0] and (said := self._overtaken(model)):
            return _("この起案は、公表できません"), said
        past = promised.past(model)
        if not self.allows(Permission.PUBLICATION_CONFIRM):
            return past or (head, _("公表できるのは、承認者の役割を持つ、起案した人とは別の人です。"))
        against = self._judged(model)[1]
        return (past[0] if past else head, " ".join(against)) if against else None

    def _overtaken(self, model: Publication) -> Any:
        """What a reader who cannot decline an overtaken proposal is told: who ends it, and how."""
        if not declines(model):
            return _("起案のあとで記録が変わりました。取り下げて、新しい内容で起案し直してください。")
        if self.allows(Permission.PUBLICATION_CONFIRM):
            return None
        return _("起案のあとで記録が変わりました。起案した人が取り下げるか、承認者が却下します。")

    # ---- proposing

    def _day(self, subject: PublicationSubject) -> date | None:
        """The day the address names (``?day=2015-10-14``), or yesterday; emissions have none."""
        if subject is not PublicationSubject.ALLOWANCES:
            return None
        try:
            return date.fromisoformat(request.args.get("day", ""))
        except ValueError:
            return last_whole_day()

    def _asked(self) -> tuple[list[Phase], Phase, PublicationSubject]:
        """(all phases, the phase and the subject the address names; without one the phase that is over)."""
        found = boards.phases(db_session())
        wanted, word = request.args.get("phase"), request.args.get("subject", PublicationSubject.EMISSIONS)
        if wanted is None:
            chosen = boards.phase_to_publish(db_session(), found)
        else:
            chosen = next((one for one in found if str(one.number) == wanted), None)
        if chosen is None or word not in list(PublicationSubject):
            abort(404)
        return found, chosen, PublicationSubject(word)

    @page("/propose/", Permission.PUBLICATION_PROPOSE, methods=_ASKS)
    def propose_view(self) -> Any:
        """Exactly what the public would read, and the button that proposes it as it stands."""
        _found, phase, subject = self._asked()
        phase_id, day = phase.id, self._day(subject)
        form = ProposeForm()
        made = submitted(
            form,
            lambda: publications.propose(
                db_session(),
                phase_id,
                subject,
                actor=actor(),
                day=day,
                seen=form["seen"].data or "",
                note=form["note"].data,
                key=form["key"].data,
            ),
        )
        if made is not None:
            flash(_("公表を起案しました。別の承認者が内容を確かめて、公表します。"), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        found, phase, subject = self._asked()
        content, _mark = publications.present(db_session(), phase, subject, day)
        carry_figures(form, content)
        against = texts(publications.propose_problems(db_session(), phase, subject, content))
        html = self.render(
            "admin/publication/propose.html",
            form=form,
            phases=found,
            phase=phase,
            subject=subject,
            subjects=list(PublicationSubject),
            shown=shown(content),
            against=against,
            back=goes_back(phase, subject, content),
            day=day,
            latest=last_whole_day(),
        )
        return html, status()

    # ---- acts

    def _row(self) -> Publication:
        row: Publication = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: Publication, title: Any, say: Any, verb: Any, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        parents = [(self.name, self.get_url(".index_view")), (name_of(row), back)]
        return Question(title, parents, say, verb, back, **more)

    def _facts(self, row: Publication) -> list[tuple[Any, Any]]:
        holders = len(row.content["rows"])
        facts = [
            (_("表"), name_of(row)),
            (_("目標保有者"), ngettext("%(n)s者", "%(n)s者", holders, n=number(holders))),
            *([(_("数量の日"), day_words(as_of))] if (as_of := day_of(row.content)) is not None else []),
            (_("起案した人"), row.proposed_by.name),
            (_("起案した日時"), moment(row.proposed_at)),
            *promised.fact(row),
        ]
        return facts + ([(_("申し送り"), row.note)] if row.note else [])

    def _act(
        self,
        form: Any,
        work: Callable[[int], Any],
        told: Any,
        question: Callable[[Publication], Question],
    ) -> Any:
        """Ask on a page of its own; when answered, do ``work`` with the publication's number."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        if submitted(form, lambda: work(row_id)) is not None:
            flash(str(told), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, question(self._row()))

    @page("/release/", Permission.PUBLICATION_CONFIRM, methods=_ASKS)
    def release_view(self) -> Any:
        """The second person lets it out."""
        form = ConfirmForm(data={"version": self._row().version})

        def work(row_id: int) -> Publication:
            form.prove()
            seen, version = form["seen"].data or "", form["version"].data
            return publications.release(db_session(), row_id, seen=seen, version=version, actor=actor())

        told = _("公表しました。どなたでも読めます。")
        return self._act(form, work, told, lambda row: self._release_question(row, form))

    def _release_question(self, row: Publication, form: Any) -> Question:
        carry_figures(form, publications.figures_of(db_session(), row))
        changes = changes_of(row)
        makes = [_("ログインしていない人も含めて、どなたでも読めるようになります。")]
        if changes is not None:
            makes += [in_words(changes)] if changes else []
            makes.append(_("いま公表している表は、この表に置き換わります。前の表は事務局の記録に残ります。"))
        makes.append(_("この期の目標保有者に、メールでお知らせします。"))
        return self._question(
            row,
            _("公表の確認"),
            _("%(name)sを公表します。", name=name_of(row)),
            _("%(name)sを公表する", name=name_of(row)),
            facts=self._facts(row),
            makes=makes,
            notes=goes_back(row.phase, row.subject, row.content),
            warn=(
                _("公表した内容は、読んだ人の手元に残ります。"),
                _("公表を終えても、取り戻すことはできません。表の内容を確かめてから公表してください。"),
            ),
        )

    @page("/withdraw/", Permission.PUBLICATION_PROPOSE, methods=_ASKS)
    def withdraw_view(self) -> Any:
        """Its proposer takes a proposal back, or another declines it; nothing becomes public."""
        row = self._row()
        form, declining = ending_form(row), declines(row)
        title, say, told, declined = decline_words()
        verb = title if declining else _("起案を取り下げる")
        return self._act(
            form,
            lambda row_id: publications.withdraw(
                db_session(),
                row_id,
                actor=actor(),
                version=form["version"].data,
                reason=form["reason"].data,
            ),
            declined if declining else _("起案を取り下げました。公開ページは変わっていません。"),
            lambda row: self._question(
                row,
                verb,
                say if declining else _("この公表の起案を取り下げます。公開ページは変わりません。"),
                verb,
                facts=self._facts(row),
                makes=[told] if declining else [],
                danger=True,
            ),
        )

    @page("/end/", Permission.PUBLICATION_CONFIRM, methods=_ASKS)
    def end_view(self) -> Any:
        """A released table is taken from the public page."""
        form = EndForm(data={"version": self._row().version})

        def work(row_id: int) -> Publication:
            form.prove()
            return publications.end(
                db_session(), row_id, form["reason"].data or "", actor=actor(), version=form["version"].data
            )

        return self._act(
            form,
            work,
            _("公表を終えました。公開ページからなくなりました。"),
            lambda row: self._question(
                row,
                _("公表を終える"),
                _("%(name)sの公表を終えます。", name=name_of(row)),
                _("公表を終える"),
                facts=self._facts(row),
                makes=[
                    _("公開ページからなくなります。前に公表していた表は戻りません。"),
                    _("表の内容は、事務局の記録に残ります。"),
                ],
                danger=True,
            ),
        )


def views() -> list[Any]:
    """The screens of this subject."""
    return [PublicationView(Publication, name=_lp("list", "公表"), endpoint="publication")]
