"""What the versions of the designated form have in common: labels, look-ups, prefilled fields."""

from __future__ import annotations

from portal.services.spreadsheets.layouts.layout import MONTHS, RESULT_UNIT, SOURCES, Column, Field, Label

HEADINGS: dict[str, Label] = {
    "number": ("番号", "No."),
    "name": ("排出源の名称", "Emission source"),
    "factor": ("燃料・エネルギーの種類", "Fuel or energy"),
    "unit": ("単位", "Unit"),
    "remark": ("備考", "Remark"),
    "calorific": ("単位発熱量\n（GJ/単位）", "Calorific value (GJ/unit)"),
    "carbon": ("炭素排出係数\n（t-C/GJ）", "Carbon factor (t-C/GJ)"),
    "per_unit": ("CO2排出係数\n（t-CO2/単位）", "CO2 factor (t-CO2/unit)"),
    "activity_sum": ("年間計", "Year"),
    "year_activity": ("年間活動量", "Activity of the year"),
    "code": ("記号", "Code"),
    "label": ("燃料・エネルギーの種類", "Fuel or energy"),
    "other": ("英語名", "Name in English"),
    "other_en": ("日本語名", "Name in Japanese"),
    "kind": ("区分", "Group"),
}
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _looked_up(what: str) -> str:
    return f'=IF($C{{row}}="","",INDEX({{{what}_list}},MATCH($C{{row}},{{label_list}},0)))'


#: what the factor table says about the row's kind of fuel or energy
LOOKED_UP: dict[str, str] = {what: _looked_up(what) for what in ("unit", "calorific", "carbon", "per_unit")}

#: the columns of the factor table that every fiscal year shares
FUELS = (
    Column("code", "A", HEADINGS["code"], 16),
    Column("label", "B", HEADINGS["label"], 26),
    Column("other", "C", HEADINGS["other"], 30),
    Column("unit", "D", HEADINGS["unit"], 12),
    Column("kind", "E", HEADINGS["kind"], 22),
)


def copied(column: str) -> str:
    """The formula that takes a source's ``column`` over from 排出源."""
    at = f"'{SOURCES}'!{column}{{source}}"
    return f'=IF({at}="","",{at})'


def month_columns(letters: str, width: float) -> tuple[Column, ...]:
    """The twelve columns to fill in, April first."""
    return tuple(
        Column(
            "activity",
            letter,
            (f"{month}月", _MONTH_NAMES[month - 1]),
            width,
            "quantity",
            shape="activity",
            month=place,
        )
        for place, (letter, month) in enumerate(zip(letters, MONTHS, strict=True))
    )


def figure_columns(width: float) -> tuple[Column, ...]:
    """The three figures of the source's factor on 活動量: columns D, E and F."""
    return tuple(
        Column(role, at, HEADINGS[role], width, "formula_number", LOOKED_UP[role], "factor")
        for role, at in (("calorific", "D"), ("carbon", "E"), ("per_unit", "F"))
    )


def emissions_of(year: int, at: str, width: float) -> Column:
    """A source's t-CO2 in fiscal year number ``year``: its activity times its factor."""
    formula = "=IF('活動量'!$C{activity}=\"\",\"\",'活動量'!$T{activity}*'活動量'!$F{activity})"
    # the heading names the fiscal year, which the layout does not know
    return Column(
        "emissions", at, ("", ""), width, "formula_number", formula, "emissions", RESULT_UNIT, year=year
    )


def cover(*, named: bool) -> tuple[Field, ...]:
    """The prefilled fields of the cover; form number and version stand there in every version."""
    fields = (
        ("form_id", "C3", ("様式番号", "Form"), "form_id"),
        ("version", "C4", ("様式の版", "Form version"), "form_version"),
        ("phase", "C5", ("期", "Phase"), "phase"),
        ("holder", "C6", ("目標保有者ID", "Holder ID"), "holder_id"),
        ("account", "C7", ("口座番号", "Account number"), "account_number"),
        ("holder_name", "C8", ("代表事業者名", "Representative company"), "company_name"),
        ("site_name", "C9", ("事業所名", "Site"), "site_name"),
        ("site_address", "C10", ("事業所の所在地", "Address of the site"), "site_address"),
        ("period", "C11", ("報告対象の期間", "Reporting period"), "reporting_period"),
    )
    always = ("form_id", "version")
    return tuple(
        Field(role, cell, label, name if named or role in always else "")
        for role, cell, label, name in fields
    )
