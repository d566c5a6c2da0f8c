"""What is refused in the registration office."""

from __future__ import annotations

from portal.refusals.codes import Refusal

TEXTS: dict[Refusal, tuple[str, str]] = {
    Refusal.DATES_ORDER: ("年度や日付の順番が逆です。", "Years or dates are not in order."),
    Refusal.PHASE_EXISTS: ("第{number}期は、すでに登録されています。", "Phase {number} already exists."),
    Refusal.NOTHING_CHANGED: ("変更された項目がありません。", "Nothing is changed."),
    Refusal.CHANGE_OPEN: (
        "前の変更申請を事務局が確認しています。",
        "An earlier change application is waiting for the secretariat.",
    ),
    Refusal.KANA_NOT_HIRAGANA: (
        "ひらがなで入力してください。「{found}」はひらがなではありません。",
        "Use hiragana. “{found}” is not hiragana.",
    ),
    Refusal.POSTAL_CODE_FORM: (
        "郵便番号は、123-4567の形で入力してください。",
        "Write the postal code as 123-4567.",
    ),
    Refusal.TELEPHONE_FORM: (
        "電話番号は、03-1234-5678の形で入力してください。",
        "Write the telephone number as 03-1234-5678.",
    ),
    Refusal.MAIL_FORM: (
        "メールアドレスの形が正しくありません。",
        "This is not a well-formed mail address.",
    ),
    Refusal.CONTACT_ELSEWHERE: (
        "担当者は、代表事業者または共同事業者に所属する方にしてください。",
        "The contact person must belong to the representative company or a joint company.",
    ),
    Refusal.ACCOUNT_NAME_TAKEN: (
        "口座名「{name}」は、{account}で使われています。ほかの名称にしてください。",
        "The account name “{name}” is used by {account}. Choose another.",
    ),
    Refusal.SITE_TAKEN: (
        "同じ期に、同じ事業所が登録されています（{account}）。",
        "The same site is already registered in this phase ({account}).",
    ),
    Refusal.SEAL_MISSING: (
        "申請書の社印を確認していません。",
        "The company seal on the application is not recorded.",
    ),
    Refusal.CONSENT_MISSING: (
        "個人情報提供の同意書（責任者印）を受け取っていません。",
        "The consent form with the seal of the person responsible is not recorded.",
    ),
    Refusal.GLYPH_MISSING: (
        "通知書に印刷できない文字「{found}」があります。別の字で入力してください。",
        "The character “{found}” cannot be printed in letters. Use another one.",
    ),
    Refusal.PHASE_NEEDED: ("期を選んでください。", "Choose the phase."),
    Refusal.CHOICE_UNKNOWN: ("選択肢から選んでください。", "Choose one of the options."),
    Refusal.JOINT_KANA_NEEDED: (
        "共同事業者の法人名とふりがなを、両方入力してください。",
        "Give both the name and the kana of each joint company.",
    ),
    Refusal.DATE_IN_FUTURE: ("今日までの日付を入力してください。", "The date may not lie in the future."),
}
