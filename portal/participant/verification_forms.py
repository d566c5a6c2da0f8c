"""The forms of the verifier: the result with its checklist, an answer, a reason.

A form checks shape only; every value is judged by the service.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Field, FileField, HiddenField, RadioField, StringField, TextAreaField

from portal.models import Opinion
from portal.participant.files import KeyForm, RowForm
from portal.participant.report_acts import Asked
from portal.services.checklist import ITEMS, REMARK_LIMIT, Answer, Given, answer_field, remark_field
from portal.services.report_views import ReportView
from portal.services.verification import Work
from portal.services.verification_draft import NOTHING, DraftView, Written
from portal.web_text import label, locale_name


class ResultForm(KeyForm):
    """The verifier's result; an answer and a remark for each item of the checklist are added below."""

    draft = HiddenField(default="0")
    #: no input: where the page shows what is wrong with the checklist as a whole
    checklist = Field(_l("チェックリスト"))
    confirmed = BooleanField(_l("前の版に対する回答を、いまの版についても確かめました"))
    opinion = RadioField(
        _l("検証意見"),
        validators=[Asked()],
        choices=[],
        validate_choice=False,
        description=_l("不適正と意見不表明では承認を依頼できません。理由を書いて差し戻してください。"),
    )
    findings = TextAreaField(
        _l("指摘事項"),
        description=_l("無限定適正のほかの意見では必ず書いてください。目標保有者も読みます。4,000字まで"),
    )
    verified = StringField(_l("検証済排出量"), validators=[Asked()])
    file = FileField(_l("検証報告書"), validators=[Asked()])

    @property
    def draft_version(self) -> int:
        """The version of the draft that the page showed; anything but a number is as old as can be."""
        text = str(self.draft.data or "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1

    def given(self) -> dict[str, Given]:
        """The answers as typed."""
        return {
            item.code: Given(
                str(self[answer_field(item.code)].data or ""), str(self[remark_field(item.code)].data or "")
            )
            for item in ITEMS
        }

    def written(self) -> Written:
        """The whole form as a draft keeps it."""
        return Written(
            self.given(),
            str(self.opinion.data or ""),
            str(self.verified.data or ""),
            str(self.findings.data or ""),
            bool(self.confirmed.data),
        )

    def work(self) -> Work:
        """Checklist and findings, for registering."""
        findings = str(self.findings.data or "")
        return Work(self.given(), findings, bool(self.confirmed.data), self.draft_version)

    def in_order(self) -> list[Any]:
        """The fields as the page shows them, without the answers, for the list of what is wrong."""
        remarks = [self[remark_field(item.code)] for item in ITEMS]
        return [
            self.checklist,
            *remarks,
            self.confirmed,
            self.opinion,
            self.findings,
            self.verified,
            self.file,
        ]

    def answers(self) -> list[Any]:
        """The items' fields: what is open of them is said once, of the checklist."""
        return [self[answer_field(item.code)] for item in ITEMS]


for _item in ITEMS:
    setattr(ResultForm, answer_field(_item.code), RadioField(choices=[], validate_choice=False))
    setattr(
        ResultForm, remark_field(_item.code), StringField(_l("備考"), render_kw={"maxlength": REMARK_LIMIT})
    )


def result_form(view: ReportView | None = None, draft: DraftView = NOTHING) -> ResultForm:
    """The form as it was sent, or with ``view`` as the draft has it."""
    form = ResultForm() if view is None else ResultForm(formdata=None, **_kept(view, draft))
    form.opinion.choices = [(opinion.value, label(opinion)) for opinion in Opinion]
    for item in ITEMS:
        answer, remark = form[answer_field(item.code)], form[remark_field(item.code)]
        answer.label.text = item.word(locale_name())
        answer.choices = [(one.value, label(one)) for one in Answer]
        remark.label.text = _("備考：%(item)s", item=item.word(locale_name()))
    return form


def number_of(view: ReportView) -> int:
    """The number of the version that counts; 0 without one."""
    return view.current_file.number if view.current_file is not None else 0


def _kept(view: ReportView, draft: DraftView) -> dict[str, Any]:
    written = draft.written
    values: dict[str, Any] = {
        "version": view.version,
        "draft": str(draft.row_version),
        "opinion": written.opinion,
        "findings": written.findings,
        # the figure of another version is another figure
        "verified": written.verified if draft.result_version == number_of(view) else "",
    }
    for code, one in written.answers.items():
        values |= {answer_field(code): one.answer, remark_field(code): one.remark}
    return values


class ReasonForm(RowForm):
    """Giving a report back, or keeping it, says why."""

    reason = TextAreaField(
        _l("理由"), validators=[Asked()], description=_l("目標保有者に、このまま伝わります。2,000字まで")
    )


class GrantForm(RowForm):
    """Giving a report back that its holder asked for needs no reason: the holder gave it."""

    reason = TextAreaField(
        _l("目標保有者に伝えること"),
        description=_l("書かなくても、依頼に応じたことは伝わります。2,000字まで"),
    )


class AnswerForm(KeyForm):
    """An answer to the secretariat's question: a text, a file or both."""

    body = TextAreaField(
        _l("回答"),
        description=_l(
            "回答とファイルの、少なくとも一方が必要です。目標保有者も読むことができます。2,000字まで"
        ),
    )
    file = FileField(_l("回答のファイル"))
