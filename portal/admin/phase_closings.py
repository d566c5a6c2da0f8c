"""Closing a phase: what stands against it, the totals, the proposal and the second person's look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from flask import flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from wtforms import TextAreaField

from portal import clock
from portal.admin import formats
from portal.admin.acts import KeyForm, Needed, Question, SeenField, ask, carry_figures, submitted
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.forms import VersionField
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.errors import NotFound, Refusal
from portal.extensions import db_session
from portal.models import Phase, PhaseClosing, ProposalState
from portal.permissions import Permission
from portal.services import boards, book_checks, phase_closings
from portal.services.phase_closings import Totals
from portal.services.report_rules import rule_of
from portal.web import actor, texts
from portal.web_text import label, number, phase_name

_ASKS = ("GET", "POST")
#: what a comparison of the books puts right, or shows
_OF_THE_BOOKS = frozenset({Refusal.CLOSING_NOT_COMPARED, Refusal.BOOKS_DISAGREE, Refusal.TOTALS_NOT_EVEN})

#: what the second person's pages know of it
PROPOSALS = Proposals(
    endpoint="phase_closing",
    propose=Permission.TARGET_PROPOSE,
    confirm=Permission.TARGET_CONFIRM,
    waits=lambda one: one.state is ProposalState.PROPOSED,
    problems=lambda one: phase_closings.confirm_problems(db_session(), one, actor()),
)


class ClosingForm(KeyForm):
    """Proposing the closing: made once, from the page's version, with a reason."""

    version = VersionField()
    seen = SeenField()
    reason = TextAreaField(_l("理由"), validators=[Needed()])


def totals_words(found: Totals) -> list[tuple[Any, str]]:
    """The totals of a phase in words."""

    def jaa(units: int) -> str:
        return _("%(n)s JAA", n=number(units))

    rows: list[tuple[Any, str]] = [(_("発行した量"), jaa(found.issued))]
    if found.carried_in:
        rows.append((_("前の期からバンキングした量"), jaa(found.carried_in)))
    rows += [
        (_("次の期へバンキングした量"), jaa(found.carried_out)),
        (_("償却した量"), jaa(found.retired)),
        (_("取消した量"), jaa(found.cancelled)),
        (_("オフセットした量"), jaa(found.offset)),
        (_("口座に残っている量"), jaa(found.held)),
        (_("照合"), _evenness(found)),
    ]
    if found.transferred is not None:
        rows.append((_("移転された量"), jaa(found.transferred)))
    rows += [
        (_("目標保有者"), ngettext("%(n)s者", "%(n)s者", found.holders, n=number(found.holders))),
        (_("目標を達成"), ngettext("%(n)s者", "%(n)s者", found.met, n=number(found.met))),
        (_("期限超過・未遵守"), ngettext("%(n)s者", "%(n)s者", found.missed, n=number(found.missed))),
    ]
    if found.not_obliged:
        free = found.not_obliged
        rows.append((_("対象外"), ngettext("%(n)s者", "%(n)s者", free, n=number(free))))
    return rows


@dataclass(frozen=True)
class OpenPhase:
    """A phase that is not closed. ``until``: the last day of its banking window; till then no address."""

    name: str
    until: date
    proposed: bool
    ready: bool
    address: str


def _evenness(found: Totals) -> str:
    """Whether everything that came is somewhere, in words with the figures."""
    values = {"came": number(found.came), "elsewhere": number(found.elsewhere)}
    if found.adds_up:
        return _("一致（あるはずの量も、実際にある量も%(came)s JAA）", **values)
    return _("不一致（あるはずの量は%(came)s JAA、実際にある量は%(elsewhere)s JAA）", **values)


