"""Movements of allowances: the proposals that wait for another person, and all that ever happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.admin import formats, late_retirements
from portal.admin.acts import LedgerSearch
from portal.admin.base import Step
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.issues import IssuePage
from portal.admin.kind_filter import KindFilter
from portal.admin.ledger import RECORD_WORDS
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.extensions import db_session
from portal.models import (
    FOUR_EYES_KINDS,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    UnitClass,
)
from portal.permissions import Permission
from portal.services import (
    banking,
    banking_case,
    compliance_records,
    issuance,
    movement_figures,
    office_cases,
)
from portal.services.correction_rules import correction_problems
from portal.services.refused_movements import Attempt
from portal.web import actor
from portal.web_text import account_name, label, number, phase_name, unit_name

WAITING = "waiting"


class StateFilter(ChoiceFilter):
    """The states, and the proposals that wait for another person."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        if value == WAITING:
            # those of a whole-phase issue wait as one, on their own page
            return query.filter(
                Movement.state == MovementState.PROPOSED,
                Movement.kind.in_(FOUR_EYES_KINDS),
                Movement.batch_id.is_(None),
            )
        return super().apply(query, value, alias)


def _states() -> list[tuple[Any, Any]]:
    executed = [state for state in MovementState if state is not MovementState.PROPOSED]
    return [(WAITING, _("確認を待つもの")), *((state, label(state)) for state in executed)]


def amount(movement: Movement) -> str:
    """1,500 JAA."""
    return _("%(n)s %(unit)s", n=number(movement.quantity), unit=movement.unit_class.unit_type.value)


def units(movement: Movement) -> str:
    """第2期の1,500 JAA; 128 jVER."""
    phase = movement.unit_class.phase
    if phase is None:
        return amount(movement)
    return _("%(phase)sの%(amount)s", phase=phase_name(phase.number), amount=amount(movement))


def says(movement: Movement) -> str:
    """What the movement does, in one sentence."""
    words = {
        "units": units(movement),
        "source": movement.source.code,
        "target": movement.target.code,
        "target_name": account_name(movement.target),
    }
    if movement.kind in (MovementKind.ISSUE, MovementKind.ISSUE_JVER):
        return _("%(target)s（%(target_name)s）に、%(units)sを発行します。", **words)
    if movement.kind is MovementKind.CORRECTION:
        wrong = f"T-{movement.reverses_id:06d}"
        return _(
            "台帳%(wrong)sを訂正し、%(units)sを%(source)sから%(target)sに戻します。",
            wrong=wrong,
            **words,
        )
    if movement.kind is MovementKind.CARRY_OVER and movement.target_class is not None:
        after = unit_name(movement.target_class)
        return _(
            "%(source)s（%(target_name)s）の%(units)sを、%(after)sに移します（バンキング）。",
            after=after,
            **words,
        )
    return _("%(units)sを、%(source)sから%(target)s（%(target_name)s）へ移します。", **words)


def carry_over_facts(movement: Movement) -> list[tuple[Any, Any]]:
    """What becomes what, and the account's figures beside it, its own promise left out."""
    case = banking_case.of_movement(db_session(), movement)
    assert case.figures is not None and movement.target_class is not None

    missing = case.figures.missing

    def jaa(units: int) -> str:
        return _("%(n)s JAA", n=number(units))

    return [
        (_("口座"), f"{movement.source.code}　{movement.source.name}"),
        (_("移す前の排出枠"), unit_name(movement.unit_class)),
        (_("移したあとの排出枠"), unit_name(movement.target_class)),
        (_("数量"), jaa(movement.quantity)),
        (_("口座の残高"), jaa(case.held)),
        (_("コミットメントリザーブ量"), jaa(case.figures.reserve)),
        (_("バンキングできる量"), jaa(case.movable)),
        *(
            [(_("目標の遵守にまだ必要な量"), _("%(n)s t-CO2", n=number(missing)))]
            if missing is not None
            else []
        ),
    ]


def _of_the_record(movement: Movement) -> list[Any]:
    """What a correction does to the record of the retirement deadline, if it does anything."""
    if movement.reverses_id is None:
        return []
    wrong = db_session.get_one(LedgerTransaction, movement.reverses_id)
    return [RECORD_WORDS] if compliance_records.rests_on(db_session(), wrong) else []


