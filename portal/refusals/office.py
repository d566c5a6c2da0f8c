"""What is refused in the office: imports, letters, accounts, phases, logins, papers."""

from __future__ import annotations

from portal.refusals.codes import Refusal

TEXTS: dict[Refusal, tuple[str, str]] = {
    Refusal.SCAN_LIMIT: (
        "1つの申請に添付できるのは{limit}件までです。",
        "At most {limit} files can be attached to an application.",
    ),
    Refusal.IMPORT_HAS_PROBLEMS: (
        "不備のある行があるため、取り込めません。ファイルを直して、もう一度送ってください。",
        "Some rows have problems, so nothing can be imported. Mend the file and send it again.",
    ),
    Refusal.IMPORT_EMPTY: (
        "取り込む行がありません。",
        "There is no row to import.",
    ),
    Refusal.IMPORT_TOO_MANY: (
        "一度に取り込めるのは{limit}行までです。",
        "At most {limit} rows can be imported at once.",
    ),
    Refusal.IMPORT_OVERTAKEN: (
        "確認したあとで登録の内容が変わりました。ファイルをもう一度送って、確認し直してください。",
        "The register has changed since the preview. Send the file again and look at the new preview.",
    ),
    Refusal.LETTERS_NONE: (
        "印刷を待つ通知書はありません。",
        "No letter waits to be printed.",
    ),
    Refusal.LETTERS_TOO_MANY: (
        "一度に印刷できるのは{limit}通までです。",
        "At most {limit} letters can be printed at once.",
    ),
    Refusal.BATCH_OPEN: (
        "あなたのまとめ印刷が、まだ残っています。先にダウンロードするか、消去してください。",
        "Your last printing is still there. Download or destroy it first.",
    ),
    Refusal.BATCH_GONE: (
        "このPDFは消去されました。必要な通知書は、もう一度印刷してください。",
        "This PDF was destroyed. Print the letters you need again.",
    ),
    Refusal.BATCH_ELSEWHERE: (
        "このPDFは、印刷を始めたブラウザーでだけ開けます。必要な通知書は、もう一度印刷してください。",
        "This PDF opens only in the browser that began the printing. Print the letters you need again.",
    ),
    Refusal.ACCOUNT_NOT_EMPTY: (
        "口座に{units}が残っているため、閉鎖できません。先に移転などで残高を0にしてください。",
        "The account still holds {units}, so it cannot be closed. Bring the balance to 0 first.",
    ),
    Refusal.ACCOUNT_PENDING: (
        "この口座には確認を待つ手続きが{count}件あるため、閉鎖できません。",
        "This account cannot be closed while proposals or applications wait on it (now {count}).",
    ),
    Refusal.ACCOUNT_CHANGE_OPEN: (
        "この口座には、確認を待つ起案がすでにあります。",
        "A proposal about this account already waits.",
    ),
    Refusal.ACCOUNT_OF_SCHEME: (
        "制度の口座の状態は変えられません。",
        "The state of the scheme's own accounts cannot be changed.",
    ),
    Refusal.PHASE_PROPOSAL_OPEN: (
        "この期には、確認を待つ起案がすでにあります。",
        "A proposal about this phase already waits.",
    ),
    Refusal.TARGET_ISSUED: (
        "排出枠の発行が起案または実行されているため、削減目標量は変えられません。",
        "Allowances were issued or their issue is proposed, so the target cannot be changed.",
    ),
    Refusal.TARGET_SAME: (
        "いまの削減目標量と同じです。",
        "This is the present reduction target.",
    ),
    Refusal.TARGET_ABOVE_BASE: (
        "削減目標量は、基準年度排出量（{base} t-CO2）より小さくしてください。",
        "The target must be below the base-year emissions ({base} t-CO2).",
    ),
    Refusal.HOLDER_UNKNOWN: (
        "この口座番号の目標保有者はいません。",
        "There is no holder with this account number.",
    ),
    Refusal.LOGIN_LOCKED: (
        "このログインIDはロックされています。事務局にご連絡ください。",
        "This login is locked. Please contact the secretariat.",
    ),
    Refusal.LOGIN_OF_OFFICE: (
        "事務局のログインIDはロックできません。停止は承認者が行います。",
        "Logins of the secretariat are not locked. An approver disables them.",
    ),
    Refusal.OWN_ROLE: (
        "自分の役割は変えられません。ほかの承認者が変更します。",
        "You cannot change your own role. Another approver does.",
    ),
    Refusal.VERIFIER_SAME: (
        "いまと同じ検証機関です。",
        "This verifier is already assigned.",
    ),
    Refusal.COMPANY_LINKED: (
        "{name}は担当者の所属先です。先に担当者の変更を申請してもらうか、担当者の所属を選び直してください。",
        "The contact person belongs to {name}. Choose another company for the contact person.",
    ),
    Refusal.PAPER_SEAL_MISSING: (
        "登録情報変更申請書に社印がないと、変更を記録できません。",
        "The change cannot be recorded without the company seal on the paper.",
    ),
    Refusal.NOTHING_CHOSEN: (
        "対象が選ばれていません。一度に処理できるのは{limit}件までです。",
        "Nothing is chosen. At most {limit} can be dealt with at once.",
    ),
    Refusal.ROWS_REFUSED: (
        "{rows}は、いまは処理できません。ほかのものも含めて、何も変えていません。",
        "{rows} cannot be dealt with now. Nothing was changed, the others included.",
    ),
    Refusal.VERIFIER_NEEDED: (
        "検証依頼中の報告書の担当だけを終えることはできません。次の検証機関を選んで引き継いでください。",
        "Verification is requested, so the assignment cannot simply end. Choose another verifier.",
    ),
    Refusal.DUPLICATE_UNCHECKED: (
        "似た登録が{count}件あります。並べて比べ、重複でないことを確かめてください。",
        "{count} registrations look alike. Compare them and confirm that this is no duplicate.",
    ),
    Refusal.CLERK_ALREADY: (
        "{name} さんが担当しています。代わるときは「担当を決める」から変えてください。",
        "{name} is in charge of it. To take over, use “Assign”.",
    ),
    Refusal.SCAN_KIND: (
        "「{name}」は添付できません。{kinds}のファイルを選んでください。",
        "“{name}” cannot be attached. Choose files of the kind {kinds}.",
    ),
    Refusal.SCAN_TOO_LARGE: (
        "「{name}」が大きすぎます。1つのファイルは{limit} MBまでです。",
        "“{name}” is too large. A file may have {limit} MB at most.",
    ),
    Refusal.LIST_FILES_WAITING: (
        "作っているファイルが{limit}つあります。できてから、もう一度保存してください。",
        "{limit} files are being made for you. Save again when they are there.",
    ),
    Refusal.RECEIVED_LATE: (
        "受付日が期限を過ぎています。期限は{due}でした。",
        "It was received after the last day, which was {due}.",
    ),
    Refusal.DEADLINE_PAST: (
        "期限を、すでに過ぎた日には変えられません。",
        "A deadline cannot be moved to a day that has passed.",
    ),
    Refusal.ISSUED_BEFORE: (
        "{day}に排出枠を発行しています。それより後の日には変えられません。",
        "Allowances were issued on {day}. It cannot be moved behind that day.",
    ),
    Refusal.ADDRESS_BY_APPLICATION: (
        "この参加者は、もうログインしています。連絡先は、本人がオンラインで申請して変更します。",
        "This participant has logged in already. It changes its contact data by its own online application.",
    ),
    Refusal.ANSWER_BY_PAST: (
        "提出期限は、明日以降の日付にしてください。",
        "The answer must be due tomorrow or later.",
    ),
    Refusal.ANSWER_BY_FAR: (
        "提出期限は、{last}までの日付にしてください。",
        "The answer must be due by {last}.",
    ),
    Refusal.DEADLINE_RECORDED: (
        "償却期限を過ぎ、その時点の記録の基になるため、この項目は変えられません。",
        "The retirement deadline has passed and its record rests on this, so it cannot be changed any more.",
    ),
    Refusal.LETTERS_NOT_FETCHED: (
        "まとめて印刷したPDFが、まだ一度もダウンロードされていません（通知書{count}通）。"
        "ダウンロードして紙に印刷してから、発送を記録してください。",
        "The PDF was never downloaded ({count} letters). Download and print it before you record posting.",
    ),
    Refusal.TARGETS_ALL_THERE: (
        "この期に、削減目標量がまだない目標保有者はいません（確認を待つものがある目標保有者を含みます）。"
        "記入する行がないため、様式は作りませんでした。",
        "Every holder of this phase has a target already, or one that waits to be confirmed. "
        "There is no row to fill in, so no form was made.",
    ),
}
