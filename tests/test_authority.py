"""Scopes, tokens and the trust file, without a door."""

import base64
import json
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent / "doors"))
from bad_tokens import BAD
from tokens import MAKE_KEY, Issuer, private_pem, public_pem, write_trust

from renkei.authority.authority import Authority
from renkei.authority.keys import kid_of, new_key
from renkei.authority.scopes import ACTIONS, rights_of
from renkei.authority.tokens import claims_of, issue, read_token
from renkei.authority.trust import read_trust
from renkei.errors import CatalogueError, InputError, NotAuthenticated

SPEED = "Vehicle.Speed"

ALLOWED = {
    "a path covers itself": ("read:Vehicle.Speed", "read", SPEED, True),
    "a path covers no longer name": ("read:Vehicle.Speed", "read", "Vehicle.SpeedLimit", False),
    "a path is no prefix of letters": ("read:Vehicle.Spe", "read", SPEED, False),
    "case counts": ("read:vehicle.speed", "read", SPEED, False),
    "a branch covers what is below": ("read:Vehicle.Cabin", "read", "Vehicle.Cabin.HVAC.IsRecirculationActive", True),
    "a leaf does not cover its branch": ("read:Vehicle.Cabin.HVAC", "read", "Vehicle.Cabin", False),
    "digits are part of names": ("read:Vehicle.Cabin.Seat.Row2", "read", "Vehicle.Cabin.Seat.Row2.Pos3.Tilt", True),
    "an action alone covers everything": ("read", "read", SPEED, True),
    "a star is one level": ("read:Vehicle.*.IsOpen", "read", "Vehicle.Body.IsOpen", True),
    "a star is not two levels": ("read:Vehicle.*.IsOpen", "read", "Vehicle.Body.Trunk.IsOpen", False),
    "a star at the end covers leaves only": ("read:Vehicle.*", "read", "Vehicle.Cabin.Light", False),
    "two stars are any levels": ("read:Vehicle.**.IsOpen", "read", "Vehicle.Body.Trunk.Rear.IsOpen", True),
    "two stars are also none": ("read:Vehicle.**.Speed", "read", SPEED, True),
    "actuate implies read": ("actuate:Vehicle.Speed", "read", SPEED, True),
    "provide implies read": ("provide:Vehicle.Speed", "read", SPEED, True),
    "create implies read": ("create:Vehicle.Speed", "read", SPEED, True),
    "read does not imply actuate": ("read:Vehicle.Speed", "actuate", SPEED, False),
    "actuate does not imply provide": ("actuate:Vehicle.Speed", "provide:data", SPEED, False),
    "actuate does not imply carrying out": ("actuate:Vehicle.Speed", "provide:actuation", SPEED, False),
    "provide does not imply actuate": ("provide:Vehicle.Speed", "actuate", SPEED, False),
    "provide is both": ("provide:Vehicle.Speed", "provide:actuation", SPEED, True),
    "data is not carrying out": ("provide:data:Vehicle.Speed", "provide:actuation", SPEED, False),
    "carrying out is not data": ("provide:actuation:Vehicle.Speed", "provide:data", SPEED, False),
    "data alone covers every path": ("provide:data", "provide:data", SPEED, True),
    "no scope allows nothing": ("", "read", SPEED, False),
    "several scopes add up": ("read:Vehicle.Cabin  actuate:Vehicle.Speed", "actuate", SPEED, True),
}


@pytest.mark.parametrize(("scope", "action", "path", "expected"), ALLOWED.values(), ids=ALLOWED)
def test_what_scopes_allow(scope, action, path, expected):
    assert rights_of(scope).may(action, path) is expected


NO_SCOPES = (
    "write", "read:", "read:Vehicle..Speed", "read:Vehicle.", "read:.Vehicle", "READ:Vehicle", "read:Vehicle.Sp*",
    "read:***", "read:Vehicle.Ｓpeed", "read:Vehicle.Spéed", "read:1Vehicle", "read:Vehicle Speed:x", "read\tx",
    "read:Vehicle/Speed", "provide:data:", "read:data:Vehicle", "read:" + ".".join(["a"] * 50), "read:" + "a" * 20_000,
    "read\nactuate", "read:Vehicle.Speed\n",
)  # fmt: skip


@pytest.mark.parametrize("scope", NO_SCOPES)
def test_one_bad_scope_voids_all(scope):
    with pytest.raises(InputError, match="scope"):
        rights_of(f"read:Vehicle.Speed {scope}")


names = st.from_regex(r"[A-Z][A-Za-z0-9_]{0,6}", fullmatch=True)
paths = st.lists(names, min_size=1, max_size=6).map(".".join)


@given(paths, paths, st.sampled_from(ACTIONS))
def test_a_path_covers_exactly_what_begins_with_its_levels(scope, path, action):
    covered = path.split(".")[: scope.count(".") + 1] == scope.split(".")
    assert rights_of(f"{action}:{scope}").may(action, path) is covered


