"""Bytes that only the holder of a private key can read: for what must not lie readable in the database.

X25519 with a key made for each sealing, HKDF-SHA256, ChaCha20-Poly1305; ``about`` is bound to the
bytes, so that what was sealed for one thing does not open as another.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE = 12
_INFO = b"asset portal: sealed for one reader, 1"


class CannotOpen(ValueError):
    """Another key, another thing, or bytes that were changed."""


def new_private_key() -> bytes:
    """A private key, 32 bytes; whoever has it can open what is sealed for its public half."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The public half of ``private``. Raises ``CannotOpen`` for bytes that are no key."""
    return _private(private).public_key().public_bytes_raw()


def seal(data: bytes, public: bytes, about: bytes) -> bytes:
    """``data`` for the holder of the private half of ``public``."""
    own = X25519PrivateKey.generate()
    sender = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = os.urandom(_NONCE)
    return sender + nonce + _cipher(shared, sender, public).encrypt(nonce, data, about)


def open_sealed(sealed: bytes, private: bytes, about: bytes) -> bytes:
    """What was sealed. Raises ``CannotOpen``."""
    key = _private(private)
    sender, nonce = sealed[:KEY_BYTES], sealed[KEY_BYTES : KEY_BYTES + _NONCE]
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(sender))
        cipher = _cipher(shared, sender, key.public_key().public_bytes_raw())
        return cipher.decrypt(nonce, sealed[KEY_BYTES + _NONCE :], about)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen from error


def _private(private: bytes) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(private)
    except ValueError as error:
        raise CannotOpen from error


def _cipher(shared: bytes, sender: bytes, receiver: bytes) -> ChaCha20Poly1305:
    derived = HKDF(algorithm=SHA256(), length=32, salt=sender + receiver, info=_INFO).derive(shared)
    return ChaCha20Poly1305(derived)
