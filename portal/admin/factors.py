"""Factor tables of the fiscal years: what is in force, what was before, proposing another (domain §4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_pgettext as _lp
from flask_babel import ngettext

from portal.admin.acts import status, submitted
from portal.admin.door import SecretariatPage, page
from portal.admin.event_words import history
from portal.admin.factor_forms import KIND_WORDS, NUMBER_WORDS, ProposeForm, begun
from portal.extensions import db_session
from portal.models import EmissionFactor, FactorProposal
from portal.permissions import Permission
from portal.services import factor_proposals, factor_rules, factors
from portal.services.factor_rules import FIRST_YEAR, LAST_YEAR
from portal.services.spreadsheets.form_types import Factor
from portal.web import actor
from portal.web_text import NOTHING, fiscal, locale_name, number


def factor_name(factor: Factor | EmissionFactor) -> str:
    """What a factor is called in the reader's language."""
    return factor.name_en if locale_name() == "en" else factor.name_ja


def figure(number: Decimal | str | None) -> str:
    """A factor's figure exactly as it is kept."""
    if number is None:
        return NOTHING
    return number if isinstance(number, str) else format(number, "f")


def words() -> dict[str, Any]:
    """What the templates of this subject need."""
    return {
        "factor_name": factor_name,
        "figure": figure,
        "kind_words": KIND_WORDS,
        "number_words": NUMBER_WORDS,
        "english": locale_name() == "en",
    }


def consequences(year: int, *, replaces: bool) -> list[str]:
    """What confirming a table of ``year`` brings about: for who proposes it and for who confirms it alike."""
    told = len(factor_proposals.concerned(db_session(), year)) if replaces else 0
    found = [_("確定したときから新しい値を使い、前の値は記録に残ります。")]
    if told:
        found.append(
            ngettext(
                "前の値が入った様式は使えなくなります。まだ提出していない報告書%(n)s件の目標保有者に、"
                "メールでお知らせします。",
                "前の値が入った様式は使えなくなります。まだ提出していない報告書%(n)s件の目標保有者に、"
                "メールでお知らせします。",
                told,
                n=number(told),
            )
        )
    found.append(_("検証機関や事務局に提出済みの報告書は、提出したときの値のまま扱います。"))
    return found


def _year(name: str) -> int | None:
    """A fiscal year in the address, or ``None``."""
    text = request.args.get(name, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        return None
    return int(text) if FIRST_YEAR <= int(text) <= LAST_YEAR else None


class FactorPage(SecretariatPage):
    """排出係数."""

    permission_view = Permission.RECORD_VIEW

    @page("/", Permission.RECORD_VIEW)
    def index(self) -> Any:
        lines = factors.years_with_tables(db_session())
        waiting = factor_proposals.open_proposals(db_session())
        return self.render(
            "admin/factor/index.html",
            lines=lines,
            waiting=waiting,
            # a year that has no table yet, of which one is proposed
            coming=sorted(set(waiting) - {line.year for line in lines}),
            next_year=lines[0].year + 1 if lines else None,
            years=[(line.year, fiscal(line.year)) for line in lines],
        )

    @page("/year/", Permission.RECORD_VIEW)
    def year(self) -> Any:
        """One fiscal year: its table, what waits, what was before."""
        year = _year("id")
        rows = factors.in_force(db_session(), [year]).get(year, []) if year is not None else []
        proposals = factor_proposals.proposals_of(db_session(), year) if year is not None else []
        if year is None or not (rows or proposals):
            abort(404)
        return self.render(
            "admin/factor/year.html",
            year=year,
            rows=rows,
            waiting=factor_proposals.open_proposals(db_session()).get(year),
            proposals=proposals,
            superseded=factors.superseded(db_session(), year),
            history=history(db_session(), [("factor_proposal", [one.id for one in proposals])]),
            **words(),
        )

    @page("/propose/", Permission.TARGET_PROPOSE, methods=("GET", "POST"))
    def propose(self) -> Any:
        """The table as it will be, typed on one page; ``like`` begins with another year's."""
        year, like = _year("id"), _year("like")
        if year is None:
            figures = {"first": FIRST_YEAR, "last": LAST_YEAR}
            flash(_("年度を%(first)sから%(last)sまでの数字で入力してください。", **figures), "warn")
            return redirect(self.get_url(".index"))
        waiting = factor_proposals.open_proposals(db_session()).get(year)
        if waiting is not None and request.method == "GET":
            flash(_("この年度には、確認を待つ起案があります。確定するか取り下げると、起案できます。"), "warn")
            return redirect(self.get_url("factor_proposal.details_view", id=waiting.id))
        now = factors.in_force(db_session(), [year, *([like] if like is not None else [])])
        start = now.get(like if like in now else year, [])
        form = begun(
            [factor_rules.typed(one) for one in factors.table_of(start)],
            factor_proposals.basis_of(now.get(year, [])),
        )
        if request.form.get("more"):
            form.add_rows()
            return self._form(form, year, like, now)
        made = submitted(form, lambda: self._proposed(form, year))
        if made is not None:
            flash(_("起案しました。ほかの承認者が確かめると、確定します。"), "good")
            return redirect(self.get_url("factor_proposal.details_view", id=made.id))
        return self._form(form, year, like, now), status()

    def _proposed(self, form: ProposeForm, year: int) -> FactorProposal:
        return factor_proposals.propose(
            db_session(),
            year,
            form.typed(),
            reason=form["reason"].data or "",
            actor=actor(),
            basis=form["basis"].data or "",
            key=form["key"].data,
        )

    def _form(self, form: ProposeForm, year: int, like: int | None, now: dict[int, Any]) -> str:
        lines = factors.years_with_tables(db_session())
        known = any(line.year == year for line in lines)
        html: str = self.render(
            "admin/factor/propose.html",
            form=form,
            year=year,
            consequences=consequences(year, replaces=bool(now.get(year))),
            like=like if like in now and like != year else None,
            years=[(line.year, fiscal(line.year)) for line in lines if line.year != year],
            back=self.get_url(".year", id=year) if known else self.get_url(".index"),
            known=known,
            **words(),
        )
        return html


def views() -> list[Any]:
    """The screens of this subject."""
    return [FactorPage(name=_lp("list", "排出係数"), endpoint="factor", url="factor")]
