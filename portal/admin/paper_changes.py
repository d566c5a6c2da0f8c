"""Changes of names from paper: recorded in two steps, then kept with old, new and the scan (domain §3)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar

from flask import flash, g, redirect, request, send_file
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from portal.admin import formats, paper_forms, record_words
from portal.admin.acts import folded, submitted
from portal.admin.base import SecretariatView
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import FromDayFilter, ToDayFilter
from portal.admin.forms import show_problems
from portal.admin.paper_forms import PaperForm
from portal.errors import NotFound, PortalError
from portal.extensions import db_session
from portal.models import CompanyChange, Holder, ParticipantKind, Trader, Verifier
from portal.permissions import Permission
from portal.services import company_changes, company_papers, contacts, records
from portal.services.company_changes import Draft
from portal.services.documents import KIND_NAMES
from portal.services.records import Participant
from portal.web import actor, carry_out
from portal.web_text import filesize


def code_of(participant: Participant) -> str:
    """The participant's number: that of its account, or the verifier's own."""
    return participant.code if isinstance(participant, Verifier) else participant.account.code


def _participant(change: CompanyChange) -> Participant:
    found = change.holder or change.trader or change.verifier
    assert found is not None
    return found


def kind_of(change: CompanyChange) -> ParticipantKind:
    """Whose paper it was: a holder's, a trader's or a verifier's."""
    return company_changes.kind_of(_participant(change))


def items_in_words(change: CompanyChange) -> str:
    """The items that changed, in one line."""
    return _("、").join(record_words.word(item, kind_of(change)) for item in change.new)


def _whose(_view: Any, _context: Any, model: CompanyChange, _name: str) -> str:
    return f"{code_of(_participant(model))}　{_participant(model).label}"


def _left_behind(judged: Draft) -> str:
    """The account name, if it still says what the company was called before."""
    before = str(judged.old.get("company_name") or "")
    kept = "" if "account_name" in judged.new else judged.data.account_name or ""
    return kept if before and before in kept else ""


