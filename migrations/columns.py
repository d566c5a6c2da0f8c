"""Columns and keys as every migration writes them. Published: they do not change with the program."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def choice(name: str, *values: str) -> sa.Enum:
    """Text that a CHECK holds to ``values``, in both databases."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """A moment in UTC."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def row(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """The number of a row, perhaps of another table."""
    return sa.Column(name, Whole, nullable=nullable)


def own_id() -> sa.Column[object]:
    """The table's own number."""
    return sa.Column("id", Whole, autoincrement=True, nullable=False)


def version() -> sa.Column[object]:
    """The version that pages carry."""
    return sa.Column("version", sa.Integer(), nullable=False)


def refers(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    """A foreign key for each column → table."""
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, target in columns.items()
    ]


def key(table: str) -> sa.PrimaryKeyConstraint:
    """The primary key."""
    return sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def index(table: str, *columns: str) -> None:
    """A plain index, named as the models name it."""
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=False)
