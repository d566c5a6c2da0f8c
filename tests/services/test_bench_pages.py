"""The benches on a long ledger, run short: it is right, every page is answered, the second book agrees."""

from __future__ import annotations

from bench import ledger_pages, second_book


def test_the_pages_of_the_bench_are_answered_and_both_books_prove_its_ledger(database_url: str) -> None:
    times = ledger_pages.measured(database_url, [60], verified=True, waiting=2, times=1)
    assert list(times) == [60]
    assert len(times[60]) > 25 and all(took > 0 for took in times[60].values())
    told = second_book.compared(database_url)
    assert told.ok, told.problem
    assert told.entries == 60
