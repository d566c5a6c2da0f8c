"""What may stand in the head of a mail: one line each, and one plain address."""

from __future__ import annotations

import re

#: no control character, so nobody can write a header of his own
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SUBJECT_LIMIT = 200


def usable_address(text: str) -> bool:
    """Whether ``text`` is one plain mail address that can stand in a header and an envelope."""
    return len(text) <= 200 and _ADDRESS.fullmatch(text) is not None


def header(text: str) -> str:
    """``text`` as it may stand in a header: one line, no control character, at most 200 characters."""
    return _CONTROL.sub(" ", text).strip()[:_SUBJECT_LIMIT]
