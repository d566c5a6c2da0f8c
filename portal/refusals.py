"""The named refusals and their texts, Japanese first, English second. A leaf.

``{name}`` places take figures. Sentences say what is wrong and the way out; nothing is blamed.
"""

from __future__ import annotations

from enum import StrEnum, auto


class Refusal(StrEnum):
    """Why something is refused. The value is the stable code."""

    # everywhere
    NOT_FOUND = auto()
    NOT_ALLOWED = auto()
    STALE_PAGE = auto()
    BUSY = auto()
    KEY_REUSED = auto()
    WRONG_STATE = auto()
    REASON_NEEDED = auto()
    REQUIRED = auto()
    TOO_LONG = auto()
    SAME_PERSON = auto()
    PERSON_INACTIVE = auto()
    PASSWORD_ISSUER = auto()
    LOGIN_FAILED = auto()
    LOGIN_PAUSED = auto()
    PASSWORD_SHORT = auto()
    PASSWORD_WEAK = auto()
    PASSWORD_SAME = auto()
    PASSWORD_MISMATCH = auto()
    PASSWORD_WRONG = auto()
    DATABASE_FILLED = auto()
    INITIAL_PASSWORD_OVER = auto()
    LOGIN_ID_FORM = auto()
    LOGIN_ID_TAKEN = auto()
    OWN_LOGIN = auto()
    # registration
    KANA_NOT_HIRAGANA = auto()
    POSTAL_CODE_FORM = auto()
    TELEPHONE_FORM = auto()
    MAIL_FORM = auto()
    CONTACT_ELSEWHERE = auto()
    ACCOUNT_NAME_TAKEN = auto()
    SITE_TAKEN = auto()
    SEAL_MISSING = auto()
    CONSENT_MISSING = auto()
    GLYPH_MISSING = auto()
    PHASE_NEEDED = auto()
    CHOICE_UNKNOWN = auto()
    JOINT_KANA_NEEDED = auto()
    DATE_IN_FUTURE = auto()
    DATES_ORDER = auto()
    PHASE_EXISTS = auto()
    NOTHING_CHANGED = auto()
    CHANGE_OPEN = auto()
    # reports
    FILE_NEEDED = auto()
    FILE_TOO_LARGE = auto()
    FILE_KIND = auto()
    FORM_PROBLEMS = auto()
    FILES_LOCKED = auto()
    NO_VALID_REPORT = auto()
    NO_VERIFIER = auto()
    TOO_MANY_FILES = auto()
    PERIOD_NOT_OPEN = auto()
    VERIFICATION_MISSING = auto()
    OPINION_NOT_PASSING = auto()
    FIGURE_DIFFERS = auto()
    REQUEST_OPEN = auto()
    REQUEST_UNANSWERED = auto()
    NO_QUESTION = auto()
    REVOCATION_OPEN = auto()
    NO_REQUEST = auto()
    REVOKE_ISSUED = auto()
    REVOKE_RETIRED = auto()
    NO_VERIFICATION_HERE = auto()
    VERIFIER_BUSY = auto()
    REVIEW_DOCUMENT_NEEDED = auto()
    # allowances
    QUANTITY_SHAPE = auto()
    QUANTITY_POSITIVE = auto()
    QUANTITY_TOO_LARGE = auto()
    ACCOUNT_NUMBER_SHAPE = auto()
    ACCOUNT_UNKNOWN = auto()
    ACCOUNT_SAME = auto()
    SOURCE_NOT_OPEN = auto()
    TARGET_CLOSED = auto()
    TARGET_KIND = auto()
    SOURCE_KIND = auto()
    BALANCE_SHORT = auto()
    RESERVE = auto()
    UNIT_NOT_USABLE = auto()
    NOT_APPROVED = auto()
    NO_TARGET = auto()
    ISSUE_NOT_POSITIVE = auto()
    ISSUE_TOO_EARLY = auto()
    ISSUED_ALREADY = auto()
    ISSUE_DIFFERS = auto()
    RETIRE_MORE_THAN_NEEDED = auto()
    PROPOSAL_EXPIRED = auto()
    REVERSED_ALREADY = auto()
    REVERSAL_UNITS_GONE = auto()
    REVERSAL_OF_REVERSAL = auto()
    BANKING_CLOSED = auto()
    TARGET_EXISTS = auto()


