"""Triggers that keep a holder from having two issues that stand (safety 4).

Used by migrations, which must not change with the program: treat these texts as published. On SQLite a
batch that makes ``movement`` anew loses them: such a migration makes them again.
"""

from __future__ import annotations

from alembic import op

#: what the triggers are called, by table
ISSUE_GUARDS = {
    "sqlite": ("movement_issue_again", "movement_attempt_kept"),
    "postgresql": ("movement_issue_again", "movement_attempt_kept"),
}

_AGAIN_SAYS = "issue_again: a holder is issued again only after every issue before was corrected"
_KEPT_SAYS = "attempt_kept: kind, holder and attempt of a proposal stay as they were proposed"

#: issues of the holder that were made and posted back; written so that the partial index serves
_CORRECTED = (
    "(SELECT count(*) FROM movement AS made"
    " JOIN ledger_transaction AS posted ON posted.movement_id = made.id"
    " JOIN ledger_transaction AS back ON back.reverses_id = posted.id"
    " WHERE made.holder_id = NEW.holder_id AND made.kind = 'issue'"
    " AND made.state IN ('proposed', 'executed'))"
)
_TOO_EARLY = f"NEW.attempt <> 1 + {_CORRECTED}"


def guard_issues() -> None:
    """Let an issue be attempt n + 1 only where n issues of the holder were corrected.

    With the unique index over (holder, attempt) of what is proposed or executed there is then one that
    stands at most, also of two written at once: a posted correction is final, so that whoever counts too
    few takes the number of an issue that is there already, and whoever counts right meets the other at
    the index.
    """
    if op.get_bind().dialect.name == "postgresql":
        _refuse(
            "movement_issue_again",
            "AFTER INSERT ON movement FOR EACH ROW WHEN (NEW.kind = 'issue')",
            _AGAIN_SAYS,
            _TOO_EARLY,
        )
        _refuse(
            "movement_attempt_kept",
            "AFTER UPDATE ON movement FOR EACH ROW WHEN ((OLD.kind, OLD.holder_id, OLD.attempt)"
            " IS DISTINCT FROM (NEW.kind, NEW.holder_id, NEW.attempt))",
            _KEPT_SAYS,
        )
        return
    for name, when, refused, says in (
        ("movement_issue_again", "BEFORE INSERT", f"NEW.kind = 'issue' AND {_TOO_EARLY}", _AGAIN_SAYS),
        (
            "movement_attempt_kept",
            "BEFORE UPDATE",
            "OLD.kind <> NEW.kind OR OLD.holder_id IS NOT NEW.holder_id OR OLD.attempt <> NEW.attempt",
            _KEPT_SAYS,
        ),
    ):
        op.execute(
            f"CREATE TRIGGER {name} {when} ON movement FOR EACH ROW WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _refuse(name: str, when: str, says: str, refused: str = "true") -> None:
    op.execute(
        f"CREATE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF {refused} THEN RAISE EXCEPTION '{says}'"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION portal_{name}()")


def unguard_issues() -> None:
    """Take the triggers of :func:`guard_issues` away again (downgrade only)."""
    dialect = op.get_bind().dialect.name
    for name in ISSUE_GUARDS[dialect]:
        if dialect == "postgresql":
            op.execute(f"DROP FUNCTION portal_{name}() CASCADE")
        else:
            op.execute(f"DROP TRIGGER {name}")
