"""The ledger as it is: every posting with its entries and hash; a wrong one is posted back, never edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from wtforms import TextAreaField

from portal.admin import late_retirements
from portal.admin.acts import (
    LedgerSearch,
    Needed,
    ProvenKeyForm,
    Question,
    SeenField,
    ask,
    carry_figures,
    submitted,
)
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.kind_filter import KindFilter
from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import (
    Account,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    UnitClass,
)
from portal.permissions import Permission
from portal.services import compliance_records, issuance, movement_figures, office_cases, unit_totals
from portal.services.correction_rules import correction_problems
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_text import account_name, label, moment, number, unit_name

#: what the correction of a retirement in time brings with it
RECORD_WORDS = _l(
    "期限までの償却の訂正です。確定すると、償却期限の記録がもう1つ加わり、目標の遵守状況が変わることがあります。目標保有者にメールでお知らせします。"
)


class CorrectionForm(ProvenKeyForm):
    """Why a posting is wrong."""

    seen = SeenField()
    reason = TextAreaField(
        _l("訂正の理由"),
        validators=[Needed()],
        description=_l("記録に残り、両方の口座の持ち主へのメールにも、このまま載ります。"),
    )


class ClassFilter(ChoiceFilter):
    """Postings of one unit class."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        of_class = select(LedgerEntry.transaction_id).where(LedgerEntry.unit_class_id == value)
        return query.filter(LedgerTransaction.id.in_(of_class))


def _classes() -> list[tuple[int, str]]:
    rows = db_session.scalars(select(UnitClass).options(joinedload(UnitClass.phase)).order_by(UnitClass.id))
    return [(one.id, unit_name(one)) for one in rows]


def _code(_view: Any, _context: Any, model: LedgerTransaction, _name: str) -> Any:
    return Markup('<span class="as-code">{}</span><span class="as-table__more as-nb">{}</span>').format(
        model.code, moment(model.posted_at)
    )


def _quantity(_view: Any, _context: Any, model: LedgerTransaction, _name: str) -> Any:
    return Markup('{}<span class="as-table__more as-nb">{}</span>').format(
        number(model.movement.quantity), unit_name(model.movement.unit_class)
    )


def _side(_view: Any, _context: Any, model: LedgerTransaction, name: str) -> Any:
    account = getattr(model.movement, name.rpartition(".")[2])
    return Markup('{}<span class="as-table__more">{}</span>').format(account_name(account), account.code)


def _named(account: Account) -> str:
    return f"{account.code}　{account_name(account)}"


def _kind(_view: Any, _context: Any, model: LedgerTransaction, _name: str) -> str:
    return late_retirements.kind_words(model.kind, model.posted_at, model.movement.source)


