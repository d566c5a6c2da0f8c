"""What the portal says about an uploaded form, in Japanese and English.

Each text says what is wrong and how to mend it. Places: ``{sheet}``, ``{cell}``, ``{found}``,
``{expected}``.
"""

from __future__ import annotations

import re

from portal.services.spreadsheets import application_problems

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SAVE_AS = "ASSETシステムから指定様式をダウンロードし直し、Excelブック（.xlsx）として保存してください。"
_SAVE_AS_EN = (
    "Download the designated form from the ASSET System again and save it as an Excel workbook (.xlsx)."
)

#: code → (Japanese, English)
TEXTS: dict[str, tuple[str, str]] = {
    # The file as a whole
    "empty_file": ("ファイルが空です。" + _SAVE_AS, "The file is empty. " + _SAVE_AS_EN),
    "too_large": (
        "ファイルが大きすぎます（{found}）。{expected}にしてください。画像などは添付書類として登録してください。",
        "The file is too large ({found}). Keep it to {expected}. Register pictures as attachments.",
    ),
    "not_xlsx": (
        "Excelブック（.xlsx）ではありません（{found}）。" + _SAVE_AS,
        "This is not an Excel workbook (.xlsx), but: {found}. " + _SAVE_AS_EN,
    ),
    "old_excel": (
        "古い形式のExcelファイル（.xls）です。「名前を付けて保存」でExcelブック（.xlsx）を選んでください。",
        "This is an old Excel file (.xls). Use “Save as” and choose Excel workbook (.xlsx).",
    ),
    "encrypted": (
        "パスワードで保護されています。パスワードを外して保存してください。",
        "The file is protected by a password. Remove the password and save it again.",
    ),
    "macros": (
        "マクロを含むファイルは受け付けません（{found}）。マクロのないExcelブック（.xlsx）として保存してください。",
        "A file with macros is not accepted ({found}). Save it as an Excel workbook (.xlsx) without macros.",
    ),
    "external_links": (
        "ほかのファイルへのリンクを含んでいます（{found}）。リンクを値に置き換えて保存してください。",
        "The file links to other files ({found}). Replace the links by values and save it again.",
    ),
    "active_content": (
        "埋め込みや部品、データ接続を含んでいます（{found}）。取り除いて保存してください。",
        "The file holds embedded objects, controls or connections ({found}). Remove them and save again.",
    ),
    "package_bomb": (
        "展開すると大きくなりすぎるファイルです（{found}）。" + _SAVE_AS,
        "The file grows too large when unpacked ({found}). " + _SAVE_AS_EN,
    ),
    "package_broken": (
        "ファイルが壊れているため読めません（{found}）。" + _SAVE_AS,
        "The file is damaged and cannot be read ({found}). " + _SAVE_AS_EN,
    ),
    "package_names": (
        "ファイルの中の名前が正しくありません（{found}）。" + _SAVE_AS,
        "A name inside the file is not right ({found}). " + _SAVE_AS_EN,
    ),
    "xml_entities": (
        "ファイルの中に許されない宣言（DOCTYPE）があります（{found}）。" + _SAVE_AS,
        "The file holds a declaration that is not allowed (DOCTYPE) in {found}. " + _SAVE_AS_EN,
    ),
    "xml_encoding": (
        "ファイルの中の文字コードが正しくありません（{found}）。" + _SAVE_AS,
        "A part of the file has a wrong character encoding ({found}). " + _SAVE_AS_EN,
    ),
    "too_much_content": (
        "ファイルの中身が多すぎます（{found}）。様式にない行や列、図を削除して保存してください。",
        "The file holds too much ({found}). Delete rows, columns and drawings that are not part of the form.",
    ),
    "cell_out_of_range": (
        "様式の範囲から遠く離れたセルが使われています（{found}）。そのセルを削除して保存してください。",
        "A cell far outside the form is used ({found}). Delete it and save the file again.",
    ),
    "strict_format": (
        "「完全なOpen XMLブック」として保存されています。「Excelブック（.xlsx）」として保存してください。",
        "The file was saved as “Strict Open XML”. Save it as “Excel Workbook (.xlsx)”.",
    ),
    "reader_timeout": (
        "時間内に読み取れませんでした。" + _SAVE_AS,
        "The file could not be read in time. " + _SAVE_AS_EN,
    ),
    "reader_failed": (
        "ファイルを読み取れませんでした。" + _SAVE_AS,
        "The file could not be read. " + _SAVE_AS_EN,
    ),
    "too_many_problems": (
        "直すところがほかにもあります（{found}）。上のものを直してから、もう一度登録してください。",
        "There are more problems ({found}). Mend those above and register the file again.",
    ),
    # Sheets
    "sheet_missing": (
        "シート「{sheet}」がありません。シートの名前を変えたり、削除したりしないでください。",
        "The sheet “{sheet}” is missing. Do not rename or delete sheets.",
    ),
    "layout_changed": (
        "行または列の位置が様式と違います。行や列を追加・削除していない様式に入力してください。",
        "Rows or columns have moved. Use a form in which no row or column was inserted or deleted.",
    ),
    # The cover
    "form_id_wrong": (
        "指定様式ではありません。ASSETシステムからダウンロードした様式に入力してください。",
        "This is not the designated form. Fill in the form downloaded from the ASSET System.",
    ),
    "version_wrong": (
        "様式の版が違います。ASSETシステムから第{expected}版をダウンロードして入力してください。",
        "The form has another version. Download version {expected} from the ASSET System and fill it in.",
    ),
    "holder_wrong": (
        "ほかの目標保有者（{found}）の様式です。{expected}の様式に入力してください。",
        "This is another holder's form ({found}). Fill in the form of {expected}.",
    ),
    "account_wrong": ("口座番号を{expected}に直してください。", "Correct the account number to {expected}."),
    "period_wrong": (
        "別の期間（{found}）の様式です。{expected}（{detail}年度）の様式に入力してください。",
        "This form is for another period ({found}). Fill in the form for: {expected} (FY{detail}).",
    ),
    "period_unknown": (
        "報告対象の期間（{expected}）が書かれていません。ASSETシステムからダウンロードした様式に入力してください。",
        "The cover names no reporting period ({expected}). Fill in the form from the ASSET System.",
    ),
    "phase_wrong": (
        "対象の期が違います。{expected}の様式に入力してください。",
        "The form is for another phase. Fill in the form for: {expected}.",
    ),
    "year_wrong": (
        "対象年度が違います。{detail}年度の様式に入力してください。",
        "The fiscal year is wrong. Fill in the form for fiscal year {detail}.",
    ),
    # Sources and activity
    "no_source": (
        "排出源がありません。排出源を一つ以上入力してください。",
        "There is no emission source. Enter at least one.",
    ),
    "name_missing": ("排出源の名称を入力してください。", "Enter the name of the emission source."),
    "name_too_long": (
        "排出源の名称を{expected}にしてください。",
        "Keep the name of the source to {expected}.",
    ),
    "factor_missing": (
        "燃料・エネルギーの種類を一覧から選んでください。",
        "Choose the kind of fuel or energy from the list.",
    ),
    "factor_unknown": (
        "排出係数の表にない種類です。一覧から選び直してください。",
        "This kind is not in the factor table. Choose one from the list.",
    ),
    "factor_not_listed": (
        "この様式の一覧にない書き方のため、様式が計算できません。一覧から「{expected}」を選び直してください。",
        "The form's own list lacks this name, so it cannot calculate. Choose “{expected}” from the list.",
    ),
    "factor_not_for_year": (
        "この種類には{expected}年度の排出係数がありません。事務局に問い合わせてください。",
        "There is no factor for this kind in fiscal year {expected}. Ask the secretariat.",
    ),
    "not_a_number": (
        "単位や文字を消して、数値だけを入力してください。単位はG列にあります。",
        "Remove units and words and enter the number only. The unit stands in column G.",
    ),
    "number_negative": (
        "マイナスの値は入力できません。0以上の数値を入力してください。",
        "A negative value is not allowed. Enter a number of 0 or more.",
    ),
    "too_many_decimals": (
        "小数点以下は{expected}までにしてください。",
        "Give {expected} at most.",
    ),
    "number_too_large": (
        "数値が大きすぎます。単位を確かめて、{expected}の数値を入力してください。",
        "The number is too large. Check the unit and enter a number: {expected}.",
    ),
    "month_blank": (
        "使用量を入力してください。使用がない月は0を入力してください。",
        "Enter the amount used. Enter 0 for a month without use.",
    ),
    "activity_without_source": (
        "この行には排出源がありません。シート「排出源」に排出源を入力するか、この値を消してください。",
        "This row has no emission source. Enter the source on the sheet “排出源”, or delete this value.",
    ),
    "number_as_text": (
        "数値が文字として入力されているため、様式の合計に入っていません。数値として入力し直してください。",
        "The number was entered as text, so the form's own sum leaves it out. Enter it again as a number.",
    ),
    "not_calculated": (
        "数式の計算結果が保存されていません。表計算ソフトで開いて保存してください。",
        "The formula has no saved result. Open the file in a spreadsheet program and save it.",
    ),
    "formula_error": (
        "数式がエラーになっています。様式の数式に戻してください。",
        "The formula gives an error. Put the form's own formula back.",
    ),
    # Factors and the result
    "factors_superseded": (
        "この様式をダウンロードしたあと、{detail}に排出係数が変わりました。"
        "ASSETシステムから新しい様式をダウンロードし、入力し直してください。",
        "The factors were changed on {detail}, after this form was downloaded. "
        "Download the new form from the ASSET System and fill it in.",
    ),
    "factor_altered": (
        "係数は変更できません。様式に入っている値に戻してください。",
        "Factors must not be changed. Put the form's own value back.",
    ),
    "total_missing": (
        "排出量の合計がありません。{cell}の数式を、様式の数式に戻してください。",
        "The total is missing. Put the form's own formula back into {cell}.",
    ),
    "total_not_calculated": (
        "排出量の合計が計算されていません。表計算ソフトで開いて保存してください。",
        "The total has not been calculated. Open the file in a spreadsheet program and save it.",
    ),
    "total_differs": (
        "明細の合計と一致しません。{cell}の数式を、様式の数式に戻してください。",
        "The total does not equal the sum of the rows. Put the form's own formula back into {cell}.",
    ),
    "figure_differs": (
        "様式が計算する値（{expected}）と違う値が入っています。{cell}の数式を、様式の数式に戻してください。",
        "The form itself calculates {expected} here. Put the form's own formula back into {cell}.",
    ),
    # Notes: put right while reading
    "read_as_number": ("「{found}」を{expected}と読み取りました。", "“{found}” was read as {expected}."),
    "read_as_factor": (
        "「{found}」を「{expected}」と読み取りました。",
        "“{found}” was read as “{expected}”.",
    ),
    "name_differs": (
        "表紙の名称等が登録と違います（様式「{found}」、登録「{expected}」）。登録の内容を使います。",
        "The cover says “{found}”, the registration says “{expected}”. The registration counts.",
    ),
}

