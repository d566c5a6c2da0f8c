"""The command line's entry: it hands the web application's maker to the commands."""

from __future__ import annotations

from portal import create_app
from portal.cli import portal


def main() -> None:
    """Run the ``portal`` command."""
    portal(obj=create_app, prog_name="portal")


if __name__ == "__main__":
    main()