class LedgerView(LedgerSearch, SecretariatView):
    """台帳."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    column_list = ("id", "kind", "movement.source", "movement.target", "movement.quantity")
    column_export_list: Any = (
        "id",
        "posted_at",
        "kind",
        "movement.source",
        "movement.target",
        "movement.quantity",
        "movement.unit_class",
        "hash",
    )
    column_details_list: Any = ("id",)
    column_searchable_list = ("movement.source.search_key", "movement.target.search_key")
    column_default_sort = ("id", True)
    column_sortable_list = ("id",)
    column_figures = frozenset({"movement.quantity"})
    column_labels: Any = {
        "id": _l("取引番号"),
        "posted_at": _l("日時"),
        "kind": _l("種類"),
        "movement.source": _l("移動元"),
        "movement.target": _l("移動先"),
        "movement.quantity": _l("数量"),
        "movement.unit_class": _l("排出枠"),
        "hash": _l("記録の照合値"),
    }
    column_formatters = {
        "id": _code,
        "kind": _kind,
        "movement.source": _side,
        "movement.target": _side,
        "movement.quantity": _quantity,
    }
    column_formatters_export = {
        "id": lambda _v, _c, m, _n: m.code,
        "movement.source": lambda _v, _c, m, _n: _named(m.movement.source),
        "movement.target": lambda _v, _c, m, _n: _named(m.movement.target),
        "movement.unit_class": lambda _v, _c, m, _n: unit_name(m.movement.unit_class),
        "hash": lambda _v, _c, m, _n: m.hash,
    }
    column_filters = (
        KindFilter(LedgerTransaction.kind, _l("種類"), LedgerTransaction.movement_id),
        ClassFilter(LedgerTransaction.id, _l("排出枠"), _classes),
        FromDayFilter(LedgerTransaction.posted_at, _l("日付（から）")),
        ToDayFilter(LedgerTransaction.posted_at, _l("日付（まで）")),
    )
    search_help = _l("取引番号、口座番号、口座名・会社名（漢字・かな）で探せます。")
    list_template = "admin/ledger/list.html"
    details_template = "admin/ledger/details.html"

    def get_query(self) -> Any:
        movement = joinedload(LedgerTransaction.movement)
        return (
            super()
            .get_query()
            .options(
                movement.joinedload(Movement.source).options(*late_retirements.owner()),
                movement.joinedload(Movement.target),
                movement.joinedload(Movement.unit_class).joinedload(UnitClass.phase),
            )
        )

    def posted_as(self, numbers: list[int]) -> Any:
        return LedgerTransaction.id.in_(numbers)

    def _apply_pagination(self, query: Any, page: int | None, page_size: int | None) -> Any:
        """A later page's numbers first, then its rows: to pass over half a million joined ones takes long."""
        if not page or page_size == 0:
            return super()._apply_pagination(query, page, page_size)
        numbers = super()._apply_pagination(query.with_entities(LedgerTransaction.id), page, page_size)
        return query.filter(LedgerTransaction.id.in_([number for (number,) in numbers]))

    def totals(self) -> list[unit_totals.ClassTotals]:
        """Where the units of each class came from and where they are."""
        return unit_totals.every_class(db_session())

    # ---- one posting

    def title_of(self, model: LedgerTransaction) -> Any:
        return _("台帳 %(code)s", code=model.code)

    def details_context(self, model: LedgerTransaction) -> dict[str, Any]:
        session = db_session()
        entries = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.transaction_id == model.id)
            .options(
                joinedload(LedgerEntry.account),
                joinedload(LedgerEntry.unit_class).joinedload(UnitClass.phase),
            )
            .order_by(LedgerEntry.id)
        ).all()
        wrong = session.get(LedgerTransaction, model.reverses_id) if model.reverses_id else None
        return {
            "entries": entries,
            "canonical": model.canonical.decode(),
            "wrong": wrong,
            "late": late_retirements.is_late(model.kind, model.posted_at, model.movement.source),
            "correction": self._correction(model),
        }

    @staticmethod
    def _correction(model: LedgerTransaction) -> Movement | None:
        """The proposed or executed movement that posts this one back."""
        return db_session.scalars(
            select(Movement)
            .where(
                Movement.reverses_id == model.id,
                Movement.state.in_([MovementState.PROPOSED, MovementState.EXECUTED]),
            )
            .options(selectinload(Movement.transaction))
        ).one_or_none()

    @staticmethod
    def _against(model: LedgerTransaction) -> list[Problem]:
        """Every rule against posting this one back now."""
        return correction_problems(office_cases.correction_case(db_session(), model))

    def steps_for(self, model: LedgerTransaction) -> Sequence[Step]:
        if not self.allows(Permission.MOVEMENT_PROPOSE) or self._against(model):
            return ()
        return (Step(_("訂正を起案する"), self.get_url(".correct", id=model.id), "danger-quiet"),)

    def later_for(self, model: LedgerTransaction) -> tuple[Any, Any] | None:
        found = self._against(model)
        # the page shows the correction itself where there is one
        if not found or any(one.refusal is Refusal.REVERSED_ALREADY for one in found):
            return None
        return _("訂正は起案できません"), " ".join(texts(found))

    @page("/correct/", Permission.MOVEMENT_PROPOSE, methods=("GET", "POST"))
    def correct(self) -> Any:
        """Propose the mirror image of a wrong posting."""
        row: LedgerTransaction = self.get_one(request.args.get("id", ""))
        form, row_id = CorrectionForm(), row.id
        attempt = Attempt(Movement, row.movement_id, MovementKind.CORRECTION.value)

        def work() -> Movement:
            form.prove()
            return issuance.propose_correction(
                db_session(),
                row_id,
                form["reason"].data or "",
                key=form["key"].data or "",
                seen=form["seen"].data or "",
                actor=actor(),
            )

        made = submitted(form, work, attempt=attempt)
        if made is not None:
            flash(_("訂正を起案しました。別の承認者が確認すると、台帳に記録されます。"), "good")
            return redirect(self.get_url("movement.details_view", id=made.id))
        row = self.get_one(str(row_id))
        carry_figures(form, movement_figures.of_correction(db_session(), row))
        return ask(self, form, self._question(row, [] if form.form_errors else texts(self._against(row))))

    def _question(self, row: LedgerTransaction, against: Sequence[str]) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        moved = row.movement
        unit = moved.unit_class.unit_type.value
        left = office_cases.correction_case(db_session(), row).available
        return Question(
            _("訂正を起案する"),
            [(self.name, self.get_url(".index_view")), (row.code, back)],
            _(
                "%(code)sと逆の移動を、%(source)sから%(target)sへ起案します。",
                code=row.code,
                source=f"{moved.target.code}（{account_name(moved.target)}）",
                target=f"{moved.source.code}（{account_name(moved.source)}）",
            ),
            _("訂正を起案する"),
            back,
            facts=[
                (_("訂正する移動"), f"{row.code}　{label(row.kind)}"),
                (_("日時"), moment(row.posted_at)),
                (_("排出枠"), unit_name(moved.unit_class)),
                (_("数量"), f"{number(moved.quantity)} {unit}"),
                (
                    _("%(account)sの動かせる残高", account=moved.target.code),
                    f"{number(left)} {unit}",
                ),
            ],
            makes=[
                _("元の記録は消さずに、逆の記録を加えます。"),
                _("確認されるまで、この数量はほかの移動に使えません。"),
                *([RECORD_WORDS] if compliance_records.rests_on(db_session(), row) else []),
                *(
                    [_("確定すると、この目標保有者への発行を、もう一度起案できます。")]
                    if row.kind is MovementKind.ISSUE
                    else []
                ),
            ],
            danger=True,
            against=(_("訂正は起案できません"), against) if against else None,
        )


def views() -> list[Any]:
    return [LedgerView(LedgerTransaction, name=_l("台帳"), endpoint="ledger")]