def _account(_view: Any, _context: Any, model: Movement, name: str) -> Any:
    account = getattr(model, name)
    shown = Markup('<span class="as-table__name">{}</span><span class="as-table__more as-nb">{}</span>')
    return shown.format(account_name(account), account.code)


def _classes(_view: Any, _context: Any, model: Movement, _name: str) -> str:
    """第2期 JAA; of a carry-over also what it becomes."""
    name = unit_name(model.unit_class)
    return f"{name} → {unit_name(model.target_class)}" if model.target_class is not None else name


def _classes_shown(_view: Any, _context: Any, model: Movement, _name: str) -> Markup:
    """The same, each of them whole."""
    names = [unit_name(one) for one in (model.unit_class, model.target_class) if one is not None]
    return Markup(" → ").join(Markup('<span class="as-nb">{}</span>').format(one) for one in names)


def kind_of(movement: Movement) -> str:
    """Its kind; a retirement after the deadline is said to be one."""
    posted = movement.transaction
    if posted is None:
        return label(movement.kind)
    return late_retirements.kind_words(movement.kind, posted.posted_at, movement.source)


def verb_of(movement: Movement) -> str:
    """What is done, beside an amount that names its units: 発行 of 500 jVER."""
    return label(MovementKind.ISSUE if movement.kind is MovementKind.ISSUE_JVER else movement.kind)


#: what the second person's pages know of it
PROPOSALS = Proposals(
    endpoint="movement",
    propose=Permission.MOVEMENT_PROPOSE,
    confirm=Permission.MOVEMENT_CONFIRM,
    waits=lambda one: (
        one.state is MovementState.PROPOSED and one.kind in FOUR_EYES_KINDS and one.batch_id is None
    ),
    problems=lambda one: issuance.confirm_problems(db_session(), one, actor()),
)


