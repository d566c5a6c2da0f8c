"""What an approver reads beside the figure: the verification, the base year, what does not conform."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.admin.case_file_words import tonnes
from portal.extensions import db_session
from portal.models import EmissionsReport, Opinion, Period
from portal.services import checklist, review_desk
from portal.services.checklist import Answer
from portal.services.report_rules import current_verification
from portal.web_text import label, number, percent


def facts(row: EmissionsReport) -> list[tuple[Any, Any]]:
    """The rows of the question before an approval, after those of every act on a report."""
    verified, found = current_verification(row), review_desk.figures(db_session(), row, None)
    rows: list[tuple[Any, Any]] = []
    if verified is not None:
        rows += [
            (_("検証された排出量"), tonnes(verified.verified_emissions)),
            (_("検証の意見"), label(verified.opinion)),
        ]
        if verified.checklist:
            rows.append((_("確認した項目"), answers(verified.checklist)))
    if row.period is not Period.BASE:
        base, change = tonnes(found.base), percent(found.change)
        rows.append((_("基準年度排出量"), _("%(base)s（報告との差 %(change)s）", base=base, change=change)))
    return rows


def notes(row: EmissionsReport) -> list[str]:
    """What is pointed out, each in one sentence: a leap against the base year, items that do not conform."""
    verified, found = current_verification(row), review_desk.figures(db_session(), row, None)
    said = []
    if found.notable:
        said.append(_("基準年度から10%%を超えて変わっています（%(change)s）。", change=percent(found.change)))
    lines = checklist.lines(verified.checklist) if verified is not None else []
    wrong = sum(1 for line in lines if line.answer is Answer.NOT)
    if wrong and verified is not None and verified.opinion is Opinion.UNQUALIFIED:
        said.append(
            ngettext(
                "検証意見は無限定適正ですが、不適合の項目が%(n)s件あります。",
                "検証意見は無限定適正ですが、不適合の項目が%(n)s件あります。",
                wrong,
                n=number(wrong),
            )
        )
    elif wrong:
        said.append(
            ngettext(
                "不適合の項目が%(n)s件あります。",
                "不適合の項目が%(n)s件あります。",
                wrong,
                n=number(wrong),
            )
        )
    return said


def answers(given: dict[str, Any] | None) -> str:
    """How many items were answered how: 適合 14　不適合 1　該当なし 0; nothing without a checklist."""
    counts = [line.answer for line in checklist.lines(given)]
    return "　".join(
        _("%(answer)s %(n)s", answer=label(one), n=number(counts.count(one))) for one in Answer if counts
    )
