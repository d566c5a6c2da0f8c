"""What may be refused everywhere: pages, passwords, logins."""

from __future__ import annotations

from portal.refusals.codes import Refusal

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
    Refusal.CHOICE_NEEDED: ("選んでください。", "Choose one."),
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
        "起案した方と確認する方の初期パスワードを発行した人をたどると、同じ人に行き着きます。"
        "ほかの承認者が確認してください。ほかにいないときは、別の承認者かサーバーの管理者に初期パスワードを"
        "再発行してもらい、起案し直してください。",
        "The one-time passwords of the proposer and of whoever confirms lead to the same person. "
        "Another approver must confirm. If there is none, let a different approver, or the operator at "
        "the console, issue a new one-time password, and propose again.",
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
    Refusal.PASSWORD_SHARED: (
        "目標保有者AとBに、同じパスワードは使えません。",
        "Logins A and B cannot have the same password.",
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
    Refusal.FIGURES_CHANGED: (
        "画面を開いたあとで、表示していた内容が変わりました。"
        "いまの内容を表示しています。確かめてから、もう一度操作してください。まだ何も実行していません。",
        "The figures have changed since the page was shown: it now shows the present ones."
        " Check them and repeat. Nothing was carried out.",
    ),
    Refusal.KEY_SHAPE: (
        "この画面の控えの番号が、ポータルの付けたものではありません。"
        "画面を開き直してから、もう一度操作してください。まだ何も変わっていません。",
        "This page does not carry the number that the portal gave it. Open it again and repeat."
        " Nothing has changed yet.",
    ),
}
