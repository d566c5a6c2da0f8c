"""Triggers that keep what was recorded: deadline records, comparisons, closings, publications (safety 9).

Used by migrations, which must not change with the program: treat these texts as published. On SQLite a
batch that makes a table anew loses the triggers of the old one: such a migration makes them again.
"""

from __future__ import annotations

from alembic import op

from migrations.triggers import allow_changes, refuse_changes

#: tables whose rows are written once and never change
RECORDS = ("compliance_snapshot", "book_check")
#: what the triggers of :func:`guard_records` are called besides those of ``RECORDS``
RECORD_GUARDS = {
    "sqlite": (
        "phase_closing_decided",
        "phase_closing_no_delete",
        "publication_content_kept",
        "publication_over",
        "publication_no_delete",
    ),
    "postgresql": (
        "phase_closing_decided",
        "phase_closing_no_delete",
        "phase_closing_no_truncate",
        "publication_content_kept",
        "publication_over",
        "publication_no_delete",
        "publication_no_truncate",
    ),
}

_CLOSING_SAYS = "phase_closing_decided: a closing that was confirmed or withdrawn does not change any more"
_CLOSING_STAYS = "phase_closing_kept: the closing of a phase is withdrawn, never deleted"
_CONTENT_SAYS = "publication_content: what was proposed for the public is what is released, and stays so"
_OVER_SAYS = "publication_over: a table that was withdrawn, replaced or ended does not change any more"
_PUBLICATION_STAYS = "publication_kept: a publication is ended, never deleted"

#: when a publication is over: until ``20261127_1_expiry``, and since; a migration after it that guards the
#: records again gives :func:`guard_records` the later one, or what lapsed could be written over
OVER = "OLD.state IN ('withdrawn', 'replaced', 'ended')"
OVER_OR_EXPIRED = "OLD.state IN ('withdrawn', 'replaced', 'ended', 'expired')"
_CLOSED = "OLD.state <> 'proposed'"


def _content_changes(differs: str, as_text: str) -> str:
    """What is read, of which phase, who proposed it; once released, also who let it out and when."""
    fixed = [f"OLD.content{as_text} {differs} NEW.content{as_text}"]
    fixed += [
        f"OLD.{name} {differs} NEW.{name}"
        for name in ("phase_id", "subject", "note", "proposed_by_id", "proposed_at")
    ]
    released = [f"OLD.{name} {differs} NEW.{name}" for name in ("confirmed_by_id", "released_at")]
    return f"({' OR '.join(fixed)}) OR OLD.state <> 'proposed' AND ({' OR '.join(released)})"


def guard_records(over: str = OVER) -> None:
    """Make both databases keep these records.

    Deadline records and comparisons of the books are never changed or deleted; a closing does not change
    once it is confirmed or withdrawn; a publication's content never changes, nor anything of it once it
    is over (``over``: which states those are); neither is deleted.
    """
    refuse_changes(*RECORDS)
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql(over)
    else:
        _guard_sqlite(over)


def _guard_sqlite(over: str) -> None:
    for name, when, refused, says in (
        ("phase_closing_decided", "BEFORE UPDATE ON phase_closing", _CLOSED, _CLOSING_SAYS),
        ("phase_closing_no_delete", "BEFORE DELETE ON phase_closing", "1", _CLOSING_STAYS),
        (
            "publication_content_kept",
            "BEFORE UPDATE ON publication",
            _content_changes("IS NOT", ""),
            _CONTENT_SAYS,
        ),
        ("publication_over", "BEFORE UPDATE ON publication", over, _OVER_SAYS),
        ("publication_no_delete", "BEFORE DELETE ON publication", "1", _PUBLICATION_STAYS),
    ):
        op.execute(
            f"CREATE TRIGGER {name} {when} FOR EACH ROW WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _guard_postgresql(over: str) -> None:
    changed = _content_changes("IS DISTINCT FROM", "::text")
    for name, when, says in (
        (
            "phase_closing_decided",
            f"BEFORE UPDATE ON phase_closing FOR EACH ROW WHEN ({_CLOSED})",
            _CLOSING_SAYS,
        ),
        ("phase_closing_no_delete", "BEFORE DELETE ON phase_closing FOR EACH ROW", _CLOSING_STAYS),
        ("phase_closing_no_truncate", "BEFORE TRUNCATE ON phase_closing FOR EACH STATEMENT", _CLOSING_STAYS),
        (
            "publication_content_kept",
            f"BEFORE UPDATE ON publication FOR EACH ROW WHEN ({changed})",
            _CONTENT_SAYS,
        ),
        ("publication_over", f"BEFORE UPDATE ON publication FOR EACH ROW WHEN ({over})", _OVER_SAYS),
        ("publication_no_delete", "BEFORE DELETE ON publication FOR EACH ROW", _PUBLICATION_STAYS),
        ("publication_no_truncate", "BEFORE TRUNCATE ON publication FOR EACH STATEMENT", _PUBLICATION_STAYS),
    ):
        op.execute(
            f"CREATE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION portal_{name}()")


def unguard_records() -> None:
    """Take the triggers of :func:`guard_records` away again (downgrade only)."""
    dialect = op.get_bind().dialect.name
    for name in RECORD_GUARDS[dialect]:
        if dialect == "postgresql":
            op.execute(f"DROP FUNCTION portal_{name}() CASCADE")
        else:
            op.execute(f"DROP TRIGGER {name}")
    allow_changes(*RECORDS)
