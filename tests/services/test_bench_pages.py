"""The bench of the pages on a long ledger, run short: its ledger is right and every page is answered."""

from __future__ import annotations

import pytest

from bench import ledger_pages


def test_the_pages_of_the_bench_are_answered_and_its_ledger_is_proven(
    empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    times = ledger_pages.measured(empty_database_url, [60], verified=True)
    assert list(times) == [60]
    assert len(times[60]) > 25 and all(took > 0 for took in times[60].values())
