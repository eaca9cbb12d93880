"""Evidence is one canonical file: what was changed, is not signed, or is not strict JSON is found."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from renkei import evidence
from renkei.errors import InputError
from renkei.evidence import EvidenceError

BODY = {"verdict": "supports", "checks": [{"check": "a", "measured": "0.5 %"}], "share": 0.25}
SUBJECTS = {"map": "sha256:00", "log 1": evidence.digest(b"frames")}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé\n", max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def private_pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]


def public_pem(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


@given(st.dictionaries(st.text("abc", min_size=1), values, max_size=4))
def test_what_is_sealed_comes_back_and_holds(body: dict[str, object]) -> None:
    found, wrong = evidence.verify(evidence.seal("proof", body, SUBJECTS))
    assert (found.kind, found.subjects, wrong) == ("proof", SUBJECTS, [])
    assert evidence.canonical(found.body) == evidence.canonical(body)


def test_the_same_statement_is_the_same_file() -> None:
    turned = {"share": 0.25, "checks": BODY["checks"], "verdict": "supports"}
    assert evidence.seal("proof", BODY, SUBJECTS) == evidence.seal("proof", turned, SUBJECTS)


def test_a_changed_statement_does_not_hold() -> None:
    content = evidence.seal("proof", BODY, SUBJECTS).replace(b"supports", b"refutes!")
    assert evidence.verify(content)[1][0].startswith("the content has been changed")


def test_a_signature_holds_for_its_key_alone() -> None:
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    content = evidence.seal("proof", BODY, SUBJECTS, private_pem(mine))
    assert evidence.verify(content, public_pem(mine))[1] == []
    assert evidence.verify(content, public_pem(other))[1][0].startswith("it is signed by another key")
    assert evidence.verify(evidence.seal("proof", BODY, SUBJECTS), public_pem(mine))[1] == ["it is not signed"]


def test_a_signature_of_other_content_does_not_hold() -> None:
    key = Ed25519PrivateKey.generate()
    theirs = json.loads(evidence.seal("proof", {"verdict": "refutes"}, SUBJECTS, private_pem(key)))
    mine = json.loads(evidence.seal("proof", BODY, SUBJECTS)) | {"signature": theirs["signature"]}
    content = evidence.canonical(mine) + b"\n"
    assert evidence.verify(content, public_pem(key))[1] == ["the signature does not belong to this content"]


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="expected an ed25519 private key, got one of another kind"):
        evidence.seal("proof", BODY, SUBJECTS, private_pem(generate_private_key(SECP256R1())))
    with pytest.raises(InputError, match="expected an ed25519 public key in PEM"):
        evidence.verify(evidence.seal("proof", BODY, SUBJECTS), b"no key")


def sealed(**changes: object) -> bytes:
    return evidence.canonical(json.loads(evidence.seal("proof", BODY, SUBJECTS)) | changes)


REFUSED = {
    "a name that comes twice": (
        sealed().replace(b'"kind":"proof"', b'"kind":"proof","kind":"proof"'),
        "the name 'kind' comes twice",
    ),
    "NaN": (sealed().replace(b"0.25", b"NaN"), "NaN is not a JSON number"),
    "infinity": (sealed().replace(b"0.25", b"-Infinity"), "-Infinity is not a JSON number"),
    "nesting of 200,000": (b"[" * 200_000 + b"]" * 200_000, "at most 32 levels"),
    "blanks, which are not canonical": (sealed().replace(b":", b": "), "not in the canonical form"),
    "a number written otherwise": (sealed().replace(b"0.25", b"2.5e-1"), "not in the canonical form"),
    "a number of a thousand digits": (sealed().replace(b"0.25", b"9" * 1000), "a whole number of 1000 digits"),
    "no JSON": (b"{", "expected JSON"),
    "no UTF-8": (b"\xff\xfe", "expected UTF-8"),
    "JSON of something else": (b"{}", "not an evidence file"),
    "a key too many": (sealed(more=1), "more: expected the keys"),
    "a body that is no object": (sealed(body=[1]), "body: expected an object"),
    "a signature of another algorithm": (
        sealed(signature={"algorithm": "none", "key": "", "value": ""}),
        "signature: expected null or an ed25519",
    ),
    "too much of it": (b" " * (evidence.MAX_BYTES + 1), "expected at most 4 MiB"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    content, why = REFUSED[what]
    with pytest.raises(EvidenceError, match=why):
        evidence.verify(content)


@given(st.binary(max_size=200) | values.map(lambda v: json.dumps(v).encode()))
def test_whatever_else_is_refused_as_no_evidence(content: bytes) -> None:
    with pytest.raises(EvidenceError):
        evidence.verify(content)


def test_brackets_in_texts_are_no_nesting() -> None:
    found, wrong = evidence.verify(evidence.seal("proof", {"text": '[{"\\' * 100}, SUBJECTS))
    assert (found.body["text"], wrong) == ('[{"\\' * 100, [])
