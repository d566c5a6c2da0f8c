"""The commands about the secretariat's logins: made and given passwords by the operator at the console."""

from __future__ import annotations

from collections.abc import Callable

import click
from sqlalchemy.orm import Session

from portal.cli_base import database, the_settings
from portal.models import User
from portal.permissions import Role
from portal.services import colleagues
from portal.services.transaction import run as in_transaction

ROLES = click.Choice([role.value for role in colleagues.ROLE_WORDS])


@click.group()
def office() -> None:
    """The secretariat's logins. What is issued here couples no two persons (docs/security.md)."""


@office.command()
@click.argument("login_id")
@click.option("--name", required=True, help="The colleague's name.")
@click.option("--role", required=True, type=ROLES)
@click.option("--mail", "address", default=None, help="Where the colleague's mails go.")
def add(login_id: str, name: str, role: str, address: str | None) -> None:
    """Make a login and print its one-time password, once."""
    _tell(lambda session: colleagues.add_at_console(session, login_id, name, Role(role), address))


@office.command()
@click.argument("login_id")
def password(login_id: str) -> None:
    """Issue a new one-time password for a login and print it, once."""
    _tell(lambda session: colleagues.reissue_at_console(session, login_id))


def _tell(work: Callable[[Session], tuple[User, str]]) -> None:
    with database(the_settings()) as open_session, open_session() as session:
        user, word = in_transaction(session, lambda: work(session))
        login_id = user.login_id
    click.echo("パスワードは、もう表示できません。本人だけに伝えてください。")
    click.echo("The password is not shown again. Tell it to the person alone.")
    click.echo(f"login: {login_id}")
    click.echo(f"one-time password: {word}")
