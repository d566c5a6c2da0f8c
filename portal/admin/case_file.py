"""The words of a report's case file: cover, figures, versions, verification, review, decisions, files."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal import clock
from portal.admin.event_words import event_word, said
from portal.extensions import db_session
from portal.models import (
    Document,
    Event,
    FileKind,
    Period,
    RequestAnswer,
    ReviewSide,
    RevocationState,
    User,
    VerificationReport,
)
from portal.services import case_file_pdf, case_files, checklist
from portal.services.audit import EventTag
from portal.services.case_file_pdf import CaseFileText, Section
from portal.services.case_files import CaseFile
from portal.services.mail_words import fiscal_years
from portal.services.report_rules import current_verification, live_verifier
from portal.services.transaction import end_reading
from portal.services.transitions import REPORT
from portal.web import actor, carry_out
from portal.web_text import (
    NOTHING,
    as_entered,
    day,
    filesize,
    fiscal,
    label,
    locale_name,
    moment,
    number,
    phase_name,
    three_places,
)

_STEPS = frozenset(edge.tag.value for edge in REPORT.edges)


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


def tonnes(value: int | None) -> str:
    """7,460 t-CO2."""
    return _("%(n)s t-CO2", n=number(value)) if value is not None else NOTHING


def percent(tenths: int | None) -> str:
    """−12.3%, from tenths of a percent."""
    if tenths is None:
        return NOTHING
    sign = "+" if tenths > 0 else "−" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10}%"


def content_of(case: CaseFile) -> CaseFileText:
    """All words of the file, in the reader's language."""
    report, holder = case.report, case.report.holder
    head = f"{holder.account.code}　{holder.label}"
    sections = [Section(_("排出量"), tuple(_figures(case))), Section(_("算定報告書"), tuple(_versions(case)))]
    if report.period is not Period.ADJUSTMENT:
        sections.append(Section(_("検証報告書"), tuple(_verifications(case))))
        sections.append(Section(_("査読"), tuple(_talk(case))))
    sections += [
        Section(_("手続きと決定"), tuple(_decisions(case))),
        Section(_("これまでの経過"), (_time_line(case),)),
        Section(_("ファイルの一覧"), tuple(_files(case))),
    ]
    return CaseFileText(
        title=_("報告書の一件書類"),
        subtitle=_("%(year)sの報告書（%(holder)s）", year=_years(case), holder=holder.label),
        short=f"{head}　{_years(case)}",
        made=_("%(when)s作成　%(who)s", when=moment(clock.now()), who=actor().name),
        cover=tuple(_cover(case)),
        sections=tuple(sections),
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
    steps = [one for one in case.events if one.tag in _STEPS]
    if not steps:
        return NOTHING
    last = steps[-1]
    return _(
        "%(what)s　%(who)s　%(when)s",
        what=event_word(last.tag),
        who=_person(last.actor),
        when=moment(last.at),
    )


def _confirmed(case: CaseFile) -> str:
    report = case.report
    if report.confirmed_emissions is None or report.confirmed_at is None:
        return _("未確定")
    shown = number(report.confirmed_emissions)
    return _("%(n)s t-CO2（%(day)s）", n=shown, day=day(report.confirmed_at))


def _figures(case: CaseFile) -> list[Mapping[str, Any]]:
    found, rows = case.figures, []
    rows.append((_("報告された排出量"), tonnes(found.reported)))
    rows.append((_("計算し直した排出量"), tonnes(found.recomputed)))
    if case.report.period is not Period.ADJUSTMENT:
        rows.append((_("検証された排出量"), tonnes(found.verified)))
    if case.report.period is not Period.BASE:
        base = tonnes(found.base)
        change = percent(found.tenths)
        rows.append((_("基準年度排出量"), _("%(base)s（報告との差 %(change)s）", base=base, change=change)))
    parts: list[Mapping[str, Any]] = [case_file_pdf.facts(rows)]
    if case.reading is not None and case.reading.lines:
        parts.append(case_file_pdf.head(_("排出源ごとの内訳")))
        parts.append(_sources(case))
    return parts


def exact(value: Any) -> str:
    """A figure of the form, cut at three places as on the pages; the file has it exactly."""
    return three_places(value)


def _sources(case: CaseFile) -> Mapping[str, Any]:
    assert case.reading is not None
    rows = [
        (one.name, fiscal(one.fiscal_year), as_entered(one.activity), one.unit, exact(one.emissions))
        for one in case.reading.lines
    ]
    for year, total in case.reading.yearly:
        rows.append((_("%(year)sの合計", year=fiscal(year)), "", "", "", exact(total)))
    head = (_("排出源"), _("年度"), _("活動量"), _("単位"), _("排出量（t-CO2）"))
    return case_file_pdf.table(head, rows, wide=(0,), figures=(2, 4))


def _versions(case: CaseFile) -> list[Mapping[str, Any]]:
    rows = []
    for file in case.files:
        if file.kind is not FileKind.CALCULATION:
            continue
        which = _("第%(n)s版", n=file.version_number)
        if file.id == case.report.current_file_id:
            which = _("%(which)s（有効）", which=which)
        rows.append((which, number(file.emissions), moment(file.uploaded_at), file.uploaded_by.name))
    if not rows:
        return [case_file_pdf.text(_("まだ登録されていません。"))]
    head = (_("版"), _("排出量（t-CO2）"), _("登録"), _("登録した人"))
    return [case_file_pdf.table(head, rows, wide=(2, 3), figures=(1,))]


def _verifications(case: CaseFile) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = []
    for row in case.verifications:
        title = _(
            "第%(n)s版に対する検証報告書（%(when)s登録）",
            n=row.report_file.version_number,
            when=day(row.registered_at),
        )
        rows = [
            (_("検証機関"), row.verifier.label),
            (_("登録した人"), row.registered_by.name),
            (_("検証の意見"), label(row.opinion)),
            (_("検証された排出量"), tonnes(row.verified_emissions)),
        ]
        if row.findings:
            rows.append((_("指摘事項"), row.findings))
        parts += [case_file_pdf.head(title), case_file_pdf.facts(rows)]
        checks = checklist_rows(row)
        if checks:
            head = (_("確認した項目"), _("結果"), _("備考"))
            parts.append(case_file_pdf.table(head, checks, wide=(0, 2)))
    return parts or [case_file_pdf.text(_("まだ登録されていません。"))]


def checklist_rows(row: VerificationReport) -> list[tuple[str, str, str]]:
    """(item, answer, remark) of the verifier's checklist, in the reader's language."""
    return [
        (line.item.word(locale_name()), label(line.answer), line.remark)
        for line in checklist.lines(row.checklist)
    ]


def _talk(case: CaseFile) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = []
    shown = 0
    for row in case.talk:
        if row.round != shown:
            shown = row.round
            parts.append(case_file_pdf.head(_("第%(n)s回", n=row.round)))
        who = _(
            "%(side)s　%(name)s　%(when)s",
            side=label(row.side),
            name=row.sent_by.name,
            when=moment(row.sent_at),
        )
        file = _("ファイル：%(name)s", name=row.document.name) if row.document is not None else ""
        parts.append(case_file_pdf.talk(who, row.body, file, inset=row.side is ReviewSide.VERIFIER))
    return parts or [case_file_pdf.text(_("査読書類はありません。"))]


def _person(user: User | None) -> str:
    if user is None:
        return _("システム")
    if user.verifier is not None:
        return _("%(name)s（%(login)s）", name=user.name, login=user.verifier.label)
    return _("%(name)s（%(login)s）", name=user.name, login=user.login_id)


def _decisions(case: CaseFile) -> list[Mapping[str, Any]]:
    """The steps along the workflow with who, when and why; then requests and revocations."""
    rows = [
        (moment(one.at), event_word(one.tag), _person(one.actor), one.reason or "")
        for one in case.events
        if one.tag in _STEPS
    ]
    if not rows:
        return [case_file_pdf.text(_("まだありません。"))]
    head = (_("日時"), _("手続き"), _("した人"), _("理由"))
    parts: list[Mapping[str, Any]] = [case_file_pdf.table(head, rows, wide=(1, 2, 3))]
    if case.requests:
        parts += [case_file_pdf.head(_("差戻依頼")), _requests(case)]
    if case.revocations:
        parts += [case_file_pdf.head(_("承認の取消し")), _revocations(case)]
    return parts


def _requests(case: CaseFile) -> Mapping[str, Any]:
    words = {
        RequestAnswer.OPEN: _("返事を待っています"),
        RequestAnswer.GRANTED: _("差し戻しました"),
        RequestAnswer.DECLINED: _("断りました"),
    }
    rows = [
        (
            moment(one.requested_at),
            one.reason,
            words[one.answer],
            _("%(when)s　%(reason)s", when=moment(one.answered_at), reason=one.answer_reason or "").strip()
            if one.answered_at is not None
            else "",
        )
        for one in case.requests
    ]
    head = (_("依頼した日時"), _("依頼の理由"), _("返事"), _("返事の日時と理由"))
    return case_file_pdf.table(head, rows, wide=(1, 3))


def _revocations(case: CaseFile) -> Mapping[str, Any]:
    words = {
        RevocationState.PROPOSED: _("確認を待っています"),
        RevocationState.CONFIRMED: _("承認を取り消しました"),
        RevocationState.WITHDRAWN: _("確認されずに終わりました（取下げ・却下）"),
    }
    rows = [
        (moment(one.proposed_at), one.proposed_by.name, one.reason, words[one.state], moment(one.decided_at))
        for one in case.revocations
    ]
    head = (_("起案した日時"), _("起案した人"), _("理由"), _("結果"), _("結果の日時"))
    return case_file_pdf.table(head, rows, wide=(2, 3))


def _time_line(case: CaseFile) -> Mapping[str, Any]:
    rows = []
    for _who, run in groupby(case.events, key=_run_of):
        events = list(run)
        what = _what(events[0])
        if len(events) > 1:
            what = _("%(what)s（続けて%(n)s回）", what=event_word(events[0].tag), n=number(len(events)))
        rows.append((moment(events[0].at), what, _person(events[0].actor)))
    return case_file_pdf.table((_("日時"), _("出来事"), _("した人")), rows, wide=(1, 2))


def _run_of(event: Event) -> object:
    """What makes events one line: forms that were refused one after the other by the same person."""
    return event.actor_id if event.tag == EventTag.REPORT_REFUSED.value else event


def _what(event: Event) -> str:
    name = event.facts.get("filename")
    what = said(event)
    return _("%(what)s（%(name)s）", what=what, name=name) if name else what


def _files(case: CaseFile) -> list[Mapping[str, Any]]:
    found: list[tuple[str, Document]] = []
    for file in case.files:
        word = _("算定報告書 第%(n)s版", n=file.version_number)
        if file.kind is FileKind.ATTACHMENT:
            word = _("添付ファイル（外されました）") if file.removed_at is not None else _("添付ファイル")
        found.append((word, file.document))
    found += [(_("検証報告書"), row.document) for row in case.verifications]
    found += [(_("査読書類 第%(n)s回", n=row.round), row.document) for row in case.talk if row.document]
    if not found:
        return [case_file_pdf.text(_("ファイルはありません。"))]
    rows = [(word, one.name, filesize(one.size), _halves(one.sha256)) for word, one in found]
    head = (_("種類"), _("ファイル名"), _("大きさ"), "SHA-256")
    return [case_file_pdf.table(head, rows, wide=(0, 1), figures=(2,), codes=(3,))]


def _halves(digest: str) -> str:
    """A digest on two lines."""
    return f"{digest[:32]}\n{digest[32:]}"
