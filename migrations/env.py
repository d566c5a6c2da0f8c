"""Alembic's entry: one transaction, batch mode for SQLite, the portal's own engine settings."""

from __future__ import annotations

from typing import Any

from alembic import context

from migrations.head_triggers import UNFINISHED
from portal.extensions import make_engine
from portal.models import Base

config = context.config
engine = make_engine(config.get_main_option("sqlalchemy.url") or "sqlite://")

with engine.connect() as connection:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # a table that is built anew must not take the rows that point to it along; before the transaction
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=sqlite,
        transaction_per_migration=True,
        compare_type=True,
        # no model has it: the program does not use it
        include_name=lambda name, _kind, _parents: name != UNFINISHED,
    )
    with context.begin_transaction():
        context.run_migrations()
    if sqlite:
        lost = driver.execute("PRAGMA foreign_key_check").fetchall()
        if lost:
            raise RuntimeError(f"rows point to nothing after the migration: {lost[:5]}")
engine.dispose()