TEXTS: dict[Refusal, tuple[str, str]] = {
    Refusal.NOT_FOUND: ("見つかりません。", "Not found."),
    Refusal.NOT_ALLOWED: ("このログインIDではできない操作です。", "Your login may not do this."),
    Refusal.STALE_PAGE: (
        "ほかの方が内容を変更しました。最新の内容を確かめてから、もう一度操作してください。まだ何も変わっていません。",
        "Somebody changed this in the meantime. Look at it again and repeat. Nothing has changed yet.",
    ),
    Refusal.BUSY: (
        "いま混み合っています。少し待ってから、もう一度同じ操作をしてください。",
        "The system is busy. Wait a moment and repeat the same step.",
    ),
    Refusal.KEY_REUSED: (
        "この画面からは、すでに別の内容で登録されています。画面を開き直してください。",
        "This page has already been used for something else. Open it again.",
    ),
    Refusal.WRONG_STATE: (
        "いまの状態では、この操作はできません。最新の内容を確かめてください。",
        "This step is not possible in the present state. Look at the latest state.",
    ),
    Refusal.REASON_NEEDED: ("理由を入力してください。", "Give the reason."),
    Refusal.REQUIRED: ("入力してください。", "Fill this in."),
    Refusal.TOO_LONG: ("{limit}字以内で入力してください。", "Use at most {limit} characters."),
    Refusal.SAME_PERSON: (
        "起案した方は確認できません。ほかの承認者が確認してください。",
        "Whoever proposed this may not confirm it. Another approver must.",
    ),
    Refusal.PERSON_INACTIVE: (
        "起案した方のログインが停止されているため、確認できません。",
        "The login of the proposer is disabled, so this cannot be confirmed.",
    ),
    Refusal.PASSWORD_ISSUER: (
        "起案した方の初期パスワードを発行した方は確認できません。ほかの承認者が確認してください。",
        "Whoever issued the proposer's one-time password may not confirm. Another approver must.",
    ),
    Refusal.LOGIN_FAILED: (
        "ログインできません。ログインIDとパスワードを確かめてください。",
        "You cannot log in. Check the login ID and the password.",
    ),
    Refusal.LOGIN_PAUSED: (
        "続けて間違えたため、しばらくログインできません。{minutes}分ほど待ってから、もう一度お試しください。",
        "Too many failed tries. Wait about {minutes} min and try again.",
    ),
    Refusal.PASSWORD_SHORT: ("{limit}文字以上にしてください。", "Use at least {limit} characters."),
    Refusal.PASSWORD_WEAK: (
        "推測されやすいパスワードです。ほかの人が思いつかない、長い言葉の組み合わせにしてください。",
        "This password is easy to guess. Use a long combination of words nobody else would think of.",
    ),
    Refusal.PASSWORD_SAME: (
        "いまと同じパスワードは使えません。",
        "The new password must differ from the present one.",
    ),
    Refusal.PASSWORD_MISMATCH: ("2つの入力が一致していません。", "The two entries differ."),
    Refusal.PASSWORD_WRONG: ("いまのパスワードが違います。", "The present password is wrong."),
    Refusal.DATABASE_FILLED: (
        "データベースにすでにデータがあります。空のデータベースでだけ実行できます。",
        "The database already holds data. This works on an empty database only.",
    ),
    Refusal.INITIAL_PASSWORD_OVER: (
        "この初期パスワードは、使用済みか有効期限切れです。事務局に再発行を依頼してください。",
        "This initial password was used or has expired. Ask the secretariat for a new one.",
    ),
    Refusal.LOGIN_ID_FORM: (
        "ログインIDは、半角の英小文字で始まる英数字3～40文字にしてください。",
        "Begin with a small letter; use 3 to 40 letters and digits.",
    ),
    Refusal.LOGIN_ID_TAKEN: ("このログインIDは使われています。", "This login ID is in use."),
    Refusal.OWN_LOGIN: ("自分のログインIDは停止できません。", "You cannot disable your own login."),
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
    Refusal.FILE_NEEDED: ("ファイルを選んでください。", "Choose a file."),
    Refusal.FILE_TOO_LARGE: (
        "ファイルが大きすぎます。{limit} MBまで登録できます。",
        "The file is too large. At most {limit} MB.",
    ),
    Refusal.FILE_KIND: (
        "この種類のファイルは登録できません。登録できるのは{kinds}です。",
        "This kind of file cannot be registered. Allowed: {kinds}.",
    ),
    Refusal.FORM_PROBLEMS: (
        "登録できませんでした。{count}か所を直してください。",
        "The report was not registered. Places to mend: {count}.",
    ),
    Refusal.FILES_LOCKED: (
        "検証を依頼したため、ファイルは変更できません。",
        "Verification has been requested; the files are locked.",
    ),
    Refusal.NO_VALID_REPORT: ("先に算定報告書を登録してください。", "Register the calculation report first."),
    Refusal.NO_VERIFIER: (
        "検証機関がまだ決まっていません。事務局が決めると、検証を依頼できます。",
        "No verifier is assigned yet. Once the secretariat assigns one, you can request verification.",
    ),
    Refusal.TOO_MANY_FILES: ("添付ファイルは{limit}個までです。", "At most {limit} attachments."),
    Refusal.PERIOD_NOT_OPEN: (
        "この期間の算定報告書は、{opens}から登録できます。",
        "Reports of this period can be registered from {opens}.",
    ),
    Refusal.VERIFICATION_MISSING: (
        "先に検証報告書を登録してください。",
        "Register the verification report first.",
    ),
    Refusal.OPINION_NOT_PASSING: (
        "不適正と意見不表明では承認を依頼できません。理由を書いて差し戻してください。",
        "Approval needs an unqualified or qualified opinion. Return the report with a reason.",
    ),
    Refusal.FIGURE_DIFFERS: (
        "検証済排出量{verified} t-CO2が、算定報告書の{reported} t-CO2と一致しません。",
        "The verified figure {verified} t-CO2 differs from the report's {reported} t-CO2.",
    ),
    Refusal.REQUEST_OPEN: (
        "差戻依頼は、すでに検証機関に届いています。",
        "A send-back request is already waiting for the verifier.",
    ),
    Refusal.REQUEST_UNANSWERED: (
        "目標保有者から差戻依頼が届いています。先に、差し戻すか、理由を書いて断ってください。",
        "The holder asks for the report back. First return it, or decline with a reason.",
    ),
    Refusal.NO_QUESTION: ("査読書類がまだ届いていません。", "No review document has been sent yet."),
    Refusal.REVOCATION_OPEN: ("承認の取消しは起案済みです。", "The revocation is already proposed."),
    Refusal.NO_REQUEST: ("差戻依頼はありません。", "There is no send-back request."),
    Refusal.REVOKE_ISSUED: (
        "この排出量をもとに排出枠を発行したため、承認を取り消せません。",
        "Allowances were issued on this figure; the approval cannot be revoked.",
    ),
    Refusal.REVOKE_RETIRED: (
        "償却期限の記録を確定したため、承認を取り消せません。",
        "The deadline record is closed on this figure; the approval cannot be revoked.",
    ),
    Refusal.NO_VERIFICATION_HERE: (
        "この期間の報告書に検証はありません。",
        "Reports of this period are not verified.",
    ),
    Refusal.VERIFIER_BUSY: (
        "検証依頼中または承認手続き中のため、検証機関を変更できません。",
        "The report is with the verifier or under approval; the verifier cannot be changed now.",
    ),
    Refusal.REVIEW_DOCUMENT_NEEDED: (
        "査読書類のファイルか本文を入力してください。",
        "Give a file or a text for the review document.",
    ),
    Refusal.QUANTITY_SHAPE: (
        "数量は、1以上の整数で入力してください。",
        "Give the quantity as a whole number of 1 or more.",
    ),
    Refusal.QUANTITY_POSITIVE: ("数量は、1以上にしてください。", "The quantity must be 1 or more."),
    Refusal.QUANTITY_TOO_LARGE: ("数量の桁が多すぎます。", "The quantity has too many digits."),
    Refusal.ACCOUNT_NUMBER_SHAPE: (
        "口座番号は、AST-1234の形で入力してください。",
        "Write the account number as AST-1234.",
    ),
    Refusal.ACCOUNT_UNKNOWN: (
        "口座{account}はありません。番号を確かめてください。",
        "There is no account {account}. Check the number.",
    ),
    Refusal.ACCOUNT_SAME: (
        "移転元と同じ口座です。移転先の口座番号を確かめてください。",
        "This is the source account itself. Check the number.",
    ),
    Refusal.SOURCE_NOT_OPEN: (
        "口座{account}は停止または閉鎖されているため、排出枠を動かせません。",
        "The account {account} is suspended or closed; nothing can leave it.",
    ),
    Refusal.TARGET_CLOSED: (
        "{account}は閉鎖された口座のため、移転先にできません。番号を確かめてください。",
        "The account {account} is closed and cannot receive. Check the number.",
    ),
    Refusal.TARGET_KIND: (
        "{account}は、この手続きの相手にできない種類の口座です。",
        "The account {account} is of a kind that cannot receive this movement.",
    ),
    Refusal.SOURCE_KIND: (
        "{account}は、この手続きができない種類の口座です。",
        "The account {account} is of a kind that cannot make this movement.",
    ),
    Refusal.BALANCE_SHORT: (
        "動かせる残高は{available} {unit}です。{missing} {unit}足りません。",
        "The available balance is {available} {unit}: {missing} {unit} short.",
    ),
    Refusal.RESERVE: (
        "口座には{reserve} JAA（コミットメントリザーブ量）を残してください。"
        "移転できるのは{movable} JAAまでです。",
        "Keep {reserve} JAA (commitment reserve) in the account. At most {movable} JAA can be moved.",
    ),
    Refusal.UNIT_NOT_USABLE: (
        "{unit_class}は、この手続きに使えません。",
        "{unit_class} cannot be used for this.",
    ),
    Refusal.NOT_APPROVED: (
        "基準年度の排出量がまだ承認されていません。",
        "The base-year emissions are not approved yet.",
    ),
    Refusal.NO_TARGET: (
        "削減目標量がまだ確定していません。",
        "The reduction target is not confirmed yet.",
    ),
    Refusal.ISSUE_NOT_POSITIVE: (
        "発行量が0以下です（基準年度{base} − 削減目標{target}）。",
        "The quantity to issue is not positive (base {base} − target {target}).",
    ),
    Refusal.ISSUE_TOO_EARLY: ("発行できるのは{opens}からです。", "Issue is possible from {opens}."),
    Refusal.ISSUED_ALREADY: (
        "この目標保有者には、すでに発行または起案されています。",
        "Allowances were already issued or proposed for this holder.",
    ),
    Refusal.ISSUE_DIFFERS: (
        "発行量{quantity}が、基準年度排出量−削減目標量の{due}と一致しません。",
        "The quantity {quantity} differs from base − target, {due}.",
    ),
    Refusal.RETIRE_MORE_THAN_NEEDED: (
        "目標遵守に必要な償却量は、あと{missing}です。それを超えて償却するときは、「必要量を超えて償却する」を選んでください。",
        "Only {missing} more must be retired to comply. To retire more, tick “retire more than needed”.",
    ),
    Refusal.PROPOSAL_EXPIRED: (
        "起案から日数が過ぎたため、確認できません。もう一度起案してください。",
        "The proposal has expired. Propose it again.",
    ),
    Refusal.REVERSED_ALREADY: (
        "この移動は、すでに訂正または訂正の起案がされています。",
        "This movement is already corrected, or its correction is proposed.",
    ),
    Refusal.REVERSAL_UNITS_GONE: (
        "{account}に、戻すだけの排出枠が残っていません。",
        "The account {account} no longer holds the units to give back.",
    ),
    Refusal.REVERSAL_OF_REVERSAL: (
        "訂正の移動は、さらに訂正できません。",
        "A correction cannot itself be corrected.",
    ),
    Refusal.BANKING_CLOSED: (
        "バンキング申請の受付期間は、{opens}から{closes}までです。",
        "Banking applications are accepted from {opens} to {closes}.",
    ),
    Refusal.TARGET_EXISTS: (
        "削減目標量は、すでに起案または確定されています。",
        "A reduction target is already proposed or confirmed.",
    ),
}
