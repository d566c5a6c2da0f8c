"""Any order of acts on a report keeps the services and the plain model at one; on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import databases
from tests.factories import report_machine


@pytest.mark.parametrize(("kind", "runs"), [("sqlite", 8), ("postgresql", 3)])
def test_services_and_model_agree_after_every_step(
    kind: str, runs: int, database_templates: databases.Templates, tmp_path: Path
) -> None:
    url = databases.copy(database_templates.of(kind), tmp_path)
    cast = report_machine.prepared(url)
    try:
        report_machine.play(url, tmp_path, cast, runs=runs, steps=40)
    finally:
        if kind == "postgresql":
            databases.drop(url)
