"""A server that asks for tokens, for benchmarks: what it believes, and the metadata of a client that it lets in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

Metadata = tuple[tuple[str, str], ...]


def issued(folder: Path, makers: list[str]) -> Metadata:
    """A trust file in `folder`, with one issuer, and a token of it for all that there is."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from renkei.authority.tokens import claims_of, issue

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pub.pem").write_bytes(public)
    named = '[[issuer]]\nname = "bench"\nmakers = {}\nkey = [{{ kid = "k", pem = "key.pub.pem" }}]\n'
    (folder / "trust.toml").write_text(named.format(makers))
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    claims = claims_of("bench", "client", "read actuate provide", time.time(), 3600, 0, [])
    return (("authorization", f"Bearer {issue(claims, private, 'k')}"),)


def guard_of(folder: Path) -> Any:
    """The guard of `renkei up --trust FILE --most-requests 0`."""
    from renkei.authority.authority import Authority
    from renkei.doors.guard import Guard

    return Guard(Authority(folder / "trust.toml"))
