"""How figures are read that a Japanese keyboard wrote: full-width signs are the keyboard's, others are not.

NFKC makes figures of what is none: 10² → 102, ① → 1, ㊿ → 50 (domain §8: exponents are refused).
A leaf, which the jailed reader needs too.
"""

from __future__ import annotations

#: full-width ASCII and blank; the half-width ideographic comma and long mark
_PLAIN: dict[int, int | str] = {
    **{full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)},
    ord("\u3000"): " ",
    ord("､"): "、",
    ord("ｰ"): "ー",
}


def in_half_width(text: str) -> str:
    """``text`` with its full-width signs and blanks as half-width ones, and nothing else changed."""
    return text.translate(_PLAIN)
