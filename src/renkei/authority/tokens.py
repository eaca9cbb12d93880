"""JSON Web Tokens: what one says when everything about it holds, and the making of one.

Sources: RFC 7519 (claims), RFC 8725 (what to refuse); the claims that KUKSA requires.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from renkei.authority.keys import load_private
from renkei.authority.scopes import ALL, NOTHING, Action, Rights, rights_of
from renkei.authority.trust import EVERY_MAKER, HIGHEST_PRIORITY, Issuer, Key, Trust
from renkei.errors import InputError, NotAuthenticated, clipped

SKEW_S = 5.0
"""So much may the clock of an issuer be ahead of ours."""
LONGEST = 12 * 1024
PRIORITY_CLAIM, VEHICLES_CLAIM = "renkei_priority", "renkei_vehicles"
_REQUIRED = ("sub", "iss", "aud", "iat", "exp", "scope")
_MOST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """What who asks may do: `rights` within `ceiling`, in cars of `makers` and, where `vehicles` are named, in these.

    `name` is how others see who it is, `priority` the highest that it may ask with. `expires_s` is in s since 1970.
    """

    name: str = ""
    issuer: str = ""
    makers: frozenset[str] = frozenset({EVERY_MAKER})
    vehicles: frozenset[str] | None = None
    rights: Rights = ALL
    ceiling: Rights = ALL
    priority: int = HIGHEST_PRIORITY
    expires_s: float = float("inf")
    token_id: str | None = None
    token: str = field(default="", repr=False)

    def may(self, action: Action, path: str) -> bool:
        """Whether it may do this with a signal that exists."""
        return self.rights.may(action, path) and self.ceiling.may(action, path)

    def reaches(self, vehicle: str) -> bool:
        """Whether it says anything of this vehicle (`maker/vehicle`)."""
        maker = vehicle.partition("/")[0]
        of_maker = maker in self.makers or EVERY_MAKER in self.makers
        return of_maker and (self.vehicles is None or vehicle in self.vehicles)


EVERYONE = Grant()
"""What everybody may do where nobody is asked for a token."""
NOBODY = Grant(makers=frozenset(), rights=NOTHING, priority=0)
"""What one may do who has shown no token yet where one is asked for."""


def read_token(token: str, trust: Trust, now_s: float) -> Grant:
    """What a token grants at a time in s since 1970; raises NotAuthenticated that says what does not hold."""
    if len(token) > LONGEST:
        raise _bad(f"longer than {LONGEST} characters")
    try:
        header = jwt.get_unverified_header(token)
        stated = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as e:
        raise _bad("no JSON Web Token") from e
    issuer = trust.issuers.get(stated["iss"]) if isinstance(stated.get("iss"), str) else None
    if issuer is None:
        raise _bad(f"issuer {clipped(stated.get('iss'))} is not trusted")
    claims = _verified(token, header, issuer, trust)
    _hold(claims, issuer, now_s)
    return _grant(token, claims, issuer)


def _verified(token: str, header: Mapping[str, Any], issuer: Issuer, trust: Trust) -> dict[str, Any]:
    """The claims, signed with a key of their issuer. The key says which algorithm; what the header says must agree."""
    key = _key(header.get("kid"), issuer)
    if header.get("alg") not in key.algorithms:
        raise _bad(f"algorithm {clipped(header.get('alg'))} is not one of this key: {', '.join(key.algorithms)}")
    # Times are judged by one clock, in _hold.
    options: Any = {"require": list(_REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key.public, list(key.algorithms), options, audience=list(trust.audiences), issuer=issuer.name
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as e:
        raise _bad(" ".join(str(e).split())[:200].lower() or "not signed as it says") from e
    return claims


def _key(kid: Any, issuer: Issuer) -> Key:
    if kid is None and len(issuer.keys) == 1:
        return next(iter(issuer.keys.values()))
    if not isinstance(kid, str) or kid not in issuer.keys:
        raise _bad(f"key {clipped(kid)} is none of issuer {clipped(issuer.name)}")
    return issuer.keys[kid]


def _hold(claims: Mapping[str, Any], issuer: Issuer, now_s: float) -> None:
    issued_s = _time(claims, "iat")
    if _time(claims, "exp") <= now_s:
        raise _bad("expired")
    if max(issued_s, _time(claims, "nbf") if "nbf" in claims else 0) > now_s + SKEW_S:
        raise _bad("not yet valid")
    if issued_s < issuer.revoked_before_s or claims.get("jti") in issuer.revoked:
        raise _bad("revoked")


def _time(claims: Mapping[str, Any], name: str) -> float:
    stated = claims[name]
    if not isinstance(stated, int | float) or isinstance(stated, bool) or not 0 <= stated < 1e12:
        raise _bad(f"{name}: expected a time in s since 1970")
    return stated


def _grant(token: str, claims: Mapping[str, Any], issuer: Issuer) -> Grant:
    subject, token_id = claims["sub"], claims.get("jti")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MOST_SUBJECT or not subject.isprintable():
        raise _bad(f"sub: expected a name of at most {_MOST_SUBJECT} characters")
    if not isinstance(claims["scope"], str):
        raise _bad("scope: expected scopes with blanks between them")
    try:
        rights = rights_of(claims["scope"])
    except InputError as e:
        raise _bad(str(e)) from e
    return Grant(
        f"{subject} ({issuer.name})", issuer.name, issuer.makers, _vehicles(claims), rights, issuer.ceiling,
        min(_priority(claims), issuer.highest_priority), claims["exp"], token_id, token,
    )  # fmt: skip


def _vehicles(claims: Mapping[str, Any]) -> frozenset[str] | None:
    named = claims.get(VEHICLES_CLAIM)
    if named is None:
        return None
    if not isinstance(named, list) or not all(isinstance(v, str) for v in named):
        raise _bad(f"{VEHICLES_CLAIM}: expected a list of vehicle ids")
    return frozenset(named)


def _priority(claims: Mapping[str, Any]) -> int:
    stated = claims.get(PRIORITY_CLAIM, 0)
    if not isinstance(stated, int) or isinstance(stated, bool) or not 0 <= stated <= HIGHEST_PRIORITY:
        raise _bad(f"{PRIORITY_CLAIM}: expected a number from 0 to {HIGHEST_PRIORITY}")
    return stated


def _bad(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"Invalid auth token: {why}")


def claims_of(
    issuer: str, subject: str, scope: str, now_s: float, lasts_s: float, priority: int = 0, vehicles: Sequence[str] = ()
) -> dict[str, Any]:
    """What a token says; raises InputError for scopes that are none. Without `vehicles`: all of the issuer's makers."""
    rights_of(scope)
    claims: dict[str, Any] = {
        "iss": issuer, "sub": subject, "aud": ["kuksa.val"], "scope": scope, "jti": secrets.token_hex(8),
        "iat": int(now_s), "exp": int(now_s + lasts_s),
    }  # fmt: skip
    if priority:
        claims[PRIORITY_CLAIM] = priority
    if vehicles:
        claims[VEHICLES_CLAIM] = list(vehicles)
    return claims


def issue(claims: Mapping[str, Any], pem: bytes, kid: str | None = None) -> str:
    """A token of these claims, signed; `pem` is a private key whose kind chooses the algorithm. Raises InputError."""
    key = load_private(pem)
    algorithm = "EdDSA"
    if isinstance(key, RSAPrivateKey):
        algorithm = "RS256"
    elif isinstance(key, EllipticCurvePrivateKey):
        algorithm = "ES256" if key.curve.key_size == 256 else "ES384"
    try:
        return jwt.encode(dict(claims), key, algorithm, headers={"kid": kid} if kid else None)
    except (jwt.PyJWTError, TypeError, ValueError, UnsupportedAlgorithm) as e:
        raise InputError(f"cannot sign with this key: {e}") from e
