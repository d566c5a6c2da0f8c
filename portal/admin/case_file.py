"""A report's case file: one page, and an annex if it does not hold everything; its head and its facts."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import ngettext

from portal import clock
from portal.admin import case_file_parts
from portal.admin.case_file_words import person, tonnes
from portal.admin.event_words import event_word
from portal.extensions import db_session
from portal.models import Period, ReviewSide
from portal.services import case_file_pdf, case_files
from portal.services.case_file_pdf import CaseFileText
from portal.services.case_files import CaseFile
from portal.services.mail_words import fiscal_years
from portal.services.report_rules import current_verification, live_verifier
from portal.services.transaction import end_reading
from portal.web import actor, carry_out
from portal.web_text import NOTHING, day, fiscal, label, locale_name, moment, number, phase_name


def made(report_id: int) -> tuple[str, bytes]:
    """(file name, PDF) of a report's case file; typeset while no transaction is open, then recorded."""
    session = db_session()
    case = case_files.gather(session, report_id, actor=actor())
    content, name = content_of(case), name_of(case)
    end_reading(session)
    pdf = case_file_pdf.render(content)
    carry_out(lambda: case_files.record_made(db_session(), report_id, name, pdf, actor=actor()))
    return name, pdf


def name_of(case: CaseFile) -> str:
    """一件書類_AST-1001_2014年度.pdf."""
    return _(
        "一件書類_%(account)s_%(years)s.pdf", account=case.report.holder.account.code, years=_years(case)
    )


def _years(case: CaseFile) -> str:
    return fiscal(fiscal_years(case.report.holder.phase, case.report.period))


def content_of(case: CaseFile) -> CaseFileText:
    """All words of the file, in the reader's language."""
    holder = case.report.holder
    years = _years(case)
    return CaseFileText(
        title=_("報告書の一件書類"),
        subtitle=_("%(year)sの報告書（%(holder)s）", year=years, holder=holder.label),
        short=f"{holder.account.code}　{holder.label}　{years}",
        made=_("%(when)s作成　%(who)s", when=moment(clock.now()), who=actor().name),
        cover=tuple(_cover(case)),
        sections=case_file_parts.sections(case),
        behind=case_file_parts.behind(case),
        annex=_("別添"),
        see=_("1枚目に入らないものは、別添にすべてあります。"),
        lang=locale_name(),
    )


def _cover(case: CaseFile) -> list[tuple[str, str]]:
    report, holder = case.report, case.report.holder
    verifier = live_verifier(report)
    late = _("（期限後の提出）") if report.late else ""
    rows = [
        (_("目標保有者"), holder.representative.name),
        (_("事業所"), holder.site_name),
        (_("口座番号"), holder.account.code),
        (_("期"), phase_name(holder.phase.number)),
        (_("期間"), f"{label(report.period)}　{_years(case)}"),
        (_("報告の期限"), f"{day(case.waiting.due)}{late}"),
        (
            _("状態"),
            _("%(state)s（%(when)sから）", state=label(report.state), when=moment(report.state_since)),
        ),
        (_("確定した排出量"), _confirmed(case)),
    ]
    if report.period is not Period.ADJUSTMENT:
        rows.append((_("検証機関"), verifier.label if verifier is not None else NOTHING))
        rows.append((_("検証の意見"), _opinion(case)))
        rows.append((_("査読"), _rounds(case)))
    rows.append((_("担当"), report.clerk.name if report.clerk is not None else _("未定")))
    rows.append((_("最後の手続き"), _last_step(case)))
    return rows


def _opinion(case: CaseFile) -> str:
    found = current_verification(case.report)
    if found is None:
        return NOTHING
    return _(
        "%(opinion)s（%(figure)s）", opinion=label(found.opinion), figure=tonnes(found.verified_emissions)
    )


def _rounds(case: CaseFile) -> str:
    if not case.talk:
        return _("査読書類はありません。")
    rounds = ngettext("質疑%(n)s件", "質疑%(n)s件", case.talk[-1].round, n=number(case.talk[-1].round))
    if case.talk[-1].side is ReviewSide.VERIFIER:
        return rounds
    return _("%(rounds)s（最後の質問に回答がありません）", rounds=rounds)


def _last_step(case: CaseFile) -> str:
    steps = case_file_parts.steps_of(case)
    if not steps:
        return NOTHING
    last = steps[-1]
    return _(
        "%(what)s　%(who)s　%(when)s",
        what=event_word(last.tag),
        who=person(last.actor),
        when=moment(last.at),
    )


def _confirmed(case: CaseFile) -> str:
    report = case.report
    if report.confirmed_emissions is None or report.confirmed_at is None:
        return _("未確定")
    shown = number(report.confirmed_emissions)
    return _("%(n)s t-CO2（%(day)s）", n=shown, day=day(report.confirmed_at))
