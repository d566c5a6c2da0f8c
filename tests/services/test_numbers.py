"""Quantities as people write them: separators stand between thousands, or what was meant is asked."""

from __future__ import annotations

import pytest

from portal.errors import Refusal, Refused
from portal.services.numbers import parse_account, parse_quantity


@pytest.mark.parametrize(
    "typed", ["1500", "1,500", "１，５００", "1 500", " 1500 ", "１、５００", "1, 500", "1　500"]
)
def test_thousands_may_be_separated(typed: str) -> None:
    assert parse_quantity(typed) == 1_500


@pytest.mark.parametrize(
    "typed", ["1,5", "1,50", "15,00", "1,5000", ",500", "1,,500", "1500,", "1 5", "1.5", "1,500,0"]
)
def test_a_separator_elsewhere_is_refused_and_never_dropped(typed: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_quantity(typed)
    assert caught.value.refusal is Refusal.QUANTITY_SHAPE


@pytest.mark.parametrize("typed", ["10²", "①", "㊿", "1₀₀", "١٢", "1½", "１𝟐", "+5", "1e3"])
def test_signs_that_only_look_like_figures_are_refused(typed: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_quantity(typed)
    assert caught.value.refusal is Refusal.QUANTITY_SHAPE


@pytest.mark.parametrize(
    "typed", ["AST-1001", "ＡＳＴ－１００１", "ast 1001", "１００１", "ASTｰ1001", "AST−1001"]
)
def test_an_account_number_is_understood_in_every_width(typed: str) -> None:
    assert parse_account(typed) == 1001


@pytest.mark.parametrize("typed", ["AST-1²", "AST-①", "AſT-1", "AST-١٢"])
def test_an_account_number_in_other_signs_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_account(typed)
    assert caught.value.refusal is Refusal.ACCOUNT_NUMBER_SHAPE
