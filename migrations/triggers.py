"""Triggers that keep history growing only: no UPDATE, no DELETE, not even by SQL (safety 9).

Used by migrations, which must not change with the program: treat these texts as published.
"""

from __future__ import annotations

from alembic import op


def refuse_changes(*tables: str) -> None:
    """Make both databases refuse UPDATE and DELETE (and TRUNCATE) on ``tables``."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION portal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'append_only: % refuses %', TG_TABLE_NAME, TG_OP "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for table in tables:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION portal_append_only()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION portal_append_only()"
            )
            continue
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'append_only: {table} refuses {act}'); END"
            )


def allow_changes(*tables: str) -> None:
    """Take the triggers of :func:`refuse_changes` away again (downgrade only)."""
    for table in tables:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(f"DROP TRIGGER {table}_no_delete")


#: what the triggers of :func:`guard_accounts` are called, by table
ACCOUNT_GUARDS = {
    "ledger_entry": "ledger_entry_account_state",
    "holding": "holding_of_closed",
    "account": "account_closed_empty",
}
_STATE_OF_ACCOUNT = "(SELECT state FROM account WHERE id = NEW.account_id)"
_ENTRY_REFUSED = "NEW.quantity < 0 AND {state} = 'suspended' OR {state} = 'closed'"
_ENTRY_SAYS = "account_state: nothing leaves a suspended account, nothing moves in a closed one"
_HOLDING_SAYS = "account_state: a closed account holds nothing"
_CLOSING_SAYS = "account_state: an account with units is not closed, a closed one stays closed"
_CLOSING_REFUSED = (
    "OLD.state = 'closed' AND NEW.state <> 'closed' OR NEW.state = 'closed' AND EXISTS"
    " (SELECT 1 FROM holding WHERE account_id = NEW.id AND (quantity <> 0 OR promised <> 0))"
)


def guard_accounts() -> None:
    """Make both databases keep what an account's state forbids (safety 5), whatever the program says.

    An entry takes nothing out of a suspended or closed account and adds nothing to a closed one; an
    account that holds or promises units is not closed; a closed one holds nothing and stays closed.
    """
    if op.get_bind().dialect.name == "postgresql":
        _guard_accounts_of_postgresql()
        return
    entry = _ENTRY_REFUSED.format(state=_STATE_OF_ACCOUNT)
    holds = f"(NEW.quantity <> 0 OR NEW.promised <> 0) AND {_STATE_OF_ACCOUNT} = 'closed'"
    for name, act, refused, says in (
        (ACCOUNT_GUARDS["ledger_entry"], "INSERT ON ledger_entry", entry, _ENTRY_SAYS),
        (f"{ACCOUNT_GUARDS['holding']}_insert", "INSERT ON holding", holds, _HOLDING_SAYS),
        (f"{ACCOUNT_GUARDS['holding']}_update", "UPDATE ON holding", holds, _HOLDING_SAYS),
        (ACCOUNT_GUARDS["account"], "UPDATE OF state ON account", _CLOSING_REFUSED, _CLOSING_SAYS),
    ):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} FOR EACH ROW WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _guard_accounts_of_postgresql() -> None:
    # the account's row is locked FOR SHARE: whoever changes its state meanwhile comes before or after,
    # also when the program forgot its own lock
    state = "SELECT state INTO found FROM account WHERE id = NEW.account_id FOR SHARE;"
    for table, act, body in (
        (
            "ledger_entry",
            "INSERT",
            f"{state} IF {_ENTRY_REFUSED.format(state='found')} THEN {_raise(_ENTRY_SAYS)} END IF;",
        ),
        (
            "holding",
            "INSERT OR UPDATE",
            f"IF NEW.quantity <> 0 OR NEW.promised <> 0 THEN {state}"
            f" IF found = 'closed' THEN {_raise(_HOLDING_SAYS)} END IF; END IF;",
        ),
        ("account", "UPDATE OF state", f"IF {_CLOSING_REFUSED} THEN {_raise(_CLOSING_SAYS)} END IF;"),
    ):
        name = ACCOUNT_GUARDS[table]
        op.execute(
            f"CREATE FUNCTION portal_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"DECLARE found text; BEGIN {body} RETURN NEW; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION portal_{name}()"
        )


def _raise(says: str) -> str:
    return f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"


def unguard_accounts() -> None:
    """Take the triggers of :func:`guard_accounts` away again (downgrade only)."""
    if op.get_bind().dialect.name == "postgresql":
        for table, name in ACCOUNT_GUARDS.items():
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION portal_{name}()")
        return
    holding = ACCOUNT_GUARDS["holding"]
    for name in (
        ACCOUNT_GUARDS["ledger_entry"],
        f"{holding}_insert",
        f"{holding}_update",
        ACCOUNT_GUARDS["account"],
    ):
        op.execute(f"DROP TRIGGER {name}")
