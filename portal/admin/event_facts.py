"""The facts of an audit event in words: what it was about, what changed from what to what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields.core import UnboundField

from portal.admin.application_forms import ApplicationForm
from portal.admin.contact_changes import ITEMS as CONTACT_ITEMS
from portal.admin.phase_rules import RULE_WORDS
from portal.admin.record_words import differences
from portal.models import (
    AccountAction,
    AccountKind,
    AccountState,
    ApplicationState,
    BatchState,
    DecisionState,
    Event,
    ImportKind,
    ImportState,
    LetterState,
    MovementKind,
    MovementState,
    Opinion,
    ParticipantKind,
    ProposalState,
    PublicationState,
    PublicationSubject,
    ReportState,
    ReviewSide,
    ScanKind,
    TargetState,
)
from portal.permissions import Role
from portal.services.compliance import Compliance
from portal.services.letter_addresses import LearntBy
from portal.web_text import NOTHING, day, label, moment, number, phase_name

_FACTS: dict[str, Any] = {
    "before": _l("変更前"),
    "after": _l("変更後"),
    "account": _l("口座番号"),
    "address": _l("接続元"),
    "application": _l("受付番号"),
    "code": _l("コード"),
    "codes": _l("問題の種類"),
    "count": _l("件数"),
    "day": _l("日付"),
    "distinct_from": _l("重複でないと確かめた相手"),
    "emissions": _l("排出量（t-CO2）"),
    "filename": _l("ファイル名"),
    "items": _l("変わった項目"),
    "kind": _l("種類"),
    "late": _l("期限後"),
    "login_id": _l("ログインID"),
    "logins": _l("ログインID"),
    "name": _l("名前"),
    "number": _l("番号"),
    "opinion": _l("検証の意見"),
    "prints": _l("印刷した回数"),
    "quantity": _l("数量"),
    "role": _l("役割"),
    "round": _l("回"),
    "side": _l("送った側"),
    "source": _l("移動元"),
    "target": _l("移動先"),
    "until": _l("有効期限"),
    "verified": _l("検証された排出量（t-CO2）"),
    "rows": _l("行数"),
    "bad": _l("不備のある行"),
    "file": _l("ファイル名"),
    "answer_by": _l("提出期限"),
    "learnt_by": _l("確かめた方法"),
    "year": _l("年度"),
    "due": _l("期限"),
    "days": _l("残りの日数（超過は負）"),
    "status": _l("目標遵守"),
    "retired": _l("償却済量"),
    "missing": _l("あと必要（JAA）"),
    "signature": _l("ウイルスの名称"),
    "size": _l("大きさ（バイト）"),
    "sha256": _l("SHA-256"),
}
#: what bears the number of a phase
_PHASES = ("phase", "phase_proposal", "publication")
_STATES: dict[str, type[StrEnum]] = {
    "registration_application": ApplicationState,
    "letter": LetterState,
    "emissions_report": ReportState,
    "movement": MovementState,
    "reduction_target": TargetState,
    "approval_revocation": TargetState,
    "account_change": ProposalState,
    "account": AccountState,
    "user": Role,
    "phase_proposal": ProposalState,
    "import": ImportState,
    "letter_batch": BatchState,
    "contact_change": DecisionState,
    "banking_application": DecisionState,
    "factor_proposal": ProposalState,
    "publication": PublicationState,
}
_KINDS: dict[str, type[StrEnum]] = {
    "movement": MovementKind,
    "account": AccountKind,
    "account_change": AccountAction,
    "import": ImportKind,
    "registration_application": ScanKind,
    "company_change": ParticipantKind,
    "publication": PublicationSubject,
}
_ENUMS: dict[str, type[StrEnum]] = {
    "opinion": Opinion,
    "role": Role,
    "side": ReviewSide,
    "learnt_by": LearntBy,
    "status": Compliance,
}


def fact_lines(event: Event) -> list[tuple[str, str]]:
    """(name, value) of each fact worth reading; numbers of other rows are left out."""
    lines = plain_lines(event)
    before, after = event.facts.get("before"), event.facts.get("after", event.facts.get("rule"))
    if isinstance(after, Mapping):
        old = before if isinstance(before, Mapping) else None
        if event.subject_type == "company_change" and old is not None:
            changes = differences(old, after, _changed_kind(event))
            return lines + [
                (name, _("%(before)s → %(after)s", before=was, after=now)) for name, was, now in changes
            ]
        for name, value in after.items():
            shown = _shown(event.subject_type, "", value)
            if old is not None:
                was = _shown(event.subject_type, "", old.get(name))
                if was == shown:
                    continue
                shown = _("%(before)s → %(after)s", before=was, after=shown)
            lines.append((item_word(name), shown))
    return lines


def _changed_kind(event: Event) -> ParticipantKind:
    """Whose registration a paper changed; the event says so, each kind's form has its own words."""
    said = event.facts.get("kind")
    if said is not None:
        return ParticipantKind(said)
    return ParticipantKind.HOLDER if event.holder_id is not None else ParticipantKind.TRADER


def plain_lines(event: Event) -> list[tuple[str, str]]:
    """The facts that are one value each."""
    return [
        (_fact_word(event.subject_type, name), _shown(event.subject_type, name, value))
        for name, value in event.facts.items()
        if name in _FACTS and value is not None and value != [] and not isinstance(value, Mapping)
    ]


def _fact_word(table: str, name: str) -> str:
    if name == "number" and table in _PHASES:
        return _("期")
    # of a factor table the codes are those of its rows
    return _("変わる行") if name == "codes" and table == "factor_proposal" else str(_FACTS[name])


def item_word(name: str) -> str:
    """An item of an application, a contact or a phase's rule in words."""
    word = CONTACT_ITEMS.get(name) or RULE_WORDS.get(name)
    if word is None:
        field = getattr(ApplicationForm, name, None)
        given = (field.args[:1] or (field.kwargs.get("label"),)) if isinstance(field, UnboundField) else ()
        word = given[0] if given and given[0] else name
    return str(word)


def _shown(table: str, name: str, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return _("はい") if value else _("いいえ")
    if isinstance(value, int):
        return phase_name(value) if name == "number" and table in _PHASES else number(value)
    if isinstance(value, list):
        words = [item_word(one) if name == "items" else _shown(table, "", one) for one in value]
        return _("、").join(words)
    kind = _enum_of(table, name)
    if kind is not None and value in {member.value for member in kind}:
        return label(kind(value))
    return _dated(str(value))


def _enum_of(table: str, name: str) -> type[StrEnum] | None:
    if name in ("before", "after"):
        return _STATES.get(table)
    return _KINDS.get(table) if name == "kind" else _ENUMS.get(name)


def _dated(text: str) -> str:
    """A stored day or moment as the reader's language writes it; other words as they are."""
    try:
        if len(text) == 10:
            return day(date.fromisoformat(text))
        if len(text) > 18 and text[10] == "T":
            return moment(datetime.fromisoformat(text))
    except ValueError:
        return text
    return text
