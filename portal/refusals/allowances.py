"""What is refused about allowances."""

from __future__ import annotations

from portal.refusals.codes import Refusal

TEXTS: dict[Refusal, tuple[str, str]] = {
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
        "{account}は、この手続きの相手にできない種類の口座です。"
        "償却・取消・オフセットは、それぞれの画面から手続きしてください。",
        "The account {account} is of a kind that cannot receive this movement."
        " Retire, cancel and offset on their own pages.",
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
        "この手続きで動かせるのは{movable} JAAまでです。",
        "Keep {reserve} JAA (commitment reserve) in the account. At most {movable} JAA can be moved.",
    ),
    Refusal.UNITS_PROMISED: (
        "残高{held} {unit}のうち{promised} {unit}は、手続き中のため動かせません。"
        "この手続きで動かせるのは{movable} {unit}までです。",
        "Of the {held} {unit} held, {promised} {unit} are promised to a movement that waits."
        " At most {movable} {unit} can be moved.",
    ),
    Refusal.UNIT_NOT_USABLE: (
        "{unit_class}は、ほかの期の排出枠のため、償却に使えません。",
        "{unit_class} belongs to another phase and cannot be retired here.",
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
        "目標遵守に必要な量（あと{missing}）を超えています。"
        "超えて償却するときは、「必要量を超えて償却する」を選んでください。",
        "This is more than is still needed to comply ({missing})."
        " To retire more, tick “retire more than needed”.",
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
        "{account}の動かせる残高は{available} {unit}です。戻すには{missing} {unit}足りません。",
        "The available balance of {account} is {available} {unit}: {missing} {unit} short for the way back.",
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
    Refusal.CAP_REACHED: (
        "この期に発行できるのは{cap} JAAまでです。"
        "発行済みと起案中は合わせて{issued} JAAで、残りは{left} JAAです。",
        "At most {cap} JAA may be issued in this phase; {issued} JAA are issued or proposed, so {left} JAA"
        " are left.",
    ),
    Refusal.PHASE_CLOSED: (
        "この期は締められたため、{unit_class}はもう動かせず、期の決まりも変えられません。",
        "This phase is closed: {unit_class} cannot be moved and its rules cannot be changed any more.",
    ),
    Refusal.BOOKS_DISAGREE: (
        "台帳の照合で不一致が見つかったため、いまは排出枠を動かせません。事務局が確認しています。",
        "The check of the ledger found a disagreement. Nothing can be moved until it is cleared up.",
    ),
    Refusal.ISSUE_BATCH_OPEN: (
        "この期の一括発行は、すでに起案されています。",
        "The issue to this whole phase is already proposed.",
    ),
    Refusal.ISSUE_BATCH_EMPTY: (
        "発行できる目標保有者がいません。",
        "There is no holder to whom allowances can be issued.",
    ),
    Refusal.ISSUE_BATCH_CHANGED: (
        "起案のあとで{accounts}の発行できる量が変わりました。取り下げて、起案し直してください。",
        "What can be issued to {accounts} has changed since. Withdraw the proposal and make a new one.",
    ),
    Refusal.CLOSING_OPEN: (
        "この期の締めは、すでに起案されています。",
        "The closing of this phase is already proposed.",
    ),
    Refusal.CLOSING_TOO_EARLY: (
        "{day}を過ぎるまで、この期は締められません。",
        "This phase cannot be closed until {day} has passed.",
    ),
    Refusal.CLOSING_PENDING: (
        "確認を待つ手続きが{count}件残っているため、この期は締められません。",
        "This phase cannot be closed while proposals or applications wait (now {count}).",
    ),
    Refusal.CLOSING_NOT_FROZEN: (
        "償却期限時点の記録が確定していない目標保有者が{count}者います。",
        "The deadline record of {count} holders is not closed yet.",
    ),
    Refusal.BANKING_OPEN: (
        "審査を待つバンキングの申請が、すでにあります。",
        "A banking application already waits to be decided.",
    ),
    Refusal.BANKING_NO_NEXT: (
        "次の期がまだ始まっていないため、バンキングはできません。",
        "The next phase has not been opened yet, so banking is not possible.",
    ),
    Refusal.BANKING_PENDING: (
        "この申請のバンキングは、すでに起案されています。",
        "The carry-over of this application is already proposed.",
    ),
    Refusal.EXACT_NEEDS_FIGURE: (
        "削減目標年度の排出量が確定していないため、必要な量を計算できません。数量を入力してください。",
        "The target-year emissions are not confirmed, so the exact amount is unknown. Give a quantity.",
    ),
    Refusal.LOOKUPS_PAUSED: (
        "短い時間に多くの口座番号が調べられました。{minutes}分ほど待ってから、もう一度お試しください。",
        "Many account numbers were looked up in a short time. Wait about {minutes} min and try again.",
    ),
    Refusal.STATEMENT_TOO_LONG: (
        "この期間の移動は{most}件を超えています。期間を短くしてください。",
        "There are more than {most} movements in this span. Choose a shorter one.",
    ),
    Refusal.SPAN_REVERSED: (
        "期間のはじめが、終わりより後になっています。",
        "The span begins after it ends.",
    ),
    Refusal.SPAN_UNREADABLE: (
        "期間の日付を読み取れません。正しい年月日を入力してください。",
        "A day of the span cannot be read. Enter a day that exists.",
    ),
    Refusal.RETIREMENT_NOW_LATE: (
        "この画面を開いているあいだに、償却期限の{deadline}を過ぎました。もう一度ご確認ください。",
        "While this page lay open the retirement deadline, {deadline}, has passed. Please check again.",
    ),
    Refusal.ISSUE_IN_BATCH: (
        "この発行は一括発行の一部です。一括発行の画面で、まとめて確定するか、取り下げてください。",
        "This issue is part of an issue to a whole phase. Confirm or withdraw it there, all together.",
    ),
    Refusal.REVERSAL_OF_CARRY_OVER: (
        "バンキングの移動は、訂正できません。",
        "A carry-over cannot be corrected.",
    ),
    Refusal.JVER_BOUND: (
        "jVERは、合わせて{most}まで発行できます。発行済みと起案中は合わせて{issued}で、残りは{left}です。",
        "At most {most} jVER may be issued in all; {issued} are issued or proposed, so {left} are left.",
    ),
    Refusal.UNIT_WINDOW_OVER: (
        "{unit_class}を使える期間は、{until}で終わりました。",
        "{unit_class} could be used until {until}.",
    ),
    Refusal.RETIRE_AFTER_CLOSING: (
        "この口座の期は締められたため、{unit_class}はもう償却できません。",
        "The phase of this account is closed, so {unit_class} can no longer be retired.",
    ),
    Refusal.CLOSING_NOT_COMPARED: (
        "この期の最後の記帳（{number}）のあとに、台帳の照合が行われていません。照合してから締めてください。",
        "The books were not compared since the last posting of this phase ({number}). Compare them first.",
    ),
    Refusal.TOTALS_NOT_EVEN: (
        "この期の排出枠は、あるはずの量が{came} JAA、実際にある量が{elsewhere} JAAで、一致しません。",
        "The allowances of this phase do not add up: {came} JAA should be there, {elsewhere} JAA are.",
    ),
}
