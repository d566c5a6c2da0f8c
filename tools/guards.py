"""Write the list of the triggers that the newest migration leaves (``portal/services/guard_list.py``).

Run from the top of the project after a migration that makes or drops triggers: ``python -m tools.guards``.
Two databases are migrated for it and thrown away again (``tools/throwaway_postgres``).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from portal.extensions import make_engine, upgrade_database
from portal.services import guards
from tools.throwaway_postgres import throwaway_postgres

LIST = Path(guards.__file__).with_name("guard_list.py")
HEAD = '''"""The triggers that the newest migration leaves, by database and name: table, digest of its text.

Written by ``python -m tools.guards``; ``tests/services/test_guards.py`` holds it to the migrations.
"""

from __future__ import annotations

from collections.abc import Mapping

GUARDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
'''


def of(url: str) -> dict[str, tuple[str, str]]:
    """The triggers of the migrated database at ``url``, as the list names them."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            found = guards.standing(connection)
    finally:
        engine.dispose()
    return {name: (guard.table, guard.digest) for name, guard in found.items()}


def written(lists: dict[str, dict[str, tuple[str, str]]]) -> str:
    """The file's text for the triggers of each database."""
    lines = []
    for kind, found in lists.items():
        lines.append(f'    "{kind}": {{\n')
        for name, (table, made) in sorted(found.items()):
            lines.append(f'        "{name}": ("{table}", "{made}"),\n')
        lines.append("    },\n")
    return HEAD + "".join(lines) + "}\n"


def main() -> int:
    """Migrate a database of either kind and write what stands there."""
    with tempfile.TemporaryDirectory() as folder, throwaway_postgres() as server:
        urls = {"sqlite": f"sqlite:///{folder}/guards.db", "postgresql": server}
        for url in urls.values():
            upgrade_database(url)
        LIST.write_text(written({kind: of(url) for kind, url in urls.items()}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
