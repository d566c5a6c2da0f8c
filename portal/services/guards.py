"""Whether the database's guards stand: the triggers that the newest migration leaves, each as it was made.

Who owns the tables can take a trigger away or disable it with one statement, and nothing that a proof reads
would say so. The list is ``services/guard_list.py``; ``python -m tools.guards`` writes it. Names, tables and
texts are compared (PostgreSQL: the function's, what fires it, that it fires); other triggers may stand too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from portal.services import jobs
from portal.services.guard_list import GUARDS
from portal.services.jobs import Work, WorkFailed
from portal.services.snapshot import one_moment

KIND = "look_at_guards"

_OF_SQLITE = text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
_OF_POSTGRESQL = text(
    "SELECT tgname, relname, tgenabled IN ('O', 'A') AS fires, tgisinternal,"
    " concat_ws(' ', tgtype, tgdeferrable, tginitdeferred, tgqual IS NULL, prosrc) AS made"
    " FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid"
    " WHERE pg_table_is_visible(tgrelid)"
)
#: where no trigger fires: for this connection, or from the next on (database, role or both)
_ROLE = text("SELECT current_setting('session_replication_role')")
_ROLES = text(
    "SELECT DISTINCT setting FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS setting"
    " WHERE setting LIKE 'session_replication_role=%' AND setting <> 'session_replication_role=origin'"
    " AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    " AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))"
)


@dataclass(frozen=True)
class Guard:
    """A trigger as it stands: its table, the digest of its text, whether it fires."""

    table: str
    digest: str
    fires: bool = True


def standing(connection: Connection) -> dict[str, Guard]:
    """The triggers that stand, by name; foreign keys keep themselves and are not among them."""
    if connection.dialect.name == "sqlite":
        return {name: Guard(table, _digest(made)) for name, table, made in connection.execute(_OF_SQLITE)}
    return {
        row.tgname: Guard(row.relname, _digest(row.made), row.fires)
        for row in connection.execute(_OF_POSTGRESQL)
        if not row.tgisinternal
    }


def problems(connection: Connection) -> list[str]:
    """What does not guard as the newest migration left it, by name; nothing if all do.

    Two short statements of the database's catalogue, three on PostgreSQL.
    """
    found = list(_changed(standing(connection), GUARDS[connection.dialect.name]))
    if connection.dialect.name == "postgresql":
        found += _switched_off(connection)
    return found


def _changed(stand: dict[str, Guard], wanted: Any) -> Iterator[str]:
    missing, silent, other = [], [], []
    for name, (table, digest) in wanted.items():
        guard = stand.get(name)
        if guard is None or guard.table != table:
            missing.append(f"{name} on {table}")
        elif not guard.fires:
            silent.append(f"{name} on {table}")
        elif guard.digest != digest:
            other.append(f"{name} on {table}")
    for names, what in (
        (missing, "missing"),
        (silent, "disabled"),
        (other, "not as the migrations made them"),
    ):
        if names:
            yield f"guards that are {what}: {', '.join(names)}"


def _switched_off(connection: Connection) -> Iterator[str]:
    tables = sorted(
        {row.relname for row in connection.execute(_OF_POSTGRESQL) if row.tgisinternal and not row.fires}
    )
    if tables:
        yield f"foreign keys that are disabled: of {', '.join(tables)}"
    role = connection.execute(_ROLE).scalar()
    if role != "origin":
        yield f"session_replication_role is {role}: no guard fires"
    elif set_for := connection.execute(_ROLES).scalars().all():
        yield f"{', '.join(set_for)} is set for the next connections: no guard fires then"


def _digest(made: str) -> str:
    # a table that is renamed makes SQLite quote its name in the texts
    plain = re.sub(r'[\s"]+', " ", made).strip()
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


@jobs.handler(KIND, nightly=True)
def look_at_guards(work: Work) -> dict[str, Any]:
    """Look each night; what is gone fails the work, which the night watch tells the office."""
    with work.open_session() as session:
        one_moment(session)
        connection = session.connection()
        wrong, count = problems(connection), len(GUARDS[connection.dialect.name])
    if wrong:
        raise WorkFailed("; ".join(wrong))
    return {"guards": count}
