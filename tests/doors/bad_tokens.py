"""Tokens that do not hold, each made from an issuer, and a word of why it is refused."""

import base64
import hmac
import json
import time

from tokens import MAKE_KEY, private_pem, public_pem

from renkei.authority.tokens import LONGEST, issue


def part(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def by_hand(header, claims, sign=lambda content: b""):
    content = f"{part(header)}.{part(claims)}"
    return f"{content}.{base64.urlsafe_b64encode(sign(content.encode())).rstrip(b'=').decode()}"


def with_public_key_as_secret(issuer, digest="sha256"):
    secret = public_pem(issuer.keys["k1"])
    header = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    return by_hand(header, issuer.claims(), lambda content: hmac.new(secret, content, digest).digest())


def far_away():
    return int(time.time()) + 3600


def swapped(issuer):
    head, _, signature = issuer.token("read").split(".")
    return f"{head}.{part(issuer.claims('read actuate'))}.{signature}"


def by_hand_signed(issuer, **claims):
    stated = issuer.claims(**claims)
    return issue(stated, private_pem(issuer.keys["k1"]), "k1")


BAD = {
    "nothing": (lambda i: "", "no JSON Web Token"),
    "no token": (lambda i: "abc.def.ghi", "no JSON Web Token"),
    "two parts": (lambda i: i.token().rsplit(".", 1)[0], "no JSON Web Token"),
    "alg none": (lambda i: by_hand({"alg": "none", "kid": "k1"}, i.claims()), "algorithm 'none'"),
    "alg None": (lambda i: by_hand({"alg": "None", "kid": "k1"}, i.claims()), "algorithm 'None'"),
    "HS256 with the public key": (with_public_key_as_secret, "algorithm 'HS256'"),
    "another kind of algorithm": (lambda i: by_hand({"alg": "RS256", "kid": "k1"}, i.claims()), "algorithm 'RS256'"),
    "no signature": (lambda i: i.token().rsplit(".", 1)[0] + ".", "signature"),
    "another payload": (swapped, "signature"),
    "a key of one's own": (lambda i: issue(i.claims(), private_pem(MAKE_KEY["EdDSA"]()), "k1"), "signature"),
    "a key in the header": (lambda i: by_hand({"alg": "EdDSA", "jwk": {}}, i.claims()), "signature"),
    "an unknown kid": (lambda i: issue(i.claims(), private_pem(i.keys["k1"]), "k9"), "key 'k9'"),
    "a kid that is a path": (lambda i: issue(i.claims(), private_pem(i.keys["k1"]), "../k1"), "key '../k1'"),
    "an unknown issuer": (lambda i: i.token(iss="https://id.acme.example/"), "issuer"),
    "an issuer that is a list": (lambda i: by_hand({"alg": "EdDSA", "kid": "k1"}, i.claims(iss=[i.name])), "issuer"),
    "no issuer": (lambda i: i.token(iss=None), "issuer"),
    "another audience": (lambda i: i.token(aud=["somebody"]), "audience"),
    "no audience": (lambda i: i.token(aud=None), "aud"),
    "no subject": (lambda i: i.token(sub=None), "sub"),
    "an empty subject": (lambda i: i.token(sub=""), "sub"),
    "a subject that steers terminals": (lambda i: i.token(sub="a\x1b[2J"), "sub"),
    "no scope": (lambda i: by_hand_signed(i, scope=None), "scope"),
    "a scope that is a list": (lambda i: i.token(scope=["read"]), "scope"),
    "a scope that is none": (lambda i: i.token(scope="root"), "scope"),
    "expired": (lambda i: i.token(lasts_s=-1), "expired"),
    "expires now": (lambda i: i.token(exp=int(time.time())), "expired"),
    "no expiry": (lambda i: i.token(exp=None), "exp"),
    "an expiry that is a text": (lambda i: i.token(exp="never"), "exp"),
    "an expiry that is true": (lambda i: i.token(exp=True), "exp"),
    "an expiry without end": (lambda i: i.token(exp=1e300), "exp"),
    "not yet valid": (lambda i: i.token(nbf=far_away()), "not yet valid"),
    "issued in the future": (lambda i: i.token(iat=far_away()), "not yet valid"),
    "revoked": (lambda i: i.token(jti="bad"), "revoked"),
    "vehicles that are no list": (lambda i: i.token(renkei_vehicles="acme/one"), "renkei_vehicles"),
    "a priority that is none": (lambda i: i.token(renkei_priority=10), "renkei_priority"),
    "deep nesting": (lambda i: f"{part({'alg': 'EdDSA'})}.{part('x')[:4]}{'W1tb' * 2500}.x", "no JSON Web Token"),
    "too long": (lambda i: i.token(sub="a" * LONGEST), "longer than"),
}  # fmt: skip