class PhaseClosingView(ProposalView):
    """期の締め."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, ProposalState.PROPOSED.value)
    withdrawal_says = _l("この期の締めの起案を取り下げます。期は開いたままです。")
    withdrawal_told = _l("起案を取り下げました。期は開いたままです。")
    column_list: Any = ("phase_id", "proposed_at", "state", "confirmed_at")
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("proposed_at", "confirmed_at")
    column_details_list: Any = ("reason",)
    column_labels: Any = {
        "phase_id": _l("期"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
        "confirmed_at": _l("確定"),
        "reason": _l("理由"),
    }
    column_formatters: Any = {
        "phase_id": lambda _v, _c, m, _n: phase_name(m.phase.number),
        "state": formats.state_until,
        "proposed_at": formats.moment_and("proposed_by.name"),
        "confirmed_at": formats.moment_and("confirmed_by.name"),
    }
    column_formatters_export: Any = {
        "phase_id": lambda _v, _c, m, _n: phase_name(m.phase.number),
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
        "confirmed_at": lambda _v, _c, m, _n: m.confirmed_at,
    }
    column_filters: Any = (
        ChoiceFilter(PhaseClosing.state, _l("状態"), lambda: [(s, label(s)) for s in ProposalState]),
    )
    list_template = "admin/closing/list.html"
    details_template = "admin/closing/details.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(PhaseClosing.phase),
                joinedload(PhaseClosing.proposed_by),
                joinedload(PhaseClosing.confirmed_by),
            )
        )

    def open_phases(self) -> list[OpenPhase]:
        """The phases that are not closed: which can be, and from when the others could."""
        session, found = db_session(), []
        for one in boards.phases(session):
            if one.closed_at is not None:
                continue
            until = rule_of(one).banking_until
            over = clock.today() > until
            proposed = phase_closings.live(session, one.id) if over else None
            ready = over and proposed is None and not phase_closings.closing_problems(session, one)
            address = self.get_url(".standing", phase=one.number) if over else ""
            found.append(OpenPhase(phase_name(one.number), until, proposed is not None, ready, address))
        return found

    # ---- one closing

    def title_of(self, model: PhaseClosing) -> str:
        return _("%(phase)sの締め", phase=phase_name(model.phase.number))

    def details_context(self, model: PhaseClosing) -> dict[str, Any]:
        kept = phase_closings.kept_totals(model)
        found = kept if kept is not None else phase_closings.totals(db_session(), model.phase)
        return {"totals": totals_words(found), "frozen": kept is not None, "adds_up": found.adds_up}

    def history_of(self, model: PhaseClosing) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("phase_closing", [model.id])])

    # ---- the proposal

    def _phase(self) -> Phase:
        wanted = request.args.get("phase", "")
        for one in boards.phases(db_session()):
            if str(one.number) == wanted:
                return one
        raise NotFound

    @page("/standing/", Permission.ALLOWANCE_ALL_VIEW)
    def standing(self) -> Any:
        """What stands against closing the phase, and its totals now; a closed one leads to its closing."""
        phase = self._phase()
        found = phase_closings.live(db_session(), phase.id)
        if found is not None:
            return redirect(self.get_url(".details_view", id=found.id))
        problems = phase_closings.closing_problems(db_session(), phase)
        at_work = book_checks.underway(db_session()) is not None
        if at_work:
            # it is being mended: what is missing is no news
            problems = [one for one in problems if one.refusal is not Refusal.CLOSING_NOT_COMPARED]
        by_the_books = any(one.refusal in _OF_THE_BOOKS for one in problems)
        waits = any(one.refusal is Refusal.CLOSING_PENDING for one in problems)
        return self.render(
            "admin/closing/standing.html",
            name=phase_name(phase.number),
            against=texts(problems),
            at_work=at_work,
            again=self.get_url(".standing", phase=phase.number),
            totals=totals_words(phase_closings.totals(db_session(), phase)),
            back=self.get_url(".index_view"),
            books=self.get_url("book_check.index_view") if by_the_books else "",
            waiting=self._waiting(phase) if waits else [],
            propose=self.get_url(".propose", phase=phase.number),
            may_propose=self.allows(Permission.TARGET_PROPOSE),
        )

    def _waiting(self, phase: Phase) -> list[tuple[Any, str]]:
        """The ways to what still waits about the phase's units: (words, address)."""
        found = phase_closings.pending_of(db_session(), phase)
        places = (
            (_("移動の確認"), "movement", found.movements),
            (_("一括発行"), "issue_batch", found.batched),
            (_("バンキング申請"), "banking", found.applications),
            (_("期と期限"), "phase_proposal", found.phase_proposals),
        )
        return [
            (
                _("%(where)sを開く（%(n)s件）", where=where, n=number(count)),
                self.get_url(f"{name}.index_view"),
            )
            for where, name, count in places
            if count
        ]

    @page("/propose/", Permission.TARGET_PROPOSE, methods=_ASKS)
    def propose(self) -> Any:
        """One person proposes to close the phase, with a reason."""
        phase = self._phase()
        phase_id, name = phase.id, phase_name(phase.number)
        form = ClosingForm(data={"version": phase.version})
        if request.method == "GET" and phase_closings.closing_problems(db_session(), phase):
            return redirect(self.get_url(".standing", phase=phase.number))
        made = submitted(
            form,
            lambda: phase_closings.propose(
                db_session(),
                phase_id,
                reason=form["reason"].data or "",
                version=form["version"].data,
                key=form["key"].data,
                seen=form["seen"].data or "",
                actor=actor(),
            ),
        )
        if made is not None:
            flash(_("起案しました。別の承認者が確認すると、期が締まります。"), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        phase = self._phase()
        found = phase_closings.totals(db_session(), phase)
        carry_figures(form, asdict(found))
        verb = _("%(phase)sの締めを起案する", phase=name)
        back = str(self.get_url(".standing", phase=phase.number))
        question = Question(
            verb,
            [(self.name, self.get_url(".index_view")), (name, back)],
            _("%(phase)sを締める起案をします。", phase=name),
            verb,
            back,
            facts=totals_words(found),
            makes=_consequences(),
        )
        return ask(self, form, question)

    # ---- the second person

    def shown(self, row: PhaseClosing) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = [(_("期"), phase_name(row.phase.number))]
        return [*found, *totals_words(self._totals(row))]

    @staticmethod
    def _totals(row: PhaseClosing) -> Totals:
        """As they stand, summed up once for a page."""
        kept: dict[int, Totals] = g.setdefault("closing_totals", {})
        if row.id not in kept:
            kept[row.id] = phase_closings.totals(db_session(), row.phase)
        return kept[row.id]

    def confirmation(self, row: PhaseClosing) -> Confirmation:
        name = phase_name(row.phase.number)
        return Confirmation(
            _("期の締めを確定する"),
            _("%(phase)sを締めます。この期の排出枠は、もう動かせなくなります。", phase=name),
            _("%(phase)sを締める", phase=name),
            makes=[
                *_consequences(),
                _("目標保有者と、この期の排出枠を持つ取引参加者に、メールでお知らせします。"),
            ],
            warn=(
                _("確定すると、元に戻せません。"),
                _("締めたあとは、この期の移動の訂正もできません。"),
            ),
            danger=True,
        )

    def figures(self, row: Any) -> Mapping[str, Any]:
        return asdict(self._totals(row))

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return phase_closings.confirm(db_session(), row_id, version=version, seen=seen, actor=actor())

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return phase_closings.withdraw(db_session(), row_id, version=version, reason=reason, actor=actor())

    def confirmed_told(self, row: PhaseClosing) -> Any:
        return _(
            "%(phase)sを締めました。集計値は、このページに残ります。", phase=phase_name(row.phase.number)
        )


def _consequences() -> list[str]:
    return [
        _("口座に残った排出枠は表示されますが、移転・償却・取消・オフセット・訂正はできません。"),
        _("このときの集計値を、記録に残します。"),
    ]


def views() -> list[Any]:
    """The screens of this subject."""
    return [PhaseClosingView(PhaseClosing, name=_l("期の締め"), endpoint="phase_closing")]
