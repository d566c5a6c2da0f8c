"""Passwords: hashing, judging, and the initial ones that letters carry (safety: login floor, 18)."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from portal.errors import Problem, Refusal

SHORTEST = 12
LONGEST = 128
STRONG_ENOUGH = 3
#: without the signs that look alike on paper: 0 O o 1 l I i
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"

# argon2id, OWASP's first choice of costs: 19 MiB, two passes
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _plain(password: str) -> str:
    # the form Flask-Security gives passwords before it compares them
    return unicodedata.normalize("NFKD", password)


def hash_password(password: str) -> str:
    """The argon2id hash of ``password``."""
    return _hasher.hash(_plain(password))


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether ``password`` fits. Without a hash the same work is done and the answer is no."""
    if len(password) > LONGEST * 4:
        password = ""
    try:
        _hasher.verify(hashed or unusable_hash(), _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


@cache
def unusable_hash() -> str:
    """A hash of something nobody knows: for logins whose letter is not printed yet."""
    return hash_password(secrets.token_urlsafe(32))


def generate_initial_password() -> str:
    """Four groups of four unambiguous signs, about 92 bits: ``wq7m-Hd3t-9kRx-4LvE``."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


@dataclass(frozen=True)
class InitialPassword:
    """An initial password and its hash: made before a transaction, for hashing takes its time."""

    word: str = field(repr=False)
    hashed: str = field(repr=False)


def make_initial_password() -> InitialPassword:
    """A new initial password, hashed."""
    word = generate_initial_password()
    return InitialPassword(word, hash_password(word))


def password_problems(
    new: str, repeat: str, *, current_hash: str | None, personal: Iterable[str | None] = ()
) -> list[Problem]:
    """What is wrong with a new password, at the fields ``new`` and ``repeat``.

    ``personal`` are the words of the person (login ID, names) that make it easy to guess. No rules
    of composition, no forced rotation (safety, login floor).
    """
    problems = []
    if len(new) < SHORTEST:
        problems.append(Problem(Refusal.PASSWORD_SHORT, "new", {"limit": SHORTEST}))
    elif len(new) > LONGEST:
        problems.append(Problem(Refusal.TOO_LONG, "new", {"limit": LONGEST}))
    elif _guessable(new, personal):
        problems.append(Problem(Refusal.PASSWORD_WEAK, "new"))
    elif current_hash is not None and verify_password(new, current_hash):
        problems.append(Problem(Refusal.PASSWORD_SAME, "new"))
    if new != repeat:
        problems.append(Problem(Refusal.PASSWORD_MISMATCH, "repeat"))
    return problems


def _guessable(password: str, personal: Iterable[str | None]) -> bool:
    words = [part for text in personal if text for part in (text, *text.split())]
    # the judge takes longer the longer the word; what stands behind 72 signs makes nothing weaker
    judge: Callable[..., dict[str, Any]] = zxcvbn  # its package says nothing of types
    result = judge(password[:72], user_inputs=["asset", "portal", *words])
    return bool(result["score"] < STRONG_ENOUGH)
