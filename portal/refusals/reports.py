"""What is refused about emissions reports."""

from __future__ import annotations

from portal.refusals.codes import Refusal

TEXTS: dict[Refusal, tuple[str, str]] = {
    Refusal.FILE_NEEDED: ("ファイルを選んでください。", "Choose a file."),
    Refusal.FILE_TOO_LARGE: (
        "ファイルが大きすぎます（{size} MB）。{limit} MBまで登録できます。",
        "The file is too large ({size} MB). At most {limit} MB.",
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
    Refusal.TOO_MANY_FILES: (
        "添付ファイルは{limit}個までです。登録済みのものを外すと、追加できます。",
        "At most {limit} attachments. Remove one to add another.",
    ),
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
        "償却期限までに承認した排出量は、期限を過ぎると取り消せません。締めた期の排出量も同じです。",
        "A figure approved by the retirement deadline cannot be revoked after it, nor one of a closed phase.",
    ),
    Refusal.NO_VERIFICATION_HERE: (
        "この期間の報告書に検証はありません。",
        "Reports of this period are not verified.",
    ),
    Refusal.VERIFIER_BUSY: (
        "承認手続き中のため、検証機関を変更できません。先に、報告書を検証機関に差し戻してください。",
        "The report is under approval, so the verifier cannot be changed. Return it to the verifier first.",
    ),
    Refusal.REVIEW_DOCUMENT_NEEDED: (
        "査読書類のファイルか本文を入力してください。",
        "Give a file or a text for the review document.",
    ),
    Refusal.FILE_INFECTED: (
        "このファイルからウイルス（{name}）が見つかったため、受け付けませんでした。お使いのパソコンを点検してください。",
        "A virus ({name}) was found in this file, so it was not accepted. Have your computer checked.",
    ),
    Refusal.SCANNER_AWAY: (
        "ウイルスの検査ができないため、いまはファイルを受け付けられません。しばらくしてから、もう一度送ってください。",
        "Files cannot be checked for viruses just now, so none is accepted. Send it again in a while.",
    ),
    Refusal.CHECKLIST_OPEN: (
        "確認していない項目が{count}件あります。すべての項目に答えてください。",
        "{count} items of the checklist are not answered. Answer all of them.",
    ),
    Refusal.FINDINGS_NEEDED: (
        "この意見には、指摘事項の記入が必要です。",
        "This opinion needs findings. Write what was found.",
    ),
    Refusal.ONE_BY_ONE: (
        "承認は1件ずつ行います。報告書を開いて、内容を確かめてから承認してください。",
        "Reports are approved one at a time. Open each report, look at it, then approve it.",
    ),
    Refusal.FACTOR_PROPOSAL_OPEN: (
        "{year}年度の排出係数には、確認を待つ起案がすでにあります。",
        "A change of the factors of FY{year} already waits to be confirmed.",
    ),
    Refusal.FACTOR_NUMBER: (
        "0より大きい数を、小数点以下{decimals}桁までで入力してください。",
        "Give a number above 0 with at most {decimals} decimals.",
    ),
    Refusal.FACTOR_CODE: (
        "記号は、半角の英小文字と数字、下線で入力してください（例：other_gas）。",
        "A code has small Latin letters, digits and underscores only, such as other_gas.",
    ),
    Refusal.FACTOR_CODE_TAKEN: (
        "記号または名称が、ほかの行と重なっています。",
        "Another row has this code or name.",
    ),
    Refusal.FACTOR_ROWS_FULL: (
        "排出係数は{limit}行までです。",
        "A factor table has at most {limit} rows.",
    ),
    Refusal.PUBLICATION_OPEN: (
        "この期の公表には、確認を待つ起案がすでにあります。",
        "A publication of this phase already waits to be confirmed.",
    ),
    Refusal.PUBLICATION_EMPTY: (
        "公表できる内容がまだありません。",
        "There is nothing to publish yet.",
    ),
    Refusal.PUBLICATION_OUTDATED: (
        "起案のあとで記録が変わりました。理由を書いて却下してください。起案した人は、新しい内容で起案し直せます。",
        "The record has changed since this was proposed. Decline it with a reason; it can be proposed anew.",
    ),
    Refusal.FACTORS_OUTDATED: (
        "{years}年度の排出係数が、登録のあとで変わりました。新しい様式をダウンロードし、入力し直して登録してください。",
        "The factors of FY {years} have changed since. Download the new form, fill it in and register it.",
    ),
    Refusal.FACTOR_UNIT_DIFFERS: (
        "基準年度の様式は3年度を並べるため、同じ記号の単位と区分は{year}年度の表（{unit}）と同じにしてください。"
        "変えるときは、別の記号の行を加えてください。",
        "A base-year form shows three years, so a code keeps the unit and group of FY{year} ({unit}). "
        "For another unit, add a row with another code.",
    ),
    Refusal.FACTOR_KIND: (
        "燃料は単位発熱量と炭素排出係数、電気・熱はCO2排出係数だけを入力してください。",
        "A fuel has a calorific value and a carbon factor, electricity and heat a CO2 factor only.",
    ),
    Refusal.FACTOR_YEAR: (
        "年度を{first}から{last}までの数字で入力してください。",
        "Give a fiscal year from {first} to {last}.",
    ),
    Refusal.PUBLICATION_DAY_OPEN: (
        "数量を公表する日は、もう終わった日（{day}まで）にしてください。",
        "Choose a day that is over: {day} at the latest.",
    ),
    Refusal.PUBLICATION_SAME: (
        "いま公表している内容と同じです。記録が変わると、差替えを起案できます。",
        "This is what is public already. It can be replaced once the record has changed.",
    ),
    Refusal.BASE_YEARS_SPAN: (
        "基準年度は{limit}年度以内にしてください。算定報告書の様式に並べられるのは、{limit}年度までです。",
        "The base year may span {limit} fiscal years at most: a form shows no more side by side.",
    ),
    Refusal.BASE_FACTORS_DIFFER: (
        "{first}年度から{last}年度までの排出係数の表は、1つの様式に並べられません（同じ記号で単位か区分が違う、"
        "または行が多すぎます）。先に、排出係数の表をそろえてください。",
        "The factor tables of FY{first} to FY{last} do not fit into one form (a code with two units or "
        "groups, or too many rows). Align the tables first.",
    ),
    Refusal.FORM_IMPOSSIBLE: (
        "この期の基準年度と排出係数の表からは、算定報告書の様式を作れません。事務局にお問い合わせください。",
        "No form can be made from this phase's base years and factor tables. Please ask the secretariat.",
    ),
    Refusal.ACT_UNKNOWN: (
        "どの手続きをするかが分かりません。画面のボタンから選んでください。",
        "It is not clear what should be done. Please use the buttons of the page.",
    ),
    Refusal.FILE_DISGUISED: (
        "ファイルの名前は「{ending}」で終わっていますが、中身はその形式ではありません。"
        "もとのソフトで保存し直したファイルを選んでください。",
        "The name ends in “{ending}”, but the content is something else. "
        "Save the file again in its own program and choose that.",
    ),
    Refusal.FILE_EMPTY: (
        "選んだファイルは空です（0バイト）。中身のあるファイルを選んでください。",
        "The chosen file is empty (0 bytes). Choose another.",
    ),
    Refusal.FORM_NOT_XLSX: (
        "「{ending}」のファイルは登録できません。Excelブック（.xlsx）として保存し直してください。",
        "A file named “{ending}” is not accepted. Save it again as an Excel workbook (.xlsx).",
    ),
}