class MovementView(LedgerSearch, ProposalView):
    """移動の確認."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, WAITING)
    all_label = _l("すべての移動")
    withdrawal_says = _l("この起案を取り下げます。何も移動しません。")
    withdrawal_told = _l("起案を取り下げました。何も移動していません。")
    column_list = ("kind", "quantity", "unit_class", "source", "target", "proposed_at", "state")
    column_details_list: Any = ("kind", "quantity")
    column_searchable_list = ("source.search_key", "target.search_key")
    column_default_sort = ("proposed_at", True)
    column_sortable_list = ("quantity", "proposed_at")
    column_figures = frozenset({"quantity"})
    column_labels: Any = {
        "kind": _l("種類"),
        "quantity": _l("数量"),
        "unit_class": _l("排出枠"),
        "source": _l("移動元"),
        "target": _l("移動先"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
    }
    column_formatters = {
        "kind": lambda _v, _c, m, _n: kind_of(m),
        "quantity": formats.figure,
        "unit_class": _classes_shown,
        "source": _account,
        "target": _account,
        "proposed_at": formats.moment_and("proposed_by.name"),
        "state": formats.state_until,
    }
    column_formatters_export = {
        "unit_class": _classes,
        "source": lambda _v, _c, m, _n: f"{m.source.code}　{account_name(m.source)}",
        "target": lambda _v, _c, m, _n: f"{m.target.code}　{account_name(m.target)}",
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
    }
    column_filters = (
        StateFilter(Movement.state, _l("状態"), _states),
        KindFilter(Movement.kind, _l("種類"), Movement.id),
        FromDayFilter(Movement.proposed_at, _l("起案（から）")),
        ToDayFilter(Movement.proposed_at, _l("起案（まで）")),
    )
    search_help = _l("取引番号、口座番号、口座名・会社名（漢字・かな）で探せます。")
    details_template = "admin/movement/details.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(Movement.source).options(*late_retirements.owner()),
                joinedload(Movement.target),
                joinedload(Movement.unit_class).joinedload(UnitClass.phase),
                joinedload(Movement.target_class).joinedload(UnitClass.phase),
                joinedload(Movement.proposed_by),
                joinedload(Movement.decided_by),
                joinedload(Movement.transaction),
            )
        )

    def posted_as(self, numbers: list[int]) -> Any:
        posted = select(LedgerTransaction.movement_id).where(LedgerTransaction.id.in_(numbers))
        return Movement.id.in_(posted)

    # ---- one movement

    def title_of(self, model: Movement) -> Any:
        return _("%(kind)s　%(amount)s", kind=kind_of(model), amount=amount(model))

    def details_context(self, model: Movement) -> dict[str, Any]:
        wrong = db_session.get(LedgerTransaction, model.reverses_id) if model.reverses_id else None
        asked = banking.application_of(db_session(), model) if model.kind is MovementKind.CARRY_OVER else None
        return {
            "says": says(model),
            "units": units(model),
            "wrong": wrong,
            "kind": kind_of(model),
            "banking": asked,
            "banking_code": banking.code_of(asked) if asked is not None else "",
        }

    def steps_for(self, model: Movement) -> Sequence[Step]:
        if model.transaction is None:
            return super().steps_for(model)
        words = _("台帳の%(code)sを開く", code=model.transaction.code)
        return [Step(words, self.get_url("ledger.details_view", id=model.transaction.id), "other")]

    def later_for(self, model: Movement) -> tuple[Any, Any] | None:
        if self._may_be_corrected(model):
            return _("間違いがあったときは"), _("台帳の画面で、訂正を起案できます。")
        if model.batch_id is not None and model.state is MovementState.PROPOSED:
            return _("一括発行の一部です"), _("一括発行の画面で、まとめて確定するか、取り下げてください。")
        return super().later_for(model)

    def _may_be_corrected(self, model: Movement) -> bool:
        if model.transaction is None or not self.allows(Permission.MOVEMENT_PROPOSE):
            return False
        return not correction_problems(office_cases.correction_case(db_session(), model.transaction))

    def history_of(self, model: Movement) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("movement", [model.id])])

    # ---- the second person

    def shown(self, row: Movement) -> list[tuple[Any, Any]]:
        if row.kind is MovementKind.CARRY_OVER:
            asked = banking.application_of(db_session(), row)
            code = [(_("申請番号"), banking.code_of(asked))] if asked is not None else []
            return [(_("種類"), label(row.kind)), *code, *carry_over_facts(row)]
        return [
            (_("種類"), label(row.kind)),
            (_("移動元"), f"{row.source.code}　{account_name(row.source)}"),
            (_("移動先"), f"{row.target.code}　{account_name(row.target)}"),
            (_("排出枠と数量"), units(row)),
            *([(_("前の発行"), _("訂正されています。"))] if row.attempt > 1 else []),
        ]

    def confirmation(self, row: Movement) -> Confirmation:
        if row.kind is MovementKind.CARRY_OVER:
            return Confirmation(
                _("バンキングを確定する"),
                says(row),
                _("%(amount)sのバンキングを確定する", amount=amount(row)),
                makes=[_("口座の持ち主に、メールでお知らせします。")],
                warn=(_("確定すると、元に戻せません。"), _("バンキングは、あとから訂正できません。")),
            )
        words = {"amount": amount(row), "kind": verb_of(row)}
        again = (
            _("訂正は、あとから訂正できません。")
            if row.kind is MovementKind.CORRECTION
            else _("間違いがあったときは、理由をつけた訂正を起案し、別の人が確認します。")
        )
        return Confirmation(
            _("%(kind)sを確定する", **words),
            says(row),
            _("%(amount)sの%(kind)sを確定する", **words),
            makes=[_("口座の持ち主に、メールでお知らせします。"), *_of_the_record(row)],
            warn=(_("確定すると、元に戻せません。"), again),
        )

    def figures(self, row: Any) -> Mapping[str, Any]:
        return movement_figures.of_proposal(db_session(), row)

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return issuance.confirm(db_session(), row_id, version=version, seen=seen, actor=actor())

    def attempt(self, row: Movement) -> Attempt:
        return Attempt(Movement, row.id, row.kind.value, str(row.quantity))

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return issuance.withdraw(db_session(), row_id, version=version, reason=reason, actor=actor())

    def confirmed_told(self, row: Movement) -> Any:
        code = row.transaction.code if row.transaction is not None else ""
        words = {"amount": amount(row), "kind": verb_of(row), "code": code}
        return _("%(amount)sの%(kind)sを実行しました。取引番号は%(code)sです。", **words)


def views() -> list[Any]:
    return [
        IssuePage(name=_l("発行"), endpoint="issue"),
        MovementView(Movement, name=_l("移動の確認"), endpoint="movement"),
    ]
