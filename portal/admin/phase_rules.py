"""The values of a phase's rule as form fields, for opening a phase and for changing its dates."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal.admin.acts import KeyForm, Needed
from portal.admin.forms import VersionField, show_problems
from portal.errors import PortalError, Refused
from portal.services import phases
from portal.services.numbers import parse_quantity
from portal.web_text import day, number

#: what each value of a rule is called, in the order of the calendar
RULE_WORDS: dict[str, Any] = {
    "application_due": _l("登録申請の締切"),
    "base_report_from": _l("基準年度の報告書の受付開始"),
    "base_report_due": _l("基準年度の報告書の締切"),
    "issue_from": _l("排出枠を発行できる日"),
    "target_report_from": _l("削減目標年度の報告書の受付開始"),
    "target_report_due": _l("削減目標年度の報告書の締切"),
    "retirement_deadline": _l("償却期限"),
    "banking_from": _l("バンキング申請の受付開始"),
    "banking_until": _l("バンキング申請の締切"),
    "adjustment_report_from": _l("調整・自主削減年度の報告書の受付開始"),
    "adjustment_report_due": _l("調整・自主削減年度の報告書の締切"),
    "reserve_released_by_compliance": _l("目標を達成すると、コミットメントリザーブ量を0にする"),
    "jver_counts_for_reserve": _l("jVERの償却をコミットメントリザーブ量に数える"),
    "jver_counts_for_compliance": _l("jVERの償却を目標遵守に数える"),
    "proposal_days": _l("起案を確認できる日数"),
    "issue_cap": _l("この期に発行できる排出枠の上限"),
}
YEAR_WORDS: dict[str, Any] = {
    "base_first_year": _l("基準年度のはじめ"),
    "base_last_year": _l("基準年度の終わり"),
    "installation_year": _l("設備導入年度"),
    "target_year": _l("削減目標年度"),
    "adjustment_year": _l("調整・自主削減年度"),
    "reporting_year": _l("報告年度"),
}


def value_word(name: str, value: Any) -> str:
    """The value of a rule's item ``name`` in words."""
    if name == "issue_cap":
        return _("%(n)s JAA", n=number(value)) if value is not None else _("上限なし")
    if isinstance(value, bool):
        return _("はい") if value else _("いいえ")
    return day(value) if isinstance(value, date) else _("%(n)s日", n=number(value))


class CapField(StringField):
    """A number of allowances as people write it, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = self.data = (valuelist[0] if valuelist else "").strip()
        try:
            self.data = parse_quantity(text, self.name) if text else None
        except PortalError as error:
            # what was typed stays on the page
            raise ValueError(error.problems[0].text(str(get_locale()))) from error

    def _value(self) -> str:
        return number(self.data) if isinstance(self.data, int) else str(self.data or "")


_KINDS = {item.name: str(item.type) for item in fields(phases.RuleDates)}


def field_of(name: str) -> Any:
    """The form field of a rule value."""
    words, kind = RULE_WORDS[name], _KINDS[name]
    if name == "issue_cap":
        make: Any = CapField  # WTForms is untyped
        return make(words, description=_l("JAAの整数。空欄のときは、上限がありません。"))
    if kind == "bool":
        return BooleanField(words)
    if kind == "int":
        return IntegerField(words, validators=[InputRequired(_l("数字を入力してください。"))])
    return DateField(words, validators=[InputRequired(_l("日付を入力してください。"))])


class RuleForm(KeyForm):
    """Every value of a rule, and why it is proposed."""

    reason = TextAreaField(_l("理由"), validators=[Needed()])

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields; where something is missing, what is there is judged as well, all at once."""
        above: Any = super()  # WTForms is untyped
        if above.validate(extra_validators):
            return True
        given = {name: field.data for name, field in self._fields.items() if not field.errors}
        show_problems(self, Refused(*phases.value_problems(given)))
        return False

    def dates(self) -> phases.RuleDates:
        return phases.RuleDates(**{name: self[name].data for name in RULE_WORDS})


ChangeForm: type[RuleForm] = type(
    "ChangeForm",
    (RuleForm,),
    {**{name: field_of(name) for name in RULE_WORDS}, "version": VersionField()},
)
