"""Triggers that keep a row from being replaced, on SQLite (safety 9).

There ``INSERT OR REPLACE`` and ``UPDATE OR REPLACE`` remove whatever row has the same key without asking a
DELETE trigger. These ask first, by each key, in the words of SQLite's own refusal: who looks for the name
of a key in an error finds it as before. PostgreSQL knows no REPLACE; its upsert is an UPDATE to its triggers.

Used by migrations, which must not change with the program: treat these texts as published. A batch that
makes a table anew loses its triggers: such a migration makes them again. A table that gets its first guard
later, or another unique key, calls :func:`keep_rows` with its keys (and :func:`leave_rows` before it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alembic import op


@dataclass(frozen=True)
class Key:
    """A unique key: its columns, and the rows it holds for, where ``{row}`` stands for the row."""

    columns: tuple[str, ...]
    among: str = ""


_LIVE = "{row}.state IN ('proposed', 'executed')"
#: every table that has a guard, with its unique keys besides the row's own number
KEYS: Mapping[str, tuple[Key, ...]] = {
    "account": (Key(("holder_id",)), Key(("trader_id",)), Key(("name",))),
    "book_check": (),
    "compliance_snapshot": (Key(("holder_id", "number")),),
    "event": (),
    "holding": (Key(("account_id", "unit_class_id")),),
    "ledger_entry": (Key(("transaction_id", "account_id", "unit_class_id")),),
    "ledger_head": (),
    "ledger_transaction": (Key(("movement_id",)), Key(("reverses_id",)), Key(("hash",))),
    "movement": (
        Key(("idempotency_key",)),
        Key(("holder_id", "attempt"), f"{{row}}.kind = 'issue' AND {_LIVE}"),
        Key(("reverses_id",), f"{{row}}.reverses_id IS NOT NULL AND {_LIVE}"),
    ),
    "participant_note": (),
    "phase_closing": (Key(("phase_id",), "{row}.state IN ('proposed', 'confirmed')"),),
    "publication": (
        Key(("phase_id", "subject"), "{row}.state = 'proposed'"),
        Key(("phase_id", "subject"), "{row}.state = 'released'"),
    ),
    "registration_version": (),
    "transfer_total": (Key(("number", "unit_class_id")),),
}
#: those whose rows, or some of them, may change; the others refuse every UPDATE
CHANGING = ("account", "holding", "ledger_head", "movement", "phase_closing", "publication")
#: those whose rows have a number that nobody sees, for their key is two columns
UNSEEN = ("holding", "transfer_total")


def keep_rows(table: str, keys: tuple[Key, ...], *, changing: bool, number: str = "id") -> None:
    """Refuse a row of ``table`` whose number or other key another row has (SQLite; elsewhere nothing).

    ``changing``: its rows may be updated, and then no row may take the number or a key of another one.
    ``number``: the column that is the row's number.
    """
    if op.get_bind().dialect.name != "sqlite":
        return
    # rowid is the number's other name, and the only one of a number that nobody sees
    taken = [(f"{table}.{number}", f"EXISTS (SELECT 1 FROM {table} AS kept WHERE kept.rowid = NEW.rowid)")]
    taken += [(_named(table, key), _taken(table, key)) for key in keys]
    _refuse(f"{table}_row_kept_insert", f"BEFORE INSERT ON {table}", taken)
    if changing:
        # not UPDATE OF: by the name "rowid" a number changes without the column's being named
        taken = [(f"{table}.{number}", "NEW.rowid <> OLD.rowid")]
        taken += [(_named(table, key), _taken_by_another(table, key)) for key in keys]
        _refuse(f"{table}_row_kept_update", f"BEFORE UPDATE ON {table}", taken)


def leave_rows(table: str, *, changing: bool) -> None:
    """Take the triggers of :func:`keep_rows` away again."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("insert", "update") if changing else ("insert",):
            op.execute(f"DROP TRIGGER {table}_row_kept_{act}")


def keep_all_rows() -> None:
    """:func:`keep_rows` for every table of ``KEYS``."""
    for table, keys in KEYS.items():
        number = "rowid" if table in UNSEEN else "id"
        keep_rows(table, keys, changing=table in CHANGING, number=number)


def leave_all_rows() -> None:
    """Take the triggers of :func:`keep_all_rows` away again (downgrade only)."""
    for table in KEYS:
        leave_rows(table, changing=table in CHANGING)


def _named(table: str, key: Key) -> str:
    return ", ".join(f"{table}.{column}" for column in key.columns)


def _taken(table: str, key: Key, other: str = "") -> str:
    same = [f"kept.{column} = NEW.{column}" for column in key.columns]
    among = [key.among.format(row=row) for row in ("NEW", "kept") if key.among]
    where = " AND ".join([*same, *among, *([other] if other else [])])
    return f"EXISTS (SELECT 1 FROM {table} AS kept WHERE {where})"


def _taken_by_another(table: str, key: Key) -> str:
    found = _taken(table, key, "kept.rowid <> OLD.rowid")
    if key.among:  # a row may come under the key by another column
        return found
    return f"({' OR '.join(f'NEW.{one} IS NOT OLD.{one}' for one in key.columns)}) AND {found}"


def _refuse(name: str, when: str, taken: list[tuple[str, str]]) -> None:
    cases = " ".join(
        f"WHEN {found} THEN RAISE(ABORT, 'row_kept: UNIQUE constraint failed: {key}')" for key, found in taken
    )
    op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW BEGIN SELECT CASE {cases} END; END")
