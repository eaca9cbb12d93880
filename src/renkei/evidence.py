"""Sealed evidence: a statement bound to what it speaks of, in one canonical JSON file, hashed and perhaps signed.

The container knows nothing of what it carries: a proof of a map, a verdict on a part, both look alike from outside.
Nothing here reads files or keys from disk.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from renkei.errors import InputError

FORMAT = "renkei evidence 1"
MAX_BYTES = 4 << 20
MAX_DEPTH = 32
_MOST_DIGITS = 22
_KEYS = ("format", "kind", "body", "subjects", "digest", "signature")


class EvidenceError(InputError):
    """A file is no evidence at all: not strict JSON, not canonical, or of another form."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`body` is what is stated; `subjects` are digests of what it is stated of; `digest` is over all of it.

    `key` is the public half, as 64 hex digits, of the key that signed; None where nobody did.
    """

    kind: str
    body: Mapping[str, Any]
    subjects: Mapping[str, str]
    digest: str
    key: str | None = None


def digest(content: bytes) -> str:
    """SHA-256 as evidence writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """The form in which a JSON value is hashed (RFC 8785). Raises EvidenceError for what JSON cannot say exactly."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as e:
        raise EvidenceError(f"not a value that evidence can carry: {e}") from e


def seal(kind: str, body: Mapping[str, Any], subjects: Mapping[str, str], pem: bytes | None = None) -> bytes:
    """The evidence file; with `pem`, an ed25519 private key, signed.

    Raises InputError for a key of another kind.
    """
    stated: dict[str, Any] = {"format": FORMAT, "kind": kind, "body": dict(body), "subjects": dict(subjects)}
    sealed = stated | {"digest": digest(canonical(stated)), "signature": None}
    if pem is not None:
        key = judge_private_key(pem)
        sealed["signature"] = {
            "algorithm": "ed25519",
            "key": key.public_key().public_bytes_raw().hex(),
            "value": base64.b64encode(key.sign(sealed["digest"].encode())).decode(),
        }
    return canonical(sealed) + b"\n"


def verify(content: bytes, pem: bytes | None = None) -> tuple[Evidence, list[str]]:
    """The evidence in a file and, in words, what does not hold of it; `pem`: the public key that must have signed it.

    Raises EvidenceError for what is no evidence file, InputError for what is no ed25519 public key.
    """
    wanted = judge_public_key(pem) if pem is not None else None
    sealed = _form(strict_json(content))
    if canonical(sealed) != content.removesuffix(b"\n"):
        raise EvidenceError("not in the canonical form of RFC 8785, in which evidence is written")
    findings: list[str] = []
    stated = {k: sealed[k] for k in ("format", "kind", "body", "subjects")}
    found = digest(canonical(stated))
    if found != sealed["digest"]:
        findings.append(f"the content has been changed: its digest is {found}, not {sealed['digest']}")
    signature = sealed["signature"]
    if signature is not None and not _signed(signature, sealed["digest"]):
        findings.append("the signature does not belong to this content")
    if wanted is not None and signature is None:
        findings.append("it is not signed")
    elif wanted is not None and signature["key"] != wanted:
        findings.append(f"it is signed by another key: {signature['key']}")
    key = None if signature is None else signature["key"]
    return Evidence(sealed["kind"], sealed["body"], sealed["subjects"], sealed["digest"], key), findings


def strict_json(content: bytes) -> Any:
    """JSON without the freedoms that let two readers read two things: names twice, NaN, half characters, deep nesting.

    Raises EvidenceError.
    """
    if len(content) > MAX_BYTES:
        raise EvidenceError(f"expected at most {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8")
        _judge_depth(text)
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_int=_whole)
    except UnicodeDecodeError as e:
        raise EvidenceError(f"expected UTF-8: {e.reason} at byte {e.start}") from e
    except json.JSONDecodeError as e:
        raise EvidenceError(f"expected JSON, which breaks at line {e.lineno}, column {e.colno}") from e
    except RecursionError as e:
        raise EvidenceError("expected JSON of fewer levels") from e


def _judge_depth(text: str) -> None:
    """Count brackets before anything recurses; those in texts are skipped."""
    depth, in_text, escaped = 0, False, False
    for c in text:
        if in_text:
            in_text, escaped = escaped or c != '"', c == "\\" and not escaped
        elif c == '"':
            in_text = True
        elif c in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise EvidenceError(f"expected JSON of at most {MAX_DEPTH} levels")
        elif c in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise EvidenceError(f"the name {twice[:60]!r} comes twice in one object")
    return made


def _refuse(name: str) -> Any:
    raise EvidenceError(f"{name} is not a JSON number")


def _whole(digits: str) -> int | float:
    """Numbers of JSON are doubles: beyond 2^53 not every whole number is one."""
    if len(digits) > _MOST_DIGITS:
        raise EvidenceError(f"a whole number of {len(digits)} digits")
    number = int(digits)
    return number if abs(number) < 1 << 53 else float(number)


def _form(sealed: Any) -> dict[str, Any]:
    """A parsed file with all and only the keys of evidence, each of its type."""
    if not isinstance(sealed, dict) or sealed.get("format") != FORMAT:
        raise EvidenceError(f"not an evidence file: expected the format {FORMAT!r}")
    if set(sealed) != set(_KEYS):
        odd = min(set(sealed) ^ set(_KEYS))
        raise EvidenceError(f"{odd[:60]}: expected the keys {', '.join(_KEYS)}")
    for key, kind in (("kind", str), ("body", dict), ("subjects", dict), ("digest", str)):
        if not isinstance(sealed[key], kind):
            raise EvidenceError(f"{key}: expected {'an object' if kind is dict else 'a text'}")
    if not all(isinstance(v, str) for v in sealed["subjects"].values()):
        raise EvidenceError("subjects: expected digests")
    signature = sealed["signature"]
    if signature is not None and (
        not isinstance(signature, dict)
        or set(signature) != {"algorithm", "key", "value"}
        or not all(isinstance(v, str) for v in signature.values())
        or signature["algorithm"] != "ed25519"
    ):
        raise EvidenceError("signature: expected null or an ed25519 signature with algorithm, key and value")
    return sealed


def judge_private_key(pem: bytes) -> Any:
    """The key in it. Raises InputError for what is no ed25519 private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as e:
        raise InputError("expected an ed25519 private key in PEM, without a password") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("expected an ed25519 private key, got one of another kind")
    return key


def judge_public_key(pem: bytes) -> str:
    """The hex digits of a public key. Raises InputError for what is no ed25519 public key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except ValueError as e:
        raise InputError("expected an ed25519 public key in PEM") from e
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("expected an ed25519 public key, got one of another kind")
    return key.public_bytes_raw().hex()


def _signed(signature: Mapping[str, str], text: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature["key"]))
        key.verify(base64.b64decode(signature["value"], validate=True), text.encode())
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
