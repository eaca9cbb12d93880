"""Keys of issuers: making one, and the name by which a trust file and its tokens mean the same one."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from renkei.errors import InputError


class KeyPair(NamedTuple):
    """Both halves in PEM, and the key id."""

    private: bytes
    public: bytes
    kid: str


def new_key() -> KeyPair:
    """An Ed25519 key."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(private, _public(key), kid_of(private))


def kid_of(private: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of the public half in DER; raises InputError for what is no key."""
    der = load_private(private).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def load_private(pem: bytes) -> Any:
    """Raises InputError."""
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise InputError("expected a private key in PEM, without a password") from e


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
