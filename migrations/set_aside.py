"""Triggers set aside while a migration changes rows or tables they guard, and put back as they were.

Used by migrations, which must not change with the program: treat this text as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op


@contextmanager
def triggers_set_aside(*tables: str) -> Iterator[None]:
    """Take every trigger away that stands on ``tables`` or looks at them; afterwards the same stand again.

    On SQLite they are dropped and made again from their own text, for a table that is built anew loses its
    own and does not bear those of others that name it. On PostgreSQL those on ``tables`` are disabled.
    """
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        for table in tables:
            op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in tables:
            op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    found = bind.execute(
        sa.text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    ).all()
    taken = [
        (name, sql) for name, table, sql in found if table in tables or any(one in sql for one in tables)
    ]
    for name, _sql in taken:
        op.execute(f"DROP TRIGGER {name}")
    yield
    for _name, sql in taken:
        bind.exec_driver_sql(sql)