@given(st.text(max_size=80))
def test_any_text_is_scopes_or_is_refused(text):
    try:
        rights = rights_of(text)
    except InputError:
        return
    assert isinstance(rights.may("read", SPEED), bool)


@pytest.fixture
def acme():
    return Issuer("https://id.acme.example", ("acme",))


def trusted(folder, *issuers):
    return read_trust(write_trust(folder, *issuers))


@pytest.mark.parametrize("algorithm", MAKE_KEY)
def test_tokens_of_every_kind_of_key(tmp_path, algorithm):
    issuer = Issuer("acme", ("acme",), {"k": MAKE_KEY[algorithm]()})
    grant = read_token(issuer.token("read:Vehicle.Speed"), trusted(tmp_path, issuer), time.time())
    assert grant.name == "app (acme)"
    assert grant.reaches("acme/one")
    assert not grant.reaches("acmex/one")
    assert grant.may("read", SPEED)
    assert not grant.may("actuate", SPEED)


@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=BAD)
def test_a_token_that_does_not_hold_is_refused_with_the_reason(tmp_path, acme, make, why):
    acme.revoked = ("bad",)
    with pytest.raises(NotAuthenticated) as refused:
        read_token(make(acme), trusted(tmp_path, acme), time.time())
    assert str(refused.value).startswith("Invalid auth token: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda b: b.decode("latin-1")))
def test_any_other_text_is_no_token(text):
    issuer = Issuer("acme", ("acme",), {})
    with pytest.raises(NotAuthenticated):
        read_token(text, TRUST_NOBODY, time.time())
    assert issuer.keys == {}


class _Nobody:
    issuers = {}  # noqa: RUF012
    audiences = ()


TRUST_NOBODY = _Nobody()


@given(st.integers(0, 400))
def test_a_token_with_one_changed_character_is_refused(where):
    token, trust = CHANGED
    at = where % len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    if at == len(token) - 1 or token[at] == ".":  # the last character of base64 has bits that mean nothing
        return
    with pytest.raises(NotAuthenticated):
        read_token(changed, trust, time.time())


@pytest.fixture(autouse=True, scope="module")
def changed(tmp_path_factory):
    global CHANGED
    issuer = Issuer("acme", ("acme",), {"k": MAKE_KEY["ES256"]()})
    CHANGED = (issuer.token(), trusted(tmp_path_factory.mktemp("trust"), issuer))


def test_an_issuer_cannot_use_the_key_of_another(tmp_path, acme):
    other = Issuer("other", ("other",), {"o1": ed25519.Ed25519PrivateKey.generate()})
    trust = trusted(tmp_path, acme, other)
    for kid in ("o1", "k1", None):
        with pytest.raises(NotAuthenticated):
            read_token(issue(acme.claims(), private_pem(other.keys["o1"]), kid), trust, time.time())


def test_a_token_reaches_no_further_than_its_issuer(tmp_path, acme):
    acme.scope, acme.highest_priority = "read actuate:Vehicle.Cabin", 3
    grant = read_token(acme.token("actuate", renkei_priority=9), trusted(tmp_path, acme), time.time())
    assert grant.may("actuate", "Vehicle.Cabin.Light")
    assert not grant.may("actuate", SPEED)
    assert grant.may("read", SPEED)
    assert grant.priority == 3


def test_a_token_without_a_key_id_is_for_issuers_with_one_key(tmp_path, acme):
    token = issue(acme.claims(), private_pem(acme.keys["k1"]))
    assert read_token(token, trusted(tmp_path, acme), time.time()).issuer == acme.name
    acme.keys["k2"] = MAKE_KEY["EdDSA"]()
    with pytest.raises(NotAuthenticated, match="key None"):
        read_token(token, trusted(tmp_path, acme), time.time())


def test_all_that_was_issued_before_a_time_can_be_revoked(tmp_path, acme):
    file = write_trust(tmp_path, acme)
    file.write_text(file.read_text().replace("revoked = []", "revoked_before = 2100-01-01T00:00:00Z"))
    with pytest.raises(NotAuthenticated, match="revoked"):
        read_token(acme.token(), read_trust(file), time.time())


def test_a_key_set_in_json(tmp_path, acme):
    point = acme.keys["k1"].public_key().public_bytes_raw()
    key = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(point).rstrip(b"=").decode(), "kid": "k1"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key, {"kty": "RSA", "use": "enc"}]}))
    (tmp_path / "trust.toml").write_text(
        f"[[issuer]]\nname = '{acme.name}'\nmakers = ['*']\nkey = [{{ jwks = 'keys.json' }}]\n"
    )
    assert read_token(acme.token(), read_trust(tmp_path / "trust.toml"), time.time()).reaches("any/car")


