"""The trust file: which issuers are believed, by which keys, and for the cars of which makers. docs/authority.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field

from renkei.authority.scopes import ALL, Rights, rights_of
from renkei.errors import CatalogueError, InputError
from renkei.toml_file import File, read_file

HIGHEST_PRIORITY = 9
EVERY_MAKER = "*"
_LEAST_RSA_BITS = 2048
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the algorithms that it may be used with: the key decides, not the token."""

    public: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs tokens. Nothing it signs reaches beyond `makers`, `ceiling` and `highest_priority`.

    `revoked` are ids of tokens; what was issued before `revoked_before_s` (s since 1970) is revoked too.
    """

    name: str
    makers: frozenset[str]
    keys: Mapping[str, Key]
    ceiling: Rights = ALL
    highest_priority: int = 0
    revoked: frozenset[str] = frozenset()
    revoked_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trust:
    """All issuers by name, the audiences of which a token must name one, and the files that say so."""

    issuers: Mapping[str, Issuer]
    audiences: tuple[str, ...]
    files: tuple[Path, ...]


class _KeyTable(File):
    kid: str | None = Field(None, min_length=1)
    pem: str | None = None
    jwks: str | None = None


class _IssuerTable(File):
    name: str = Field(min_length=1)
    makers: list[str] = Field(min_length=1)
    key: list[_KeyTable] = Field(min_length=1)
    scope: str | None = None
    highest_priority: int = Field(0, ge=0, le=HIGHEST_PRIORITY)
    revoked: list[str] = Field([])
    revoked_before: datetime | None = None


class _TrustFile(File):
    audience: list[str] = Field(["kuksa.val"], min_length=1)
    issuer: list[_IssuerTable] = Field(min_length=1)


def read_trust(file: Path) -> Trust:
    """What a trust file and its key files say; raises CatalogueError, which names file and key."""
    table = read_file(file, _TrustFile)
    issuers: dict[str, Issuer] = {}
    files = [file]
    for number, each in enumerate(table.issuer):
        where = f"issuer.{number}"
        if each.name in issuers:
            raise CatalogueError(file, f"{where}.name", expected="each issuer once", got=each.name)
        keys: dict[str, Key] = {}
        for position, entry in enumerate(each.key):
            read, from_file = _keys(file, f"{where}.key.{position}", entry)
            for kid in keys.keys() & read.keys():
                raise CatalogueError(file, f"{where}.key.{position}", expected="each kid once", got=kid)
            keys |= read
            files.append(from_file)
        issuers[each.name] = _issuer(file, where, each, keys)
    return Trust(issuers, tuple(table.audience), tuple(dict.fromkeys(files)))


def _issuer(file: Path, where: str, table: _IssuerTable, keys: Mapping[str, Key]) -> Issuer:
    try:
        ceiling = ALL if table.scope is None else rights_of(table.scope)
    except InputError as e:
        raise CatalogueError(
            file, f"{where}.scope", expected="scopes such as 'read actuate:Vehicle.Cabin'", got=e
        ) from e
    before = table.revoked_before
    if before is not None and before.tzinfo is None:
        raise CatalogueError(file, f"{where}.revoked_before", expected="a time with its zone", got=before.isoformat())
    return Issuer(
        table.name, frozenset(table.makers), keys, ceiling, table.highest_priority, frozenset(table.revoked),
        before.timestamp() if before else 0.0,
    )  # fmt: skip


def _keys(file: Path, where: str, entry: _KeyTable) -> tuple[dict[str, Key], Path]:
    """The keys of an entry by kid, and the file in which they are, beside the trust file."""
    if entry.pem is not None and entry.kid is not None and entry.jwks is None:
        path = file.parent / entry.pem
        return {entry.kid: _from_pem(file, f"{where}.pem", path)}, path
    if entry.jwks is not None and entry.kid is None and entry.pem is None:
        path = file.parent / entry.jwks
        return _from_jwks(file, f"{where}.jwks", path), path
    given = sorted(entry.model_dump(exclude_none=True))
    raise CatalogueError(file, where, expected="kid and pem, or jwks alone", got=given)


def _content(file: Path, where: str, path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(_MOST_BYTES)
    except (OSError, ValueError) as e:
        raise CatalogueError(file, where, expected="a readable file", got=f"{path}: {e}") from e


def _from_pem(file: Path, where: str, path: Path) -> Key:
    try:
        public = load_pem_public_key(_content(file, where, path))
    except (ValueError, UnsupportedAlgorithm) as e:
        raise CatalogueError(file, where, expected="a public key in PEM", got=path.name) from e
    return _key(file, where, public)


def _from_jwks(file: Path, where: str, path: Path) -> dict[str, Key]:
    """The public keys of a JSON Web Key Set (RFC 7517) by kid; keys for encryption are passed over."""
    keys: dict[str, Key] = {}
    try:
        for each in json.loads(_content(file, where, path))["keys"]:
            if each.get("use", "sig") != "sig":
                continue
            kid = each["kid"]
            if not isinstance(kid, str) or not kid or kid in keys or "d" in each or "k" in each:
                raise CatalogueError(file, where, expected="public keys, each with a kid of its own", got=path.name)
            keys[kid] = _key(file, where, jwt.PyJWK(each).key)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, jwt.PyJWTError) as e:
        raise CatalogueError(file, where, expected="a JWK set, each key with a kid", got=path.name) from e
    return keys


def _key(file: Path, where: str, public: Any) -> Key:
    match public:
        case RSAPublicKey() if public.key_size >= _LEAST_RSA_BITS:
            return Key(public, ("RS256", "RS384", "RS512"))
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP256R1):
            return Key(public, ("ES256",))
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP384R1):
            return Key(public, ("ES384",))
        case Ed25519PublicKey() | Ed448PublicKey():
            return Key(public, ("EdDSA",))
    expected = f"a public key: RSA of {_LEAST_RSA_BITS} bits or more, P-256, P-384 or Ed25519"
    raise CatalogueError(file, where, expected=expected, got=type(public).__name__)
