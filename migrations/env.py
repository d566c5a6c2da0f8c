"""Alembic's entry: one transaction, batch mode for SQLite, the portal's own engine settings."""

from __future__ import annotations

from alembic import context

from portal.extensions import make_engine
from portal.models import Base

config = context.config
engine = make_engine(config.get_main_option("sqlalchemy.url") or "sqlite://")

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