class PaperChangePages:
    """The page that records a paper, for the views of holders, traders and verifiers. Mix in first."""

    record_kind: ClassVar[ParticipantKind]

    @page("/paper/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def paper_view(self) -> Any:
        view: Any = self
        row: Participant = view.get_one(request.args.get("id", ""))
        row_id, session = row.id, db_session()
        last = records.latest(session, row)
        form = paper_forms.made(company_changes.present(row), last.id if last is not None else None)
        if request.method == "GET" or {"back", "more_rows"} & {*request.form}:
            return self._paper_page(row, form), 200
        if "confirmed" not in request.form:
            judged = self._draft(row, form)
            if judged is None:
                return self._paper_page(row, form), 422
            return self._paper_question(row, form, judged), 200
        scan = form.uploaded()
        sent = [scan] if scan is not None else []
        made = submitted(form, self._recording(row_id, form, scan), files=sent, files_field="scan")
        if made is not None:
            flash(_("変更%(number)sを記録し、登録内容を変更しました。", number=made.number), "good")
            return redirect(view.get_url("company_change.details_view", id=made.id))
        again: Participant = view.get_one(str(row_id))
        if form["scan"].errors and not form.form_errors:
            others = [field for field in form if field.errors and field.short_name != "scan"]
            judged = None if others else self._draft(again, form, keep_errors=True)
            if judged is not None:
                return self._paper_question(again, form, judged), 422
        return self._paper_page(again, form), 422

    def _recording(self, row_id: int, form: PaperForm, scan: tuple[str, bytes] | None) -> Any:
        key = form["key"].data

        def record() -> CompanyChange:
            view: Any = self
            present = company_changes.present(view.get_one(str(row_id)))
            return company_changes.record_change(
                db_session(),
                self.record_kind,
                row_id,
                form.paper_data(present),
                scan=scan,
                limit_mb=g.settings.upload_limit_mb,
                actor=actor(),
                key=key,
                version=form["version"].data or None,
            )

        return record

    @staticmethod
    def _draft(row: Participant, form: PaperForm, *, keep_errors: bool = False) -> Draft | None:
        """What would change; ``None`` with every reason at its field."""
        if not keep_errors and not form.validate():  # type: ignore[no-untyped-call]
            return None
        try:
            return company_changes.draft(db_session(), row, form.paper_data(company_changes.present(row)))
        except NotFound:
            raise
        except PortalError as refused:
            show_problems(form, refused)
            return None

    def _parents(self, row: Participant) -> list[tuple[Any, str]]:
        view: Any = self
        back = view.get_url(".details_view", id=row.id)
        return [(view.name, view.get_url(".index_view")), (row.label, back)]

    def _paper_page(self, row: Participant, form: PaperForm) -> str:
        view: Any = self
        html: str = view.render(
            "admin/company_change/form.html",
            form=form,
            parents=self._parents(row),
            back=view.get_url(".details_view", id=row.id),
            widths=paper_forms.WIDTHS,
            registered=len(company_changes.present(row).joint_companies),
        )
        return html

    def _paper_question(self, row: Participant, form: PaperForm, judged: Draft) -> str:
        view: Any = self
        session = db_session()
        kind = company_changes.kind_of(row)
        html: str = view.render(
            "admin/company_change/confirm.html",
            form=form,
            parents=self._parents(row),
            whose=f"{code_of(row)}　{row.label}",
            rows=record_words.differences(judged.old, judged.new, kind),
            typed=paper_forms.typed(),
            received_on=judged.data.received_on,
            note=judged.data.note,
            others=[self._named(one) for one in company_papers.same_company(session, row)]
            if "company_name" in judged.new
            else [],
            old_account_name=_left_behind(judged),
            waits=contacts.open_change(session, row.contact_id) is not None,
        )
        return html

    def _named(self, one: Participant) -> tuple[str, str]:
        view: Any = self
        screen = company_changes.kind_of(one).value
        return f"{code_of(one)}　{one.label}", view.get_url(f"{screen}.details_view", id=one.id)


class CompanyChangeView(SecretariatView):
    """書面による変更."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("number", "participant", "new", "received_on", "recorded_at")
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("number", "received_on", "recorded_at")
    column_searchable_list: Any = ("number",)
    column_labels: Any = {
        "number": _l("番号"),
        "participant": _l("参加者"),
        "new": _l("変わった項目"),
        "received_on": _l("受付日"),
        "recorded_at": _l("記録"),
    }
    column_formatters: Any = {
        "number": formats.unbroken(lambda m: m.number),
        "participant": _whose,
        "new": lambda _v, _c, m, _n: items_in_words(m),
    }
    column_formatters_export: Any = {
        "number": lambda _v, _c, m, _n: m.number,
        "participant": lambda _v, _c, m, _n: _whose(_v, _c, m, _n),
        "new": lambda _v, _c, m, _n: items_in_words(m),
    }
    column_filters: Any = (
        FromDayFilter(CompanyChange.received_on, _l("受付日（から）")),
        ToDayFilter(CompanyChange.received_on, _l("受付日（まで）")),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号、変更の番号で探せます。")
    details_template = "admin/company_change/details.html"

    def get_query(self) -> Any:
        holder, trader = joinedload(CompanyChange.holder), joinedload(CompanyChange.trader)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.account),
                trader.joinedload(Trader.organisation),
                trader.joinedload(Trader.account),
                joinedload(CompanyChange.verifier).joinedload(Verifier.organisation),
                joinedload(CompanyChange.recorded_by),
                joinedload(CompanyChange.document),
            )
        )

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        owners = ((CompanyChange.holder_id, Holder), (CompanyChange.trader_id, Trader))
        for part in folded(search).split():
            found = [CompanyChange.number.icontains(search.strip(), autoescape=True)]
            for column, model in (*owners, (CompanyChange.verifier_id, Verifier)):
                named = select(model.id).where(model.search_key.contains(part, autoescape=True))
                found.append(column.in_(named))
            query, count_query = query.filter(or_(*found)), count_query.filter(or_(*found))
        return query, count_query, joins, count_joins

    def title_of(self, model: CompanyChange) -> str:
        return _("書面による変更 %(number)s", number=model.number)

    def details_context(self, model: CompanyChange) -> dict[str, Any]:
        whose = _participant(model)
        scan = model.document
        return {
            "rows": record_words.differences(model.old, model.new, kind_of(model)),
            "whose": f"{code_of(whose)}　{whose.label}",
            "whose_url": self.get_url(f"{kind_of(model).value}.details_view", id=whose.id),
            "scan": _(
                "%(name)s（%(kind)s、%(size)s）",
                name=scan.name,
                kind=KIND_NAMES[scan.media_type],
                size=filesize(scan.size),
            )
            if scan
            else "",
        }

    def history_of(self, model: CompanyChange) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("company_change", [model.id])])

    @page("/scan/", Permission.RECORD_VIEW)
    def scan_view(self) -> Any:
        """The scanned paper; that it was read is recorded."""
        row_id = self.get_one(request.args.get("id", "")).id
        name, media_type, data = carry_out(
            lambda: company_papers.open_scan(db_session(), row_id, actor=actor())
        )
        return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)


def views() -> list[Any]:
    """The screens of this subject."""
    return [CompanyChangeView(CompanyChange, name=_l("書面による変更"), endpoint="company_change")]
