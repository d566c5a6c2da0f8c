"""What the portal says about an uploaded application form; :mod:`.problems` looks here too.

Places: ``{sheet}``, ``{cell}``, ``{found}``, ``{expected}``, and ``{detail}``: the signs that are meant.
"""

from __future__ import annotations

import re

from portal.services.spreadsheets.layouts import application as form

#: code → (Japanese, English)
TEXTS: dict[str, tuple[str, str]] = {
    "another_form": (
        "登録申請書ではありません（{found}）。登録申請書の様式に記入してください。",
        "This is not a registration application form, but: {found}. Fill in the application form.",
    ),
    "kind_wrong": (
        "申請書の区分が読み取れません。ASSETシステムからダウンロードした様式に記入してください。",
        "Whose form it is cannot be read. Fill in the form downloaded from the ASSET System.",
    ),
    "phase_altered": (
        "申請書の期が読み取れません。ASSETシステムからダウンロードした様式に記入してください。",
        "The phase of the form cannot be read. Fill in the form downloaded from the ASSET System.",
    ),
    "phase_unknown": (
        "この期は登録されていません。申請する期の様式に記入してください。",
        "There is no such phase. Fill in the form of the phase you apply for.",
    ),
    "label_changed": (
        "項目名が様式と違います。「{expected}」に戻してください。",
        "The name of the item was changed. Put “{expected}” back.",
    ),
    "cells_merged": (
        "セルの結合が様式と違います。結合していない様式に記入し直してください。",
        "Cells are merged otherwise than in the form. Fill in a form in which they are not.",
    ),
    "formula_in_input": (
        "数式が入っています。数式ではなく、値を記入してください。",
        "The cell holds a formula. Write the value itself.",
    ),
    "not_text": (
        "文字として読み取れません。セルの書式を「文字列」にして、記入し直してください。",
        "This cannot be read as text. Set the cell's format to text and write it again.",
    ),
    "item_blank": (
        "必ず記入する項目です。{expected}を記入してください。",
        "This item is required. Fill in: {expected}.",
    ),
    "choice_blank": (
        "必ず選ぶ項目です。一覧から選んでください。",
        "This item is required. Choose from the list.",
    ),
    "choice_unknown": (
        "一覧にない値です。一覧から選んでください。",
        "This is not in the list. Choose from the list.",
    ),
    "text_too_long": (
        "長すぎます。{expected}にしてください。",
        "This is too long. Keep it to {expected}.",
    ),
    "kana_wrong": (
        "ひらがなで記入してください。「{detail}」はひらがなではありません。",
        "Use hiragana. “{detail}” is not hiragana.",
    ),
    "postal_wrong": (
        "郵便番号は、{expected}の形で記入してください。",
        "Write the postal code as {expected}.",
    ),
    "phone_wrong": (
        "電話番号・FAX番号は、{expected}の形で市外局番から記入してください。",
        "Write the number with its area code, as {expected}.",
    ),
    "mail_wrong": (
        "メールアドレスの形が正しくありません。{expected}の形で記入してください。",
        "This is not a well-formed mail address. Write it as {expected}.",
    ),
    "glyph_missing": (
        "通知書に印刷できない文字「{detail}」があります。別の字で記入してください。",
        "The character “{detail}” cannot be printed in letters. Use another one.",
    ),
    "contact_elsewhere": (
        "担当者は、代表事業者または共同事業者に所属する方にしてください。法人名は、上の欄と同じに記入してください。",
        "The contact person must belong to the representative or a joint company. Write its name as above.",
    ),
    "joint_incomplete": (
        "共同事業者の法人名とひらがなを、両方記入してください。",
        "Give both the name and the kana of each joint company.",
    ),
    "item_wrong": (
        "この項目は受け付けられません。内容を確かめて、記入し直してください。",
        "This entry cannot be accepted. Check it and write it again.",
    ),
    # Notes
    "read_as_written": (
        "「{found}」を「{expected}」と読み取りました。",
        "“{found}” was read as “{expected}”.",
    ),
    "outside_input": (
        "様式の記入欄ではないところに「{found}」とあります。読み取っていません。",
        "“{found}” stands outside the cells to fill in. It was not read.",
    ),
}

#: Words that stand in ``found`` and ``expected``: Japanese → English.
WORDS: dict[str, str] = {
    "算定報告書": "a calculation report",
    "数式": "a formula",
    "文字": "text",
    "ひらがな": "hiragana",
    "印刷できる文字": "characters that can be printed",
    "代表事業者または共同事業者の法人名": "the name of the representative or a joint company",
    "結合なし": "not merged",
    "様式の結合": "as in the form",
    "登録されている期": "a phase that exists",
    "正しい内容": "a correct entry",
    **form.all_labels(),
    **{
        "・".join(ja for _value, ja, _en in options): ", ".join(en for _value, _ja, en in options)
        for options in (form.YES_NO, form.CONSENT, form.SITE_KINDS, form.PARTICIPATION)
    },
    "・".join(ja for ja, _en in form.KIND_NAMES.values()): ", ".join(
        en for _ja, en in form.KIND_NAMES.values()
    ),
}
_LENGTH = re.compile(r"([0-9]+)字以内")
_PHASE = re.compile(r"第([0-9]+)期")


def english(text: str) -> str | None:
    """The English for a stock word of ``found`` or ``expected``; ``None`` for the user's own text."""
    if found := _LENGTH.fullmatch(text):
        return f"{found[1]} characters"
    if found := _PHASE.fullmatch(text):
        return f"phase {found[1]}"
    return WORDS.get(text)
