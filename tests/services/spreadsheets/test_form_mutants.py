"""Mutants of good forms, a short run of ``bench/form_mutants.py``: never believed, never a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.form_mutants import CHANGES, figure_of_rows, judged, mutant, samples


def test_two_hundred_mutants_are_refused_with_a_reason_or_keep_the_figure_of_their_rows() -> None:
    among = samples()
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda number: judged(7, number, among), range(200)))
    assert not {(number, how, fault) for number, (how, _, fault, _) in enumerate(answers) if fault}
    assert {how for how, *_ in answers} >= {change.__name__ for change in CHANGES}
    # both ends are met: a run in which everything is refused would prove nothing about figures
    accepted = sum(answer == "accepted" for _, answer, _, _ in answers)
    assert 10 < accepted < 100


def test_a_mutant_is_made_again_from_its_seed_and_number_and_the_figure_is_computed_apart() -> None:
    among = samples()
    assert mutant(7, 3, among) == mutant(7, 3, among)
    assert {figure_of_rows(sample.data, sample.expected) for sample in among} == {8937}
