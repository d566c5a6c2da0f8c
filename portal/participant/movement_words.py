"""The words of the four movements a participant makes itself: whole sentences for each, none glued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.models import MovementKind
from portal.services.allowances import Draft
from portal.web_text import number


@dataclass(frozen=True)
class Act:
    """One movement's page: its address, its kind, its words (lazy, in the reader's language)."""

    slug: str
    kind: MovementKind
    title: Any
    lead: Any
    units: Any  # label of the unit class
    after_head: Any
    moved: Any
    after: Any
    most: Any  # help: how much can move now; %(amount)s
    refused: Callable[[int], str]  # head over so many reasons
    stuck: Any  # nothing can move, whatever is typed
    confirm_title: Any
    say: Any  # the act in one sentence; %(amount)s %(unit)s %(code)s %(name)s
    press: Any  # the button; %(amount)s
    final: Any
    final_more: Any
    done: Any  # %(amount)s
    receipt: Any
    target: Any

    def sentence(self, **words: str) -> str:
        """The act in one sentence; units without a phase are named once, with their amount."""
        said = str(self.say)
        if words["amount"].endswith(f" {words['unit']}"):
            said = said.replace("（%(unit)s）", "").replace(" (%(unit)s)", "")
        return said % words

    @property
    def endpoint(self) -> str:
        return f"participant.{self.slug}"

    @property
    def confirm_endpoint(self) -> str:
        return f"participant.{self.slug}_confirm"


TRANSFER = Act(
    "transfer",
    MovementKind.TRANSFER,
    title=_l("排出枠の移転"),
    lead=_l("ほかの参加者の口座へ、排出枠を移します。移転先は口座番号で指定します。"),
    units=_l("移転する排出枠"),
    after_head=_l("この移転のあと"),
    moved=_l("移転する数量"),
    after=_l("移転後の残高"),
    most=_l("1以上の整数で入力してください。いま移転できるのは%(amount)sまでです。"),
    refused=lambda n: ngettext(
        "移転できません。%(n)s件の問題を直してください。",
        "移転できません。%(n)s件の問題を直してください。",
        n,
        n=n,
    ),
    stuck=_l("いまは移転できません"),
    confirm_title=_l("移転内容の確認"),
    say=_l("%(amount)s（%(unit)s）を、%(code)s（%(name)s）へ移転します。"),
    press=_l("%(amount)sを移転する"),
    final=_l("この移転は、確定すると取り消せません。"),
    final_more=_l(
        "移転先が違っていても、相手の同意がなければ戻せません。"
        "確定すると、移転先の担当者にもメールでお知らせします。"
    ),
    done=_l("%(amount)sを移転しました。"),
    receipt=_l("移転の受領書"),
    target=_l("移転先"),
)
RETIRE = Act(
    "retire",
    MovementKind.RETIRE,
    title=_l("排出枠の償却"),
    lead=_l("排出量に応じた排出枠を、償却口座へ移します。償却した量が、目標の遵守に数えられます。"),
    units=_l("償却する排出枠"),
    after_head=_l("この償却のあと"),
    moved=_l("償却する数量"),
    after=_l("償却後の残高"),
    most=_l("1以上の整数で入力してください。いま償却できるのは%(amount)sまでです。"),
    refused=lambda n: ngettext(
        "償却できません。%(n)s件の問題を直してください。",
        "償却できません。%(n)s件の問題を直してください。",
        n,
        n=n,
    ),
    stuck=_l("いまは償却できません"),
    confirm_title=_l("償却内容の確認"),
    say=_l("%(amount)s（%(unit)s）を、償却口座%(code)sへ移して償却します。"),
    press=_l("%(amount)sを償却する"),
    final=_l("この償却は、確定すると取り消せません。"),
    final_more=_l("償却した排出枠は、ほかの口座へ移転することも、次の期へ繰り越すこともできません。"),
    done=_l("%(amount)sを償却しました。"),
    receipt=_l("償却の受領書"),
    target=_l("償却先"),
)
CANCEL = Act(
    "cancel",
    MovementKind.CANCEL,
    title=_l("排出枠の取消"),
    lead=_l("排出枠を自主的に取り消します。取り消した量は、目標の遵守には数えられません。"),
    units=_l("取り消す排出枠"),
    after_head=_l("この取消のあと"),
    moved=_l("取り消す数量"),
    after=_l("取消後の残高"),
    most=_l("1以上の整数で入力してください。いま取り消せるのは%(amount)sまでです。"),
    refused=lambda n: ngettext(
        "取り消せません。%(n)s件の問題を直してください。",
        "取り消せません。%(n)s件の問題を直してください。",
        n,
        n=n,
    ),
    stuck=_l("いまは取り消せません"),
    confirm_title=_l("取消内容の確認"),
    say=_l("%(amount)s（%(unit)s）を、取消口座%(code)sへ移して取り消します。"),
    press=_l("%(amount)sを取り消す"),
    final=_l("この取消は、確定すると元に戻せません。"),
    final_more=_l("取り消した排出枠は、移転にも償却にも使えなくなります。"),
    done=_l("%(amount)sを取り消しました。"),
    receipt=_l("取消の受領書"),
    target=_l("取消先"),
)
OFFSET = Act(
    "offset",
    MovementKind.OFFSET,
    title=_l("排出枠によるオフセット"),
    lead=_l("ほかの場所の排出量を、排出枠で自主的に埋め合わせます。目標の遵守には数えられません。"),
    units=_l("オフセットに使う排出枠"),
    after_head=_l("このオフセットのあと"),
    moved=_l("オフセットする数量"),
    after=_l("オフセット後の残高"),
    most=_l("1以上の整数で入力してください。いまオフセットに使えるのは%(amount)sまでです。"),
    refused=lambda n: ngettext(
        "オフセットできません。%(n)s件の問題を直してください。",
        "オフセットできません。%(n)s件の問題を直してください。",
        n,
        n=n,
    ),
    stuck=_l("いまはオフセットできません"),
    confirm_title=_l("オフセット内容の確認"),
    say=_l("%(amount)s（%(unit)s）を、オフセット口座%(code)sへ移してオフセットします。"),
    press=_l("%(amount)sをオフセットする"),
    final=_l("このオフセットは、確定すると取り消せません。"),
    final_more=_l("オフセットに使った排出枠は、移転にも償却にも使えなくなります。"),
    done=_l("%(amount)sをオフセットしました。"),
    receipt=_l("オフセットの受領書"),
    target=_l("オフセット先"),
)
ACTS = {act.kind: act for act in (TRANSFER, RETIRE, CANCEL, OFFSET)}


def most_movable(act: Act, plan: Draft) -> str:
    """How much can move now; where it is nothing, what of the balance is bound."""
    unit = plan.unit_class.unit_type.value
    if plan.movable:
        return str(act.most) % {"amount": f"{number(plan.movable)} {unit}"}
    promised = plan.held - plan.available
    kept = plan.reserve if plan.reserve is not None and act.kind is not MovementKind.RETIRE else 0
    values = {"held": number(plan.held), "promised": number(promised), "kept": number(kept), "unit": unit}
    if not plan.held:
        return _("この排出枠の残高は0 %(unit)sのため、いま動かせる量はありません。", unit=unit)
    if promised and kept:
        return _(
            "いま動かせる量はありません。残高%(held)s %(unit)sのうち%(promised)s %(unit)sは手続き中で、"
            "%(kept)s %(unit)sは口座に残しておく量です。",
            **values,
        )
    if promised:
        return _(
            "いま動かせる量はありません。残高%(held)s %(unit)sのうち%(promised)s %(unit)sは手続き中です。",
            **values,
        )
    return _(
        "いま動かせる量はありません。残高%(held)s %(unit)sのうち%(kept)s %(unit)sは口座に残しておく量です。",
        **values,
    )