ENTRY = "[[issuer]]\nname = 'a'\nmakers = ['acme']\nkey = [{ kid = 'k', pem = 'good.pem' }]\n"
WRONG = {
    "no TOML": ("[[issuer", "TOML"),
    "nobody": ("", "issuer"),
    "an unknown key": (ENTRY + "maker = 'x'\n", "did you mean 'makers'"),
    "no makers": (ENTRY.replace("['acme']", "[]"), "makers"),
    "an issuer twice": (ENTRY + ENTRY, "each issuer once"),
    "a kid twice": (ENTRY.replace("}]", "}, { kid = 'k', pem = 'good.pem' }]"), "each kid once"),
    "a key without an id": (ENTRY.replace("kid = 'k', ", ""), "kid and pem"),
    "no such file": (ENTRY.replace("good.pem", "none.pem"), "readable file"),
    "a private key": (ENTRY.replace("good.pem", "private.pem"), "public key"),
    "no key": (ENTRY.replace("good.pem", "trust.toml"), "public key"),
    "a weak key": (ENTRY.replace("good.pem", "weak.pem"), "2048 bits"),
    "a curve that tokens do not know": (ENTRY.replace("good.pem", "curve.pem"), "P-256"),
    "a key set that is none": (ENTRY.replace("kid = 'k', pem", "jwks"), "JWK set"),
    "a secret in a key set": (ENTRY.replace("kid = 'k', pem = 'good.pem'", "jwks = 'secret.json'"), "public keys"),
    "scopes that are none": (ENTRY + "scope = 'root'\n", "scopes such as"),
    "a priority that is none": (ENTRY + "highest_priority = 10\n", "highest_priority"),
    "a time without its zone": (ENTRY + "revoked_before = 2026-01-01T00:00:00\n", "zone"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_trust_file_that_is_wrong_is_told_by_file_and_key(tmp_path, text, told):
    good = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "good.pem").write_bytes(public_pem(good))
    (tmp_path / "private.pem").write_bytes(private_pem(good))
    (tmp_path / "weak.pem").write_bytes(public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)))
    (tmp_path / "curve.pem").write_bytes(public_pem(ec.generate_private_key(ec.SECP256K1())))
    (tmp_path / "secret.json").write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"}]}')
    file = tmp_path / "trust.toml"
    file.write_text(text)
    with pytest.raises(CatalogueError) as refused:
        read_trust(file)
    assert told in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_an_authority_reads_its_file_again_and_keeps_the_old_one_while_the_new_is_wrong(tmp_path, acme):
    told = []
    file = write_trust(tmp_path, acme)
    authority = Authority(file, tell=told.append)
    token = acme.token(jti="x")
    assert authority.refresh() is False
    grant = authority.admit(token)
    good = file.read_text()
    file.write_text("nonsense")
    assert authority.refresh() is False
    assert authority.refresh() is False
    assert len(told) == 1
    assert "what was read before stays in force" in told[0]
    assert authority.why_ended(grant) is None
    file.write_text(good.replace("revoked = []", "revoked = ['x']"))
    assert authority.refresh() is True
    assert authority.why_ended(grant) == "Invalid auth token: revoked"


def test_an_authority_sees_that_an_issuer_may_grant_less(tmp_path, acme):
    authority = Authority(write_trust(tmp_path, acme))
    grant = authority.admit(acme.token())
    acme.scope = "read"
    write_trust(tmp_path, acme)
    assert authority.refresh() is True
    assert authority.why_ended(grant) == "Invalid auth token: what its issuer may grant has changed"


def test_a_token_is_known_until_it_expires(tmp_path, acme):
    now = [time.time()]
    authority = Authority(write_trust(tmp_path, acme), now_s=lambda: now[0])
    token = acme.token(lasts_s=100)
    assert authority.admit(token) is authority.admit(token)
    now[0] += 101
    with pytest.raises(NotAuthenticated, match="expired"):
        authority.admit(token)


def test_a_token_made_here_is_taken_here(tmp_path):
    key = new_key()
    (tmp_path / "k.pem").write_bytes(key.public)
    keys = f"key = [{{ kid = '{key.kid}', pem = 'k.pem' }}]"
    (tmp_path / "trust.toml").write_text(f"[[issuer]]\nname = 'dev'\nmakers = ['acme']\nhighest_priority = 9\n{keys}")
    claims = claims_of("dev", "me", "read", time.time(), 60, 4, ["acme/one"])
    grant = read_token(
        issue(claims, key.private, kid_of(key.private)), read_trust(tmp_path / "trust.toml"), time.time()
    )
    assert (grant.name, grant.priority, grant.reaches("acme/one"), grant.reaches("acme/two")) == (
        "me (dev)",
        4,
        True,
        False,
    )
