"""Issuers as tests play them: keys, a trust file that names them, and tokens, right and wrong."""

import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from renkei.authority.tokens import issue

AUDIENCE = "kuksa.val"
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
MAKE_KEY = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: _RSA,
}


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """One maker's issuer; `keys` by kid."""

    name: str
    makers: tuple
    keys: dict = field(default_factory=lambda: {"k1": MAKE_KEY["EdDSA"]()})
    scope: str | None = None
    highest_priority: int = 0
    revoked: tuple = ()

    def claims(self, scope="read actuate provide", lasts_s=600, **more):
        now = int(time.time())
        claims = {"sub": "app", "iss": self.name, "aud": [AUDIENCE], "iat": now, "exp": now + lasts_s, "scope": scope}
        return {k: v for k, v in (claims | more).items() if v is not None}

    def token(self, scope="read actuate provide", kid=None, **more):
        kid = kid or next(iter(self.keys))
        return issue(self.claims(scope, **more), private_pem(self.keys[kid]), kid)


def write_trust(folder, *issuers):
    """A trust file and its keys in a folder, written aside and renamed as a careful owner does."""
    text = ""
    for number, issuer in enumerate(issuers):
        text += f"[[issuer]]\nname = {issuer.name!r}\nmakers = {list(issuer.makers)!r}\n"
        text += f"highest_priority = {issuer.highest_priority}\nrevoked = {list(issuer.revoked)!r}\n"
        text += f"scope = {issuer.scope!r}\n" if issuer.scope is not None else ""
        for kid, key in issuer.keys.items():
            name = f"{number}-{kid}.pem"
            (folder / name).write_bytes(public_pem(key))
            text += f"[[issuer.key]]\nkid = {kid!r}\npem = {name!r}\n"
    file = folder / "trust.toml"
    (folder / "new.toml").write_text(text)
    (folder / "new.toml").replace(file)
    return file
