"""The sections of a report's case file: on its first page, in short, and in full in the annex."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.admin.approval_words import answers
from portal.admin.case_file_words import cut, more, person, tonnes
from portal.admin.event_words import event_word, run_of, told
from portal.models import (
    Document,
    Event,
    FileKind,
    Period,
    RequestAnswer,
    ReviewDocument,
    ReviewSide,
    RevocationState,
    VerificationReport,
)
from portal.services import case_file_pdf, checklist
from portal.services.audit import EventTag
from portal.services.case_file_pdf import Section
from portal.services.case_files import CaseFile
from portal.services.checklist import Answer
from portal.services.report_rules import current_verification
from portal.services.report_timeline import says_what_was_asked
from portal.services.transitions import REPORT
from portal.web_text import (
    as_entered,
    day,
    filesize,
    fiscal,
    label,
    locale_name,
    moment,
    number,
    percent,
    three_places,
)

Parts = Sequence[Mapping[str, Any]]
_STEPS = frozenset(edge.tag.value for edge in REPORT.edges)
#: what the first page keeps of a section that gave way: the newest so many
_STEPS_KEPT, _TALK_KEPT, _DEVIATIONS_KEPT = 6, 3, 5


def steps_of(case: CaseFile) -> list[Event]:
    """The steps along the workflow, oldest first."""
    return [one for one in case.events if one.tag in _STEPS]


def sections(case: CaseFile) -> tuple[Section, ...]:
    """What stands on the first page; the numbers say who gives way first when it is full."""
    found = [Section(_("排出量"), tuple(_figures(case)))]
    if case.reading is not None and case.reading.lines:
        lines = case.reading.lines
        few = ngettext("排出源%(n)s件。", "排出源%(n)s件。", len(lines), n=number(len(lines)))
        found.append(_giving(_("排出源ごとの内訳"), 0, [_sources(case)], [case_file_pdf.text(few)]))
    found.append(_giving(_("算定報告書"), 2, _versions(case), _versions(case, short=True)))
    if case.report.period is not Period.ADJUSTMENT:
        checked, full = _verification(case), _verifications(case)
        found.append(_giving(_("検証報告書"), 4, checked, _verification(case, short=True), full))
        found.append(_giving(_("査読"), 3, _talk(case), _talk_in_short(case)))
    found.append(_giving(_("手続きと決定"), 5, _decisions(case), _decisions_in_short(case)))
    found.append(_giving(_("ファイルの一覧"), 1, _files(case), _files_in_short(case)))
    # who gives way is counted without gaps, also where a period knows no verification
    order = sorted(one.gives for one in found if one.gives is not None)
    return tuple(
        one
        if one.gives is None
        else Section(one.heading, one.whole, order.index(one.gives), one.brief, one.all)
        for one in found
    )


def behind(case: CaseFile) -> tuple[Section, ...]:
    """What stands in the annex alone."""
    return (Section(_("これまでの経過"), all=(_time_line(case),)),)


def _giving(heading: str, gives: int, whole: Parts, brief: Parts, full: Parts | None = None) -> Section:
    return Section(heading, tuple(whole), gives, tuple(brief), tuple(whole if full is None else full))


def _figures(case: CaseFile) -> list[Mapping[str, Any]]:
    found = case.figures
    rows = [
        (_("報告された排出量"), tonnes(found.reported)),
        (_("計算し直した排出量"), tonnes(found.recomputed)),
    ]
    if case.report.period is not Period.ADJUSTMENT:
        rows.append((_("検証された排出量"), tonnes(found.verified)))
    if case.report.period is not Period.BASE:
        base = tonnes(found.base)
        change = percent(found.change)
        rows.append((_("基準年度排出量"), _("%(base)s（報告との差 %(change)s）", base=base, change=change)))
    return [case_file_pdf.facts(rows)]


def _sources(case: CaseFile) -> Mapping[str, Any]:
    assert case.reading is not None
    rows = [
        (one.name, fiscal(one.fiscal_year), as_entered(one.activity), one.unit, three_places(one.emissions))
        for one in case.reading.lines
    ]
    for year, total in case.reading.yearly:
        rows.append((_("%(year)sの合計", year=fiscal(year)), "", "", "", three_places(total)))
    head = (_("排出源"), _("年度"), _("活動量"), _("単位"), _("排出量（t-CO2）"))
    return case_file_pdf.table(head, rows, wide=(0,), figures=(2, 4))


def _versions(case: CaseFile, *, short: bool = False) -> list[Mapping[str, Any]]:
    rows = []
    for file in case.files:
        if file.kind is not FileKind.CALCULATION:
            continue
        which = _("第%(n)s版", n=file.version_number)
        if file.id == case.report.current_file_id:
            which = _("%(which)s（有効）", which=which)
        rows.append((which, number(file.emissions), moment(file.uploaded_at), file.uploaded_by.name))
    tries = sum(1 for one in case.events if one.tag == EventTag.REPORT_REFUSED.value)
    refused = ngettext(
        "このほかに、登録できなかったファイルが%(n)s件あります。",
        "このほかに、登録できなかったファイルが%(n)s件あります。",
        tries,
        n=number(tries),
    )
    tail = [case_file_pdf.text(refused)] if tries else []
    if not rows:
        return [case_file_pdf.text(_("まだ登録されていません。")), *tail]
    head = (_("版"), _("排出量（t-CO2）"), _("登録"), _("登録した人"))
    kept = rows[-1:] if short else rows
    table = case_file_pdf.table(head, kept, wide=(2, 3), figures=(1,))
    return [table, *more(len(rows) - len(kept)), *tail]


def _verification(case: CaseFile, *, short: bool = False) -> list[Mapping[str, Any]]:
    """The newest verification report and where it deviates; the earlier ones by a line each."""
    if not case.verifications:
        return [case_file_pdf.text(_("まだ登録されていません。"))]
    row = current_verification(case.report) or case.verifications[-1]
    parts: list[Mapping[str, Any]] = [case_file_pdf.facts(_facts_of(row, short=short))]
    found = [line for line in checklist.lines(row.checklist) if line.answer is Answer.NOT]
    if found:
        kept = found[:_DEVIATIONS_KEPT] if short else found
        words = [(line.item.word(locale_name()), cut(line.remark) if short else line.remark) for line in kept]
        parts.append(case_file_pdf.table((_("不適合の項目"), _("備考")), words, wide=(0, 1)))
        parts += more(len(found) - len(kept))
    earlier = [one for one in case.verifications if one.id != row.id]
    kept_before = earlier[-1:] if short else earlier
    parts += [
        case_file_pdf.text(
            _(
                "前の検証報告書：%(day)s、%(verifier)s、第%(n)s版に対して%(opinion)s（%(figure)s）",
                day=day(one.registered_at),
                verifier=one.verifier.label,
                n=one.report_file.version_number,
                opinion=label(one.opinion),
                figure=tonnes(one.verified_emissions),
            )
        )
        for one in kept_before
    ]
    return parts + more(len(earlier) - len(kept_before))


def _facts_of(row: VerificationReport, *, short: bool = False) -> list[tuple[str, str]]:
    rows = [
        (_("検証機関"), row.verifier.label),
        (_("登録"), _("%(when)s　%(who)s", when=day(row.registered_at), who=row.registered_by.name)),
        (_("検証の意見"), label(row.opinion)),
        (_("検証された排出量"), tonnes(row.verified_emissions)),
        (_("対象の版"), _("第%(n)s版", n=row.report_file.version_number)),
    ]
    if row.checklist:
        rows.append((_("確認した項目"), answers(row.checklist)))
    if row.findings:
        rows.append((_("指摘事項"), cut(row.findings) if short else row.findings))
    return rows


def _verifications(case: CaseFile) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = []
    for row in case.verifications:
        title = _(
            "第%(n)s版に対する検証報告書（%(when)s登録）",
            n=row.report_file.version_number,
            when=day(row.registered_at),
        )
        parts += [case_file_pdf.head(title), case_file_pdf.facts(_facts_of(row))]
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
    parts: list[Mapping[str, Any]] = [
        case_file_pdf.talk(
            _said_by(row),
            row.body,
            _("ファイル：%(name)s", name=row.document.name) if row.document is not None else "",
            inset=row.side is ReviewSide.VERIFIER,
        )
        for row in case.talk
    ]
    return parts or [case_file_pdf.text(_("査読書類はありません。"))]


def _said_by(row: ReviewDocument) -> str:
    return _(
        "第%(n)s回　%(side)s　%(name)s　%(when)s",
        n=row.round,
        side=label(row.side),
        name=row.sent_by.name,
        when=moment(row.sent_at),
    )


def _talk_in_short(case: CaseFile) -> list[Mapping[str, Any]]:
    kept = case.talk[-_TALK_KEPT:]
    parts: list[Mapping[str, Any]] = [
        case_file_pdf.talk(_said_by(row), cut(row.body), "", inset=row.side is ReviewSide.VERIFIER)
        for row in kept
    ]
    return [*parts, *more(len(case.talk) - len(kept))] or [case_file_pdf.text(_("査読書類はありません。"))]


def _decisions(case: CaseFile) -> list[Mapping[str, Any]]:
    """The steps along the workflow with who, when and why; then requests and revocations."""
    steps = steps_of(case)
    if not steps:
        return [case_file_pdf.text(_("まだありません。"))]
    parts: list[Mapping[str, Any]] = [_steps_table(case, steps)]
    if case.requests:
        parts += [case_file_pdf.head(_("差戻依頼")), _requests(case)]
    if case.revocations:
        parts += [case_file_pdf.head(_("承認の取消し")), _revocations(case)]
    return parts


def _why(step: Event, asked: Collection[str], *, short: bool) -> str:
    why = cut(step.reason) if short else step.reason or ""
    return _("依頼の理由：%(reason)s", reason=why) if says_what_was_asked(step, asked) else why


def _steps_table(case: CaseFile, steps: Sequence[Event], *, short: bool = False) -> Mapping[str, Any]:
    asked = {one.reason for one in case.requests}
    rows = [
        (
            moment(one.at),
            event_word(one.tag),
            person(one.actor),
            _why(one, asked, short=short),
        )
        for one in steps
    ]
    head = (_("日時"), _("手続き"), _("した人"), _("理由"))
    if not any(row[-1] for row in rows):
        return case_file_pdf.table(head[:-1], [row[:-1] for row in rows], wide=(1, 2))
    return case_file_pdf.table(head, rows, wide=(2, 3))


def _decisions_in_short(case: CaseFile) -> list[Mapping[str, Any]]:
    steps = steps_of(case)
    if not steps:
        return _decisions(case)
    kept = steps[-_STEPS_KEPT:]
    left = len(steps) - len(kept) + len(case.requests) + len(case.revocations)
    return [_steps_table(case, kept, short=True), *more(left)]


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
        RevocationState.EXPIRED: _("起案の期限が切れました"),
    }
    rows = [
        (moment(one.proposed_at), one.proposed_by.name, one.reason, words[one.state], moment(one.decided_at))
        for one in case.revocations
    ]
    head = (_("起案した日時"), _("起案した人"), _("理由"), _("結果"), _("結果の日時"))
    return case_file_pdf.table(head, rows, wide=(2, 3))


def _time_line(case: CaseFile) -> Mapping[str, Any]:
    runs = [list(run) for _who, run in groupby(case.events, key=run_of)]
    rows = [(moment(run[0].at), told(run), person(run[0].actor)) for run in runs]
    return case_file_pdf.table((_("日時"), _("出来事"), _("した人")), rows, wide=(1, 2))


def _files(case: CaseFile) -> list[Mapping[str, Any]]:
    found = _documents(case)
    if not found:
        return [case_file_pdf.text(_("ファイルはありません。"))]
    rows = [(word, one.name, filesize(one.size), one.sha256) for word, one in found]
    head = (_("種類"), _("ファイル名"), _("大きさ"), "SHA-256")
    return [case_file_pdf.table(head, rows, wide=(0, 1), figures=(2,), codes=(3,))]


def _files_in_short(case: CaseFile) -> list[Mapping[str, Any]]:
    count = len(_documents(case))
    if not count:
        return _files(case)
    return [case_file_pdf.text(ngettext("ファイル%(n)s件。", "ファイル%(n)s件。", count, n=number(count)))]


def _documents(case: CaseFile) -> list[tuple[str, Document]]:
    found: list[tuple[str, Document]] = []
    for file in case.files:
        word = _("算定報告書 第%(n)s版", n=file.version_number)
        if file.kind is FileKind.ATTACHMENT:
            word = _("添付ファイル（外されました）") if file.removed_at is not None else _("添付ファイル")
        found.append((word, file.document))
    found += [(_("検証報告書"), row.document) for row in case.verifications]
    found += [(_("査読書類 第%(n)s回", n=row.round), row.document) for row in case.talk if row.document]
    return found
