"""The form that proposes a year's factor table: a row for each factor, free rows beneath (domain §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    Label,
    SelectField,
    StringField,
    TextAreaField,
)

from portal.admin.acts import KeyForm, Needed
from portal.services.factor_rules import TypedRow

#: blank rows beneath those of the table; a button asks for as many more
FREE_ROWS = 1
#: more rows than this no form of ours sends
MOST_POSTED = 80
_FIGURE = {"inputmode": "decimal", "autocomplete": "off"}
KIND_WORDS: dict[str, Any] = {"fuel": _l("燃料"), "energy": _l("電気・熱")}
NUMBER_WORDS: dict[str, Any] = {
    "calorific": _l("単位発熱量（GJ/単位）"),
    "carbon": _l("炭素排出係数（t-C/GJ）"),
    "factor": _l("CO2排出係数（t-CO2/単位）"),
}


class RowForm(Form):
    """One row. ``kept`` says that it stands in the table the page began with: then only figures change."""

    kept = HiddenField()
    code = StringField(_l("記号"), description=_l("半角の英小文字・数字・下線。例：other_gas"))
    name_ja = StringField(_l("日本語の名称"))
    name_en = StringField(_l("英語の名称"))
    unit = StringField(_l("単位"))
    kind = SelectField(_l("区分"), choices=list(KIND_WORDS.items()), validate_choice=False)
    calorific = StringField(NUMBER_WORDS["calorific"], render_kw=_FIGURE)
    carbon = StringField(NUMBER_WORDS["carbon"], render_kw=_FIGURE)
    factor = StringField(NUMBER_WORDS["factor"], render_kw=_FIGURE)
    taken_out = BooleanField(_l("表から外す"))

    def typed(self) -> TypedRow:
        """What was typed, as the service takes it."""
        values: dict[str, Any] = {
            name: self[name].data or "" for name in TypedRow.__dataclass_fields__ if name != "taken_out"
        }
        return TypedRow(**values, taken_out=bool(self.taken_out.data))


class _Cell:
    """A field of a row as the summary of what is wrong names it."""

    def __init__(self, row: Any, field: Any) -> None:
        self.id, self.errors = field.id, field.errors
        self.label = Label(field.id, _("%(label)s：%(value)s", label=row, value=field.label.text))


class ProposeForm(KeyForm):
    """The whole table as it will be, and why. ``basis`` is the table the page showed."""

    basis = HiddenField()
    rows = FieldList(FormField(RowForm), max_entries=MOST_POSTED)
    reason = TextAreaField(
        _l("理由"), validators=[Needed()], description=_l("改正された省令や告示などの根拠を書いてください。")
    )

    def _cell(self, name: str) -> Any:
        """A field of a row by the name the service gives it: ``rows-3-code``."""
        head, _dash, rest = name.partition("-")
        place, _dash, item = rest.partition("-")
        entries = self._fields["rows"].entries
        if head != "rows" or not place.isdigit() or int(place) >= len(entries):
            return None
        return entries[int(place)].form._fields.get(item)

    # what is refused of a row is shown at its own field, like that of every other field
    def __contains__(self, name: str) -> bool:
        return name in self._fields or self._cell(name) is not None

    def __getitem__(self, name: str) -> Any:
        cell = self._cell(name)
        return cell if cell is not None else self._fields[name]

    def typed(self) -> list[TypedRow]:
        """Every row as it was typed."""
        return [entry.form.typed() for entry in self._fields["rows"].entries]

    def row_forms(self, *, kept: bool) -> list[RowForm]:
        """The rows the table began with, or the free ones."""
        forms = [entry.form for entry in self._fields["rows"].entries]
        return [row for row in forms if bool(row.kept.data) is kept]

    def in_order(self, english: bool) -> list[Any]:
        """Every field as the page shows it; those of rows say of which row they are."""
        kept, free = self.row_forms(kept=True), self.row_forms(kept=False)
        named = [((row.name_en if english else row.name_ja).data, row) for row in kept]
        named += [(_("加える行%(n)s", n=place), row) for place, row in enumerate(free, 1)]
        cells = [_Cell(name, field) for name, row in named for field in row]
        return [*cells, self._fields["reason"]]

    def add_rows(self) -> None:
        """One more blank row."""
        for _n in range(min(FREE_ROWS, MOST_POSTED - len(self._fields["rows"].entries))):
            self._fields["rows"].append_entry({"kind": "fuel"})


def begun(rows: Sequence[TypedRow], basis: str) -> ProposeForm:
    """The form as it begins: ``rows`` of a table, and blank ones."""
    table = [{**vars(row), "kept": "1"} for row in rows]
    form = ProposeForm(
        data={"basis": basis, "rows": [*table, *({"kind": "fuel"} for _n in range(FREE_ROWS))]}
    )
    return form