#: Words that stand in ``found`` and ``expected``: Japanese → English.
WORDS: dict[str, str] = {
    "空欄": "blank",
    "数値": "a number",
    "0以上の数値": "a number of 0 or more",
    "真偽値": "a logical value",
    "日付": "a date",
    "計算結果のない数式": "a formula without a result",
    "数式の計算結果": "the result of the formula",
    "1件以上の排出源": "at least one emission source",
    "排出源の名称": "a name",
    "一覧にある種類": "a kind in the list",
    "排出源のある行": "a row with an emission source",
    "100字以内": "100 characters",
    "小数第3位": "3 decimal places",
    "1,000,000,000,000未満": "less than 1,000,000,000,000",
    "指定様式のExcelファイル（.xlsx）": "the designated Excel form (.xlsx)",
    "10 MB以内": "10 MB",
    "様式の並び": "the rows and columns of the form",
    "シートなし": "no such sheet",
    "様式のシート": "the form's sheet",
    "基準年度": "Base year",
    "削減目標年度": "Target year",
    "調整・自主削減年度": "Adjustment year",
    "PDFファイル": "a PDF file",
    "画像ファイル": "a picture",
    "テキストファイル": "a text file",
    "ZIPファイル": "a ZIP file",
    "Word文書": "a Word document",
    "PowerPoint文書": "a PowerPoint document",
    "ODF形式のファイル": "an OpenDocument file",
    "Excelバイナリブック（.xlsb）": "an Excel binary workbook (.xlsb)",
    "Excelテンプレート": "an Excel template",
    "不明な形式のファイル": "a file of an unknown kind",
}


def word(text: str, locale: str) -> str:
    """``text`` in ``locale``: stock words are translated, figures and the user's own text stay."""
    if locale != "en":
        return text
    return WORDS.get(text) or application_problems.english(text) or text


def message(
    code: str, locale: str, *, sheet: str, cell: str, found: str, expected: str, detail: str = ""
) -> str:
    """The sentence for ``code`` in ``ja`` or ``en``. Raises ``KeyError`` for an unknown code."""
    ja, en = TEXTS[code] if code in TEXTS else application_problems.TEXTS[code]
    text = en if locale == "en" else ja
    return text.format(
        sheet=sheet, cell=cell, found=found, expected=expected, detail=_day(detail, locale) or detail
    )


def _day(detail: str, locale: str) -> str:
    """A day written 2015-10-15 as the reader's language writes it; "" for anything else."""
    parts = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", detail)
    if parts is None:
        return ""
    year, month, day = (int(part) for part in parts.groups())
    return f"{day} {_MONTHS[month - 1]} {year}" if locale == "en" else f"{year}年{month}月{day}日"
